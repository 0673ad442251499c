"""The steps of a backup and of a restore, for their commands and for updates that lose data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyrage

from ops.backup import archive
from ops.backup.pod import BackupPod
from ops.errors import OpsError
from ops.release import migrations

MADE_BY_ITSELF = ("public.alembic_version", "public.page_file")
"""Tables that migrations and starting pods fill: their rows are no loss."""
Rows = Mapping[str, int]


@dataclass(frozen=True)
class Content:
    """A backup's content, known once it was restored and compared."""

    release: str
    taken: str
    schema: str
    """The newest migration."""
    rows: Rows
    """Rows by table."""

    def __str__(self) -> str:
        return f"{count(self.rows)} rows in {len(self.rows)} tables, schema {self.schema}"


def take(pod: BackupPod, path: Path, identity: pyrage.x25519.Identity) -> Content:
    """Write a backup. It gets its name after a restore into a scratch database has proved equal.

    Raises:
        OpsError: then the file does not exist.
    """
    with archive.written(path) as part:
        with pod.running("dump") as process:
            assert process.stdout is not None
            archive.seal(process.stdout, part, identity)
        return check(pod, part, identity)


def check(pod: BackupPod, path: Path, identity: pyrage.x25519.Identity) -> Content:
    """Restore a backup into the pod's scratch database and compare rows, checksums and schema.

    Raises:
        OpsError: if anything differs, or the backup is incomplete.
    """
    with pod.running("check") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin as writer:
            archive.open_into(writer, path, identity)
        text = process.stdout.read().decode()
    lines = text.splitlines()
    about = dict(line.split(" ", 1) for line in lines if "\t" not in line)
    rows = _rows(lines)
    return Content(about["release"], about["taken"], about["schema"], rows)


def rows(pod: BackupPod) -> Rows:
    """The rows that the database has now, by table."""
    return _rows(pod.answer("state").splitlines())


def count(rows: Rows) -> int:
    """People's rows."""
    return sum(number for table, number in rows.items() if table not in MADE_BY_ITSELF)


def require_known_schema(content: Content) -> None:
    """Fail where the checkout's backend is older than the backup's schema."""
    head = migrations.of_checkout().head
    if content.schema > head:
        raise OpsError(
            f"nothing was changed: the backup's schema is {content.schema}, this checkout knows no schema after {head}",
            fix="check out the release that the backup was made from, or a later one, and bring it up first",
        )


def _rows(lines: list[str]) -> dict[str, int]:
    cells = [line.split("\t") for line in lines if "\t" in line]
    return {name: int(number) for number, *_, name in cells}
