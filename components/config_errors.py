"""Errors that teach: each mistake of a stack file with its line, the value found, what was expected, and the fix."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

_SECRET_LIKE = re.compile(r"secret|password|passwd|token|key|url", re.IGNORECASE)


class ConfigError(Exception):
    """The stack's configuration is wrong; `messages` holds one line for each mistake."""

    def __init__(self, messages: Iterable[str]) -> None:
        self.messages = tuple(messages)
        super().__init__("\n".join(self.messages))


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """The file a stack's values came from; it knows the line of each key."""

    name: str
    stack: str
    project: str
    lines: Mapping[tuple[str, ...], int]

    @classmethod
    def of_stack(cls, stack: str, project: str, directory: Path | None = None) -> "StackFile":
        """The file `Pulumi.<stack>.yaml` of a directory (default: where the engine runs the program)."""
        path = (directory or Path.cwd()) / f"Pulumi.{stack}.yaml"
        return cls.from_text(path.name, stack, project, path.read_text() if path.is_file() else "")

    @classmethod
    def from_text(cls, name: str, stack: str, project: str, text: str) -> "StackFile":
        """A stack file by its text."""
        root = yaml.compose(text) if text else None
        return cls(name=name, stack=stack, project=project, lines=dict(_key_lines(root, project)))

    def message(self, path: tuple[str, ...] | str, text: str) -> str:
        """One error line; where the key itself is absent, the line of the nearest block around it."""
        keys = (path,) if isinstance(path, str) else path
        near = next(
            (self.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), None
        )
        place = f"{self.name}:{near}" if near else self.name
        return f"{place}: {self.project}:{'.'.join(keys)}: {text}"

    def how_to_set(self, key: str) -> str:
        """The command that sets a secret of this stack (it asks for the value, which so stays out of the history)."""
        return f"run: pulumi config set --secret --stack {self.stack} {self.project}:{key}"


def _key_lines(root: yaml.Node | None, project: str) -> Iterable[tuple[tuple[str, ...], int]]:
    """Every key path below `config:` whose first key is in the project's namespace, with its line (from 1)."""

    def walk(node: yaml.Node, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], int]]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                yield (*path, str(key.value)), key.start_mark.line + 1
                yield from walk(value, (*path, str(key.value)))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                yield (*path, str(index)), value.start_mark.line + 1
                yield from walk(value, (*path, str(index)))

    for path, line in walk(root, ()) if root else ():
        if len(path) > 1 and path[0] == "config" and path[1].startswith(f"{project}:"):
            yield (path[1].removeprefix(f"{project}:"), *path[2:]), line


