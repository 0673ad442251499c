"""The documents as tests see them: their links, what they name in code, and their console sessions, which can be run.

A console session is a fenced block `console` (needs no more than the Python environment) or `console live` (needs a
release, which the sessions themselves bring up). A line `$ command` is run by the shell, the lines below it are what it
prints; `...` matches anything. A command without output below it must succeed, and may print anything.
`console production` needs an external database, too (tests/live/test_production.py). `console test` is the end
of `make test`, which tests/docs print without the suites' work.
"""

import doctest
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
OFFLINE, LIVE, PRODUCTION = "console", "console live", "console production"
LIMIT_SECONDS = 600
# Set by a `make` or a test run around this one, and by terminals that show colours.
NOT_INHERITED = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "STACK", "OPS_STARTED", "FORCE_COLOR")
PARSER = MarkdownIt().enable("table")


@dataclass(frozen=True)
class Fence:
    """A fenced block of a document."""

    document: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command of a console session, and what the document says that it prints."""

    place: str
    line: str
    output: str


@dataclass(frozen=True)
class Document:
    """A Markdown file of this repository.

    Attributes:
        name: its path from the root.
        links: where its links and images lead, as written.
        code: everything in it that is set as code, inline or in a block.
        anchors: what a link to one of its headings says after `#`.
    """

    name: str
    links: tuple[str, ...]
    code: tuple[str, ...]
    anchors: frozenset[str]
    fences: tuple[Fence, ...]

    @classmethod
    def read(cls, path: Path) -> "Document":
        name = path.relative_to(ROOT).as_posix()
        tokens = PARSER.parse(path.read_text())
        inline = [child for token in tokens for child in token.children or []]
        return cls(
            name=name,
            links=tuple(
                str(token.attrs.get("href") or token.attrs.get("src"))
                for token in inline
                if token.type in ("link_open", "image")
            ),
            code=tuple(
                token.content
                for token in (*tokens, *inline)
                if token.type in ("code_inline", "code_block", "fence")
            ),
            anchors=frozenset(
                _anchor(text)
                for heading, text in pairwise(tokens)
                if heading.type == "heading_open"
            ),
            fences=tuple(
                Fence(name, token.map[0] + 1, token.info.strip(), token.content)
                for token in tokens
                if token.type == "fence" and token.map
            ),
        )

    def commands(self, language: str) -> Iterator[Command]:
        """The commands of all its sessions of a kind, in order."""
        for fence in self.fences:
            if fence.language == language:
                yield from _commands(fence)


def documents() -> list[Document]:
    """All Markdown files that git tracks or would track, those at the top first."""
    listed = _git("ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md")
    paths = {ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()}
    return [Document.read(path) for path in sorted(paths, key=lambda path: (len(path.parts), path))]


@dataclass(frozen=True)
class Checkout:
    """A clone of this repository with its uncommitted changes, where a document's commands can be run.

    Attributes:
        renamed: words of the output that the documents replace by others.
    """

    folder: Path
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def pulumi_home(self) -> Path:
        """Nobody is logged in there, so the clone keeps its own state: its stack `dev` is not the user's."""
        return self.folder.with_name(f"{self.folder.name}-pulumi")

    @classmethod
    def make(cls, folder: Path, renamed: Mapping[str, str] | None = None) -> "Checkout":
        """Clone into `folder`, which must not exist; the Python environment is this checkout's own."""
        _git("clone", "--quiet", str(ROOT), str(folder))
        for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split(
            "\0"
        ):
            source, target = ROOT / name, folder / name
            if source.is_symlink() or not name:
                continue
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
            else:
                target.unlink(missing_ok=True)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        clone = cls(folder, renamed or {})
        clone.pulumi_home.mkdir()
        plugins = Path(os.environ.get("PULUMI_HOME", "~/.pulumi")).expanduser() / "plugins"
        (clone.pulumi_home / "plugins").symlink_to(plugins)
        # Brings an old environment up to date: no session shows that.
        clone.run(Command("a new clone", "make validate", ""))
        return clone

    def commit(self, message: str) -> None:
        """Commit what differs from the clone's last commit."""
        identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
        _git("-C", str(self.folder), "add", "--all")
        _git("-C", str(self.folder), *identity, "commit", "--quiet", "--message", message)

    @property
    def env(self) -> dict[str, str]:
        """The environment of a person's new shell, without colours."""
        env = {
            key: value
            for key, value in os.environ.items()
            if key not in NOT_INHERITED and not key.startswith("PULUMI_")
        }
        env["PULUMI_HOME"] = str(self.pulumi_home)
        return env | {"NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}

    @property
    def _shell(self) -> dict[str, Any]:
        """How a command runs: in the clone, without input, with all its output in one stream."""
        return {
            "cwd": self.folder,
            "env": self.env,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
        }

    def kill(self, line: str, once: str) -> None:
        """Start a command, and a second after it prints a text end it with SIGKILL, its children included."""
        command = ["bash", "-c", line]
        with subprocess.Popen(command, **self._shell, start_new_session=True) as process:
            assert process.stdout
            assert any(once in printed for printed in process.stdout), (
                f"`{line}` ended without printing {once}"
            )
            time.sleep(1)
            os.killpg(process.pid, signal.SIGKILL)
        # Until init has reaped the children, which may take seconds, they look alive.
        with suppress(ProcessLookupError):
            for _ in range(100):
                os.killpg(process.pid, 0)
                time.sleep(0.1)

    def run(self, command: Command) -> str:
        """Run a command in the clone; returns what it printed.

        Raises:
            AssertionError: if it prints anything else than the document shows, or fails where that shows no failure.
        """
        result = subprocess.run(
            ["bash", "-c", command.line], **self._shell, timeout=LIMIT_SECONDS, check=False
        )
        printed: str = result.stdout
        for ours, theirs in self.renamed.items():
            printed = printed.replace(ours, theirs)
        shown_failing = re.search(r"^error: |^make: \*\*\*", command.output, re.MULTILINE)
        assert result.returncode == 0 or shown_failing, (
            f"{command.place}: `{command.line}` exited with {result.returncode}:\n{printed}"
        )
        if command.output:
            difference = differs(command.output, printed)
            assert not difference, f"{command.place}: `{command.line}`\n{difference}"
        return printed


def differs(documented: str, printed: str) -> str:
    """How the two differ, empty if they do not: `...` matches anything, the amount of white space is ignored."""
    want, got = (
        "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines())
        for text in (documented, printed)
    )
    # Names of pods vary in length, and with them a table's columns.
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if checker.check_output(want, got, flags):
        return ""
    return f"The document says:\n{want}\nIt prints:\n{got}"


def _commands(fence: Fence) -> Iterator[Command]:
    place = f"{fence.document}:{fence.line}"
    before, *sessions = re.split(r"^\$ ", fence.text, flags=re.MULTILINE)
    assert not before.strip(), f"{place}: a console session begins with a line `$ command`"
    for session in sessions:
        line, _, output = session.partition("\n")
        while line.endswith("\\"):
            more, _, output = output.partition("\n")
            line = f"{line}\n{more}"
        yield Command(f"{place}", line, output.strip("\n"))


def _anchor(heading: Token) -> str:
    """As GitHub makes them: small letters, hyphens for spaces, no other signs."""
    text = "".join(child.content for child in heading.children or [])
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
