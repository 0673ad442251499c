"""The commands that show what a stack file makes, without engine and cluster."""

import sys
from typing import Annotated

import typer

from ops.config import footprint
from ops.config.commits import unpacked
from ops.config.render import closed_event_loops, render
from ops.config.stacks import StackFile
from ops.config.validate import checked
from ops.paths import ROOT
from ops.session import AsJson, StackName, console

commands = typer.Typer(rich_markup_mode=None)


@commands.command(name="render")
def render_command(stack: StackName = "dev") -> None:
    """Write the stack's Kubernetes objects as YAML, with neither engine nor cluster; secrets are masked."""
    file = checked(StackFile.read(stack).path)
    with closed_event_loops():
        sys.stdout.write(render(file.config, file.source))


@commands.command(name="footprint")
def footprint_command(
    stack: StackName = "dev",
    against: Annotated[str, typer.Option(help="A commit to compare with.", envvar="AGAINST")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what the stack requests of its cluster, at rest and at most, and the change since a commit."""
    rows = footprint.of_config(checked(StackFile.read(stack).path).config)
    if as_json:
        print(footprint.to_json(rows))
        return
    before = None
    if against:
        with unpacked(against, ROOT) as commit:
            before = footprint.of_commit(stack, commit)
    console.print(footprint.table(rows, before))
    console.print(
        "\n[dim]at rest: the fewest pods; at most: the most pods while a rollout replaces them[/]"
    )
