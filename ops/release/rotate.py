"""`make rotate`: another value for a secret, without a failed request.

A signing key is replaced in three steps, each an update of its own: the next key is accepted, too; it signs, and the
former one is accepted; the former one is refused. The embedded database's passwords need no first step, because new
pods make their roles. The stack file says how far a rotation has come.
"""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from components.config.secrets import SIGNING_KEYS
from components.config.stack_file import PROJECT, decoded, stack_name
from components.config.stack_file import StackFile as Source
from ops import pods
from ops.cli import bring_up
from ops.config.secret import new_value
from ops.config.stacks import StackFile
from ops.config.validate import deployable
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.prepare import setup
from ops.release import history
from ops.session import StackName, console
from policy.rule import at

SIGNING, NEXT, FORMER = SIGNING_KEYS
KEY_BYTES = 32
CHECK_SECONDS = 30

# Runs in a pod of the backend, because the address must work from there; the address is on stdin.
CHECK = """
import asyncio, asyncpg, sys
from taskflow_api.address import read_address
from taskflow_api.settings import Settings

async def check():
    there = read_address(sys.stdin.read(), Settings.from_environment().database_ca_file)
    connection = await asyncpg.connect(
        host=there.host, port=there.port, user=there.user, password=there.password,
        database=there.database, ssl=there.tls, timeout=10,
    )
    await connection.fetch(f'select 1 from {sys.argv[1]} limit 1')

try:
    asyncio.run(check())
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""

commands = typer.Typer(rich_markup_mode=None)


class Stage(Enum):
    """The stage of a rotation, by the configuration."""

    ONE = "one is accepted"
    NEXT = "one is used, and the next one accepted"
    FORMER = "one is used, and the former one accepted"


@dataclass(frozen=True)
class Rotation:
    """A secret that is replaced in steps.

    Args:
        numbers: the key of the stack file that numbers its generated values, the one that is used first.
        steps: the stage that each leads to, in order, with its title.
    """

    secret: str
    numbers: tuple[str, ...]
    steps: Mapping[Stage, str]

    def stage(self, values: Mapping[str, Any]) -> Stage:
        first, *second = self.known(values)
        if self.secret == SIGNING and NEXT in values:
            return Stage.NEXT
        if self.secret == SIGNING and FORMER in values:
            return Stage.FORMER
        if not second:
            return Stage.ONE
        return Stage.NEXT if second[0] > first else Stage.FORMER

    def after(self, stage: Stage) -> Stage:
        order = [*self.steps]
        return order[(order.index(stage) + 1) % len(order)]

    def known(self, values: Mapping[str, Any]) -> list[int]:
        """The numbers in a configuration."""
        return [int(number) for number in at(values, *self.numbers) or [1]]

    def sequence(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in a configuration, or their numbers; the one that is used first."""
        if self.secret == SIGNING and SIGNING in values:
            return [values[key] for key in SIGNING_KEYS if key in values]
        return self.known(values)

    def continues(self, values: Mapping[str, Any], deployed: Mapping[str, Any]) -> bool:
        """Whether a configuration is what is deployed, or one step further."""
        stage, sequence, last = self.stage(values), self.sequence(values), self.sequence(deployed)
        if stage is self.stage(deployed):
            return sequence == last
        kept = sequence[1:] if stage is Stage.FORMER else sequence[:1]
        return stage is self.after(self.stage(deployed)) and kept == last[:1]

    def title(self, stage: Stage) -> str:
        return f"rotate {self.secret}, {self.steps[stage]}"


KEY = Rotation(
    SIGNING,
    ("secrets", "generations"),
    {
        Stage.NEXT: "1 of 3: the next key is accepted, too",
        Stage.FORMER: "2 of 3: the next key signs, the former one is accepted",
        Stage.ONE: "3 of 3: the former key is refused",
    },
)
PASSWORDS = Rotation(
    "databasePassword",
    ("database", "embedded", "passwords"),
    {
        Stage.FORMER: "1 of 2: the next passwords are used, the former ones are accepted",
        Stage.ONE: "2 of 2: the former passwords are refused",
    },
)
# Addresses of an external database, and what can be read by each.
TABLES = {
    "databaseUrl": "task",
    "databaseOwnerUrl": "alembic_version",
    "frontendDatabaseUrl": "session",
}
SECRETS = (KEY.secret, PASSWORDS.secret, *TABLES, "openaiApiKey")


