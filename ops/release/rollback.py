"""Back to an earlier revision: its images and its configuration, brought up by the program of the checkout.

The engine gets a stack file made from the revision's record, so the working tree may have moved on, and the state
stays correct. What cannot be brought back is refused before anything is changed.
"""

import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from components.config.quantities import bytes_of
from components.config.secrets import SIGNING_KEYS
from components.config.stack import EmbeddedPostgres, Images, ScheduledBackup
from components.config.stack_file import (
    ENCRYPTION_KEYS,
    PROJECT,
    PROJECT_FILE,
    as_yaml,
    decoded,
    file_name,
)
from components.config.stack_file import StackFile as Source
from components.minikube import ClusterError, Minikube
from ops.backup.release import before_loss
from ops.config.stacks import StackFile
from ops.config.validate import INVALID, verdict
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare import setup
from ops.prepare.setup import Setup
from ops.release import migrations, reach, record, smoke
from ops.release.history import (
    Revision,
    Update,
    plain,
    revisions,
    updates,
    with_secrets,
    without_images,
)
from ops.release.record import Record
from ops.review.command import guard_up
from ops.session import console, ready_stack
from ops.steps import Steps
from policy.rule import at, items

RECORDED, CURRENT = "recorded", "current"
NUMBERED = (("secrets", "generations"), ("database", "embedded", "passwords"))
SIZED = {
    "-postgres-data": (("database", "embedded"), EmbeddedPostgres.model_fields["size"].default),
    "-backups": (("backup",), ScheduledBackup.model_fields["size"].default),
}
"""The block that gives a volume its size, and the size without it, by the end of the claim's resource name."""
UNKNOWN = "unknown"
"""In `ignored`, for migrations that are not recorded."""


@dataclass(frozen=True)
class Target:
    """A revision that can be brought back."""

    revision: Revision
    file: StackFile
    record: Record
    command: str
    """The command of a person who brings it back."""

    @property
    def title(self) -> str:
        """Its title in the history."""
        return f"rollback to revision {self.revision.number}"


def find(
    stack: Stack, number: int, *, secrets: str = RECORDED, ignored: tuple[str, ...] = ()
) -> Target:
    """Everything that bringing back revision `number` needs.

    Args:
        stack: as the checkout has it.
        secrets: those of the revision, or those that the checkout has.
        ignored: migrations that do not forbid it, by name.

    Raises:
        OpsError: if it cannot be brought back; nothing is changed.
    """
    history = updates(stack)
    revision = _choose(revisions(history), number, stack.name)
    _require_schema(revision, history, ignored)
    words = [f"make rollback TO={number}"]
    words += [f"SECRETS={secrets}"] if secrets != RECORDED else []
    words += [f'IGNORE_MIGRATIONS="{" ".join(ignored)}"'] if ignored else []
    return _prepare(stack, revision, secrets, " ".join(words))


def _choose(known: list[Revision], number: int, stack: str) -> Revision:
    found = next((revision for revision in known if revision.number == number), None)
    if found is None:
        there = f"it has 1 to {len(known)}" if known else "it has none yet"
        raise OpsError(
            f"stack {stack} has no revision {number}: {there}", fix=f"make history STACK={stack}"
        )
    noted = found.record
    if noted.images:
        return found
    if noted.commit and not noted.changed:
        images = Images.model_validate(found.images)
        update = replace(found.update, record=record.completed(noted, images))
        return replace(found, update=update)
    raise OpsError(
        f"revision {number} does not record its images: it was not brought up by make up, and not from a clean commit",
        where=f"commit {noted.commit[:7] or 'unknown'}",
        fix=_choose_another(stack),
    )


def _choose_another(stack: str) -> str:
    return f"choose another revision: make history STACK={stack}"


def _require_schema(revision: Revision, history: list[Update], ignored: tuple[str, ...]) -> None:
    """Refuse if the database was migrated since then in a way that breaks the revision's code.

    Failed updates count: pods may have migrated before something else failed.
    """
    later = (update for update in history if update.position < revision.update.position)
    breaking = {name for update in later for name in _breaking(update, ignored)}
    stops = sorted(name for name in breaking - set(ignored) if name > revision.record.schema)
    if stops:
        raise OpsError(
            f"revision {revision.number} cannot be brought back: its code does not work on the "
            f"database after {', '.join(stops)}, which cannot be undone",
            where=f"its own newest migration is {revision.record.schema or 'unknown'}",
            fix="fix it forward, by a new make up; or restore a backup from before the migration, then add "
            f'IGNORE_MIGRATIONS="{" ".join(stops)}"',
        )


