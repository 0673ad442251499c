"""`make diff` and `make preview`: what `make up` would do, each step with its risk; and the stop before a data loss."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from components.config.stack_file import file_name
from ops.config.stacks import StackFile
from ops.config.validate import deployable
from ops.engine.stack import Stack
from ops.errors import OpsError, pasteable
from ops.kubectl import NoAnswerError, require_context
from ops.prepare import setup
from ops.review import embedded, live, needs, plan, risk
from ops.review.plan import Step
from ops.review.risk import Effect, Risk
from ops.session import AsJson, StackName, console, output_for, selected_stack
from ops.steps import Steps

CONSENT = "data-loss"
REFUSED = 3
COLOURS = {
    Risk.NONE: "dim",
    Risk.ROLLING: "cyan",
    Risk.OUTAGE: "yellow",
    Risk.LOSS: "bold red",
    Risk.REFUSED: "bold red",
}

Confirm = Annotated[
    str, typer.Option(help=f'"{CONSENT}" to go on where data would be lost.', envvar="CONFIRM")
]
BackupFirst = Annotated[
    bool,
    typer.Option(
        "--backup/--no-backup", help="Take a backup before data is lost.", envvar="BACKUP"
    ),
]

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def preview(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Show what `up` would change, in the engine's words, and the effect on users."""
    with output_for(as_json):
        effects, notes = _preview(stack, quiet=as_json)
    _answer(effects, notes, as_json)


@commands.command()
def diff(
    stack: StackName = "dev",
    file: Annotated[
        Path | None,
        typer.Option("--from", help="A saved `pulumi preview --json --show-sames`, or event log."),
    ] = None,
    guard: Annotated[
        bool,
        typer.Option(
            "--guard", help=f"Exit code {REFUSED} if data would be lost, or up would fail."
        ),
    ] = False,
    confirm: Confirm = "",
    as_json: AsJson = False,
) -> None:
    """Show each step that `up` would take with its risk: none, rolling restart, short outage, data loss, refused."""
    if file:
        effects, notes = risk.judge(plan.read(file.read_text())), Notes()
    else:
        with output_for(True):
            effects, notes = _preview(stack, quiet=True)
    _answer(effects, notes, as_json)
    if guard:
        refuse(effects, stack)
        refuse_loss(effects, confirm, stack)


@dataclass(frozen=True)
class Notes:
    """Notes beside the steps.

    Attributes:
        cluster: why the cluster could not be asked, empty if it was.
        warnings: what does not work until somebody acts.
    """

    cluster: str = ""
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Outlook:
    """The effect of an `up`: in words, and whether it would change anything."""

    note: str
    changes: bool
    loses: bool = False
    """Whether the embedded database's volume is lost, with consent."""


def judged(stack: Stack, *, quiet: bool) -> tuple[list[Effect], Notes]:
    """The engine's preview of a stack, with the cluster's refusals if the cluster answers.

    Raises:
        OpsError: if the preview fails, or no kubeconfig has the stack's context.
    """
    require_context(stack.file, stack.env)
    cluster = ""
    try:
        live.require_namespace(stack.file, stack.env)
    except NoAnswerError as error:
        cluster = f"{error.what} ({error.where})"
    steps = plan.read(stack.preview(quiet=quiet))
    if cluster:
        return risk.judge(steps), Notes(cluster)
    effects, warnings = _asked(steps, stack)
    return effects, Notes(warnings=warnings)


def guard_up(stack: Stack, confirm: str, command: str = "make up", otherwise: str = "") -> Outlook:
    """Preview an `up`, and stop if it would fail or lose data without consent.

    Args:
        command: what the person ran, and would run again.
        otherwise: what to do where a step is refused; the stack file is corrected if empty.

    Raises:
        OpsError: before anything is applied.
    """
    live.require_namespace(stack.file, stack.env)
    log = stack.preview(quiet=True)
    steps = plan.read(log)
    effects, warnings = _asked(steps, stack)
    _warn(warnings)
    if any(effect.risk > Risk.NONE for effect in effects):
        show(effects)
    refuse(effects, stack.name, otherwise)
    refuse_loss(effects, confirm, stack.name, command)
    if not effects and not plan.changes_anything(log):
        return Outlook("no changes", changes=False)
    return Outlook(
        f"changes: {len(effects)}, at worst: {risk.highest(effects)}",
        changes=True,
        loses=_loses_database(effects),
    )


