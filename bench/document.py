"""The figures as docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Figure, Section, quantity
from bench.machine import Circumstances

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
        f"{machine.software}. Load average at the start: {machine.load}. Each line: the median, (least-most), the "
        "goal for the median. What is compared was measured in turn: expect the same ratios, not the same seconds.",
        "",
        _summary(sections),
    ]
    return "\n".join([*lines, *map(shown, sections)]) + "\n"


def shown(section: Section) -> str:
    """One section, as in the document."""
    lines = ["", f"## {section.title}", "", section.how]
    if section.figures:
        lines += ["", *map(_line, section.figures)]
    if section.failure:
        lines += ["", f"**Not measured**: {section.failure}"]
    for note in section.notes:
        lines += ["", note]
    return "\n".join(lines)


def _summary(sections: Sequence[Section]) -> str:
    goals = [figure.met for section in sections for figure in section.figures if figure.goal]
    return f"{sum(map(bool, goals))} of {len(goals)} goals are met; a goal that is not is **bold**."


def _line(figure: Figure) -> str:
    parts = [f"- {figure.name}: {quantity(figure.median, figure.unit)}"]
    if len(figure.samples) > 1:
        ends = min(figure.samples), max(figure.samples)
        parts.append(f"({'-'.join(quantity(end, '') for end in ends)})")
    if figure.goal:
        goal = f"goal {figure.goal}"
        parts.append(f"- {goal if figure.met else f'**{goal}**'}")
    return " ".join(parts)
