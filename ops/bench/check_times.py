"""How long the checks take that people run before every commit."""

from __future__ import annotations

import os
import sys

from ops.bench.figures import Figure, Goal, Section
from ops.bench.timing import timed
from ops.paths import ROOT
from ops.testing import checks

CHECK_SECONDS, UNIT_SECONDS = 60, 15


def measure() -> Section:
    """Once each: they take long, and do the same every time."""
    paths = checks.existing(checks.UNIT_TESTS)
    pytest = ["-m", "pytest", *checks.PYTEST, *paths]
    unit = timed([sys.executable, *pytest], env=os.environ, cwd=ROOT)
    check = timed([sys.executable, "-m", "ops", "check"], env=os.environ, cwd=ROOT)
    tests = Figure("unit tests", (unit.seconds,), "s", Goal(UNIT_SECONDS))
    cores = os.cpu_count() or 1
    note = (
        f"The unit tests take {unit.cpu_seconds:.0f} s of processor time, so {unit.cpu_seconds / cores:.0f} s on "
        f"{cores} cores are the least. Most of it is the SDK's own work in the programs that they run on mocks."
    )
    return Section(
        "Checks",
        f"`python {' '.join(pytest)}`, and `make check`, which runs them beside the type checker.",
        (
            Figure("`make check`", (check.seconds,), "s", Goal(CHECK_SECONDS)),
            tests,
        ),
        () if tests.met else (note,),
    )
