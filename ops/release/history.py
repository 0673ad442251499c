"""The revisions of a stack: every successful `up` that its state backend remembers, oldest first and counted from 1.

Pulumi's own history is the one source. Each kind of backend keeps it, a team shares it, and nobody rewrites it; a
destroyed stack still has it. What `ops` adds is in the updates' messages (record.py).
"""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from components.config.check import as_far_as_readable
from components.config.stack import Images, StackConfig
from components.config.stack_file import PROJECT, decoded
from components.config.stack_file import StackFile as Source
from components.minikube import THIS_MACHINE, Minikube
from ops.engine.stack import NOT_ROLLED_OUT, Stack
from ops.errors import OpsError
from ops.kubectl import Kubectl, Manifest
from ops.release import record
from ops.release.record import Record

PAGE = 100
TITLE_LENGTH = 40
COMPONENTS = Images.components()
Value = Mapping[str, Any]


@dataclass(frozen=True)
class Update:
    """One entry of the history, successful or not."""

    position: int
    """Counted from the newest, which is 1, like the engine's pages."""
    kind: str
    succeeded: bool
    ended: datetime
    title: str
    record: Record
    config: Mapping[str, Value]
    """Full keys; a secret has no value, unless it was asked for."""
    changes: Mapping[str, int]


@dataclass(frozen=True)
class Location:
    """The place of a release."""

    release: str
    kubectl: Kubectl
    """Bound to its context and its namespace."""
    node_host: str
    """The host at which its node ports answer."""

    def objects(self, kinds: str) -> list[Manifest]:
        """The release's objects of these kinds.

        Raises:
            NoAnswerError: if the cluster does not answer.
        """
        return self.kubectl.objects(kinds, f"--selector=app={self.release}")

    def __str__(self) -> str:
        return f"namespace {self.kubectl.namespace} of context {self.kubectl.context}"


@dataclass(frozen=True)
class Revision:
    number: int
    update: Update

    @property
    def record(self) -> Record:
        return self.update.record

    @property
    def images(self) -> Mapping[str, Any]:
        """The block `images` of its configuration."""
        found = plain(self.update.config).get(f"{PROJECT}:images")
        return found if isinstance(found, dict) else {}

    @property
    def config_hash(self) -> str:
        """Over everything but the images, which are shown beside it."""
        values = plain(self.update.config)
        values[f"{PROJECT}:images"] = without_images(self.images)
        text = json.dumps([values, self.record.secrets], sort_keys=True)
        return record.checksum(text)

    def as_json(self) -> dict[str, Any]:
        recorded = self.record
        return {
            "revision": self.number,
            "time": self.update.ended.isoformat(),
            "title": self.update.title,
            "commit": recorded.commit,
            "changed": recorded.changed,
            "images": dict(recorded.images),
            "config": self.config_hash,
            "schema": recorded.schema,
            "by": recorded.by,
            "rollbackTo": recorded.rollback_to,
            "changes": dict(self.update.changes),
        }


