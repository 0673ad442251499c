"""A backup's file, encrypted with a key of the operator's in the format of `age`.

Plain text never reaches this machine's disk. Each 64 KiB are authenticated, and so is the end: a truncated or changed
file does not open. `age --decrypt -i KEY FILE` opens it, too: https://age-encryption.org/v1
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from filecmp import cmp
from io import BufferedIOBase
from pathlib import Path
from typing import IO, cast

import pyrage

from components.config.stack_file import short_name
from ops.errors import OpsError
from ops.paths import ROOT, STATE

KEY = STATE / "backup-key"
FOLDER = ROOT / "backups"


def key(path: Path, *, make: bool = False) -> pyrage.x25519.Identity:
    """Read the key from a file as `age-keygen` writes it.

    Args:
        make: create the file if there is none.

    Raises:
        OpsError: if the file holds no key.
    """
    if make and not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = pyrage.x25519.Identity.generate()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"# public key: {made.to_public()}\n{made}\n")
        return made
    try:
        lines = path.read_text().splitlines()
        text = next(line for line in lines if line and not line.startswith("#"))
        return pyrage.x25519.Identity.from_str(text.strip())
    except (OSError, ValueError, StopIteration, pyrage.IdentityError):
        raise OpsError(
            "there is no key for backups" if not path.exists() else "this file holds no key",
            where=str(path),
            fix="BACKUP_KEY=file names the key that the backup was made with; age-keygen makes one",
        ) from None


def new_file(to: Path | None, stack: str) -> Path:
    """The path of a new backup, which does not exist yet.

    Args:
        to: the file, or a folder; None is `backups/` of the checkout.

    Raises:
        OpsError: if the file exists, or its folder does not.
    """
    folder = to or FOLDER
    if to is None or to.is_dir():
        name = f"{short_name(stack)}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.age"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / name
    if to.exists():
        raise OpsError("the file exists: a backup overwrites nothing", where=str(to))
    require_folder(to.parent)
    return to


def newest(stack: str) -> Path | None:
    """The newest backup of a stack in the folder of backups, as `new_file` names them."""
    return max(FOLDER.glob(f"{short_name(stack)}-{'?' * 8}T{'?' * 6}Z.age"), default=None)


def require_folder(path: Path) -> None:
    """Refuse a folder that does not exist: a backup makes none but its own.

    Raises:
        OpsError: if there is no such folder.
    """
    if not path.is_dir():
        raise OpsError(
            "there is no such folder",
            where=str(path),
            fix="make or mount it, then run the same command again",
        )


def copy_name(*place: str) -> str:
    """The name of a file for a copy of a backup: its stack or bucket is in it, as others have files of one name."""
    return "-".join(place).replace("/", "-")


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A temporary file, renamed to `path` at the end of the block; an error leaves neither.

    Raises:
        OpsError: if another backup is there by then.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.touch(mode=0o600)
        yield part
        if path.exists() and not cmp(part, path, shallow=False):
            raise OpsError(
                "another backup has this name: nothing replaces it",
                where=str(path),
                fix="move it elsewhere, then run the same command again",
            )
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def in_shell(path: Path | str, key: Path = KEY) -> str:
    """What follows `make restore FROM=` in a shell, with the key unless it is the default."""
    other = "" if key == KEY else f" BACKUP_KEY={shlex.quote(str(key))}"
    return shlex.quote(str(path)) + other


def seal(reader: IO[bytes], path: Path, identity: pyrage.x25519.Identity) -> None:
    """Encrypt what is read into a file."""
    with path.open("wb") as file:
        pyrage.encrypt_io(cast(BufferedIOBase, reader), file, [identity.to_public()])
        file.flush()
        os.fsync(file.fileno())


def open_into(writer: IO[bytes], path: Path, identity: pyrage.x25519.Identity) -> None:
    """Decrypt a file.

    Raises:
        OpsError: if it is no backup, is for another key or is incomplete; a part may have been written by then.
    """
    try:
        with path.open("rb") as file:
            pyrage.decrypt_io(file, cast(BufferedIOBase, writer), [identity])
    except BrokenPipeError:
        raise
    except (OSError, pyrage.DecryptError) as error:
        raise OpsError(
            f"this file is not a complete backup for this key: {_reason(error)}",
            where=str(path),
            fix="BACKUP_KEY=file names another key; a truncated or changed file cannot be opened",
        ) from None


def require_whole(path: Path, identity: pyrage.x25519.Identity) -> None:
    """Decrypt a file and discard the result."""
    with Path(os.devnull).open("wb") as nowhere:
        open_into(nowhere, path, identity)


def _reason(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).lower()
