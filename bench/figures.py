"""A measurement: samples, a goal that their median must meet, and sections of both."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """A bound for the median."""

    limit: float
    text: str = ""
    """The bound's derivation, if it was itself measured in this run."""
    at_least: bool = False

    def __str__(self) -> str:
        limit = f"{'≥' if self.at_least else '≤'} {quantity(self.limit, '')}"
        return f"{limit}, {self.text}" if self.text else limit


@dataclass(frozen=True)
class Figure:
    """One line: the samples of several runs, in `unit`."""

    name: str
    samples: tuple[float, ...]
    unit: str
    goal: Goal | None = None

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError(f"{self.name}: no samples")

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def met(self) -> bool | None:
        """None where there is no goal."""
        if self.goal is None:
            return None
        return (
            self.median >= self.goal.limit if self.goal.at_least else self.median <= self.goal.limit
        )


@dataclass(frozen=True)
class Section:
    """Figures that were measured together.

    Attributes:
        how: what was measured, so that it can be repeated.
        notes: what the figures do not show.
        failure: why figures are missing.
    """

    title: str
    how: str
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = field(default=())
    failure: str = ""


def quantity(value: float, unit: str) -> str:
    """A number with its significant digits: `0.044 s`, `0.84 s`, `12.3 s`, `1,390 /s`."""
    if abs(value) >= 100:
        number = f"{value:,.0f}"
    elif abs(value) >= 10:
        number = f"{value:.1f}"
    else:
        number = f"{value:.{3 if abs(value) < 0.1 else 2}f}"
    return f"{number} {unit}".strip()
