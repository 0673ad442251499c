"""Kubernetes quantities as a stack file writes them, and what they amount to.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from typing import Annotated

from pydantic import Field, StringConstraints

Cpu = Annotated[str, StringConstraints(pattern=r"^([0-9]+m|[0-9]+(\.[0-9]{1,3})?)$")]
Bytes = Annotated[str, StringConstraints(pattern=r"^[0-9]+(Ki|Mi|Gi|Ti)$")]
CountOrPercent = (
    Annotated[int, Field(ge=0)] | Annotated[str, StringConstraints(pattern=r"^(100|[0-9]{1,2})%$")]
)

_BYTE_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def millicores(cpu: str) -> int:
    """CPU quantity ("250m", "0.5", "2") in thousandths of a core."""
    return int(cpu[:-1]) if cpu.endswith("m") else round(float(cpu) * 1000)


def bytes_of(quantity: str) -> int:
    """Memory or storage quantity ("256Mi", "1Gi") in bytes."""
    return int(quantity[:-2]) * _BYTE_UNITS[quantity[-2:]]


def share(count_or_percent: int | str, of: int, *, rounded_up: bool) -> int:
    """How many pods a count or a percentage of `of` pods are."""
    if isinstance(count_or_percent, int):
        return count_or_percent
    hundredths = int(count_or_percent.removesuffix("%")) * of
    return -(-hundredths // 100) if rounded_up else hundredths // 100