def _breaking(update: Update, ignored: tuple[str, ...]) -> tuple[str, ...]:
    """The migrations of an update that break older code, also of one that `ops` did not make."""
    noted = update.record
    if update.kind != "update" or noted.schema or UNKNOWN in ignored:
        return noted.breaking
    if noted.commit and not noted.changed:
        with suppress(OpsError):  # Of a squashed branch, or one that was not fetched.
            return migrations.of_commit(noted.commit).breaking
    raise OpsError(
        "an update since then does not record its migrations: it was made by pulumi up itself, not from a clean commit "
        "that is known here",
        where=f"commit {noted.commit[:7] or 'unknown'}, {update.ended:%Y-%m-%d %H:%M}",
        fix=f'check that older code works on the database, then add IGNORE_MIGRATIONS="{UNKNOWN}"',
    )


def _prepare(stack: Stack, revision: Revision, secrets: str, command: str) -> Target:
    """Write the stack file that the engine is to read; no secret is in it in plain text."""
    source = stack.config_file()
    today = Source.of_stack(stack.name, PROJECT, source.parent)
    folder = stack.state / "rollback"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The engine takes defaults from today's project file.
    shutil.copyfile(ROOT / PROJECT_FILE, folder / PROJECT_FILE)
    path = folder / file_name(stack.name)
    values = _values(revision)
    encrypted = _encrypted(stack.name, revision, source)
    kept = _signing_keys(revision, encrypted)
    values |= encrypted if secrets == CURRENT else kept
    _keep_numbers(values, today)
    _keep_sizes(values, stack.export())
    settings = {key: value for key, value in today.settings.items() if key in ENCRYPTION_KEYS}
    path.write_text(as_yaml({**settings, "config": values}))
    if secrets == RECORDED:
        _set_secrets(stack, revision, path, leave_out=SIGNING_KEYS if kept else ())
    wrong = verdict(path).errors
    if wrong:
        raise OpsError(
            f"the configuration of revision {revision.number} is no longer valid:\n"
            + "\n".join(wrong),
            where=str(path),
            fix=f"git checkout {commit[:7]} has the program that accepts it"
            if (commit := revision.record.commit)
            else _choose_another(stack.name),
            code=INVALID,
        )
    noted = replace(
        revision.record,
        by=record.who(),
        rollback_to=revision.number,
        secrets=record.secrets_of(source) if secrets == CURRENT else revision.record.secrets,
    )
    return Target(revision, StackFile.read(stack.name, folder), noted, command)


def require_images(target: Target, stack: Stack) -> None:
    """On Minikube an image that its daemon has dropped cannot be pulled."""
    profile = target.file.profile
    minikube = Minikube.find(profile, stack.env) if profile else None
    if minikube is None:
        return
    # An image with a registry in its name can be pulled.
    local = [image for image in target.revision.record.images.values() if "/" not in image]
    try:
        gone = minikube.lacks(local, stack.env)
    except ClusterError as error:
        raise OpsError(str(error)) from None
    if gone:
        noted = target.revision.record
        raise OpsError(
            f"revision {target.revision.number} cannot be brought back: {', '.join(gone)} is no longer in Minikube",
            fix=f"git checkout {noted.commit[:7]} && make up STACK={stack.name} builds it again"
            if noted.commit and not noted.changed
            else _choose_another(stack.name),
        )


def _values(revision: Revision) -> dict[str, Any]:
    """The configuration but for its secrets, with the images as they were. Blocks that were JSON text are blocks."""
    config = revision.update.config
    blocks = {key: value for key, value in plain(config).items() if isinstance(value, dict | list)}
    values = {
        key: blocks.get(key, value.get("value"))
        for key, value in config.items()
        if not value.get("secret")
    }
    images = without_images(revision.images) or {}
    chosen = {component: {"ref": image} for component, image in revision.record.images.items()}
    return values | {f"{PROJECT}:images": images | chosen}


