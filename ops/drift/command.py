"""`make drift`: has anyone changed the release's objects without the stack? Changes nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer
from rich.markup import escape

from components.config.stack_file import file_name
from ops.drift.drift import Drift, Expected, compare, context, expected_objects
from ops.errors import OpsError
from ops.kubectl import Kubectl, reference
from ops.prepare import setup
from ops.session import AsJson, StackName, console, known_stack, table

DRIFTED = 2

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def drift(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Show what differs in the cluster from what was deployed. Exit code 2: drift; 1: the check failed."""
    chosen = setup.choose()
    try:
        here = known_stack(stack, chosen)
    except OpsError as error:
        error.code = 1  # An invalid stack file has the code of drift.
        raise
    # The values of Secrets are compared as well; none is ever shown.
    state = here.export(secrets=True)
    wanted = expected_objects(state)
    if not wanted:
        raise OpsError(f"stack {stack} has nothing deployed", fix=f"make up STACK={stack}")
    # Where it was deployed, whatever the working tree says by now.
    found = find(wanted, context(state), here.env)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        show(found, len(wanted), stack)
    if found:
        raise typer.Exit(DRIFTED)


def find(wanted: Sequence[Expected], context: str, env: Mapping[str, str]) -> list[Drift]:
    """Compare every object in the cluster.

    Raises:
        OpsError: if the cluster does not answer.
    """
    live: list[Any] = []
    autoscalers: list[Any] = []
    # The Namespace itself is in no namespace; kubectl takes both kinds in one call.
    for namespace in sorted({expected.namespace for expected in wanted} - {""}):
        names = [
            reference(expected.manifest, expected.name)
            for expected in wanted
            if expected.namespace in (namespace, "")
        ]
        kubectl = Kubectl(context, env, namespace)
        live += kubectl.objects(*names, "--ignore-not-found", "--show-managed-fields")
        autoscalers += kubectl.objects("HorizontalPodAutoscaler.v2.autoscaling")
    return compare(wanted, live, autoscalers)


def show(found: Sequence[Drift], looked_at: int, stack: str) -> None:
    if not found:
        console.print(f"[green]No drift[/]: {looked_at} objects of stack {stack} are as deployed.")
        return
    rows = table("object", "field", "expected", "found", "owner")
    for drift in found:
        cells = (drift.object, drift.field, drift.expected, drift.found, drift.owner)
        rows.add_row(*map(escape, cells))
    console.print(rows)
    differences = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    console.print(
        f"\n[yellow]{differences}[/] in {looked_at} objects of stack {stack}. To keep one, write it into "
        f"{file_name(stack)}; what to do otherwise: docs/operations.md."
    )
