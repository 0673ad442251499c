"""The commands about what is deployed: how it is, what it says, what was there before, and back to that."""

from __future__ import annotations

import json
import sys
import threading
import webbrowser
from contextlib import nullcontext, redirect_stdout, suppress
from typing import Annotated, Literal

import typer

from ops.engine.stack import Stack
from ops.engine.stack_file import StackFile
from ops.errors import OpsError
from ops.prepare import setup
from ops.prepare.setup import Setup
from ops.review.command import Confirm
from ops.session import AsJson, StackName, console
from ops.steps import Steps

commands = typer.Typer()


@commands.command(name="history")
def history_command(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """List the revisions of the stack: every successful `up`."""
    # Here, as in the commands below, because the models take up to a second to load and most commands do without.
    from ops.release import history

    found = history.revisions(history.updates(_stack(stack, setup.choose())))
    if as_json:
        print(json.dumps([revision.as_json() for revision in found], indent=2))
    elif found:
        console.print(history.table(found))
    else:
        console.print(f"stack {stack} has no revision yet: make up STACK={stack}")


@commands.command(name="rollback")
def rollback_command(
    to: Annotated[int, typer.Option(help="The revision, as history numbers it.", envvar="TO")],
    stack: StackName = "dev",
    secrets: Annotated[
        Literal["recorded", "current"],
        typer.Option(help="Those of the revision, or those of today.", envvar="SECRETS"),
    ] = "recorded",
    anyway: Annotated[
        str,
        typer.Option(
            help="Migrations, by name, that shall not stop it: they have been undone by hand.",
            envvar="ANYWAY",
        ),
    ] = "",
    confirm: Confirm = "",
    as_json: AsJson = False,
) -> None:
    """Bring back the images and the configuration of an earlier revision, as a new one."""
    from ops.release import rollback

    steps = Steps(f"make rollback TO={to} STACK={stack}", console)
    # The answer for programs is alone on stdout.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        try:
            chosen = setup.provide_tools(steps)
            here = _stack(stack, chosen)
            with steps.step("revision") as step:
                target = rollback.find(here, to, secrets=secrets, anyway=tuple(anyway.split()))
                step.note = ", ".join(target.record.images.values())
            url = rollback.bring_back(target, chosen, steps, confirm)
        finally:
            steps.table()
    if as_json:
        print(json.dumps({"rollbackTo": to, "images": dict(target.record.images), "url": url}))
        return
    console.print(f"\n[bold green]Revision {to} is back: {url}[/]\n")
    console.print(f"The next `make up STACK={stack}` deploys the working tree again.")


@commands.command(name="status")
def status_command(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Show release, revision, images, pods with reasons, endpoints and address. Leaves with 1 if something is wrong."""
    from ops.release import history, screens, status

    here = _stack(stack, setup.choose())
    known = history.updates(here)
    found = status.look(history.place(here, known), known, here.env)
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
    else:
        console.print(screens.status_screen(found))
    if found.faults:
        raise typer.Exit(1)


@commands.command(name="open")
def open_command(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Open the stack in a browser; without a terminal only tell its address. Forwards a port where it must."""
    from ops.release import reach

    chosen = setup.choose()
    with reach.way_to(_stack(stack, chosen), chosen.platform.system) as way:
        forwarded = way.forward is not None
        print(
            json.dumps({"url": way.url, "forwarded": forwarded}) if as_json else way.url, flush=True
        )
        if sys.stdout.isatty():
            webbrowser.open(way.url)
        if way.forward:
            print("forwarded until Ctrl-C", file=sys.stderr)
            try:
                way.forward.wait()
            except KeyboardInterrupt:
                return
            raise OpsError(
                "the forwarded port was closed: the pod behind it is gone, as after a rollout",
                fix=f"make open STACK={stack}",
            )


@commands.command(name="smoke")
def smoke_command(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Ask the deployed stack over HTTP whether it works, from sign-up to a task and back; leaves nothing behind."""
    from ops.release import reach, smoke

    passed: list[str] = []
    chosen = setup.choose()
    with reach.way_to(_stack(stack, chosen), chosen.platform.system) as way:
        smoke.check(way.url, passed.append if as_json else console.print)
        if as_json:
            print(json.dumps({"url": way.url, "passed": passed}))
        else:
            console.print(f"[green]{way.url} works[/]")


@commands.command(name="logs")
def logs_command(
    stack: StackName = "dev",
    component: Annotated[
        str, typer.Option(help="backend, frontend or postgres; all if empty.", envvar="COMPONENT")
    ] = "",
    tail: Annotated[int, typer.Option(help="Lines of the past of each pod.", envvar="TAIL")] = 10,
    follow: Annotated[
        bool, typer.Option(help="Go on until Ctrl-C, with new pods as they come.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Show the logs of all pods, or of a component's, each in a colour of its own."""
    from ops.release import history, logs

    here = _stack(stack, setup.choose())
    place = history.place(here, history.updates(here))
    kubectl = ["kubectl", "--context", place.context, "--namespace", place.namespace]
    selector = f"app={place.release}" + (f",component={component}" if component else "")
    say = logs.as_json if as_json else logs.Coloured(console)
    follower = logs.Follower(kubectl, selector, tail, here.env, say)
    with suppress(KeyboardInterrupt):
        if follow:
            follower.follow(threading.Event())
        else:
            follower.show()


def _stack(name: str, chosen: Setup) -> Stack:
    return Stack(StackFile.known(name), chosen.backend, chosen.env)
