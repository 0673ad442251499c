"""`make secret`: ask for a secret, check it, and have the engine encrypt it into the stack file."""

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated

import typer

from components.config.check import as_far_as_readable
from components.config.secrets import SECRET_KEYS, mistakes_in_values, secret_keys_in
from components.config.stack import StackConfig
from components.config.stack_file import PROJECT
from components.config.stack_file import StackFile as Source
from ops.config.stacks import StackFile
from ops.config.validate import INVALID, verdict
from ops.engine.backend import Backend, prepare
from ops.engine.stack import Stack
from ops.errors import OpsError, pasteable
from ops.paths import ROOT
from ops.prepare import setup
from ops.session import StackName, console, hidden_answer
from ops.steps import Steps

# A stack file that names one of these is encrypted by a service's key, without a passphrase.
SERVICE_KEYS = ("encryptedkey", "secretsprovider")
PASSPHRASE, PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def secret(
    stack: StackName = "dev",
    key: Annotated[str, typer.Option(help=" or ".join(SECRET_KEYS), envvar="KEY")] = "",
) -> None:
    """Set a secret of a stack. Asks for the value, or reads it from stdin. Makes the stack if it is new."""
    file = StackFile.read(stack)
    source = Source.of_stack(stack, PROJECT, ROOT)
    keys = secret_keys_in(source.texts)
    if key not in keys:
        near = (get_close_matches(key, keys) or keys)[0]
        raise OpsError(
            f"{key} is not a secret of a stack" if key else "KEY is missing",
            fix=f"make secret STACK={stack} KEY={near} (there are {', '.join(keys)})",
        )
    value = new_value(key, f"{key} of stack {stack}", as_far_as_readable(source), file)
    steps = Steps(f"make secret STACK={stack}", console)
    chosen = setup.provide_tools(steps)
    with steps.step("secret") as step:
        prepare(chosen.backend)
        env = {**chosen.env, **_passphrase(chosen.backend, chosen.env, source)}
        here = Stack(file, chosen.backend, env)
        here.select()
        here.edit(file.path, "set", "--secret", f"{PROJECT}:{key}", stdin=value)
        by = (
            " with the passphrase in .state/, which stays on this machine"
            if chosen.backend.ours
            else ""
        )
        step.note = f"{file.path.name}: {key} is set, encrypted{by}"
    for line in verdict(file.path).missing:
        console.print(f"before its first up: {pasteable(line)}", markup=False)


def new_value(key: str, question: str, config: StackConfig, file: StackFile) -> str:
    """Ask for a secret's new value, and check it.

    Raises:
        OpsError: if it is empty or wrong; nothing is changed.
    """
    value = hidden_answer(question)
    wrong = [mistake.text for mistake in mistakes_in_values({key: value}, config)]
    if wrong or not value:
        what = "; ".join(wrong) or "is empty"
        raise OpsError(f"nothing was changed: {key} {what}", where=file.path.name, code=INVALID)
    return value


def _passphrase(backend: Backend, env: Mapping[str, str], source: Source) -> dict[str, str]:
    """The stack's passphrase, if the engine would ask for one: it has no terminal."""
    by_service = backend.url.startswith("http") or not source.settings.keys().isdisjoint(
        SERVICE_KEYS
    )
    if by_service or env.keys() & {PASSPHRASE, PASSPHRASE_FILE}:
        return {}
    if not sys.stdin.isatty():
        raise OpsError(
            f"the passphrase of stack {source.stack} is not set",
            where=backend.url,
            fix=f"set {PASSPHRASE_FILE} to a file that holds it, then run the same command again",
        )
    new = "encryptionsalt" not in source.settings
    question = f"{'New passphrase' if new else 'Passphrase'} of stack {source.stack}"
    return {PASSPHRASE: typer.prompt(question, hide_input=True, confirmation_prompt=new, err=True)}