def explain(
    error: ValidationError,
    model: type[BaseModel],
    values: Mapping[str, Any],
    source: StackFile,
    extra_keys: Iterable[str],
) -> list[str]:
    """Turn pydantic's errors into lines for people, in the order of the file, one for each key.

    Args:
        error: what validating `values` against `model` raised.
        extra_keys: top-level keys that exist beside the model's (the secrets).
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for item in error.errors(include_url=False, include_input=False):
        path = _path_in(values, item["loc"])
        if item["type"] == "extra_forbidden":
            known = list(_known_keys(model, path[:-1])) + (
                list(extra_keys) if len(path) == 1 else []
            )
            text = "unknown key" + _suggestion(path[-1], known)
        elif item["type"] == "missing":
            text = "is missing: " + _expected(item, path)
        elif item["type"] == "value_error":
            text = str(item["ctx"]["error"])
        else:
            text = f"got {_shown(values, path)}, expected {_expected(item, path)}"
        found.setdefault(path, [])
        if text not in found[path]:
            found[path].append(text)
    ordered = sorted(found.items(), key=lambda entry: source.lines.get(entry[0], 0))
    return [source.message(path, _merge(texts)) for path, texts in ordered]


def _merge(texts: list[str]) -> str:
    """A key whose type is a choice fails once for each alternative: say what was found once."""
    first, *rest = texts
    return " or ".join([first, *(text.partition(", expected ")[2] or text for text in rest)])


def _path_in(values: Any, loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """The location without the names of union members, which pydantic puts between the keys."""
    path: list[str] = []
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(values, Mapping):
            if part not in values and not (
                last and isinstance(part, str) and not _is_union_member(part)
            ):
                continue
            values = values.get(part)
        elif isinstance(values, (list, tuple)) and isinstance(part, int):
            values = values[part] if part < len(values) else None
        else:
            continue
        path.append(str(part))
    return tuple(path)


def _is_union_member(part: str) -> bool:
    return "[" in part or part in {"int", "str", "[key]"}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType):
        return [model for member in get_args(annotation) for model in _models_in(member)]
    return []


def _known_keys(model: type[BaseModel], path: tuple[str, ...]) -> Iterable[str]:
    """The keys a block may have, by the path of the block."""
    if not path:
        return [field.alias or name for name, field in model.model_fields.items()]
    for name, field in model.model_fields.items():
        if path[0] in (field.alias, name):
            return [
                key
                for inner in _models_in(field.annotation)
                for key in _known_keys(inner, path[1:])
            ]
    return []


def _suggestion(key: str, known: list[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(key.lower(), by_lower, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {by_lower[near[0]]}?"
    return f"; known here: {', '.join(sorted(known))}" if known else "; nothing can stand here"


def _shown(values: Any, path: tuple[str, ...]) -> str:
    for part in path:
        if isinstance(values, Mapping):
            values = values.get(part)
        elif isinstance(values, (list, tuple)):
            values = values[int(part)]
    if isinstance(values, (Mapping, list, tuple)):
        return "a block" if isinstance(values, Mapping) else "a list"
    if isinstance(values, str) and any(_SECRET_LIKE.search(part) for part in path):
        return "a text (hidden, it may be a secret)"
    if values is None:
        return "nothing"
    text = (
        f'"{values}"'
        if isinstance(values, str)
        else str(values).lower()
        if isinstance(values, bool)
        else str(values)
    )
    return text if len(text) <= 60 else text[:57] + "..."


_PATTERNS = {
    "cpu": 'a CPU quantity such as "250m" or "0.5"',
    "memory": 'a memory quantity such as "256Mi" or "1Gi"',
    "size": 'a storage quantity such as "1Gi"',
    "host": "a host name such as taskflow.example.com",
    "ref": "an image reference with a tag or digest (name:tag, name@sha256:...)",
    "image": "an image reference with a tag or digest (name:tag, name@sha256:...)",
    "baseUrl": "an address that starts with http:// or https://",
    "maxSurge": 'a percentage such as "25%"',
    "maxUnavailable": 'a percentage such as "25%"',
    "minAvailable": 'a percentage such as "50%"',
}


def _expected(item: Any, path: tuple[str, ...]) -> str:
    """What a value should have been, in words."""
    kind, ctx = item["type"], item.get("ctx", {})
    key = path[-1] if path else ""
    match kind:
        case "missing":
            return f"give {key}, {_PATTERNS[key]}" if key in _PATTERNS else f"give {key}"
        case "int_type" | "int_parsing" | "int_from_float":
            return (
                "an integer of at least 1 (or an autoscaling block)"
                if key == "replicas"
                else "an integer"
            )
        case "greater_than_equal":
            return f"at least {ctx['ge']}"
        case "less_than_equal":
            return f"at most {ctx['le']}"
        case "literal_error":
            return f"one of {ctx['expected']}"
        case "string_pattern_mismatch":
            return (
                _PATTERNS.get(key, "lower-case letters, digits and dashes, starting with a letter")
                if (key in _PATTERNS or "a-z" in ctx["pattern"])
                else f"a text that matches {ctx['pattern']}"
            )
        case "string_too_long":
            return f"at most {ctx['max_length']} characters"
        case "string_type":
            return _PATTERNS.get(key, "a text")
        case "bool_type" | "bool_parsing":
            return "true or false"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "a block of keys"
        case "tuple_type" | "list_type":
            return "a list"
        case _:
            return str(item["msg"])
