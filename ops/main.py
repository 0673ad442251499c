"""The command line: which commands there are. A command's module is loaded when the command is called."""

import errno
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from ops.errors import OpsError, pasteable
from ops.processes import INTERRUPTED, Terminated

COMMANDS = {
    "ops.cli": {
        "up": "Bring the stack up, with everything that it needs.",
        "down": "Destroy the stack's objects. The cluster stays.",
    },
    "ops.dev.command": {
        "dev": "Serve the sources with hot reload, beside the release.",
    },
    "ops.release.command": {
        "status": "Show the release, and why pods are not ready.",
        "open": "Open the release in a browser.",
        "logs": "Show the logs of all pods.",
        "smoke": "Check over HTTP that the release works.",
        "history": "List the revisions: every successful up.",
        "rollback": "Bring an earlier revision back.",
    },
    "ops.release.rotate": {
        "rotate": "Replace a secret without a failed request.",
    },
    "ops.review.command": {
        "diff": "Show each step that up would take, with its risk.",
        "preview": "Show what up would change, then the risks.",
    },
    "ops.review.pr_report": {
        "pr-report": "Write what a change does to each stack, as Markdown.",
    },
    "ops.backup.command": {
        "backup": "Write an encrypted, checked backup of the database.",
        "restore": "Replace the database's content with a backup.",
        "upgrade-postgres": "Upgrade the embedded database to another major version.",
    },
    "ops.drift.command": {
        "drift": "Show what differs in the cluster from what was deployed.",
    },
    "ops.config.command": {
        "validate": "Check every stack file, without the engine.",
    },
    "ops.config.secret": {
        "secret": "Set a secret of a stack; asks for the value.",
    },
    "ops.config.objects": {
        "render": "Print the stack's Kubernetes YAML, secrets masked.",
        "footprint": "Show what the stack requests of its cluster.",
    },
    "ops.prepare.command": {
        "tools": "Show which tools and plugins are used.",
        "exec": "Run a command with the tools, state and stack of make.",
        "env": "Print shell lines that do the same for a whole shell.",
        "cluster-delete": "Delete the Minikube cluster with everything on it.",
    },
    "tests.machinery.command": {
        "check": "Format, lint, types and unit tests.",
        "fmt": "Format the code and fix what the linter can fix.",
        "docs": "Write the configuration reference and the schema.",
        "test": "Run all suites but the long ones.",
        "test-edits": "Edit every key of a running release's stack file.",
    },
    "tests.machinery.reliability": {
        "test-reliability": "Break a release in every way that a promise covers.",
    },
    "bench.command": {
        "bench": "Measure everything in docs/performance.md.",
    },
}


class LoadedWhenCalled(TyperCommand):
    """The placeholder of a command whose module is not loaded yet."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self.module = module

    def make_context(self, info_name: str | None, args: list[str], *_: Any, **more: Any) -> Any:
        group = get_group(import_module(self.module).commands)
        return group.commands[str(self.name)].make_context(info_name, args, **more)


class Commands(TyperGroup):
    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        for module, commands in COMMANDS.items():
            for name, summary in commands.items():
                self.add_command(LoadedWhenCalled(name, module, summary))

    def invoke(self, ctx: Any) -> Any:
        """Ctrl-C is an expected failure; Typer by itself would end without a message."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            message = "interrupted; the same command continues from here"
            raise OpsError(message, code=INTERRUPTED) from None


app = typer.Typer(
    name="ops",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Loading it takes longer than all the rest of a help text.
)


@app.callback()
def ops() -> None:
    """From a bare machine to TaskFlow on Minikube, and everything about a release from then on."""


def main() -> None:
    """Run the command line; an expected failure becomes one error on stderr, never a traceback."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it.
        signal.signal(signal.SIGHUP, _terminate)
    try:
        app()
    except OpsError as error:
        _fail(str(error), error.code)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        full = OpsError(
            "the disk is full", where=str(error.filename or ""), fix="make room, then run it again"
        )
        _fail(str(full), full.code)
    except Exception as error:
        # Here, because a help text needs no component.
        from components.config.errors import ConfigError
        from components.minikube import ClusterError

        if not isinstance(error, (ClusterError, ConfigError)):
            raise
        _fail(str(error), 1)


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated


def _fail(text: str, code: int) -> None:
    typer.secho(f"error: {pasteable(text)}", fg="red", bold=True, err=True)
    sys.exit(code)
