"""Run commands, report progress, and fail with one message that says what to do."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = HERE.parent / ".tools" / "airgap" / "bin"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taskflow-infra"
HEARTBEAT_SECONDS = 10


class StepError(Exception):
    """The failure, its place and the fix: all that the user sees."""


def say(text: str) -> None:
    print(f"airgap: {text}", flush=True)


def run(
    *command: str | Path,
    log: str = "",
    expected: Collection[str] = (),
    hint: str = "",
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """The standard output of a command that must succeed. A slow one reports progress.

    With `log` both its outputs go to the file of that name. `expected` are lines that it writes on success: with them
    the progress shows how much is left, and an error repeats none of them.
    """
    argv = [str(part) for part in command]
    if not shutil.which(argv[0]):
        raise StepError(f"`{argv[0]}` is not installed. {hint}".rstrip())
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        if log:
            output = errors = CACHE / "log" / f"{log}.log"
            output.parent.mkdir(parents=True, exist_ok=True)
            output.unlink(missing_ok=True)
        began = time.monotonic()
        with output.open("a") as out, errors.open("a") as err:
            everything = {**os.environ, **(env or {})}
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=everything, cwd=cwd
            )
        try:
            while child.poll() is None:
                try:
                    child.wait(HEARTBEAT_SECONDS)
                except subprocess.TimeoutExpired:
                    lines = _lines(output)
                    far = f"{len(lines)} of {len(expected)}, now " if expected else ""
                    last = "".join(lines[-1:])[:100]
                    say(f"  {log or argv[0]}: {time.monotonic() - began:.0f} s {far}{last}")
        finally:
            child.terminate()
            child.wait()
        if child.returncode == 0:
            return output.read_text(errors="replace")
        said = [line for line in _lines(errors) or _lines(output) if line not in expected][-12:]
    first = f"`{' '.join(argv)[:200]}` ended with {child.returncode}:"
    where = f" ({output})" if log else ""
    raise StepError("\n    ".join([first, *said]) + f"\n  {hint}{where}".rstrip())


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").strip().splitlines()


def wait_for(what: str, seconds: float, trouble: Callable[[], str], hint: str) -> None:
    """Check until there is no trouble any more, with a time limit."""
    deadline = time.monotonic() + seconds
    while found := trouble():
        if time.monotonic() > deadline:
            raise StepError(f"{what} was started, but after {seconds:g} s {found}\n  {hint}")
        time.sleep(0.5)


def need_space(where: Path, gigabytes: float, what: str) -> None:
    """Fail before the work, not during it, if the disk cannot hold the result."""
    while not where.exists():
        where = where.parent
    free = shutil.disk_usage(where).free / 1e9
    if free < gigabytes:
        raise StepError(
            f"{what} needs {gigabytes:g} GB of free disk below {where}, which has {free:.1f}. "
            "Free some space and run the same command again."
        )


def put(source: Path, target: Path, *, linked: bool = False) -> bool:
    """Copy or link a file, atomically; returns whether that is a change."""
    if linked and target.is_symlink() and target.readlink() == source:
        return False
    if not linked and target.is_file() and target.read_bytes() == source.read_bytes():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    if linked:
        fresh.symlink_to(source)
    else:
        shutil.copy(source, fresh)
    fresh.replace(target)
    return True


def put_all(folder: str) -> bool:
    """Put every file below a folder of `files/`, which mirrors the system's; returns whether one is new."""
    root = HERE / "files" / folder
    files = filter(Path.is_file, root.rglob("*"))
    changed = [put(path, "/" / path.relative_to(root)) for path in files]
    return any(changed)
