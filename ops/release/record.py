"""The record of a revision: the lines under the title of an update's message.

The message is kept by every kind of state backend, so a team shares it; it holds no secret. Written as Git writes
trailers, so that people can read it in Pulumi's own history, too.
"""

import getpass
import hashlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.build_context import references
from components.config.errors import ConfigError
from components.config.go_yaml import YamlError
from components.config.go_yaml import read as read_yaml
from components.config.stack import Images
from components.config.stack_file import text_of
from ops.config import commits
from ops.config.validate import checked
from ops.paths import ROOT, SOURCES
from ops.processes import capture
from ops.release import migrations

HASH_LENGTH = 12
TRAILER = re.compile(r"^([A-Z][a-z]+(?:-[A-Za-z]+)*): (.*)$", re.MULTILINE)
CHANGED = " with changes"


@dataclass(frozen=True)
class Record:
    """What a rollback needs, and what distinguishes a revision from others."""

    images: Mapping[str, str] = field(default_factory=dict)
    """Images by component; empty if not recorded."""
    commit: str = ""
    changed: bool = False
    """Whether the checkout differed from its commit."""
    schema: str = ""
    """The newest migration of its backend."""
    breaking: tuple[str, ...] = ()
    """Its migrations after which older code does not work."""
    secrets: str = ""
    """Changes when another secret is set."""
    by: str = ""
    rollback_to: int | None = None

    @property
    def name(self) -> str:
        """The author's name, without an address."""
        return self.by.partition(" <")[0]

    def message(self, title: str) -> str:
        """The title, and the record below it."""
        lines = [f"{component.title()}-Image: {image}" for component, image in self.images.items()]
        pairs = {
            "Commit": self.commit + (CHANGED if self.changed else ""),
            "Schema": self.schema,
            "Breaking-Migrations": " ".join(self.breaking),
            "Secrets": self.secrets,
            "By": self.by,
            "Rollback-To": str(self.rollback_to or ""),
        }
        lines += [f"{key}: {value}" for key, value in pairs.items() if value]
        return "\n".join([title, "", *lines])


def read(message: str) -> Record:
    """The record in an update's message, empty where it has none."""
    body = message.partition("\n")[2]
    lines: dict[str, str] = dict(TRAILER.findall(body))
    commit = lines.get("Commit", "")
    target = lines.get("Rollback-To", "")
    return Record(
        images={
            key.removesuffix("-Image").lower(): value
            for key, value in lines.items()
            if key.endswith("-Image")
        },
        commit=commit.removesuffix(CHANGED),
        changed=commit.endswith(CHANGED),
        schema=lines.get("Schema", ""),
        breaking=tuple(lines.get("Breaking-Migrations", "").split()),
        secrets=lines.get("Secrets", ""),
        by=lines.get("By", ""),
        rollback_to=int(target) if target.isdigit() else None,
    )


def of_checkout(stack_file: Path, root: Path = ROOT) -> Record:
    """The record that an `up` of the checkout would have now.

    Raises:
        OpsError: with every mistake in the stack file.
    """
    config = checked(stack_file).config
    schema = migrations.of_checkout(root)
    status = _git("status", "--porcelain", root=root)
    return Record(
        images=references(config.images, config.component_images, root / SOURCES.name),
        commit=_git("rev-parse", "HEAD", root=root),
        changed=bool(status),
        schema=schema.head,
        breaking=schema.breaking,
        secrets=secrets_of(stack_file),
        by=who(root),
    )


def completed(known: Record, images: Images) -> Record:
    """The record of an update that `ops` did not make, from the commit that it was made from.

    Raises:
        OpsError: if git does not have the commit here.
    """
    with commits.unpacked(known.commit, ROOT) as commit:
        schema = migrations.of_checkout(commit.folder)
        sources = commit.folder / SOURCES.name
        there = [name for name in images.components() if (sources / name).is_dir()]
        built = references(images, there, sources)
    return replace(known, images=built, schema=schema.head, breaking=schema.breaking)


def secrets_of(stack_file: Path) -> str:
    """A checksum over the encrypted values, which are in git anyway; empty without any."""
    try:
        root, _ = read_yaml(text_of(stack_file))
    except (ConfigError, YamlError):
        return ""
    nodes = root.below() if root else ()
    values = [str(node.value) for path, _, node in nodes if path[-1] == "secure"]
    return checksum("\n".join(values)) if values else ""


def checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def who(root: Path = ROOT) -> str:
    """The person or the pipeline that changes the stack."""
    actor = os.environ.get("GITHUB_ACTOR")
    if actor:
        return actor
    name, email = _git("config", "user.name", root=root), _git("config", "user.email", root=root)
    return f"{name} <{email}>" if name and email else f"{getpass.getuser()}@{socket.gethostname()}"


def _git(*arguments: str, root: Path) -> str:
    """Git's answer; empty outside a repository."""
    answer = capture(["git", *arguments], env=os.environ, cwd=root)
    return answer.output.strip() if answer.code == 0 else ""
