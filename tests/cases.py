"""Cases of parametrized tests."""

from typing import Any

import pytest


def more(*cases: Any) -> list[Any]:
    """Further cases of a kind, which `make check` leaves to `make test`: each runs a whole program."""
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*value, marks=pytest.mark.exhaustive) for value in values]
