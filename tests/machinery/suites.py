"""A suite is one thing that can pass or fail on its own; all of them run, even if one fails."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from ops.errors import OpsError
from ops.steps import clock

SLOWEST = 10
"""How many tests the summary names, so that a suite that grows is seen."""


@dataclass(frozen=True)
class Count:
    """Results of tests, and the slowest of them.

    Attributes:
        slowest: seconds and name, set-up and clean-up included; the slowest first, no more than SLOWEST.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    slowest: tuple[tuple[float, str], ...] = field(default=(), compare=False)

    def __add__(self, other: Count) -> Count:
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            tuple(sorted(self.slowest + other.slowest, reverse=True)[:SLOWEST]),
        )

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass(frozen=True)
class Suite:
    name: str
    run: Callable[[], Count]
    """Raises OpsError if the suite could not run to its end."""


@dataclass(frozen=True)
class Outcome:
    name: str
    count: Count
    seconds: float
    reason: str = ""
    """Why the suite could not run."""


def run(suite: Suite, console: Console) -> Outcome:
    console.print(f"[bold cyan]==>[/] [bold]{suite.name}[/]")
    start = time.monotonic()
    reason = ""
    try:
        count = suite.run()
    except OpsError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        count, reason = Count(failed=1), error.what
    return Outcome(suite.name, count, time.monotonic() - start, reason)


def summarise(outcomes: Sequence[Outcome], console: Console) -> bool:
    """Print the table and, as the very last line, the plain totals; True if nothing failed."""
    table = Table(title="Tests", title_justify="left", box=None, pad_edge=False)
    table.add_column("suite")
    table.add_column("result")
    table.add_column("time", justify="right")
    table.add_column("", style="dim")
    total = Count()
    for outcome in outcomes:
        total += outcome.count
        colour = "[red]" if outcome.count.failed else "[green]"
        table.add_row(
            outcome.name, f"{colour}{outcome.count}", clock(outcome.seconds), outcome.reason
        )
    console.print()
    console.print(table)
    if total.slowest:
        console.print("\nSlowest tests")
    for seconds, name in total.slowest:
        console.print(f"{clock(seconds):>14}  {name}", markup=False)
    print(total, flush=True)
    return total.failed == 0


def read_junit(report: Path, code: int) -> Count:
    """Add up a report as pytest, vitest and others write it, of a run that exited with `code`.

    Raises:
        OpsError: if there is none, it has no test, or the run failed although no test did.
    """
    try:
        # The report comes from a test run of this repository, not from outside.
        root = ElementTree.parse(report).getroot()  # noqa: S314
    except (OSError, ElementTree.ParseError) as error:
        raise OpsError(
            "the suite ended without a report of its tests (its own message is above)",
            where=f"{report.name}: {error}",
        ) from error
    count = Count()
    for case in root.iter("testcase"):
        kinds = {child.tag for child in case}
        failed, skipped = bool(kinds & {"failure", "error"}), "skipped" in kinds
        file = case.get("classname", "").rpartition(".")[2]
        count += Count(
            passed=not failed and not skipped,
            failed=failed,
            skipped=skipped and not failed,
            slowest=((float(case.get("time", 0)), f"{file}: {case.get('name')}"),),
        )
    if count == Count():
        raise OpsError("the suite ran no test at all", where=report.name)
    return _agreed(count, code)


def read_tap(output: str, code: int) -> Count:
    """Add up the closing lines of Node's own test runner, such as `# pass 12`, with the same errors."""
    lines = re.findall(r"^\S (pass|fail|skipped|cancelled) (\d+)$", output, re.MULTILINE)
    numbers = {word: int(number) for word, number in lines}
    if not numbers.get("pass") and not numbers.get("fail"):
        raise OpsError("the suite ended without a result of its tests (its message is above)")
    count = Count(
        passed=numbers.get("pass", 0),
        failed=numbers.get("fail", 0) + numbers.get("cancelled", 0),
        skipped=numbers.get("skipped", 0),
    )
    return _agreed(count, code)


def _agreed(count: Count, code: int) -> Count:
    """A run can fail beside its tests: stopped half-way, by a plugin, for too little coverage."""
    if code != 0 and not count.failed:
        raise OpsError(
            f"the suite exited with {code}, although none of its tests failed (its own message is above)"
        )
    return count
