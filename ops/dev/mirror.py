"""A copy of exactly those files that an image is built from, kept up to date while they are edited.

The folder itself cannot be mounted: it holds files that no image gets, and Next.js writes into the one that it serves.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from components.build_context import BuildArgs, used_files
from components.config.errors import ConfigError

DEPENDENCIES = "dependencies"
"""The first part of each image's builder stage: all but the sources."""


@dataclass
class Mirror:
    build: BuildArgs
    folder: Path
    """Holds the copies, and a temporary file while one is written."""
    held_back: Callable[[Path], bool] = lambda _: False
    _seen: dict[Path, tuple[int, ...]] = field(default_factory=dict)
    _of_image: set[Path] = field(default_factory=set)

    def update(self) -> list[Path]:
        """Bring the copies up to date; returns the sources that changed, deleted ones included.

        Raises:
            ConfigError: if an unfinished edit hides which files the image is built from, or one of them cannot be
                read; the next update has all that changed.
        """
        context = self.build.context
        try:
            files = {*used_files(context, self.build.target), context / "Dockerfile"}
            found = {file: _signature(file) for file in files}
            changed = sorted(
                file for file in found.keys() | self._seen.keys()
                if found.get(file) != self._seen.get(file)
            )  # fmt: skip
            if changed:
                self._of_image = {*used_files(context, DEPENDENCIES), context / "Dockerfile"}
            copied = [file for file in changed if file not in self._of_image]
            present = {file for file in copied if file in found and not self.held_back(file)}
            # Deletions first: a new file may have the name of a folder, or another case alone.
            for file in sorted(copied, key=present.__contains__):
                self._place(file, present=file in present)
        # An editor's rename, or another branch, came in between; the next look sees all of it.
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return []
        except PermissionError as error:
            raise ConfigError([f"{error.filename}: cannot be read: {error.strerror}"]) from None
        self._seen = found
        return changed

    def of_image(self) -> set[Path]:
        """The files that the container's image is built from; if one changes, it must be built again."""
        return self._of_image

    def _place(self, file: Path, *, present: bool) -> None:
        copy = self.folder / file.relative_to(self.build.context)
        if not present:
            # Its folder may be a file by now.
            with suppress(FileNotFoundError, NotADirectoryError):
                copy.unlink()
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Atomic: watchers of the folder read the file at once.
        partial = self.folder.with_suffix(".part")
        partial.unlink(missing_ok=True)
        shutil.copy(file, partial, follow_symlinks=False)
        if copy.is_dir() and not copy.is_symlink():
            shutil.rmtree(copy)
        partial.replace(copy)


def _signature(file: Path) -> tuple[int, ...]:
    status = file.lstat()
    return status.st_mtime_ns, status.st_size, status.st_mode
