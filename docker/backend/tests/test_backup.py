"""What a scheduled backup stores: encrypted for a public key, and only as many files as configured."""

import io
from pathlib import Path

import pyrage
from taskflow_api import backup

PLAIN = b"a row that nobody else may read\n" * 1000


def test_a_backup_opens_by_its_key_alone_and_the_oldest_goes(tmp_path: Path) -> None:
    archive, folder = tmp_path / "backup.tar", tmp_path / "backups"
    archive.write_bytes(PLAIN)
    folder.mkdir()
    olds = [folder / f"blue-2020010{day}T000000Z.age" for day in (1, 2, 3)]
    others = [folder / "green-20200101T000000Z.age", folder / "notes.txt"]
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
