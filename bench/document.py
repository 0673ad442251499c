"""The figures as docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Figure, Section, quantity
from bench.machine import Circumstances

HEADINGS = ("Figure", "Goal", "Median", "Range", "Runs", "Met")
COMMAND = "make bench"
BY_HAND = "<!-- From here on written by hand. -->"


def markdown(sections: Sequence[Section], machine: Circumstances, minutes: float) -> str:
    """The document down to what is written by hand."""
    lines = [
        "# Performance",
        "",
        f"<!-- Written by `{COMMAND}`, up to what is written by hand. -->",
        "",
        f"Measured by `{COMMAND}` on {machine.date} in {minutes:.0f} min on one machine: {machine.hardware}; "
        f"{machine.software}. Load average at the start: {machine.load}. Goals are for the median. What is compared "
        "was measured in turn in the same run: expect the same ratios, not the same seconds.",
        "",
        _summary(sections),
    ]
    return "\n".join([*lines, *map(shown, sections)]) + "\n"


def shown(section: Section) -> str:
    """One section, as in the document."""
    lines = ["", f"## {section.title}", "", section.how, ""]
    if section.figures:
        lines += [_row(HEADINGS), _row(["---"] * len(HEADINGS))]
        lines += [_row(_cells(figure)) for figure in section.figures]
    if section.failure:
        lines += ["", f"**Not measured**: {section.failure}"]
    for note in section.notes:
        lines += ["", note]
    return "\n".join(lines)


def _summary(sections: Sequence[Section]) -> str:
    figures = [figure for section in sections for figure in section.figures if figure.goal]
    missed = [figure.name for figure in figures if not figure.met]
    counted = f"{len(figures) - len(missed)} of {len(figures)} goals are met"
    return f"{counted}; not: {'; '.join(missed)}." if missed else f"{counted}."


def _cells(figure: Figure) -> list[str]:
    return [
        figure.name,
        figure.bound,
        quantity(figure.median, figure.unit),
        _range(figure),
        str(len(figure.samples)),
        figure.verdict,
    ]


def _range(figure: Figure) -> str:
    """From the least to the most, in the median's unit; empty for one sample, which is the median."""
    if len(figure.samples) == 1:
        return ""
    return f"{quantity(min(figure.samples), '')}-{quantity(max(figure.samples), '')}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
