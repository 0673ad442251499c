"""What is generated from the models: the JSON Schema for editors, and the reference of all keys.

`python -m ops docs` writes both; a test compares them with what is committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from components.config_base import DnsLabel, HostName, ImageReference, Model
from components.config_check import PROJECT
from components.config_models import Cidr, StackConfig
from components.config_secrets import SECRET_KEYS
from components.quantities import Bytes, CountOrPercent, Cpu
from components.stack_file import TOP_LEVEL_KEYS
from ops.paths import ROOT

SCHEMA = ROOT / "schema" / "stack.schema.json"
REFERENCE = ROOT / "docs" / "configuration.md"

SECRETS = {
    "databaseUrl": (
        "address of an external Postgres: `postgresql://user:password@host:5432/name?sslmode=require`",
        "externalDatabase.url",
    ),
    "betterAuthSecret": (
        "signs sessions and tokens; at least 32 characters (`openssl rand -base64 32`)",
        "secrets.betterAuthSecret",
    ),
    "openaiApiKey": ("turns the assistant on", "secrets.openaiApiKey"),
}


def write() -> None:
    for path, text in ((SCHEMA, schema()), (REFERENCE, reference())):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def schema() -> str:
    """A JSON Schema for `Pulumi.<stack>.yaml`, in the draft that YAML language servers know best."""
    models = StackConfig.model_json_schema(ref_template="#/definitions/{model}")
    definitions = models["$defs"]
    for model in _filled_from_defaults():
        definitions[model.__name__].pop("required", None)
    encrypted = {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
    }
    keys = {f"{PROJECT}:{key}": value for key, value in models["properties"].items()}
    for key in SECRET_KEYS:
        command = f"pulumi config set --secret {PROJECT}:{key}"
        description = f"{SECRETS[key][0]}; set it with: {command}"
        keys[f"{PROJECT}:{key}"] = {"description": description, **encrypted}
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A stack of TaskFlow",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{key: {"type": "string"} for key in TOP_LEVEL_KEYS if key != "config"},
            "environment": {},
            "config": {
                "type": "object",
                "additionalProperties": False,
                "properties": keys,
                "patternProperties": {f"^(?!{PROJECT}:)[^:]+:": {}},
            },
        },
        "definitions": definitions,
    }
    return json.dumps(_without_noise(document), indent=2) + "\n"


def _filled_from_defaults() -> set[type[BaseModel]]:
    """Models whose missing keys come from the default of the place where they stand, so that none is required."""
    found: set[type[BaseModel]] = set()

    def walk(block: BaseModel) -> None:
        found.add(type(block))
        for name in type(block).model_fields:
            inner = getattr(block, name)
            if isinstance(inner, BaseModel):
                walk(inner)

    for model in _models_below(StackConfig):
        for field in model.model_fields.values():
            if isinstance(field.default, Model):
                walk(field.default)
    return found


def _models_below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            yield from _models_below(inner)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _without_noise(value: Any) -> Any:
    """Without pydantic's titles (every key has one, made of its name) and the Helm values."""
    if isinstance(value, list):
        return [_without_noise(item) for item in value]
    if not isinstance(value, dict):
        return value
    noise = {"helm"} | ({"title"} if "$schema" not in value and _is_schema(value) else set())
    return {key: _without_noise(item) for key, item in value.items() if key not in noise}


def _is_schema(value: dict[str, Any]) -> bool:
    return isinstance(value.get("title"), str)


HEADER = """\
# Configuration

<!-- Generated from components/config_models.py and components/config_workload.py by `python -m ops docs`. -->

Everything a `Pulumi.<stack>.yaml` may say, below `config:` and with the project's name in front
(`taskflow:backend:`). A block may be left out whole, and so may every key in it that has a default. `make validate`
checks all stack files; the schema in `schema/stack.schema.json` lets an editor complete and check them.

The last column names the value of a usual Helm chart that the key stands in for.
"""

SECRETS_HEADER = """\
## Secrets

Config keys of their own, always encrypted, set once for each stack with
`pulumi config set --secret --stack <stack> taskflow:<key>`. With `secrets.existing` they come from a Secret made by
hand instead; with `secrets.generate` a missing `betterAuthSecret` is made and kept in the state.

| Key | Meaning | Helm value |
| --- | --- | --- |
"""


