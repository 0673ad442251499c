"""The commands about tools, a shell with them, and the cluster itself."""

import os
import shlex
import shutil
from typing import Annotated

import typer

from airgap.plugins import STAND_INS
from ops.config.stacks import StackFile
from ops.engine.backend import prepare
from ops.errors import OpsError
from ops.prepare import setup
from ops.processes import stream
from ops.session import StackName, console, known_stack, table

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def tools() -> None:
    """Show which tools and plugins are used, and where they come from. Changes nothing."""
    chosen = setup.choose()
    rows = table("tool", "version", "from", "path")
    for choice in chosen.tools.values():
        rows.add_row(choice.name, choice.version, choice.origin, str(choice.path))
    plugins = "official" if chosen.plugins.official else "airgap/"
    rows.add_row("plugins", "", plugins, chosen.plugins.reason)
    if not chosen.plugins.official:
        for name, reason in STAND_INS.items():
            rows.add_row(f"  {name}", "", "stand-in", reason)
    rows.add_row(
        "state", "", "this checkout" if chosen.backend.ours else "your login", chosen.backend.url
    )
    console.print(rows)


@commands.command(
    name="exec", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True}
)
def exec_command(
    command: Annotated[list[str], typer.Argument(help="The command with its own options.")],
    stack: StackName = "dev",
) -> None:
    """Run pulumi, kubectl or another tool as `make` does: with the same tools, state and stack.

    A stack that the state does not have yet is made first, so that its secrets can be set.
    """
    if "--stack" in command[:-1]:
        stack = command[command.index("--stack") + 1]
    chosen = setup.choose()
    prepare(chosen.backend)
    if command[0] == "pulumi":
        known_stack(stack, chosen).select()
    env = {**chosen.env, "PULUMI_STACK": stack}
    if shutil.which(command[0], path=env["PATH"]) is None:
        raise OpsError(
            f"there is no command {command[0]}", where="PATH", fix="make tools lists them"
        )
    os.execvpe(command[0], command, env)  # noqa: S606 - the person's own command, without a shell


@commands.command()
def env(stack: StackName = "dev") -> None:
    """Print shell lines with which a bare `pulumi` does what `make` does (use with eval)."""
    chosen = setup.choose()
    prepare(chosen.backend)
    for name, value in {**chosen.env, "PULUMI_STACK": stack}.items():
        if os.environ.get(name) != value:
            print(f"export {name}={shlex.quote(value)}")


@commands.command()
def cluster_delete(stack: StackName = "dev") -> None:
    """Delete the Minikube cluster of the stack with everything on it."""
    file = StackFile.read(stack)
    if file.profile is None:
        raise OpsError(f"stack {stack} is not on Minikube", where=file.path.name)
    command = ["minikube", "delete", "--profile", file.profile]
    if stream(command, env=setup.choose().env).code != 0:
        raise OpsError(
            f"minikube could not delete profile {file.profile} (its message is above)",
            fix=f"minikube delete --profile {file.profile} --purge",
        )
