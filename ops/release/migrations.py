"""The database migrations of a checkout: which there are, and which of them break older code.

The backend migrates forward by itself when it starts, never back: dropping a column again would lose what people
have written since. So a rollback leaves the schema as it is, and the older code must work on it. A migration declares
that with the line `older_code_works = True`; without it, the migration counts as one that cannot be undone.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ops.config import commits
from ops.paths import ROOT

FOLDER = Path("docker/backend/taskflow_api/migrations/versions")
FLAG = re.compile(r"^older_code_works = True$", re.MULTILINE)


@dataclass(frozen=True)
class Migrations:
    head: str
    """The newest one; they are numbered, so that later ones are greater."""
    breaking: tuple[str, ...]
    """Those after which older code does not work."""


def of_checkout(root: Path = ROOT) -> Migrations:
    files = sorted((root / FOLDER).glob("[0-9]*.py"))
    breaking = tuple(file.stem for file in files if not FLAG.search(file.read_text()))
    return Migrations(files[-1].stem if files else "", breaking)


def of_commit(name: str, root: Path = ROOT) -> Migrations:
    """Those of another commit.

    Raises:
        OpsError: if git does not have it here.
    """
    with commits.unpacked(name, root) as commit:
        return of_checkout(commit.folder)