def reference() -> str:
    """docs/configuration.md: every key with its type, default, meaning, and the Helm value it replaces."""
    parts = [HEADER]
    top = [(name, field) for name, field in StackConfig.model_fields.items() if not _block(field)]
    parts.append("## At the top\n\n" + _table(_row(field, field.default) for _, field in top))
    parts.append(
        SECRETS_HEADER
        + "".join(f"| `{key}` | {SECRETS[key][0]} | `{SECRETS[key][1]}` |\n" for key in SECRET_KEYS)
    )
    for field in StackConfig.model_fields.values():
        model = _block(field)
        if model:
            parts.append(_section(field, model))
    return "\n".join(parts)


def _section(field: FieldInfo, model: type[BaseModel]) -> str:
    default = field.default if isinstance(field.default, BaseModel) else None
    optional = "" if default is not None else f" The block is optional: {field.description}."
    chart = str(field.alias) if field.alias in ("backend", "frontend") else ""
    rows = _rows(model, default, prefix="", helm=chart)
    return f"## {field.alias}\n\n{_paragraph(model)}{optional}\n\n{_table(rows)}"


def _paragraph(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _rows(
    model: type[BaseModel], default: BaseModel | None, prefix: str, helm: str
) -> Iterator[str]:
    """Rows of a block and the blocks in it.

    Args:
        helm: the Helm value of the block, which relative ones are appended to.
    """
    for name, field in model.model_fields.items():
        value = getattr(default, name) if default is not None else field.default
        inner = _block(field)
        if inner is None:
            yield _row(field, value, prefix, helm)
            continue
        filled = value if isinstance(value, BaseModel) else None
        yield _row(field, filled, prefix, helm, block=True)
        below = f"{prefix}{field.alias}."
        yield from _rows(inner, filled, below, _helm(field, helm) or helm)


def _row(
    field: FieldInfo, value: Any, prefix: str = "", helm: str = "", *, block: bool = False
) -> str:
    kind = "block" if block else _kind(field.annotation, field.metadata)
    shown = ("filled in" if value is not None else "none") if block else _default(value)
    replaced = _helm(field, helm)
    cells = (
        f"`{prefix}{field.alias}`",
        kind,
        shown,
        field.description or "",
        f"`{replaced}`" if replaced else "-",
    )
    return "| " + " | ".join(cells) + " |\n"


def _helm(field: FieldInfo, around: str) -> str:
    extra = field.json_schema_extra
    own = str(extra.get("helm", "")) if isinstance(extra, dict) else ""
    if own.startswith("."):
        return around + own
    # A chart has one block for each component, and their values look alike.
    component = around.partition(".")[0]
    return f"{component}.{own}" if own and component in ("backend", "frontend") else own


def _table(rows: Iterator[str]) -> str:
    heading = "| Key | Type | Default | Meaning | Helm value |\n| --- | --- | --- | --- | --- |\n"
    return heading + "".join(rows)


def _block(field: FieldInfo) -> type[BaseModel] | None:
    models = _models_in(field.annotation)
    return models[0] if models else None


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ({}, ()):
        return "none"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


WORDS = {
    # The constrained texts, by what they are constrained with.
    Bytes: "size, such as `256Mi` or `1Gi`",
    Cidr: "network, such as `10.1.0.0/16`",
    Cpu: "CPU, such as `250m` or `0.5`",
    CountOrPercent: "count or percentage",
    DnsLabel: "name",
    HostName: "host name",
    ImageReference: "image reference",
}


def _kind(annotation: Any, metadata: Sequence[Any]) -> str:
    """A type in words."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    for known, words in WORDS.items():
        if annotation == known or (annotation is str and [*get_args(known)[1:]] == [*metadata]):
            return words
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        if len(parts) > 1:
            return _kind(Union[tuple(parts)], ())  # noqa: UP007 - made at run time
        return _kind(parts[0], metadata)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in parts)
    if origin is tuple:
        return f"list: {_kind(parts[0], ())}"
    if origin is dict:
        return "block of texts"
    if origin is Annotated:
        return _kind(parts[0], parts[1:])
    if annotation is bool:
        return "true or false"
    return "integer" + _range(metadata) if annotation is int else "text"


def _range(metadata: Sequence[Any]) -> str:
    constraints = [part for item in metadata for part in getattr(item, "metadata", [item])]
    lowest = next((item.ge for item in constraints if hasattr(item, "ge")), None)
    highest = next((item.le for item in constraints if hasattr(item, "le")), None)
    if lowest is None:
        return ""
    return f", {lowest} to {highest}" if highest is not None else f", at least {lowest}"
