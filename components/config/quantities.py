"""Kubernetes quantities as a stack file writes them, and their values.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from .base import LARGEST_INTEGER
from .kinds import EXPECTED, Kind

_PATTERN = r"([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?"
_BINARY = {f"{letter}i": Decimal(2 ** (10 * n)) for n, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_LARGEST = 2**63 - 1
"""Kubernetes keeps whole quantities as int64."""


def amount(quantity: str) -> Decimal:
    """A quantity in cores or bytes."""
    match = re.fullmatch(_PATTERN, quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is not a quantity")
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _BINARY:
        return number * _BINARY[suffix]
    return number.scaleb(_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))


def millicores(cpu: str) -> int:
    """CPU quantity ("250m", "0.5", "2") in thousandths of a core."""
    return int(amount(cpu) * 1000)


def bytes_of(quantity: str) -> int:
    """Memory or storage quantity ("256Mi", "1.5Gi", "512M") in bytes."""
    return int(amount(quantity))


def _is_whole(value: Decimal) -> bool:
    return value == value.to_integral_value() and value <= _LARGEST


Cpu = Annotated[
    str,
    Kind(
        words='a CPU quantity such as "250m" or "0.5", of whole thousandths',
        short="CPU, such as `250m` or `0.5`",
        pattern=_PATTERN,
        numbers=True,
        accepts=lambda text: _is_whole(amount(text) * 1000),
    ),
]
Bytes = Annotated[
    str,
    Kind(
        words='a memory quantity such as "256Mi" or "1.5Gi", of whole bytes',
        short="size, such as `256Mi` or `1Gi`",
        pattern=_PATTERN,
        numbers=True,
        accepts=lambda text: _is_whole(amount(text)),
    ),
]
VolumeSize = Annotated[
    str,
    Kind(
        words='a storage quantity such as "1Gi", above zero',
        short="size, such as `1Gi`",
        pattern=_PATTERN,
        numbers=True,
        accepts=lambda text: _is_whole(amount(text)) and amount(text) > 0,
    ),
]


def _count_or_percent(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_INTEGER:
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"(100|[0-9]{1,2})%", value):
        return f"{int(value[:-1])}%"
    words = 'a count such as 1, or a percentage up to 100 such as "25%"'
    raise PydanticCustomError(EXPECTED, "{words}", {"words": words})


CountOrPercent = Annotated[int | str, BeforeValidator(_count_or_percent)]


def share(count_or_percent: int | str, of: int, *, rounded_up: bool) -> int:
    """The number of pods of a count, or of a percentage of `of` pods."""
    if isinstance(count_or_percent, int):
        return count_or_percent
    hundredths = int(count_or_percent.removesuffix("%")) * of
    return -(-hundredths // 100) if rounded_up else hundredths // 100
