"""`make test-reliability`: every repetition, and the figures written into docs/reliability.md."""

from __future__ import annotations

import datetime
import os
import platform
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import typer

from ops.errors import OpsError
from ops.paths import ROOT
from ops.session import console
from tests.machinery import everything as testing
from tests.machinery import suites

DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

commands = typer.Typer()


@commands.command(name="test-reliability")
def test_reliability() -> None:
    """Break the release on the cluster in every way that a promise covers, and measure (an hour)."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        outcome = testing.reliability(console, report)
        if not suites.summarise([outcome], console):
            raise typer.Exit(1)
        DOCUMENT.write_text(updated(DOCUMENT.read_text(), promises(report), _machine()))


def promises(report: Path) -> str:
    """What each test promises and measured, as a Markdown list with a line for each promise."""
    found: dict[str, list[str]] = {}
    # The report comes from a test run of this repository, not from outside.
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314
        name, _, parameter = case.get("name", "").removesuffix("]").partition("[")
        said: dict[str | None, list[str]] = {}
        for entry in case.iter("property"):
            said.setdefault(entry.get("name"), []).append(entry.get("value", ""))
        done = said.get("done") or [parameter or "passed"]
        line = ": ".join(filter(None, ["; ".join(done), "; ".join(said.get("measured", []))]))
        found.setdefault(name.removeprefix("test_").replace("_", " "), []).append(line)
    return "\n".join(f"- **{promise}**: {'. '.join(lines)}" for promise, lines in found.items())


def updated(document: str, lines: str, circumstances: str) -> str:
    """The document with its measured part replaced."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise OpsError(
            "there is no place for the figures",
            where=str(DOCUMENT.relative_to(ROOT)),
            fix=f"put the lines {BEGIN} and {END} where they belong",
        )
    return f"{before}{BEGIN}\n{circumstances}\n\n{lines}\n{END}{after}"


def _machine() -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"Measured on {today} by `make test-reliability`: {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, which cluster, load and tests shared."
    )
