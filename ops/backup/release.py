"""Backup, restore and upgrade of a stack's database, each a list of steps."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ops.backup import archive, database, upgrade
from ops.backup.database import Content
from ops.backup.pod import BackupPod, backup_pod, server
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.processes import INTERRUPTED
from ops.release import history, record
from ops.release.history import Location
from ops.review.command import CONSENT, REFUSED
from ops.review.embedded import UPGRADE
from ops.session import console
from ops.steps import Steps

RESTART_SECONDS = 180
VOLUME = "volume:"
"""Before the name of a scheduled backup."""


def take(
    stack: Stack, steps: Steps, *, to: Path | None = None, key: Path = archive.KEY
) -> tuple[Path, Content]:
    """A checked backup of the stack's database.

    Raises:
        OpsError: then there is no new file.
    """
    path = archive.new_file(to, stack.name)
    made = not key.exists()
    identity = archive.key(key, make=key == archive.KEY)
    with _pod(stack, steps) as pod, steps.step("backup") as step:
        content = database.take(pod, path, identity)
        step.note = str(content)
    if made:
        console.print(
            f"[yellow]A new key is in {key}: keep a copy elsewhere. Without it no backup can be opened.[/]"
        )
    return path, content


def before_loss(stack: Stack, steps: Steps) -> None:
    """Back up the embedded database before its volume is deleted.

    Raises:
        OpsError: if no verified backup could be made, or none that would outlive a pipeline's machine.
    """
    location = history.location(stack)
    in_ci = bool(os.environ.get("CI"))
    try:
        if not server(location).embedded:
            raise OpsError("its StatefulSet is not in the cluster", where=str(location))
        if not in_ci:
            key = Path(os.environ.get("BACKUP_KEY") or archive.KEY)
            path, content = take(stack, steps, key=key)
            console.print(f"[bold]{path}[/]: {content}")
    except OpsError as error:
        error.what = f"nothing was changed: no backup of the database could be taken: {error.what}"
        error.fix = "correct that; or set BACKUP=no and lose what is in the database"
        raise
    if in_ci:
        raise OpsError(
            "nothing was changed: CI is set, and a backup would be deleted with this machine",
            where=str(location),
            fix=f"make backup TO=s3://BUCKET/ STACK={stack.name}, then set BACKUP=no",
        )


def restore(
    stack: Stack,
    steps: Steps,
    source: Path,
    *,
    key: Path = archive.KEY,
    confirm: str = "",
    first: bool = True,
) -> Content:
    """Replace the database's content with a backup: all of it, or nothing.

    Args:
        confirm: "data-loss" where the database has rows.
        first: take a backup of these rows.
        source: a file, or `volume:NAME` for a scheduled backup.

    Raises:
        OpsError: before anything is changed; afterwards only if the backend does not start.
    """
    identity = archive.key(key)
    if str(source).startswith(VOLUME):
        source = fetched(stack, steps, str(source).removeprefix(VOLUME))
    archive.require_whole(source, identity)
    with _pod(stack, steps) as pod:
        location = pod.location
        with steps.step("check") as step:
            content = database.check(pod, source, identity)
            database.require_known_schema(content)
            step.note = f"{content}, of {content.taken}"
        present = database.count(database.rows(pod))
        if present and confirm != CONSENT:
            raise OpsError(
                f"nothing was changed: the database of stack {stack.name} has {present} rows, which would be replaced",
                where=f"release {location.release} in namespace {location.kubectl.namespace} of "
                f"{location.kubectl.context}",
                fix=f"make restore FROM={archive.in_shell(source, key)} STACK={stack.name} CONFIRM={CONSENT} takes a "
                "backup of them first",
                code=REFUSED,
            )
        if present and first:
            with steps.step("backup of what is replaced") as step:
                before = archive.new_file(None, stack.name)
                step.note = f"{before}: {database.take(pod, before, identity)}"
            database.check(pod, source, identity)  # The scratch server holds `before` now.
        with steps.step("replace"):
            pod.answer("replace")
    with steps.step("backend"):
        _restart_backend(stack, location)
    return content


def fetched(stack: Stack, steps: Steps, name: str) -> Path:
    """A scheduled backup, copied from its volume to the folder of backups.

    Raises:
        OpsError: with the names of those that exist; or if another backup has the copy's name.
    """
    path = archive.FOLDER / archive.copy_name(stack.name, name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        _pod(stack, steps, volume=True) as pod,
        steps.step("fetch"),
        archive.written(path) as part,
        pod.running("fetch", name) as process,
        part.open("wb") as file,
    ):
        assert process.stdout is not None
        shutil.copyfileobj(process.stdout, file)
    return path


def move(
    stack: Stack,
    steps: Steps,
    title: str,
    *,
    key: Path = archive.KEY,
    back: Callable[[], object] | None = None,
) -> Content:
    """Move the embedded database's data to its new folder, by `up` with another image.

    Args:
        title: of the revision that this makes.
        back: brings the former revision up; called where the new folder does not serve.

    Raises:
        OpsError: with the data where it was, or in a backup that it names; also where a person interrupts it.
    """
    with steps.step("preview"):
        upgrade.require_alone(stack)
    location = history.location(stack)
    former = upgrade.folder(location)
    with upgrade.services_away(stack, location):
        path, content = take(stack, steps, key=key)
        recorded = record.of_checkout(stack.file.path)
        serves = False
        try:
            with steps.step("pulumi up"):
                stack.up(recorded.message(title))
            serves = True
            with _pod(stack, steps) as pod, steps.step("restore"):
                if database.count(database.rows(pod)):
                    raise OpsError(
                        "the new folder already holds a database, and it serves now: nothing in it was replaced"
                    )
                database.check(pod, path, archive.key(key))
                pod.answer("replace")
        except (OpsError, KeyboardInterrupt) as stopped:
            # Once the new folder serves, without the data, the same command would not continue.
            fix = f"make restore FROM={archive.in_shell(path, key)} STACK={stack.name}"
            if not serves:
                fix = f"make up STACK={stack.name} REFRESH=1, then {fix}"
                with suppress(OpsError):
                    if upgrade.folder(location) == former:
                        fix = f"{UPGRADE} STACK={stack.name}"
            if isinstance(stopped, OpsError):
                wrong = "that" if serves else "taskflow:database.embedded"
                error, fix = stopped, f"correct {wrong}, then {fix}"
            else:
                error = OpsError("interrupted", code=INTERRUPTED)
            kept = f"the old folder is as it was, and the backup {path} holds {content}"
            error.where = "; ".join(filter(None, [error.where, kept]))
            error.fix = fix
            if error is stopped and back and not serves:
                _go_back(error, stack, back, lambda: upgrade.folder(location) == former)
            raise error from None
    return content


def _go_back(
    error: OpsError, stack: Stack, back: Callable[[], object], is_back: Callable[[], bool]
) -> None:
    """By the engine itself: a preview would judge the old folder empty, and it is not."""
    try:
        back()
        if not is_back():
            raise OpsError("the new folder still serves")
    except OpsError as second:
        error.what += f"; and then: {second.what}"
    else:
        error.what += "; the old folder serves again"
        error.fix = f"correct taskflow:database.embedded, then {UPGRADE} STACK={stack.name}"


@contextmanager
def _pod(stack: Stack, steps: Steps, *, volume: bool = False) -> Iterator[BackupPod]:
    known = history.updates(stack)
    location = history.location(stack, known)
    with ExitStack() as leaving:
        with steps.step("pod beside the database"):
            images = history.config_of(known[0]).images
            pod = leaving.enter_context(backup_pod(location, images, volume=volume))
        yield pod


def _restart_backend(stack: Stack, location: Location) -> None:
    """Pod by pod; a starting backend migrates what was restored. No annotation stays behind as drift."""
    kubectl = location.kubectl
    selector = f"--selector=app={location.release},component=backend"
    rollout = ("rollout", "status", f"deployment/{location.release}-backend")
    for pod in kubectl.objects("pods", selector):
        kubectl.run("delete", "pod", pod["metadata"]["name"], timeout=RESTART_SECONDS)
        answer = kubectl.wait(RESTART_SECONDS, *rollout)
        if answer.code != 0:
            raise OpsError(
                "the backup is restored, but the backend does not start on it",
                where=answer.output.strip(),
                fix=f"make status STACK={stack.name}",
            )
