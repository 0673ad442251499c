"""What a scheduled backup stores: encrypted for a public key, and only as many files as configured."""

import io
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest
from taskflow_api import backup
from taskflow_api.bucket import Bucket, BucketError

PLAIN = b"a row that nobody else may read\n" * 1000


def test_a_backup_opens_by_its_key_alone_and_the_oldest_goes(tmp_path: Path) -> None:
    archive, folder = tmp_path / "backup.tar", tmp_path / "backups"
    archive.write_bytes(PLAIN)
    folder.mkdir()
    olds = [folder / f"blue-2020010{day}T000000Z.age" for day in (1, 2, 3)]
    others = [
        folder / name
        for name in ("green-20200101T000000Z.age", "blue-green-20200101T000000Z.age", "blue-1.age")
    ]
    for path in (*olds, *others):
        path.write_text("old")
    key = pyrage.x25519.Identity.generate()

    stored = backup.store(archive, folder, "blue", str(key.to_public()), keep=2)

    assert PLAIN[:20] not in stored.read_bytes()
    plain = io.BytesIO()
    with stored.open("rb") as file:
        pyrage.decrypt_io(file, plain, [key])
    assert plain.getvalue() == PLAIN
    assert set(folder.iterdir()) == {stored, olds[-1], *others}, "other releases' files stay"


@pytest.mark.parametrize("keep", [1, 2, 3, 9])
def test_the_new_backup_stays_though_a_clock_was_ahead_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: int
) -> None:
    class Today(datetime):
        @classmethod
        def now(cls, *_: Any) -> "Today":
            return cls(2026, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(backup, "datetime", Today)
    archive, folder = tmp_path / "backup.tar", tmp_path / "backups"
    archive.write_bytes(PLAIN)
    folder.mkdir()
    ahead = [folder / f"blue-2040010{day}T000000Z.age" for day in (1, 2, 3)]
    for path in ahead:
        path.write_text("of a clock that was ahead")
    key = str(pyrage.x25519.Identity.generate().to_public())

    stored = backup.store(archive, folder, "blue", key, keep)

    assert stored.name == "blue-20260101T000000Z.age"
    assert set(folder.iterdir()) == {stored, *ahead[max(0, len(ahead) + 1 - keep) :]}


class Store:
    """A bucket that has one old backup, and refuses one kind of request; if it refuses GET, it refuses all."""

    address = "s3://backups/"

    def __init__(self, refuses: str, error: Exception) -> None:
        self._refuses, self._error = refuses, error
        self._there = {"blue-20200101T000000Z.age": 1}

    def upload(self, path: Path) -> None:
        if self._refuses == "GET":
            raise BucketError("Connection reset by peer")
        self._check("PUT")
        self._there[path.name] = path.stat().st_size

    def sizes(self) -> dict[str, int]:
        self._check("GET")
        return self._there

    def delete(self, name: str) -> None:
        self._check("DELETE")

    def _check(self, method: str) -> None:
        if method == self._refuses:
            raise self._error


@pytest.mark.parametrize("error", [BucketError("403 AccessDenied"), RuntimeError("whatever it is")])
@pytest.mark.parametrize(
    ("refuses", "said"),
    [
        ("GET", "the backup is on the volume, but not in the bucket"),
        ("PUT", "the backup is on the volume, but not in the bucket"),
        (
            "DELETE",
            "the backup is on the volume and in the bucket, but the oldest in the bucket stay",
        ),
    ],
)
def test_a_buckets_failure_has_a_code_of_its_own_and_says_where_the_backup_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    refuses: str,
    said: str,
) -> None:
    archive = tmp_path / "backup.tar"
    archive.write_bytes(PLAIN)
    monkeypatch.setattr(backup, "ARCHIVE", archive)
    monkeypatch.setattr(backup, "FOLDER", tmp_path)
    monkeypatch.setattr(Bucket, "of", lambda _environment: Store(refuses, error))
    monkeypatch.setenv("RELEASE", "blue")
    monkeypatch.setenv("BACKUP_KEEP", "1")
    monkeypatch.setenv("BACKUP_PUBLIC_KEY", str(pyrage.x25519.Identity.generate().to_public()))
    caplog.set_level(logging.INFO)
    with pytest.raises(SystemExit) as end:
        backup.main()
    assert end.value.code == 3, "the Job's podFailurePolicy knows it"
    assert caplog.messages[-1] == f"{said}: {error}"
