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
        DOCUMENT.write_text(updated(DOCUMENT.read_text(), table(report), _machine()))


def table(report: Path) -> str:
    """What each test promises, did and measured, as Markdown rows."""
    rows = ["| Promise | Done | Measured |", "| --- | --- | --- |"]
    # The report comes from a test run of this repository, not from outside.
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314
        properties = [
            (entry.get("name"), entry.get("value", "")) for entry in case.iter("property")
        ]
        done = "; ".join(value for name, value in properties if name == "done")
        measured = "<br>".join(value for name, value in properties if name == "measured")
        name, _, parameter = case.get("name", "").removesuffix("]").partition("[")
        promise = name.removeprefix("test_").replace("_", " ")
        rows.append(f"| {promise} | {done or parameter} | {measured or 'passed'} |")
    return "\n".join(rows)


def updated(document: str, rows: str, circumstances: str) -> str:
    """The document with its measured part replaced."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise OpsError(
            "there is no place for the figures",
            where=str(DOCUMENT.relative_to(ROOT)),
            fix=f"put the lines {BEGIN} and {END} where they belong",
        )
    return f"{before}{BEGIN}\n{circumstances}\n\n{rows}\n{END}{after}"


def _machine() -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"Measured on {today} by `make test-reliability`: {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, which cluster, load and tests shared."
    )
