"""`make check`, `make fmt`, `make test`, `make test-edits`, and `python -m ops docs`."""

from __future__ import annotations

import typer

from ops.session import console
from tests.machinery import checks, config_docs, suites
from tests.machinery import everything as testing

commands = typer.Typer()


@commands.command()
def test() -> None:
    """Set up what the tests need and run all suites but test-edits and the long reliability runs."""
    if not suites.summarise(testing.outcomes(console), console):
        raise typer.Exit(1)


@commands.command(name="test-edits")
def test_edits() -> None:
    """Edit every key of a running release's stack file: what `make diff` says must be what happens (half an hour)."""
    if not suites.summarise([testing.edits(console)], console):
        raise typer.Exit(1)


@commands.command()
def check() -> None:
    """Format, lint, types and unit tests: no engine, no cluster, under half a minute."""
    if not suites.summarise(checks.outcomes(console), console):
        raise typer.Exit(1)


@commands.command()
def fmt() -> None:
    """Format the Python code and fix what the linter can fix."""
    checks.fix()


@commands.command()
def docs() -> None:
    """Write what is generated from the models: docs/configuration.md and the schema of stack files."""
    config_docs.write()
