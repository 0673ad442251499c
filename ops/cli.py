"""`make up` and `make down`, each a list of steps."""

import json
import os
import sys
import time
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from ops import pods
from ops.backup.release import before_loss
from ops.config.stacks import StackFile
from ops.config.validate import checked, deployable
from ops.prepare import setup
from ops.release import reach, record, rollback, smoke
from ops.review import command as review
from ops.review import deletion
from ops.session import (
    AsJson,
    StackName,
    console,
    listed_steps,
    output_for,
    provide_cluster,
    ready_stack,
    selected_stack,
)
from ops.steps import Steps

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def up(
    stack: StackName = "dev",
    confirm: review.Confirm = "",
    atomic: Annotated[
        bool,
        typer.Option("--atomic", help="Bring the last revision back if it fails.", envvar="ATOMIC"),
    ] = False,
    message: Annotated[
        str, typer.Option(help="Its title in the history.", envvar="MESSAGE")
    ] = "make up",
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh",
            help="Read the cluster first, so that manual changes and deletions are reverted.",
            envvar="REFRESH",
        ),
    ] = False,
    first: review.BackupFirst = True,
    as_json: AsJson = False,
) -> None:
    """Bring the stack up: tools, Docker, cluster, images, preview, pulumi up, smoke check."""
    with output_for(as_json):
        file = StackFile.read(stack)
        answer = bring_up(
            file,
            confirm=confirm,
            atomic=atomic,
            message=message,
            refresh=refresh,
            backup_first=first,
        )
        _say_what_next(
            "make open forwards a port to it" if answer["forwarded"] else answer["url"], file
        )
    if as_json:
        print(json.dumps(answer))


def bring_up(
    file: StackFile,
    *,
    message: str,
    confirm: str = "",
    atomic: bool = False,
    refresh: bool = False,
    backup_first: bool = True,
) -> dict[str, Any]:
    """All of `make up`; returns its answer for --json.

    Args:
        message: the revision's title in the history.
        backup_first: whether an embedded database is backed up before data is lost by consent.
    """
    deployable(file.path)
    with listed_steps(f"make up STACK={file.name}") as steps:
        _count_environment(steps)
        setup.require_space()
        chosen = setup.provide_tools(steps)
        ready = ready_stack(chosen, file, steps)
        setup.require_free_port(chosen, file)
        if refresh:
            with steps.step("refresh"):
                ready.refresh()
        with steps.step("preview") as step:
            outlook = review.guard_up(ready, confirm)
            step.note = outlook.note
        if outlook.loses and backup_first:
            before_loss(ready, steps)
        if outlook.changes and file.builds_images:
            setup.provide_images(chosen, steps)
        # Not earlier: all this takes minutes, and the engine reads the checkout as it is now.
        recorded = record.of_checkout(file.path)
        if outlook.changes:
            with rollback.atomic(ready, chosen, steps) if atomic else nullcontext():
                with steps.step("pulumi up"):
                    ready.up(recorded.message(message))
                with (
                    steps.step("smoke check"),
                    reach.access_to(ready, chosen.platform.system) as access,
                ):
                    smoke.check(access.url, file.name, lambda line: console.print(f"    {line}"))
                    for line in pods.roles(file, chosen.env):
                        console.print(f"    {line}")
        else:  # Nothing changes, so there is no new revision; but the release must answer, by its current pods.
            with steps.step("health check"):
                pods.require_rolled_out(file, chosen.env)
                with reach.access_to(ready, chosen.platform.system) as access:
                    smoke.require_healthy(access.url, file.name)
    forwarded = access.forward is not None
    url = ready.outputs()["url"] if forwarded else access.url
    return {
        "stack": file.name,
        "url": url,
        "forwarded": forwarded,
        "images": dict(recorded.images),
    }


@commands.command()
def down(
    stack: StackName = "dev", confirm: review.Confirm = "", first: review.BackupFirst = True
) -> None:
    """Destroy the stack's objects. The cluster stays. Refuses where stack file and state differ about data."""
    file = StackFile.read(stack)
    config = checked(file.path).config
    steps = Steps(f"make down STACK={stack}", console)
    chosen = setup.provide_tools(steps)
    provide_cluster(chosen, file, steps)
    ready = selected_stack(chosen, file, steps)
    loses = deletion.require_leave(file, config, ready.export(), confirm)
    if loses and confirm == review.CONSENT and first:
        before_loss(ready, steps)
    with steps.step("pulumi destroy"):
        ready.destroy()
    steps.table()


def _count_environment(steps: Steps) -> None:
    """Add the Python environment as a step: make sets the time at which it began."""
    started = os.environ.get("OPS_STARTED", "")
    if started.isdigit():
        steps.add("environment", max(0.0, time.time() - int(started)), sys.prefix)


def _say_what_next(url: str, file: StackFile) -> None:
    suffix = "" if file.name == "dev" else f" STACK={file.name}"
    console.print(f"\n[bold green]TaskFlow is up: {url}[/]\n")
    console.print("Open it, sign up, and keep some tasks. Then try:")
    console.print(f"  make preview{suffix}   after an edit in docker/ or {file.path.name}")
    console.print(f"  make up{suffix}        rolls out exactly what changed")
    console.print("  make test      proves it all")
    console.print(f"  make down{suffix}      deletes it again")
