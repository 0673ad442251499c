"""Generates from the models the JSON Schema for editors and the reference of all keys.

`python -m ops docs` writes both; a test compares them with what is committed.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticUndefined

from components.config.base import Model
from components.config.errors import models_in
from components.config.kinds import Kind
from components.config.quantities import CountOrPercent
from components.config.secrets import SECRET_KEYS
from components.config.stack import StackConfig
from components.config.stack_file import PROJECT, TOP_LEVEL_KEYS
from components.config.workload import Workload
from ops.paths import ROOT

SCHEMA = ROOT / "schema" / "stack.schema.json"
REFERENCE = ROOT / "docs" / "configuration.md"

SECRETS = {
    "databaseUrl": "address of an external Postgres: `postgresql://user:password@host:5432/name?sslmode=require`; `@`, "
    "`#`, `/` and other special characters of the password percent-encoded (`@` as `%40`)",
    "databaseOwnerUrl": "the same for the role that owns the tables and migrates; `databaseUrl` is then the backend's "
    "role alone ([database roles](database-roles.md))",
    "frontendDatabaseUrl": "the same for the role of the frontend's sessions",
    "betterAuthSecret": "signs sessions and tokens; at least 32 characters (`openssl rand -base64 32`)",
    "betterAuthSecretNext": "accepted too, and signs in the next step of `make rotate`, which sets it",
    "betterAuthSecretFormer": "signed before and is still accepted; `make rotate` sets it, and removes it",
    "openaiApiKey": "turns the assistant on",
}


class Untitled(GenerateJsonSchema):
    """Without titles, which repeat the keys' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def write() -> None:
    for path, text in ((SCHEMA, schema()), (REFERENCE, reference())):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def schema() -> str:
    """A JSON Schema for `Pulumi.<stack>.yaml`, in the draft that YAML language servers know best."""
    models = StackConfig.model_json_schema(
        ref_template="#/definitions/{model}", schema_generator=Untitled
    )
    definitions = models["$defs"]
    for definition in definitions.values():
        del definition["title"]
    for model in _filled_from_defaults(StackConfig.model_construct()):
        definitions[model.__name__].pop("required", None)
    encrypted = {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
    }
    keys = {f"{PROJECT}:{key}": value for key, value in models["properties"].items()}
    for key in SECRET_KEYS:
        description = f"{SECRETS[key]}; set it with: make secret STACK=<stack> KEY={key}"
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
                # Secrets of other names are those that `secretEnv` names.
                "patternProperties": {
                    f"^(?!{PROJECT}:)[^:]+:": {},
                    f"^{PROJECT}:(?!({'|'.join(models['properties'])})$)[a-z][a-zA-Z0-9]*$": encrypted,
                },
            },
        },
        "definitions": definitions,
    }
    return json.dumps(document, indent=2) + "\n"


def _filled_from_defaults(block: BaseModel) -> Iterator[type[BaseModel]]:
    """Models that take missing keys from the default of the key that holds them, so that none is required."""
    for name in type(block).model_fields:
        inner = getattr(block, name)
        if isinstance(inner, BaseModel):
            yield type(inner)
            yield from _filled_from_defaults(inner)


HEADER = """\
# Configuration

<!-- Generated from components/config by `python -m ops docs`. -->

Everything a `Pulumi.<stack>.yaml` may contain, below `config:` and with the project's name in front
(`taskflow:backend:`). A block may be left out whole, and so may every key in it that has a default. `make validate`
checks all stack files; the schema in `schema/stack.schema.json` lets an editor complete and check them.

Values are YAML as the engine reads it: `yes` and `on` are texts, `017` is 15, a date needs quotes, and no key may occur
twice. An integer may be written as `2`, `2.0` or `"2"`; a boolean is `true` or `false`; a text that looks like a number
needs quotes inside a block. A block may be JSON in quotes.

The last column names the value of a usual Helm chart that the key replaces.
"""

COMMON = "services"
"""Begins a component's keys in docs/from-helm.yaml."""

COMMON_HEADER = """\
## Every component

Keys that {} have alike. Helm values of a component are below its name, such as `backend.replicaCount`.

"""