def updates(stack: Stack) -> list[Update]:
    """The whole history, newest first."""
    found: list[Update] = []
    while True:
        entries = page(stack, "--page-size", str(PAGE), "--page", str(len(found) // PAGE + 1))
        found += [
            _update(entry, len(found) + position) for position, entry in enumerate(entries, 1)
        ]
        if len(entries) < PAGE:
            return found


def revisions(history: list[Update]) -> list[Revision]:
    """The successful ups among them, oldest first, without those whose pods did not become ready."""
    ups: list[Update] = []
    for update in reversed(history):
        if update.kind == "update" and update.succeeded:
            ups.append(update)
        elif ups and update.title == NOT_ROLLED_OUT + ups[-1].title:
            ups.pop()
    return [Revision(number, update) for number, update in enumerate(ups, 1)]


def with_secrets(stack: Stack, update: Update) -> Update:
    """The same update with its secrets decrypted; keep it in memory."""
    flags = ("--page-size", "1", "--page", str(update.position), "--show-secrets")
    return _update(page(stack, *flags)[0], update.position)


def page(stack: Stack, *flags: str) -> list[dict[str, Any]]:
    """Entries as the engine prints them."""
    # To decrypt, the engine looks for the stack file beside the project, and would make one where there is none.
    folder = stack.config_file().parent
    try:
        text = stack.query("stack", "history", "--json", *flags, folder=folder)
    except OpsError as error:
        raise OpsError(
            f"the history of stack {stack.name} cannot be read",
            where=error.where,
            fix=f"make up STACK={stack.name} makes the stack; pulumi login and the passphrase must be the stack's",
        ) from None
    entries: list[dict[str, Any]] = json.loads(text)
    return entries


def location(stack: Stack, history: list[Update] | None = None) -> Location:
    """Where the stack's release is, by its last update, whatever the working tree says by now.

    Args:
        history: of the stack, if the caller has read it.

    Raises:
        OpsError: if it is not up.
    """
    history = updates(stack) if history is None else history
    outputs = stack.outputs()
    if not history or not outputs.get("url"):
        raise OpsError(
            f"stack {stack.name} is not up",
            where=stack.backend.url,
            fix=f"make up STACK={stack.name}",
        )
    config = config_of(history[0])
    profile = config.cluster.minikube
    minikube = Minikube.find(profile, stack.env) if profile else None
    return Location(
        release=config.release,
        kubectl=Kubectl(config.cluster.context, stack.env, str(outputs["namespace"])),
        node_host=minikube.host if minikube else THIS_MACHINE,
    )


def config_of(update: Update) -> StackConfig:
    """What an update deployed, without the keys that today's models do not know."""
    values = {key.partition(":")[::2]: value for key, value in update.config.items()}
    texts = {
        name: str(value.get("value", ""))
        for (namespace, name), value in values.items()
        if namespace == PROJECT and not value.get("secret")
    }
    return as_far_as_readable(Source(name="", stack="", project=PROJECT, texts=texts))


def table(found: list[Revision]) -> Table:
    """A line for each revision, newest first."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("revision", "when (UTC)", "commit", *COMPONENTS, "config", "by", "what"):
        shown.add_column(heading, no_wrap=heading not in {"by", "what"})
    for revision in reversed(found):
        update, recorded = revision.update, revision.record
        commit = recorded.commit[:7] + ("+" if recorded.changed else "")
        images = [short(recorded.images.get(component, "")) for component in COMPONENTS]
        title = textwrap.shorten(update.title, TITLE_LENGTH, placeholder=" ...")
        what = ", ".join(filter(None, [title, changes(update)]))
        when, config = update.ended.strftime("%Y-%m-%d %H:%M"), revision.config_hash[:7]
        row = [str(revision.number), when, commit, *images, config, recorded.name, what]
        shown.add_row(*(escape(cell or "-") for cell in row))
    return shown


def short(image: str) -> str:
    """The part of a reference that distinguishes builds: its tag, or the start of its digest."""
    return image.rpartition(":")[2][:12] if "@" in image else image.rpartition(":")[2]


def changes(update: Update) -> str:
    """`3 updated, 1 created`, or `no change`."""
    words = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
    counts = [f"{count} {words[kind]}" for kind, count in update.changes.items() if kind in words]
    return ", ".join(counts) or "no change"


def plain(config: Mapping[str, Value]) -> dict[str, Any]:
    """The values of a configuration as the program would get them; a secret is empty."""
    return {key: decoded(str(value.get("value", ""))) for key, value in config.items()}


def without_images(images: Mapping[str, Any]) -> dict[str, Any] | None:
    """The block `images` without the choice of each component's image."""
    return {key: value for key, value in images.items() if key not in COMPONENTS} or None


def _update(entry: dict[str, Any], position: int) -> Update:
    message, environment = str(entry.get("message", "")), entry.get("environment") or {}
    config = entry.get("config") or {}
    recorded = record.read(message)
    withdraws = message.startswith(NOT_ROLLED_OUT)
    if not recorded.images:  # Not brought up by `ops`: what the engine itself knows.
        recorded = replace(
            recorded,
            images=_prebuilt(config),
            commit=environment.get("git.head", ""),
            changed=environment.get("git.dirty") == "true",
            by=environment.get("git.author", ""),
        )
    return Update(
        position=position,
        kind="update" if withdraws else str(entry.get("kind")),
        succeeded=entry.get("result") == "succeeded" and not withdraws,
        ended=datetime.fromisoformat(entry.get("endTime") or entry["startTime"]).astimezone(UTC),
        title=message.partition("\n")[0],
        record=recorded,
        config=config,
        changes=entry.get("resourceChanges") or {},
    )


def _prebuilt(config: Mapping[str, Value]) -> dict[str, str]:
    """The images that the configuration names, if it names all."""
    images = plain(config).get(f"{PROJECT}:images") or {}
    found = {
        component: str((images.get(component) or {}).get("ref") or "") for component in COMPONENTS
    }
    return found if all(found.values()) else {}
