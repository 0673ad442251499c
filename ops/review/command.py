"""`make diff` and `make preview`: what `make up` would do, each step with its risk; and the stop before a loss."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ops.engine.stack import Stack
from ops.engine.stack_file import StackFile
from ops.errors import OpsError
from ops.prepare import setup
from ops.review import plan, risk
from ops.review.risk import Risk, Verdict
from ops.session import AsJson, StackName, console, selected_stack
from ops.steps import Steps

CONSENT = "data-loss"
REFUSED = 3
COLOURS = {Risk.NONE: "dim", Risk.ROLLING: "cyan", Risk.OUTAGE: "yellow", Risk.LOSS: "bold red"}

Confirm = Annotated[
    str, typer.Option(help=f'"{CONSENT}" to go on where data would be lost.', envvar="CONFIRM")
]

commands = typer.Typer()


@commands.command()
def preview(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Show what `up` would change, in the engine's words, and what that does to those who use it."""
    if as_json:
        print(to_json(risk.judge(plan.read(_told(stack)))))
        return
    show(risk.judge(plan.read(_selected(stack).preview())))


@commands.command()
def diff(
    stack: StackName = "dev",
    file: Annotated[
        Path | None,
        typer.Option("--from", help="A saved `pulumi preview --json --show-sames`, or event log."),
    ] = None,
    guard: Annotated[
        bool, typer.Option("--guard", help=f"Leave with {REFUSED} where data would be lost.")
    ] = False,
    confirm: Confirm = "",
    as_json: AsJson = False,
) -> None:
    """Show each step that `up` would take with its risk: none, rolling restart, short outage, data loss."""
    verdicts = risk.judge(plan.read(file.read_text() if file else _told(stack)))
    if as_json:
        print(to_json(verdicts))
    else:
        show(verdicts)
    if guard:
        refuse_loss(verdicts, confirm, stack)


def guard_up(stack: Stack, confirm: str, command: str = "make up") -> str:
    """Preview an `up`, and stop where it would lose data nobody agreed to lose; says what the worst step is.

    `command` is what the person ran, and would run again.

    Raises:
        OpsError: if data would be lost, before anything is applied.
    """
    verdicts = risk.judge(plan.read(stack.preview(quiet=True)))
    if any(verdict.risk > Risk.NONE for verdict in verdicts):
        show(verdicts)
    refuse_loss(verdicts, confirm, stack.name, command)
    changes = len(verdicts)
    return f"changes: {changes}, at worst: {risk.highest(verdicts)}" if changes else "no changes"


def refuse_loss(
    verdicts: Iterable[Verdict], confirm: str, stack: str, command: str = "make up"
) -> None:
    lost = [verdict for verdict in verdicts if verdict.risk is Risk.LOSS]
    if not lost or confirm == CONSENT:
        return
    raise OpsError(
        f"nothing was changed: on stack {stack} data would be lost",
        where="; ".join(f"{verdict.step.title} {verdict.reason}" for verdict in lost),
        fix=f"take the edit back, or save what is needed and run: {command} STACK={stack} CONFIRM={CONSENT}",
        code=REFUSED,
    )


def show(verdicts: Sequence[Verdict]) -> None:
    """The steps as a table, the worst first."""
    if not verdicts:
        console.print("No changes.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("risk", "step", "object", "why"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("risk", "step"))
    for verdict in worst_first(verdicts):
        colour = COLOURS[verdict.risk]
        step = verdict.step
        cells = map(escape, (step.action, step.title, verdict.reason))
        table.add_row(f"[{colour}]{verdict.risk}[/]", *cells)
    console.print(table)
    highest = risk.highest(verdicts)
    console.print(f"\nAt worst: [{COLOURS[highest]}]{highest}[/]")


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return sorted(verdicts, key=lambda verdict: -verdict.risk)


def to_json(verdicts: Sequence[Verdict]) -> str:
    worst = str(risk.highest(verdicts))
    return json.dumps({"risk": worst, "steps": risk.as_json(verdicts)}, indent=2)


def _told(stack: str) -> str:
    """The engine's event log; what is shown on the way to it leaves stdout to the answer."""
    with contextlib.redirect_stdout(sys.stderr):
        return _selected(stack).preview(quiet=True)


def _selected(stack: str) -> Stack:
    file = StackFile.read(stack)
    steps = Steps(f"make preview STACK={stack}", console)
    return selected_stack(setup.provide_tools(steps), file, steps, changing=False)