def _encrypted(stack: str, revision: Revision, file: Path) -> dict[str, Any]:
    """Today's encrypted values, also those of other namespaces that the revision has."""
    found: dict[str, Any] = {}
    for namespace in {PROJECT, *(key.partition(":")[0] for key in revision.update.config)}:
        source = Source.of_stack(stack, namespace, file.parent, bare=PROJECT)
        names = [path[0] for path in source.encrypted if len(path) == 1]
        found |= {f"{namespace}:{name}": decoded(source.texts[name]) for name in names}
    return found


def _signing_keys(revision: Revision, today: Mapping[str, Any]) -> dict[str, Any]:
    """Today's, where the revision had such keys, too: a key that `make rotate` replaced does not come back."""
    names = [f"{PROJECT}:{key}" for key in SIGNING_KEYS]
    if names[0] not in today or names[0] not in revision.update.config:
        return {}
    return {name: today[name] for name in names if name in today}


def _keep_numbers(values: dict[str, Any], source: Source) -> None:
    """The same for generated secrets, which the configuration numbers."""
    for block, *path, key in NUMBERED:
        then = at(values.get(f"{PROJECT}:{block}"), *path)
        now = at(decoded(source.texts.get(block, "")), *path)
        if isinstance(then, dict) and isinstance(now, dict):
            then.pop(key, None)
            if key in now:
                then[key] = now[key]


def _keep_sizes(values: dict[str, Any], state: Mapping[str, Any]) -> None:
    """A volume cannot shrink: one that has grown since then stays as large as it is."""
    for resource in items(state, "deployment", "resources"):
        for ending, ((block, *path), default) in SIZED.items():
            then = at(values.get(f"{PROJECT}:{block}"), *path)
            if not resource["urn"].endswith(ending) or not isinstance(then, dict):
                continue
            size = str(at(resource, "inputs", "spec", "resources", "requests", "storage"))
            if bytes_of(size) > bytes_of(str(then.get("size", default))):
                then["size"] = size


def _set_secrets(
    stack: Stack, revision: Revision, path: Path, leave_out: Collection[str] = ()
) -> None:
    """Decrypted from the history and encrypted again for today's key, without touching a disk in between."""
    if not any(value.get("secret") for value in revision.update.config.values()):
        return
    try:
        config = with_secrets(stack, revision.update).config
    except OpsError as error:
        raise OpsError(
            f"the secrets of revision {revision.number} cannot be decrypted",
            where=error.where,
            fix="SECRETS=current brings it back with the secrets of today",
        ) from None
    for key, value in config.items():
        if value.get("secret") and key.removeprefix(f"{PROJECT}:") not in leave_out:
            stack.edit(path, "set", "--secret", key, stdin=str(value["value"]))


def bring_back(
    target: Target, chosen: Setup, steps: Steps, confirm: str = "", *, first: bool = True
) -> str:
    """Bring the revision up, check it, and return its address.

    Raises:
        OpsError: if its images are gone, if data would be lost and `confirm` does not allow that, or if the
            engine fails.
    """
    ready = ready_stack(chosen, target.file, steps)
    setup.require_free_port(chosen, target.file)
    require_images(target, ready)
    with steps.step("preview") as step:
        otherwise = "choose another revision (make history), or go forward by make up"
        outlook = guard_up(ready, confirm, target.command, otherwise)
        step.note = outlook.note
    if outlook.loses and first:
        before_loss(ready, steps)
    with steps.step(f"pulumi up: {target.title}"):
        ready.up(target.record.message(target.title))
    with steps.step("smoke check"), reach.access_to(ready, chosen.platform.system) as way:
        smoke.check(way.url, ready.name, lambda line: console.print(f"    {line}"))
    return str(ready.outputs()["url"])


@contextmanager
def atomic(stack: Stack, chosen: Setup, steps: Steps) -> Iterator[None]:
    """If what happens inside fails, bring back the revision that was there before it; the failure is raised again."""
    known = revisions(updates(stack))
    try:
        yield
    except OpsError as failure:
        if not known:
            failure.fix += "; there is no earlier revision to bring back"
            raise
        number = known[-1].number
        console.print(f"[bold red]error: {escape(failure.what)}[/]")
        console.print(f"[bold]bringing back revision {number}[/]")
        try:
            bring_back(find(stack, number), chosen, steps)
            failure.what += f"; revision {number} is back"
        except OpsError as second:
            failure.what += f"; and then: {second.what}"
            failure.where = "; ".join(filter(None, [failure.where, second.where]))
            failure.fix = second.fix
        raise
