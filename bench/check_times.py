"""Times of the checks that people run before every commit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from bench.figures import Figure, Goal, Section
from bench.timing import Timed, timed
from tests.machinery import checks

CHECK_SECONDS, UNIT_SECONDS = 25, 15
PROGRAM_TESTS = ("tests/unit",)
"""Tests of the components, the configuration and the stacks; the other unit tests cover the tools around them."""


def measure() -> Section:
    """Once each: they take long, and do the same every time."""
    every = checks.existing(checks.UNIT_TESTS)
    program, unit = (_pytest(paths) for paths in (PROGRAM_TESTS, every))
    check = timed([sys.executable, "-m", "ops", "check"])
    tests = Figure("unit tests, all", (unit.seconds,), "s", Goal(UNIT_SECONDS))
    cores = os.cpu_count() or 1
    note = (
        f"All unit tests take {unit.cpu_seconds:.0f} CPU s, mostly the SDK's own work: at least "
        f"{unit.cpu_seconds / cores:.0f} s on {cores} cores."
    )
    return Section(
        "Checks",
        f"`make check`, and unit tests alone: `python -m pytest {' '.join(checks.PYTEST)}` with "
        f"{' '.join(PROGRAM_TESTS)}, then with {' '.join(every)}.",
        (
            Figure("`make check`", (check.seconds,), "s", Goal(CHECK_SECONDS)),
            Figure("unit tests of the program", (program.seconds,), "s", Goal(UNIT_SECONDS)),
            tests,
        ),
        () if tests.met else (note,),
    )


def _pytest(paths: Sequence[str]) -> Timed:
    return timed([sys.executable, "-m", "pytest", *checks.PYTEST, *paths])
