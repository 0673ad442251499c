"""Errors that teach: each mistake of a stack file with its line, the value found, what was expected, and the fix."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .config_base import BrokenRulesError

_SECRET_LIKE = re.compile(r"secret|password|passwd|token|key|url", re.IGNORECASE)


class ConfigError(Exception):
    """The stack's configuration is wrong; `messages` holds one line for each mistake."""

    def __init__(self, messages: Iterable[str]) -> None:
        self.messages = tuple(messages)
        super().__init__("\n".join(self.messages))


KeyPath = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Something wrong at a key. `reads` are all keys that the finding rests on, the key itself among them."""

    path: KeyPath
    text: str
    reads: tuple[KeyPath, ...]

    @classmethod
    def at(cls, path: KeyPath | str, text: str) -> "Mistake":
        """A mistake that rests on its own key alone."""
        keys = (path,) if isinstance(path, str) else path
        return cls(path=keys, text=text, reads=(keys,))

    def rests_on(self, paths: Iterable[KeyPath]) -> bool:
        """Whether the finding read one of `paths`, or a block around or a key below it."""
        return any(read[: len(path)] == path[: len(read)] for read in self.reads for path in paths)


def explain(
    error: ValidationError,
    model: type[BaseModel],
    values: Mapping[str, Any],
    extra_keys: Iterable[str],
) -> list[Mistake]:
    """Turn pydantic's errors into words for people, one mistake for each key.

    Args:
        error: what validating `values` against `model` raised.
        extra_keys: top-level keys that exist beside the model's (the secrets).
    """
    found: dict[KeyPath, list[str]] = {}
    reads: dict[KeyPath, tuple[KeyPath, ...]] = {}
    for item in error.errors(include_url=False, include_input=False):
        path = _path_in(values, item["loc"], model)
        broken = item["ctx"]["error"] if item["type"] == "value_error" else None
        if isinstance(broken, BrokenRulesError):
            for problem in broken.problems:
                read = tuple((*path, *key.split(".")) for key in problem.keys)
                found.setdefault(read[0], []).append(problem.text)
                reads[read[0]] = reads.get(read[0], ()) + read
            continue
        if item["type"] == "extra_forbidden":
            known = list(_known_keys(model, path[:-1])) + (
                list(extra_keys) if len(path) == 1 else []
            )
            text = "unknown key" + _suggestion(path[-1], known)
        elif item["type"] == "missing":
            text = "is missing: " + _expected(item, path)
            reads[path] = (path[:-1],)  # Its whole block cannot be judged.
        else:
            text = f"got {_shown(values, path)}, expected {_expected(item, path)}"
        texts = found.setdefault(path, [])
        if text not in texts:
            texts.append(text)
    return [
        Mistake(path=path, text=_merge(texts), reads=(path, *reads.get(path, ())))
        for path, texts in found.items()
    ]


def _merge(texts: list[str]) -> str:
    """A key whose type is a choice fails once for each alternative: say what was found once."""
    first, *rest = texts
    if not all(", expected " in text for text in texts):
        return "; ".join(texts)
    return " or ".join([first, *(text.partition(", expected ")[2] for text in rest)])


def _path_in(values: Any, loc: tuple[int | str, ...], model: type[BaseModel]) -> KeyPath:
    """The location without the names of union members, which pydantic puts between the keys."""
    path: list[str] = []
    for part in loc:
        if isinstance(values, Mapping):
            if part not in values and part not in list(_known_keys(model, tuple(path))):
                continue
            values = values.get(part)
        elif isinstance(values, (list, tuple)) and isinstance(part, int):
            values = values[part] if part < len(values) else None
        else:
            continue
        path.append(str(part))
    return tuple(path)


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
    "registry": "a registry with its host, such as ghcr.io/acme or docker.io/acme",
    "mirror": "a registry with its host, such as mirror.example.com/library",
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
