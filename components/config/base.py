"""The base of every block of the stack configuration: strictness, rules across keys, partial blocks."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, NamedTuple, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from .kinds import EXPECTED, LAST_PORT

LARGEST_INTEGER = 2**31 - 1
"""Kubernetes' fields have 32 bits."""


def _integer(value: Any) -> Any:
    """Digits in quotes are a number; pydantic would take true for 1, too."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, (bool, str)):
        raise PydanticCustomError(EXPECTED, "an integer")
    if isinstance(value, (int, float)) and value > LARGEST_INTEGER:
        raise PydanticCustomError(EXPECTED, f"at most {LARGEST_INTEGER}")
    return value


# With the validator, for lists of them and for optional ones; Model has it for other fields. It comes last, or the
# schema lacks the limits.
# The names of former roles, of which there are as many, fit into a variable.
Ordinal = Annotated[int, Field(ge=1, le=999), BeforeValidator(_integer)]
Port = Annotated[int, Field(ge=1, le=LAST_PORT), BeforeValidator(_integer)]
# kube-apiserver's default --service-node-port-range
NodePort = Annotated[int, Field(ge=30000, le=32767), BeforeValidator(_integer)]


class Problem(NamedTuple):
    """A broken rule across keys.

    `keys` are those the rule reads, relative to the block that states it, and dotted (or a path) where they lie deeper;
    the error is shown at the first one.
    """

    keys: tuple[str | tuple[str, ...], ...]
    text: str


class BrokenRulesError(ValueError):
    """All broken rules of one block, and the block as far as it could be read."""

    def __init__(self, problems: tuple[Problem, ...], block: "Model") -> None:
        self.problems = problems
        self.block = block
        super().__init__("; ".join(problem.text for problem in problems))


class Model(BaseModel):
    """Immutable, strict about unknown keys, and never prints what was typed (it may be a secret)."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        # Most blocks are only ever read as a part of StackConfig, whose own build covers them.
        defer_build=True,
    )

    partial: ClassVar[bool] = True
    """Whether missing keys of such a block come from the field's default."""

    def problems(self) -> Iterable[Problem]:
        """The rules across keys that this block breaks."""
        return ()

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_lookalikes(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic would take true for 1, and "on" and 1 for true."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        choices = {annotation, *get_args(annotation)}
        if bool in choices and value is not None and not isinstance(value, bool):
            if value not in ("true", "false"):
                raise PydanticCustomError(EXPECTED, "true or false")
            return value == "true"
        return _integer(value) if int in choices and str not in choices else value

    @model_validator(mode="before")
    @classmethod
    def _fill_partial_blocks(cls, values: Any) -> Any:
        """Complete a block from its field's default, so that one key can be changed alone."""
        if not isinstance(values, dict):
            return values
        filled = dict(values)
        for name, field in cls.model_fields.items():
            key = field.alias if field.alias in values else name
            default = field.default
            if isinstance(default, Model) and default.partial and isinstance(values.get(key), dict):
                filled[key] = _overlaid(
                    default.model_dump(by_alias=True, exclude_unset=True), values[key]
                )
        return filled

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        problems = tuple(self.problems())
        if problems:
            raise BrokenRulesError(problems, self)
        return self


def _overlaid(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    result = base | values
    for key, inner in base.items():
        if isinstance(inner, dict) and isinstance(values.get(key), dict):
            result[key] = _overlaid(inner, values[key])
    return result
