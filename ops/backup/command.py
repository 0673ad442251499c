"""`make backup`, `make restore` and `make upgrade-postgres`."""

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from ops.backup import archive, bucket, release
from ops.config.stacks import StackFile
from ops.config.validate import deployable
from ops.prepare import setup
from ops.release import reach, record, smoke
from ops.review.command import BackupFirst, Confirm
from ops.session import AsJson, StackName, console, known_stack, ready_stack
from ops.steps import Steps

commands = typer.Typer()

KeyFile = Annotated[
    Path,
    typer.Option(
        "--key",
        help="The key of backups, as age-keygen writes it.",
        envvar="BACKUP_KEY",
        show_default=".state/backup-key",
    ),
]


@commands.command()
def backup(
    stack: StackName = "dev",
    to: Annotated[
        str,
        typer.Option(
            help="A file, a folder, or s3://bucket/name; the folder backups/ if empty.", envvar="TO"
        ),
    ] = "",
    key: KeyFile = archive.KEY,
    as_json: AsJson = False,
) -> None:
    """Write an encrypted backup of the database; verify it by a restore before it gets its name."""
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        steps = Steps(f"make backup STACK={stack}", console)
        try:
            if to.startswith(bucket.SCHEME):
                with TemporaryDirectory() as folder:
                    path, content = release.take(
                        known_stack(stack, setup.choose()), steps, to=Path(folder), key=key
                    )
                    with steps.step("upload"):
                        place = bucket.upload(path, to)
            else:
                wanted = Path(to) if to else None
                path, content = release.take(
                    known_stack(stack, setup.choose()), steps, to=wanted, key=key
                )
                place = str(path)
        finally:
            steps.table()
    if as_json:
        print(json.dumps({"file": place, "schema": content.schema, "rows": dict(content.rows)}))
    else:
        console.print(f"\n[bold green]{place}[/]: {content}")


@commands.command()
def restore(
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="A file, s3://bucket/name, or volume:NAME of a scheduled backup.",
            envvar="FROM",
        ),
    ],
    stack: StackName = "dev",
    key: KeyFile = archive.KEY,
    confirm: Confirm = "",
    first: BackupFirst = True,
) -> None:
    """Replace the database's content with a backup: all of it, or nothing."""
    steps = Steps(f"make restore FROM={source} STACK={stack}", console)
    try:
        path = Path(source)
        if source.startswith(bucket.SCHEME):
            with steps.step("download"):
                path = bucket.download(source)
        content = release.restore(
            known_stack(stack, setup.choose()), steps, path, key=key, confirm=confirm, first=first
        )
    finally:
        steps.table()
    console.print(f"\n[bold green]{source} is restored[/]: {content}")


@commands.command(name="upgrade-postgres")
def upgrade_command(stack: StackName = "dev", key: KeyFile = archive.KEY) -> None:
    """Upgrade the embedded database to another major version, in another folder of its volume."""
    file = StackFile.read(stack)
    deployable(file.path)
    message = record.of_checkout(file.path).message("make upgrade-postgres")
    steps = Steps(f"make upgrade-postgres STACK={stack}", console)
    try:
        chosen = setup.provide_tools(steps)
        ready = ready_stack(chosen, file, steps)
        content = release.move(ready, steps, message, key=key)
        with steps.step("smoke check"), reach.access_to(ready, chosen.platform.system) as way:
            smoke.check(way.url, lambda line: console.print(f"    {line}"))
    finally:
        steps.table()
    console.print(f"\n[bold green]The data is in its new folder[/]: {content}. The old one stays.")
