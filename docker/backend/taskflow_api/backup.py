"""The last step of a scheduled backup: encrypts the dump of the container before it, and keeps the newest backups.

`python -m taskflow_api.backup`, in the CronJob of components/backup.py. The public key opens nothing.
"""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pyrage

logger = logging.getLogger("taskflow_api.backup")

ARCHIVE = Path("/scratch/backup.tar")
FOLDER = Path("/backups")


def store(archive: Path, folder: Path, release: str, public_key: str, keep: int) -> Path:
    """Encrypts the archive into the folder, and deletes all of this release's backups but the newest `keep`."""
    path = folder / f"{release}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.age"
    part = folder / f"{release}.part"  # A killed run's file is overwritten.
    with archive.open("rb") as plain, part.open("wb") as file:
        pyrage.encrypt_io(plain, file, [pyrage.x25519.Recipient.from_str(public_key)])
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    for old in sorted(folder.glob(f"{release}-*.age"))[:-keep]:
        old.unlink()
        logger.info("deleted %s", old.name)
    return path


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    key, keep = os.environ["BACKUP_PUBLIC_KEY"], int(os.environ["BACKUP_KEEP"])
    path = store(ARCHIVE, FOLDER, os.environ["RELEASE"], key, keep)
    logger.info("stored %s, %d bytes", path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