@commands.command()
def rotate(
    key: Annotated[str, typer.Option("--secret", help=" or ".join(SECRETS), envvar="SECRET")] = "",
    stack: StackName = "dev",
    finish: Annotated[
        int | None,
        typer.Option(
            help="Refuse the former signing key this many seconds after the new one signs.",
            envvar="FINISH",
            min=0,
        ),
    ] = None,
) -> None:
    """Replace a secret without a failed request. A second run continues where the first stopped."""
    file = StackFile.read(stack)
    config = deployable(file.path).config
    if key not in SECRETS:
        near = (get_close_matches(key, SECRETS) or SECRETS)[0]
        raise OpsError(
            f"{key} is not a secret that make rotate replaces" if key else "SECRET is missing",
            fix=f"make rotate STACK={stack} SECRET={near} (there are {', '.join(SECRETS)})",
        )
    if config.secrets.existing:
        raise OpsError(
            f"the secrets of stack {stack} are in Secret {config.secrets.existing}, which is made by hand",
            where=f"{file.path.name}: taskflow:secrets.existing",
            fix="docs/operations.md, Rotate a secret, says how to change it in steps",
        )
    chosen = setup.choose()
    here = Stack(file, chosen.backend, chosen.env)
    embedded = bool(config.database.embedded)
    if key in (*TABLES, PASSWORDS.secret) and embedded is (key in TABLES):
        kind = "embedded" if embedded else "external"
        raise OpsError(f"the database is {kind}: it has no {key}", where=file.path.name)

    def up(title: str) -> None:
        bring_up(StackFile.read(stack), message=title)
        pods.await_former(StackFile.read(stack), chosen.env)

    if key in (KEY.secret, PASSWORDS.secret):
        rotation = KEY if key == KEY.secret else PASSWORDS
        stage = in_steps(rotation, here, up, finish if rotation is KEY else 0)
        console.print(f"\n[bold green]{key} of stack {stack}: {rotation.steps[stage]}[/]\n")
        if stage is Stage.FORMER:
            console.print(
                "A browser gets a cookie of the new key by its next request. When all have made one, at the latest in "
                f"14 days, refuse the former key:\n  make rotate SECRET={key} STACK={stack} FINISH=0"
            )
        return
    value = new_value(key, f"new {key} of stack {stack}", config, file)
    if key in TABLES:
        require_database(here, value, TABLES[key])
    replaced(
        here, key, value, lambda title: bring_up(StackFile.read(stack), message=title, atomic=True)
    )
    pods.await_former(StackFile.read(stack), chosen.env)


def in_steps(
    rotation: Rotation, stack: Stack, up: Callable[[str], Any], finish: int | None = None
) -> Stage:
    """Go on with a rotation, or begin one; returns how far it has come.

    Args:
        up: brings the stack file up, as a revision of this title, and returns when the pods before have ended, because
            the next step may refuse what they use.
        finish: seconds for which the former value is accepted once the next one is used; without end if None.
    """
    values, deployed = _shown(stack), _deployed(stack)
    if not rotation.continues(values, deployed):
        raise OpsError(
            f"nothing was changed: the last update of stack {stack.name} has another {rotation.secret} than "
            f"{stack.file.path.name}, as where somebody else rotated it",
            where=str(stack.file.path),
            fix="git pull, then run the same command again",
        )
    stage = rotation.stage(values)
    if stage is Stage.ONE and rotation.stage(deployed) is Stage.ONE:
        stage = _advance(rotation, stack)
    while True:
        up(rotation.title(stage))
        if stage is Stage.ONE or (stage is Stage.FORMER and finish is None):
            return stage
        if stage is Stage.FORMER and finish:
            time.sleep(finish)
        stage = _advance(rotation, stack)


