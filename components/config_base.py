"""What every block of the stack configuration shares: strictness, rules across keys, partial blocks, names."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

# Kubernetes object names: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
# The longest suffix a release's name gets is "-frontend" plus the 8 hexadecimal digits of an automatic name.
DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
HostName = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]{2,}$", max_length=253)
]
ImageReference = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][^\s@]*(:[\w][\w.-]*|@sha256:[0-9a-f]{64})$")
]
# With the registry's host: without one a name would be Docker Hub's, whose host is docker.io.
ImagePrefix = Annotated[
    str,
    StringConstraints(
        pattern=r"^([a-z0-9][-a-z0-9.]*(\.[-a-z0-9.]+|:[0-9]+)|localhost)(/[a-z0-9]([-a-zA-Z0-9._/]*[a-z0-9])?)?$"
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]


class Problem(NamedTuple):
    """A rule across keys that is broken.

    `keys` are those the rule reads, relative to the block that states it and dotted where they lie deeper; the error
    is shown at the first one.
    """

    keys: tuple[str, ...]
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
    )

    fills_up: ClassVar[bool] = True
    """Whether missing keys of such a block come from the default of the place where it stands."""

    def problems(self) -> Iterable[Problem]:
        """The rules across keys that this block breaks."""
        return ()

    @model_validator(mode="before")
    @classmethod
    def _fill_partial_blocks(cls, values: Any) -> Any:
        """Complete a block from the default of the place where it stands, so that one key can be changed alone."""
        if not isinstance(values, dict):
            return values
        filled = dict(values)
        for name, field in cls.model_fields.items():
            key = field.alias if field.alias in values else name
            default = field.default
            if (
                isinstance(default, Model)
                and default.fills_up
                and isinstance(values.get(key), dict)
            ):
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


def replaces(helm_value: str) -> dict[str, Any]:
    """For a field's `json_schema_extra`: the value of a usual Helm chart that the key stands in for.

    With a leading dot it is relative to the value of the block around the key.
    """
    return {"helm": helm_value}
