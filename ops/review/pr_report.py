"""`make pr-report`: what a change of the checkout does to each stack, as the Markdown of a pull request's comment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ops.config.validate import INVALID
from ops.paths import ROOT
from ops.review.pr_markdown import annotation, document
from ops.review.pr_sections import report, to_json
from ops.session import AsJson

commands = typer.Typer()


@commands.command(name="pr-report")
def pr_report(
    against: Annotated[
        str, typer.Option(help="The commit to compare with.", envvar="AGAINST")
    ] = "main",
    deployed: Annotated[
        bool, typer.Option("--deployed", help="Preview the stacks of real clusters by the engine.")
    ] = False,
    stack: Annotated[
        str, typer.Option(help="Only this stack; all of them if unset.", envvar="STACK")
    ] = "",
    output: Annotated[
        Path | None, typer.Option(help="Where to write the report; stdout if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write as Markdown what the checkout's changes do to each stack. Exit code 2: a stack file is not valid."""
    against = against or "main"
    sections = report(against, ROOT, deployed=deployed, only=stack)
    text = to_json(sections) if as_json else document(sections, against)
    if output:
        output.write_text(text)
    else:
        print(text)
    if os.environ.get("GITHUB_ACTIONS") == "true" and not as_json:
        for section in sections:
            for error in section.errors:
                print(annotation(error))
    if any(section.errors for section in sections):
        raise typer.Exit(INVALID)
    if any(section.trouble for section in sections):
        raise typer.Exit(1)
