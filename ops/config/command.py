"""`make validate`."""

import json
import sys
from dataclasses import asdict

import typer

from ops.config.validate import INVALID, verdicts
from ops.errors import pasteable
from ops.session import AsJson

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def validate(as_json: AsJson = False) -> None:
    """Check every Pulumi.<stack>.yaml, without the engine. Exit code 2: one is not valid."""
    found = list(verdicts())
    if as_json:
        print(json.dumps([asdict(verdict) for verdict in found], indent=2))
    for verdict in () if as_json else found:
        for line in verdict.errors:
            print(pasteable(line), file=sys.stderr)
        if not verdict.errors:
            print(f"{verdict.file}: valid")
        for line in verdict.missing:
            print(f"  before its first up: {pasteable(line)}")
    if any(verdict.errors for verdict in found):
        raise typer.Exit(INVALID)
