"""`make backup`, `make restore` and `make upgrade-postgres`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ops.backup import archive, bucket, release
from ops.config.stacks import StackFile
from ops.config.validate import deployable
from ops.errors import OpsError
from ops.prepare import setup
from ops.release import history, reach, rollback, smoke
from ops.review.command import BackupFirst, Confirm
from ops.session import (
    AsJson,
    StackName,
    console,
    known_stack,
    listed_steps,
    output_for,
    ready_stack,
    selected_stack,
)

commands = typer.Typer(rich_markup_mode=None)

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
    with output_for(as_json), listed_steps(f"make backup STACK={stack}") as steps:
        here = known_stack(stack, setup.choose())
        if to.startswith(bucket.SCHEME):
            with steps.step("bucket"):
                bucket.require_free(to)
            path, content = release.take(here, steps, key=key)
            with steps.step("upload"):
                place = _uploaded(path, to)
        else:
            if to.endswith("/"):
                archive.require_folder(Path(to))
            path, content = release.take(here, steps, to=Path(to) if to else None, key=key)
            place = str(path)
    if as_json:
        print(json.dumps({"file": place, "schema": content.schema, "rows": dict(content.rows)}))
    else:
        console.print(f"\n[bold green]{place}[/]: {content}")


def _uploaded(path: Path, to: str) -> str:
    """The address of a backup that was moved into a bucket; an error leaves it here."""
    try:
        place = bucket.upload(path, to)
    except OpsError as error:
        error.where += f"; the backup is in {path}"
        raise
    path.unlink()
    return place


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
    with listed_steps(f"make restore FROM={source} STACK={stack}") as steps:
        path = Path(source)
        if source.startswith(bucket.SCHEME):
            with steps.step("download"):
                path = bucket.download(source)
        here = known_stack(stack, setup.choose())
        content = release.restore(here, steps, path, key=key, confirm=confirm, first=first)
    console.print(f"\n[bold green]{source} is restored[/]: {content}")


@commands.command(name="upgrade-postgres")
def upgrade_command(stack: StackName = "dev", key: KeyFile = archive.KEY) -> None:
    """Upgrade the embedded database to another major version, in another folder of its volume."""
    file = StackFile.read(stack)
    deployable(file.path)
    with listed_steps(f"make upgrade-postgres STACK={stack}") as steps:
        chosen = setup.provide_tools(steps)
        ready = ready_stack(chosen, file, steps)

        def back() -> None:
            known = history.revisions(history.updates(ready))
            target = rollback.find(ready, known[-1].number)
            former = selected_stack(chosen, target.file, steps)
            with steps.step(f"pulumi up: {target.title}"):
                former.up(target.record.message(target.title))

        content = release.move(ready, steps, "make upgrade-postgres", key=key, back=back)
        with steps.step("smoke check"), reach.access_to(ready, chosen.platform.system) as way:
            smoke.check(way.url, stack, lambda line: console.print(f"    {line}"))
    console.print(f"\n[bold green]The data is in its new folder[/]: {content}. The old one stays.")