def refuse(effects: Iterable[Effect], stack: str, otherwise: str = "") -> None:
    """Fail if a step would be refused."""
    refused = [effect for effect in effects if effect.risk is Risk.REFUSED]
    if refused:
        raise OpsError(
            f"nothing was changed: these steps of stack {stack} would fail",
            where="; ".join(f"{effect.step.title}: {effect.reason}" for effect in refused),
            fix=otherwise or f"correct {file_name(stack)}, then run the same command again",
            code=REFUSED,
        )


def refuse_loss(
    effects: Iterable[Effect], confirm: str, stack: str, command: str = "make up"
) -> None:
    lost = [effect for effect in effects if effect.risk is Risk.LOSS]
    if not lost or confirm == CONSENT:
        return
    raise OpsError(
        f"nothing was changed: on stack {stack} data would be lost",
        where="; ".join(f"{effect.step.title} {effect.reason}" for effect in lost),
        fix=f"revert the edit; or run: {command} STACK={stack} CONFIRM={CONSENT}"
        + (" (it takes a backup first)" if _loses_database(lost) else ""),
        code=REFUSED,
    )


def _loses_database(effects: Iterable[Effect]) -> bool:
    """Whether a backup is to be taken: there is none of what scheduled backups or a namespace hold."""
    return any(
        effect.risk is Risk.LOSS and embedded.is_its_volume(effect.step) for effect in effects
    )


def show(effects: Sequence[Effect]) -> None:
    """The steps as a table, the worst first."""
    if not effects:
        console.print("No changes.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("risk", "step", "object", "why"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("risk", "step"))
    for effect in worst_first(effects):
        colour = COLOURS[effect.risk]
        step = effect.step
        cells = map(escape, (step.action, step.title, effect.reason))
        table.add_row(f"[{colour}]{effect.risk}[/]", *cells)
    console.print(table)
    highest = risk.highest(effects)
    console.print(f"\nAt worst: [{COLOURS[highest]}]{highest}[/]")


def worst_first(effects: Iterable[Effect]) -> list[Effect]:
    return sorted(effects, key=lambda effect: -effect.risk)


def _answer(effects: Sequence[Effect], notes: Notes, as_json: bool) -> None:
    if as_json:
        worst = str(risk.highest(effects))
        answer = {"risk": worst, **asdict(notes), "steps": risk.as_json(effects)}
        print(json.dumps(answer, indent=2))
        return
    show(effects)
    _warn(notes.warnings)
    if notes.cluster:
        console.print(
            f"\n[yellow]{escape(notes.cluster)}.[/] What is shown compares the stack file with the state alone."
        )


def _warn(warnings: Iterable[str]) -> None:
    for text in warnings:
        console.print(f"[yellow]warning:[/] {escape(pasteable(text))}")


def _asked(steps: Sequence[Step], stack: Stack) -> tuple[list[Effect], Sequence[str]]:
    """The steps with the cluster's refusals, and warnings."""
    asked = live.unmet(steps, stack.file, stack.env, stack.export)
    missing = needs.unmet(steps, stack.file, stack.env)
    warnings = [*missing.warnings, *asked.warnings]
    return risk.judge(steps, asked.refusals | missing.refusals), warnings


def _preview(stack: str, *, quiet: bool) -> tuple[list[Effect], Notes]:
    """The engine's preview, judged."""
    file = StackFile.read(stack)
    deployable(file.path)  # The engine would say the same in thirty lines.
    steps = Steps(f"make preview STACK={stack}", console)
    ready = selected_stack(setup.provide_tools(steps), file, steps, changing=False)
    return judged(ready, quiet=quiet)
