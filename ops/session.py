"""Shared by the groups of commands: the console, the options, and the steps from tools to a stack."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ops.config.stacks import StackFile
from ops.engine import recovery
from ops.engine.backend import prepare
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.prepare import setup
from ops.prepare.setup import Setup
from ops.steps import Steps

# Logs are not 80 columns wide, whatever a pipe says.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)

StackName = Annotated[
    str, typer.Option("--stack", help="Which Pulumi.<stack>.yaml to use.", envvar="STACK")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@contextmanager
def listed_steps(title: str) -> Iterator[Steps]:
    """The steps of a command, listed at its end, also where one fails."""
    steps = Steps(title, console)
    try:
        yield steps
    finally:
        steps.table()


def output_for(as_json: bool) -> AbstractContextManager[Any]:
    """With --json stdout carries nothing but the answer: what is said until then goes to stderr."""
    return redirect_stdout(sys.stderr) if as_json else nullcontext()


def table(*headings: str) -> Table:
    """A table without lines, whose long cells are wrapped; without headings it has two columns."""
    made = Table(box=None, pad_edge=False, show_header=bool(headings))
    for heading in headings or ("", ""):
        made.add_column(heading, overflow="fold")
    return made


def known_stack(name: str, chosen: Setup) -> Stack:
    """A stack for commands about what is deployed."""
    return Stack(StackFile.known(name), chosen.backend, chosen.env)


def hidden_answer(question: str) -> str:
    """Read from the terminal without echo, or from stdin without the last newline.

    Raises:
        OpsError: if it is not UTF-8: the engine would keep something else.
    """
    if sys.stdin.isatty():
        return str(typer.prompt(question, hide_input=True, err=True))
    try:
        return sys.stdin.buffer.read().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise OpsError(
            f"nothing was changed: the value is not UTF-8 (byte {error.start + 1})",
            where="stdin",
            fix="give it as text; of random bytes, for example, what base64 prints",
        ) from None


def ready_stack(chosen: Setup, file: StackFile, steps: Steps) -> Stack:
    """From the tools to a selected stack on a cluster that answers, with what autoscalers need."""
    provide_cluster(chosen, file, steps)
    if file.autoscales and file.profile:
        setup.enable_metrics(chosen, steps, file.profile)
    return selected_stack(chosen, file, steps)


def provide_cluster(chosen: Setup, file: StackFile, steps: Steps) -> None:
    """A cluster that answers; and Docker, which it may run on, if the stack's images are built with it."""
    if file.builds_images:
        setup.provide_docker(chosen, steps)
    setup.provide_cluster(chosen, steps, file)


def selected_stack(chosen: Setup, file: StackFile, steps: Steps, *, changing: bool = True) -> Stack:
    """The stack in its backend, made if it is new, and freed of what a killed run left.

    Raises:
        OpsError: if it would be changed with a state that does not outlive a pipeline's machine.
    """
    with steps.step("stack") as step:
        if changing and chosen.backend.ours and file.profile is None and os.environ.get("CI"):
            raise OpsError(
                "nothing was changed: CI is set, and the state would be deleted with this machine",
                where=chosen.backend.url,
                fix="set PULUMI_BACKEND_URL, or PULUMI_ACCESS_TOKEN for Pulumi Cloud, to where the stack's state is",
            )
        prepare(chosen.backend)
        stack = Stack(file, chosen.backend, chosen.env)
        made = "made" if stack.select() else "found"
        where = "state in .state/" if chosen.backend.ours else f"state in {chosen.backend.url}"
        step.note = ", ".join(
            filter(None, [made, where, recovery.recover(stack, changing=changing)])
        )
    return stack
