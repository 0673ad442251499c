"""The errors: each mistake of a stack file with its line, the value found, what was expected, and the fix."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from .base import BrokenRulesError
from .go_yaml import KeyPath
from .kinds import Kind, of_annotation

_SECRET_LIKE = re.compile(r"password|passwd|token|secret|api_?key|url", re.IGNORECASE)
# A user before a host, other than the digest of an image; the other half of a backup's public key.
_SECRET_FORM = re.compile(r":.*@(?!sha(256|512):)|AGE-SECRET-KEY-", re.IGNORECASE | re.DOTALL)
_VARIABLES = frozenset({"env", "secretEnv"})
_SHOWN_LENGTH = 60
_COLLECTIONS = (tuple, dict)
# What pydantic's errors expect that is neither a text nor a number.
_COMPOUND = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a block of keys"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
}


class ConfigError(Exception):
    """The stack's configuration is wrong; `messages` holds one line for each mistake."""

    def __init__(self, messages: Iterable[str]) -> None:
        # What breaks a line, or what a terminal would obey, is spelled out.
        self.messages = tuple(
            "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
            for message in messages
        )
        super().__init__("\n".join(self.messages))


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Something wrong at a key. `reads` are all keys that the finding depends on, the key itself among them."""

    path: KeyPath
    text: str
    reads: tuple[KeyPath, ...]

    @classmethod
    def at(cls, path: KeyPath | str, text: str) -> "Mistake":
        """A mistake that depends only on its own key."""
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
    """Turn pydantic's errors into readable mistakes, one for each key.

    Args:
        error: what validating `values` against `model` raised.
        extra_keys: top-level keys that exist beside the model's (the secrets).
    """
    found: dict[KeyPath, list[str]] = {}
    reads: dict[KeyPath, tuple[KeyPath, ...]] = {}
    for item in error.errors(include_url=False, include_input=False):
        path = _path_in(values, item["loc"], model)
        if item["type"] == "too_short" and _at(values, path):
            continue  # Pydantic counts the right ones alone; the others have their own mistakes.
        broken = item["ctx"]["error"] if item["type"] == "value_error" else None
        if isinstance(broken, BrokenRulesError):
            for problem in broken.problems:
                read = tuple(
                    (*path, *(key.split(".") if isinstance(key, str) else key))
                    for key in problem.keys
                )
                found.setdefault(read[0], []).append(problem.text)
                reads[read[0]] = reads.get(read[0], ()) + read
            continue
        if item["type"] == "extra_forbidden":
            known = list(_known_keys(model, path[:-1])) + (
                list(extra_keys) if len(path) == 1 else []
            )
            text = "unknown key" + _suggestion(path[-1], known)
        elif item["type"] == "missing":
            kind = _kind_at(model, path)
            text = f"is missing: give {path[-1]}" + (f", {kind.words}" if kind else "")
            reads[path] = (path[:-1],)  # Its whole block cannot be judged.
        elif item["loc"][-1] == "[key]":
            text = f"is not {_expected(item)}"
            if ":" in path[-1]:
                text += ": put a space after the colon"
        else:
            compound = item["type"] in _COMPOUND
            text = f"got {_shown(values, path, compound)}, expected {_expected(item)}"
            kind = _kind_at(model, path)
            takes_text = item["type"] == "string_type" or (kind and not kind.numbers)
            if takes_text and not compound and isinstance(_at(values, path), (bool, int, float)):
                text += ": put it in quotes"
        texts = found.setdefault(path, [])
        if text not in texts:
            texts.append(text)
    return [
        Mistake(path=path, text="; ".join(texts), reads=(path, *reads.get(path, ())))
        for path, texts in found.items()
    ]


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


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The blocks that a type allows, also as items of a list or values under names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def _fields_at(model: type[BaseModel], path: KeyPath) -> Iterable[FieldInfo]:
    """The fields of a key: one, unless a block has alternatives."""
    for name, field in model.model_fields.items():
        if path[0] in (field.alias, name):
            # Items of a list, and values under names, are of the field's kind.
            rest = path[2:] if get_origin(field.annotation) in _COLLECTIONS else path[1:]
            if not rest:
                yield field
            for inner in models_in(field.annotation) if rest else ():
                yield from _fields_at(inner, rest)


def _known_keys(model: type[BaseModel], path: KeyPath) -> Iterable[str]:
    """The keys a block may have, by the path of the block."""
    blocks = (
        [block for field in _fields_at(model, path) for block in models_in(field.annotation)]
        if path
        else [model]
    )
    return [field.alias or name for block in blocks for name, field in block.model_fields.items()]


def _kind_at(model: type[BaseModel], path: KeyPath) -> Kind | None:
    """The kind of text that a key takes."""
    for field in _fields_at(model, path):
        own = [part for part in field.metadata if isinstance(part, Kind)]
        return own[0] if own else of_annotation(field.annotation)
    return None


def _suggestion(key: str, known: list[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(key.lower(), by_lower, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {by_lower[near[0]]}?"
    return f"; known here: {', '.join(sorted(known))}" if known else "; no key is allowed here"


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        if isinstance(values, Mapping):
            values = values.get(part)
        elif isinstance(values, (list, tuple)):
            values = values[int(part)]
    return values


def _shown(values: Any, path: KeyPath, compound: bool) -> str:
    """The value that was found.

    Args:
        compound: whether a block or a list was expected: the value may then be anything, such as a block whose JSON is
            wrong, with the secrets in it.
    """
    value = _at(values, path)
    match value:
        case None:
            return "nothing"
        case Mapping():
            return "a block"
        case list() | tuple():
            return "a list" if value else "an empty list"
        case bool():
            return str(value).lower()
    kind = "a text" if isinstance(value, str) else "a number"
    if compound:
        return kind
    # Of an item in a list, the list's name.
    name = next(part for part in reversed(path) if not part.isdigit())
    if _SECRET_LIKE.search(name) or (
        isinstance(value, str) and (_VARIABLES.intersection(path) or _SECRET_FORM.search(value))
    ):
        return f"{kind} (hidden, it may be a secret)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 3]}..."


def _expected(item: Any) -> str:
    """The expected value, in words."""
    ctx = item.get("ctx", {})
    match item["type"]:
        case "int_type" | "int_parsing" | "int_from_float" | "int_parsing_size":
            return "an integer"
        case "greater_than_equal":
            return f"at least {ctx['ge']}"
        case "less_than_equal":
            return f"at most {ctx['le']}"
        case "literal_error":
            return f"one of {ctx['expected']}"
        case "string_type":
            return "a text"
        case "bool_type" | "bool_parsing":
            return "true or false"
        case compound if compound in _COMPOUND:
            return _COMPOUND[compound]
        case "too_short":
            return (
                "at least one entry"
                if ctx["min_length"] == 1
                else f"at least {ctx['min_length']} entries"
            )
        case "too_long":
            return f"at most {ctx['max_length']} entries"
        case _:
            return str(item["msg"])