SECRETS_HEADER = """\
## Secrets

Config keys of their own, always encrypted, set once for each stack with `make secret STACK=<stack> KEY=<key>`, which
asks for the value (without make: `pulumi config set --secret --stack <stack> taskflow:<key>`). With `secrets.existing`
they come from a Secret made by hand instead; with `secrets.generate` a missing `betterAuthSecret` is made and kept in
the state. Keys of this table beside `secrets.existing`, and addresses beside `database.embedded`, have no effect; they
are not refused, so that a rollback can keep them. `pulumi config rm --stack <stack> taskflow:<key>` removes one.

For a secret of your own as an environment variable, name it: `backend.secretEnv.SMTP_PASSWORD: {config: mailPassword}`.
Then run `make secret STACK=<stack> KEY=mailPassword`.

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
        + "".join(f"| `{key}` | {SECRETS[key]} | {_replaced(key)} |\n" for key in SECRET_KEYS)
    )
    blocks = [
        (field, model) for field in StackConfig.model_fields.values() if (model := _block(field))
    ]
    components = {
        str(field.alias): _lines(field, model)
        for field, model in blocks
        if issubclass(model, Workload)
    }
    first, *others = components.values()
    common = [row for row in first if all(row in rows for rows in others)]
    for field, model in blocks:
        if field.alias == next(iter(components)):
            parts.append(COMMON_HEADER.format(" and ".join(components)) + _table(common))
        parts.append(_section(field, model, common))
    return "\n".join(parts)


def _lines(field: FieldInfo, model: type[BaseModel]) -> list[str]:
    """The rows of a block at the top."""
    path = COMMON if issubclass(model, Workload) else str(field.alias)
    return [*_rows(model, _filled(field), (path,))]


def _section(field: FieldInfo, model: type[BaseModel], common: Sequence[str]) -> str:
    text = " ".join((model.__doc__ or "").split())
    if _filled(field) is None:
        text += f" The block is optional: {field.description}."
    if issubclass(model, Workload):
        text += (
            " Beside the keys of [every component](#every-component), or with a default of its own:"
        )
    rows = [row for row in _lines(field, model) if row not in common]
    return f"## {field.alias}\n\n{text}\n\n{_table(rows)}"


def _filled(field: FieldInfo) -> BaseModel | None:
    return field.default if isinstance(field.default, BaseModel) else None


def _rows(
    model: type[BaseModel], default: BaseModel | None, path: tuple[str, ...]
) -> Iterator[str]:
    """Rows of a block and the blocks in it."""
    for name, field in model.model_fields.items():
        value = getattr(default, name) if default is not None else field.default
        inner = _block(field)
        if inner is None:
            yield _row(field, value, path)
            continue
        filled = value if isinstance(value, BaseModel) else None
        yield _row(field, filled, path, block=True)
        yield from _rows(inner, filled, (*path, str(field.alias)))


def _row(field: FieldInfo, value: Any, path: tuple[str, ...] = (), *, block: bool = False) -> str:
    kind = _block_kind(field) if block else _kind(field.annotation, field.metadata)
    shown = ("filled in" if value is not None else "none") if block else _default(value)
    keys = (*path, str(field.alias))
    cells = (
        f"`{'.'.join(keys[1:] or keys)}`",
        kind,
        shown,
        field.description or "",
        _replaced(".".join(keys)),
    )
    return "| " + " | ".join(cells) + " |\n"


def _replaced(key: str) -> str:
    value = helm_values().get(key)
    return f"`{value}`" if value else "-"


@cache
def helm_values() -> dict[str, str]:
    """Values of a usual Helm chart by the keys that replace them; a component's keys begin with COMMON."""
    values: dict[str, str] = yaml.safe_load((ROOT / "docs" / "from-helm.yaml").read_text())
    return values


def _table(rows: Iterable[str]) -> str:
    heading = "| Key | Type | Default | Meaning | Helm value |\n| --- | --- | --- | --- | --- |\n"
    return heading + "".join(rows)


def _block(field: FieldInfo) -> type[BaseModel] | None:
    models = models_in(field.annotation)
    return models[0] if models else None


def _block_kind(field: FieldInfo) -> str:
    kinds = {tuple: "list of blocks", dict: "blocks by name"}
    return kinds.get(get_origin(field.annotation) or Model, "block")


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ({}, ()):
        return "none"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _kind(annotation: Any, metadata: Sequence[Any]) -> str:
    """A type in words."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    kind = next((part for part in metadata if isinstance(part, Kind)), None)
    if kind:
        return kind.short
    if annotation == CountOrPercent or {int, str} <= set(parts):
        return "count or percentage"
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