def replaced(stack: Stack, key: str, value: str, up: Callable[[str], Any]) -> None:
    """Set a secret and bring it up; if that fails, restore the stack file."""
    path = stack.file.path
    before = path.read_text()
    name = f"{PROJECT}:{key}"
    _edit(stack, lambda draft: stack.edit(draft, "set", "--secret", name, stdin=value))
    try:
        up(f"rotate {key}")
    except OpsError:
        path.write_text(before)
        raise


def require_database(stack: Stack, address: str, table: str) -> None:
    """Fail if a pod of the backend does not reach a table by this address.

    Raises:
        OpsError: with what the database answered.
    """
    location = history.location(stack)
    pod = f"deployment/{location.release}-backend"
    # Without a container's name kubectl first says which one it takes, as if that were the reason.
    command = ("exec", "--stdin", pod, "--container=backend", "--", "python", "-c", CHECK, table)
    answer = location.kubectl.run(*command, timeout=CHECK_SECONDS, stdin=address)
    if answer.code != 0:
        raise OpsError(
            f"nothing was changed: the backend's pods do not reach table {table} at the new address",
            where=answer.output.strip().splitlines()[0],
            fix="give the new user the rights of the former one, and let both in until this is done",
        )


def _shown(stack: Stack) -> dict[str, Any]:
    """The stack file with its secrets in plain text."""
    file = ("--config-file", str(stack.config_file()))
    config = json.loads(stack.query("config", "--json", "--show-secrets", *file))
    return _without_namespace(config)


def _deployed(stack: Stack) -> dict[str, Any]:
    """The configuration that is in the cluster, with its secrets in plain text."""
    ups = history.revisions(history.updates(stack))
    if not ups:
        raise OpsError(f"stack {stack.name} has no revision yet", fix=f"make up STACK={stack.name}")
    return _without_namespace(history.with_secrets(stack, ups[-1].update).config)


def _without_namespace(config: Mapping[str, history.Value]) -> dict[str, Any]:
    values = history.plain(config)
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in values.items()}


def _advance(rotation: Rotation, stack: Stack) -> Stage:
    """Change the stack file to what comes next."""
    path = stack.file.path
    source = Source.of_stack(stack_name(path), PROJECT, path.parent)
    values = {key: decoded(text) for key, text in source.texts.items()}
    stage = rotation.after(rotation.stage(values))

    def change(draft: Path) -> None:
        if rotation.secret == SIGNING and SIGNING in values:
            _change_given(stack, draft, source, stage)
        else:
            _change_numbers(stack, draft, rotation, rotation.known(values), stage)

    _edit(stack, change)
    return stage


def _change_given(stack: Stack, draft: Path, source: Source, stage: Stage) -> None:
    if stage is Stage.NEXT:
        key = secrets.token_urlsafe(KEY_BYTES)
        stack.edit(draft, "set", "--secret", f"{PROJECT}:{NEXT}", stdin=key)
    elif stage is Stage.FORMER:  # Encrypted values are the same under any key.
        lines = draft.read_text().splitlines(keepends=True)
        for old, new in ((SIGNING, FORMER), (NEXT, SIGNING)):
            number = source.lines[(old,)] - 1
            lines[number] = lines[number].replace(old, new, 1)
        draft.write_text("".join(lines))
    else:
        stack.edit(draft, "rm", f"{PROJECT}:{FORMER}")


def _change_numbers(
    stack: Stack, draft: Path, rotation: Rotation, known: list[int], stage: Stage
) -> None:
    first, *second = known
    following = second or [first + 1]
    numbers = {
        Stage.NEXT: [first, *following],
        Stage.FORMER: [*following, first],
        Stage.ONE: [first],
    }
    place = f"{PROJECT}:{'.'.join(rotation.numbers)}"
    stack.edit(draft, "rm", "--path", place)
    for index, number in enumerate(numbers[stage]):
        stack.edit(draft, "set", "--path", "--plaintext", f"{place}[{index}]", str(number))


def _edit(stack: Stack, change: Callable[[Path], None]) -> None:
    """Change the stack file, as a whole or not at all."""
    path, folder = stack.file.path, stack.state / "rotate"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / path.name
    shutil.copyfile(path, draft)
    change(draft)
    shutil.move(draft, path)
