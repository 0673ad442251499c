"""The cost of an edit under `make dev`: from the saved file to the answer that has it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.figures import Figure, Goal, Section
from bench.project import NOT_COPIED
from ops.errors import OpsError
from ops.paths import ROOT

COMMANDS, VERSIONS = ("ops", "policy", "airgap"), (".pulumi.version", "requirements.txt")
SERVED = re.compile(r"from the sources: (http\S+) \(its backend: (http[^)]+)\)")
LOG = "dev.log"
EDITS = 20
GOAL_SECONDS = 2.0
LIMIT_SECONDS, COMPILE_SECONDS = 60, 300
START_SECONDS, END_SECONDS = 400, 60
BETWEEN_SECONDS = 1.0
"""Nobody saves faster, and a reloader must have finished the edit before."""


@dataclass(frozen=True)
class Edited:
    """A text of a source file that an answer repeats."""

    file: str
    text: str
    path: str


BACKEND = Edited("backend/taskflow_api/app.py", "Tasks of signed-in users.", "/openapi.json")
FRONTEND = Edited("frontend/app/layout.tsx", "Keep your tasks in one calm place.", "/sign-in")


@dataclass(frozen=True)
class InnerLoop:
    """A running `make dev` on a copy of the checkout."""

    process: subprocess.Popen[bytes]
    folder: Path
    frontend: str
    backend: str

    def seconds(self, edited: Edited, mark: str) -> float:
        """Edit a file; how long it takes until the mark is served.

        Raises:
            OpsError: if it is not.
        """
        url = (self.backend if edited is BACKEND else self.frontend) + edited.path
        file = self.folder / "docker" / edited.file
        source = file.read_text()
        before, found, after = source.partition(edited.text)
        # Next.js compiles a page when it is first asked for; uvicorn may still restart after the edit before.
        deadline = time.monotonic() + COMPILE_SECONDS
        while not _has(url, "") and time.monotonic() < deadline:
            time.sleep(0.2)
        start = time.monotonic()
        file.write_text(f"{before}{found}{mark}{after}")
        try:
            while time.monotonic() - start < LIMIT_SECONDS:
                if _has(url, mark):
                    return time.monotonic() - start
                time.sleep(0.02)
        finally:
            file.write_text(source)
        raise OpsError(f"an edit of {edited.file} was not served within {LIMIT_SECONDS} s")


def with_commands(folder: Path) -> None:
    """Add what `python -m ops` needs to a copy of the checkout."""
    for name in COMMANDS:
        shutil.copytree(ROOT / name, folder / name, ignore=NOT_COPIED, dirs_exist_ok=True)
    for name in VERSIONS:
        shutil.copyfile(ROOT / name, folder / name)


@contextmanager
def started(
    folder: Path, stack: str, env: Mapping[str, str], *flags: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`ops dev` in a copy of the checkout, printing to a file there; at the end it is interrupted, if it still runs."""
    command = [sys.executable, "-m", "ops", "dev", "--stack", stack, *flags]
    with (folder / LOG).open("w") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(END_SECONDS)


@contextmanager
def serving(folder: Path, stack: str, env: Mapping[str, str], *flags: str) -> Iterator[InnerLoop]:
    """The same once both services answer.

    Raises:
        OpsError: with what it printed last, if they do not.
    """
    with started(folder, stack, env, *flags) as process:
        deadline = time.monotonic() + START_SECONDS
        while not (found := SERVED.search((folder / LOG).read_text())):
            if process.poll() is not None or time.monotonic() > deadline:
                raise OpsError("make dev does not serve", where=(folder / LOG).read_text()[-2000:])
            time.sleep(0.2)
        yield InnerLoop(process, folder, found[1], found[2])


def measure(folder: Path, stack: str, env: Mapping[str, str]) -> Section:
    """The folder is a copy of the checkout, which is edited."""
    with_commands(folder)
    figures = []
    with serving(folder, stack, env) as loop:
        for name, edited in {"backend": BACKEND, "frontend": FRONTEND}.items():
            samples = []
            for number in range(EDITS):
                samples.append(loop.seconds(edited, f"edit {number} of {EDITS}"))
                time.sleep(BETWEEN_SECONDS)
            figures.append(
                Figure(f"{name}, p95 of {EDITS} edits", (p95(samples),), "s", Goal(GOAL_SECONDS))
            )
            figures.append(Figure(f"{name}, every edit", tuple(samples), "s"))
    return Section(
        "An edit under `make dev`",
        "From a saved source file to an answer that has the edit: a new process of the backend, a page of the frontend "
        "that was seen before.",
        tuple(figures),
    )


def _has(url: str, mark: str) -> bool:
    try:
        return mark in httpx.get(url, timeout=LIMIT_SECONDS, trust_env=False).text
    except httpx.HTTPError:
        return False


def p95(samples: Sequence[float]) -> float:
    """p95 by the nearest rank: of 20 samples the second largest."""
    return sorted(samples)[-(len(samples) // 20) - 1]
