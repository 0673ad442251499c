"""The command line: one command per thing a person wants, each a short list of steps."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import sys
import time
from contextlib import nullcontext, redirect_stdout
from dataclasses import asdict
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from components.minikube import ClusterError
from ops.bench import command as bench
from ops.drift import command as drift_command
from ops.engine.backend import prepare
from ops.engine.stack_file import StackFile
from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare import cluster, setup
from ops.processes import INTERRUPTED, Terminated
from ops.release import command as releases
from ops.review import command as review
from ops.review import pr_report
from ops.session import (
    AsJson,
    StackName,
    console,
    provide_cluster,
    ready_stack,
    selected_stack,
)
from ops.steps import Steps
from ops.testing import checks, reliability, suites
from ops.testing import everything as testing


class Interruptible(TyperGroup):
    """Ends on Ctrl-C as on any expected failure; Typer by itself would leave without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            message = "interrupted; the same command goes on from here"
            raise OpsError(message, code=INTERRUPTED) from None


app = typer.Typer(
    name="ops",
    cls=Interruptible,
    help="From a bare machine to TaskFlow on Minikube through `pulumi up`, and the tests of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(releases.commands)
app.add_typer(reliability.commands)
app.add_typer(review.commands)
app.add_typer(drift_command.commands)
app.add_typer(pr_report.commands)
app.add_typer(bench.commands)


@app.command()
def up(
    stack: StackName = "dev",
    confirm: review.Confirm = "",
    atomic: Annotated[
        bool,
        typer.Option("--atomic", help="Bring the last revision back if it fails.", envvar="ATOMIC"),
    ] = False,
    message: Annotated[
        str, typer.Option(help="What the history shall say of it.", envvar="MESSAGE")
    ] = "make up",
    as_json: AsJson = False,
) -> None:
    """Bring the stack up: tools, Docker, cluster, images, preview, pulumi up, smoke check."""
    # The answer for programs is alone on stdout.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        answer = _up(StackFile.read(stack), confirm, atomic, message)
    if as_json:
        print(json.dumps(answer))


def _up(file: StackFile, confirm: str, atomic: bool, message: str) -> dict[str, Any]:
    from ops.release import reach, record, rollback, smoke

    noted = record.of_checkout(file.path)
    steps = Steps(f"make up STACK={file.name}", console)
    _count_environment(steps)
    try:
        setup.require_space()
        chosen = setup.provide_tools(steps)
        ready = ready_stack(chosen, file, steps)
        setup.require_free_port(chosen, file)
        with steps.step("preview") as step:
            step.note = review.guard_up(ready, confirm)
        with rollback.atomic(ready, chosen, steps) if atomic else nullcontext():
            with steps.step("pulumi up"):
                ready.up(noted.message(message))
            with steps.step("smoke check"), reach.way_to(ready, chosen.platform.system) as way:
                smoke.check(way.url, lambda line: console.print(f"    {line}"))
    finally:
        steps.table()
    _say_what_next("make open forwards a port to it" if way.forward else way.url, file)
    url = ready.url() if way.forward else way.url
    return {"stack": file.name, "url": url, "images": dict(noted.images)}


@app.command()
def down(stack: StackName = "dev") -> None:
    """Destroy the stack's objects. The cluster stays."""
    file = StackFile.read(stack)
    steps = Steps(f"make down STACK={stack}", console)
    chosen = setup.provide_tools(steps)
    provide_cluster(chosen, file, steps)
    ready = selected_stack(chosen, file, steps)
    with steps.step("pulumi destroy"):
        ready.destroy()
    steps.table()


@app.command()
def validate(as_json: AsJson = False) -> None:
    """Check every Pulumi.<stack>.yaml, without the engine. Leaves with 2 if one is wrong."""
    # Here, as in the commands below, because the program takes up to a second to load and most commands do without.
    from ops.config.validate import INVALID, verdicts

    found = list(verdicts())
    if as_json:
        print(json.dumps([asdict(verdict) for verdict in found], indent=2))
    for verdict in () if as_json else found:
        for line in verdict.errors:
            print(line, file=sys.stderr)
        if not verdict.errors:
            print(f"{verdict.file}: sound")
        for line in verdict.missing:
            print(f"  before its first up: {line}")
    if any(verdict.errors for verdict in found):
        raise typer.Exit(INVALID)


@app.command(name="render")
def render_command(stack: StackName = "dev") -> None:
    """Write the stack's Kubernetes objects as YAML, with neither engine nor cluster; secrets are masked."""
    from ops.config.render import closed_event_loops, render
    from ops.config.validate import checked

    file = checked(StackFile.read(stack).path)
    with closed_event_loops():
        sys.stdout.write(render(file.config, file.source))


@app.command(name="footprint")
def footprint_command(
    stack: StackName = "dev",
    against: Annotated[str, typer.Option(help="A commit to compare with.", envvar="AGAINST")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what the stack requests of its cluster, at rest and at most, and the change since a commit."""
    from ops.config import footprint
    from ops.config.validate import checked

    rows = footprint.of_config(checked(StackFile.read(stack).path).config)
    if as_json:
        print(footprint.to_json(rows))
        return
    console.print(
        footprint.table(rows, footprint.at_commit(stack, against, ROOT) if against else None)
    )
    console.print(
        "\n[dim]at rest: the fewest pods; at most: the most pods while a rollout replaces them[/]"
    )


@app.command()
def test() -> None:
    """Set up what the tests need and run every one of them."""
    if not suites.summarise(testing.outcomes(console), console):
        raise typer.Exit(1)


@app.command()
def check() -> None:
    """Format, lint, types and unit tests: no engine, no cluster, under a minute."""
    if not suites.summarise(checks.outcomes(console), console):
        raise typer.Exit(1)


@app.command()
def fmt() -> None:
    """Format the Python code and fix what the linter can fix."""
    checks.fix()


@app.command()
def docs() -> None:
    """Write what is generated from the models: docs/configuration.md and the schema of stack files."""
    from ops.config import config_docs

    config_docs.write()


@app.command()
def tools() -> None:
    """Show which tools and plugins are used, and where they come from. Changes nothing."""
    chosen = setup.choose()
    table = Table(box=None, pad_edge=False)
    for heading in ("tool", "version", "from", "path"):
        table.add_column(heading)
    for choice in chosen.tools.values():
        table.add_row(choice.name, choice.version, choice.origin, str(choice.path))
    plugins = "official" if chosen.plugins.official else "stand-ins of airgap/"
    table.add_row("plugins", "", plugins, chosen.plugins.reason)
    table.add_row(
        "state", "", "this checkout" if chosen.backend.ours else "your login", chosen.backend.url
    )
    console.print(table)


@app.command()
def env(stack: StackName = "dev") -> None:
    """Print shell lines with which a bare `pulumi` does what `make` does (use with eval)."""
    chosen = setup.choose()
    prepare(chosen.backend)
    for name, value in {**chosen.env, "PULUMI_STACK": stack}.items():
        if os.environ.get(name) != value:
            print(f"export {name}={shlex.quote(value)}")


@app.command()
def cluster_delete(stack: StackName = "dev") -> None:
    """Delete the Minikube cluster of the stack with everything on it."""
    file = StackFile.read(stack)
    if file.profile is None:
        raise OpsError(f"stack {stack} is not on Minikube", where=file.path.name)
    cluster.delete(file.profile, env=setup.choose().env)


def main() -> None:
    """Run the command line; an expected failure becomes one error on stderr, never a traceback."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except OpsError as error:
        _fail(str(error), error.code)
    except ClusterError as error:
        _fail(str(error), 1)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        full = OpsError(
            "the disk is full", where=str(error.filename or ""), fix="make room, then run it again"
        )
        _fail(str(full), full.code)


def _count_environment(steps: Steps) -> None:
    """Make notes when it began; what has passed since went into the Python environment."""
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
    console.print(f"  make down{suffix}      takes it away again")


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated


def _fail(text: str, code: int) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"error: {text}", style="bold red", markup=False
    )
    sys.exit(code)
