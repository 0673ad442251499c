"""Run commands, say what is going on, and fail with one message that tells what to do."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
FILES = Path(__file__).parent / "files"
BIN = REPOSITORY / ".tools" / "airgap" / "bin"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taskflow-infra"

HEARTBEAT_SECONDS = 10


class StepError(Exception):
    """What went wrong, where, and what to do about it: all that the user gets to see."""


def say(text: str) -> None:
    print(f"airgap: {text}", flush=True)


def run(
    *command: str | Path,
    hint: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """The standard output of a command that has to work."""
    argv = [str(part) for part in command]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
    except FileNotFoundError as missing:
        raise StepError(f"`{argv[0]}` is not installed. {hint}".rstrip()) from missing
    if done.returncode != 0:
        raise _failed(argv, done.returncode, done.stderr or done.stdout, hint)
    return done.stdout


def works(*command: str | Path) -> bool:
    """Whether a command succeeds: for questions, where a failure is an answer."""
    with contextlib.suppress(StepError):
        run(*command)
        return True
    return False


def watch(
    what: str,
    command: Sequence[str | Path],
    log: Path,
    *,
    hint: str = "",
    counted: str = "lines of output",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a slow command with its output in `log`, and give a sign of life every few seconds."""
    log.parent.mkdir(parents=True, exist_ok=True)
    argv = [str(part) for part in command]
    began = time.monotonic()
    with log.open("w") as output:
        try:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
            )
        except FileNotFoundError as missing:
            raise StepError(f"`{argv[0]}` is not installed. {hint}".rstrip()) from missing
        try:
            while child.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(HEARTBEAT_SECONDS)
                    break
                lines = log.read_text(errors="replace").count("\n")
                say(f"  {what}: {lines} {counted}, {clock(time.monotonic() - began)}")
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    if child.returncode != 0:
        raise _failed(argv, child.returncode, log.read_text(errors="replace"), f"{hint} ({log})")


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def need_space(where: Path, gigabytes: float, what: str) -> None:
    """Fail before the work, not in the middle of it, when the disk cannot hold the result."""
    there = where
    while not there.exists():
        there = there.parent
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize / 1e9
    if free < gigabytes:
        raise StepError(
            f"{what} needs {gigabytes:g} GB of free disk below {there}, which has {free:.1f}. "
            "Free some space and run the same command again."
        )


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Two runs at once would build the same things into each other's way: the second waits."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run does `{name}`: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def link(target: Path, name: Path) -> None:
    """A symbolic link, put in place in one step so that nobody finds it missing."""
    if name.is_symlink() and name.readlink() == target:
        return
    name.parent.mkdir(parents=True, exist_ok=True)
    fresh = name.with_name(f".{name.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(name)


def _failed(argv: Sequence[str], code: int, output: str, hint: str) -> StepError:
    tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-12:])
    return StepError(f"`{' '.join(argv)[:200]}` ended with {code}:\n{tail}\n  {hint}".rstrip())
