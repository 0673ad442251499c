"""The commands about what is deployed: status, logs, history, rollback."""

import json
import sys
import webbrowser
from contextlib import suppress
from typing import Annotated, Literal

import typer

from ops import pods
from ops.errors import OpsError
from ops.prepare import setup
from ops.release import history, reach, rollback, smoke, status
from ops.review.command import BackupFirst, Confirm
from ops.session import AsJson, StackName, console, known_stack, listed_steps, output_for

PODS = 50
"""How many logs are followed at once; kubectl stops at 5 by default."""

commands = typer.Typer(rich_markup_mode=None)


@commands.command(name="history")
def history_command(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """List the revisions of the stack: every successful `up`."""
    found = history.revisions(history.updates(known_stack(stack, setup.choose())))
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
        typer.Option(help="Secrets of the revision, or of the stack file today.", envvar="SECRETS"),
    ] = "recorded",
    ignore_migrations: Annotated[
        str,
        typer.Option(
            help="Migrations to ignore, by name: they have been undone by hand.",
            envvar="IGNORE_MIGRATIONS",
        ),
    ] = "",
    confirm: Confirm = "",
    first: BackupFirst = True,
    as_json: AsJson = False,
) -> None:
    """Bring back the images and the configuration of an earlier revision, as a new one."""
    title = f"make rollback TO={to} STACK={stack}"
    with output_for(as_json), listed_steps(title) as steps:
        chosen = setup.provide_tools(steps)
        here = known_stack(stack, chosen)
        with steps.step("revision") as step:
            ignored = tuple(ignore_migrations.split())
            target = rollback.find(here, to, secrets=secrets, ignored=ignored)
            step.note = ", ".join(target.record.images.values())
        url = rollback.bring_back(target, chosen, steps, confirm, first=first)
    if as_json:
        print(json.dumps({"rollbackTo": to, "images": dict(target.record.images), "url": url}))
        return
    console.print(f"\n[bold green]Revision {to} is back: {url}[/]\n")
    console.print(f"The next `make up STACK={stack}` deploys the working tree again.")


@commands.command(name="status")
def status_command(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Show release, revision, images, pods with reasons, endpoints and address. Exit code 1 if something is wrong."""
    here = known_stack(stack, setup.choose())
    known = history.updates(here)
    found = status.look(history.location(here, known), known)
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
    else:
        console.print(status.screen(found))
    if found.faults:
        raise typer.Exit(1)


@commands.command(name="open")
def open_command(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Open the release in a browser; without a terminal only print its address. Forwards a port if necessary."""
    chosen = setup.choose()
    with reach.access_to(known_stack(stack, chosen), chosen.platform.system) as access:
        forwarded = access.forward is not None
        print(
            json.dumps({"url": access.url, "forwarded": forwarded}) if as_json else access.url,
            flush=True,
        )
        if sys.stdout.isatty():
            webbrowser.open(access.url)
        if access.forward:
            print("forwarded until Ctrl-C", file=sys.stderr)
            try:
                access.forward.wait()
            except KeyboardInterrupt:
                return
            raise OpsError(
                "the forwarded port was closed: the pod behind it is gone, as after a rollout",
                fix=f"make open STACK={stack}",
            )


@commands.command(name="smoke")
def smoke_command(stack: StackName = "dev", as_json: AsJson = False) -> None:
    """Check the release over HTTP, from sign-up to a task and back; leaves nothing behind."""
    passed: list[str] = []
    chosen = setup.choose()
    here = known_stack(stack, chosen)
    with reach.access_to(here, chosen.platform.system) as access:
        say = passed.append if as_json else console.print
        smoke.check(access.url, stack, say)
        for line in pods.roles(here.file, here.env):
            say(line)
        if as_json:
            print(json.dumps({"url": access.url, "passed": passed}))
        else:
            console.print(f"[green]{access.url} works[/]")


@commands.command(name="logs")
def logs_command(
    stack: StackName = "dev",
    component: Annotated[
        str,
        typer.Option(
            help="A component, such as backend or postgres; all if empty.", envvar="COMPONENT"
        ),
    ] = "",
    tail: Annotated[int, typer.Option(help="Past lines to show of each pod.", envvar="TAIL")] = 10,
    follow: Annotated[bool, typer.Option(help="Follow until Ctrl-C.")] = True,
) -> None:
    """Show the logs of all pods, or of a component's, as `kubectl logs` prints them; each line names its pod."""
    here = known_stack(stack, setup.choose())
    location = history.location(here)
    selector = f"app={location.release}" + (f",component={component}" if component else "")
    flags = ["--prefix", "--all-containers", "--ignore-errors", f"--max-log-requests={PODS}"]
    flags += [f"--selector={selector}", f"--tail={tail}", *(["--follow"] if follow else [])]
    with suppress(KeyboardInterrupt):
        answer = location.kubectl.stream("logs", *flags)
        if answer.code != 0:
            raise location.kubectl.failure(answer.output)
