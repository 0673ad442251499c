"""The last step of a scheduled backup: encrypts the dump of the container before it, and keeps the newest backups.

They are on a volume and, where BACKUP_BUCKET names one, in a bucket, too.

`python -m taskflow_api.backup`, in the CronJob of components/backup.py. The public key opens nothing.
"""

import logging
import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyrage

from taskflow_api.bucket import Bucket, BucketError

logger = logging.getLogger("taskflow_api.backup")

ARCHIVE = Path("/scratch/backup.tar")
FOLDER = Path("/backups")
# The Job ends with this code rather than try again (components/backup.py): another backup on the volume would not
# help the bucket, and would delete one more of the old.
BUCKET_FAILED = 3


def store(archive: Path, folder: Path, release: str, public_key: str, keep: int) -> Path:
    """Encrypts the archive into the folder, and deletes all of this release's backups but the newest `keep`."""
    path = folder / f"{release}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.age"
    part = folder / f"{release}.part"  # A killed run's file is overwritten.
    with archive.open("rb") as plain, part.open("wb") as file:
        pyrage.encrypt_io(plain, file, [pyrage.x25519.Recipient.from_str(public_key)])
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    for old in surplus((file.name for file in folder.iterdir()), release, keep, path.name):
        (folder / old).unlink()
        logger.info("deleted %s", old)
    return path


def copy(path: Path, bucket: Bucket) -> Iterable[str]:
    """Copies a backup into the bucket; returns the names of all that is there."""
    # A store that refuses a large upload closes its connection, and the reason is lost: a small request gets it.
    bucket.sizes()
    bucket.upload(path)
    there, size = bucket.sizes(), path.stat().st_size
    if there.get(path.name) != size:
        raise BucketError(
            f"{path.name} has {there.get(path.name, 0)} bytes in the bucket, not {size}"
        )
    return there


def drop(names: Iterable[str], bucket: Bucket) -> None:
    """Deletes backups from the bucket."""
    for name in names:
        bucket.delete(name)
        logger.info("deleted %s from %s", name, bucket.address)


def surplus(names: Iterable[str], release: str, keep: int, new: str) -> list[str]:
    """The scheduled backups of a release that are too many, the oldest first.

    `new` is never among them: where a clock was ahead once, others look newer than the one just made.
    """
    own = re.compile(rf"{re.escape(release)}-[0-9]{{8}}T[0-9]{{6}}Z\.age")
    others = sorted(name for name in names if own.fullmatch(name) and name != new)
    return others[: max(0, len(others) + 1 - keep)]


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    release, keep = os.environ["RELEASE"], int(os.environ["BACKUP_KEEP"])
    path = store(ARCHIVE, FOLDER, release, os.environ["BACKUP_PUBLIC_KEY"], keep)
    logger.info("stored %s, %d bytes", path.name, path.stat().st_size)
    stored = "on the volume, but not in the bucket"
    try:
        if bucket := Bucket.of(os.environ):
            there = copy(path, bucket)
            logger.info("copied %s to %s", path.name, bucket.address)
            stored = "on the volume and in the bucket, but the oldest in the bucket stay"
            drop(surplus(there, release, keep, path.name), bucket)
    except Exception as error:
        logger.error("the backup is %s: %s", stored, error)
        sys.exit(BUCKET_FAILED)


if __name__ == "__main__":
    main()
