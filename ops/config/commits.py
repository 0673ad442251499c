"""Run another commit's program on its own stacks, in a copy of that commit."""

import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.config.stack_file import file_name, stack_name
from ops.errors import OpsError
from ops.processes import capture


@dataclass(frozen=True)
class Commit:
    name: str
    folder: Path

    def has(self, stack: str) -> bool:
        return (self.folder / file_name(stack)).is_file()

    @property
    def stacks(self) -> list[str]:
        """The stacks that it has a file for."""
        return sorted(stack_name(file) for file in self.folder.glob("Pulumi.*.yaml"))

    def output(self, *arguments: str) -> str:
        """Output of that commit's own `python -m ops`.

        Raises:
            OpsError: if it fails, or does not know the command yet.
        """
        command = [sys.executable, "-m", "ops", *arguments]
        answer = capture(command, env=os.environ, cwd=self.folder)
        if answer.code != 0:
            raise OpsError(
                f"commit {self.name} cannot run its own {arguments[0]}",
                where=(answer.output.strip().splitlines() or ["no output"])[-1],
                fix="compare with a later commit",
            )
        return answer.output


@contextmanager
def unpacked(name: str, root: Path) -> Iterator[Commit]:
    """A copy of the commit, gone when the block ends.

    Raises:
        OpsError: if there is no such commit.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "commit.tar"
        command = ["git", "archive", "--output", str(archive), "--end-of-options", name]
        packed = capture(command, env=os.environ, cwd=root)
        if packed.code != 0:
            raise OpsError(
                f"there is no commit {name!r}",
                where=packed.output.strip(),
                fix="name a commit that is in this repository, such as main or HEAD~1 (git fetch gets those of others)",
            )
        with tarfile.open(archive) as packed_files:
            # Links that the commit has, wherever they lead, are as in a checkout of it. See ops.prepare.download.
            packed_files.extraction_filter = getattr(tarfile, "tar_filter", None)
            packed_files.extractall(folder)  # noqa: S202 - a commit of this repository
        yield Commit(name, Path(folder))
