"""Child processes: their output is streamed and kept, and Ctrl-C is passed on."""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.paths import ROOT

REMEMBERED_LINES = 400
"""The part of a child's output that is kept to explain a failure."""

CLEAN_UP_SECONDS = 90
"""An engine that is interrupted ends the operations that it has begun; one that hangs is killed."""

NOT_STARTED = 127
"""As in a shell: no such executable, or none for this machine."""

INTERRUPTED = 128 + signal.SIGINT


class Terminated(KeyboardInterrupt):
    """Raised by SIGTERM and SIGHUP; unlike Ctrl-C in a terminal SIGTERM is sent to only one process."""


@dataclass(frozen=True)
class Result:
    code: int
    output: str
    """From `capture`: stdout, and stderr if the command failed. From `stream`: the last lines of both together."""


def stream(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    hide: str | None = None,
    quiet: bool = False,
    timeout: float | None = None,
) -> Result:
    """Run `command`, passing its output through, except for lines in which the pattern `hide` occurs.

    Ctrl-C and the end of `timeout` (seconds; code 124) wait for the child's own clean-up.

    Args:
        quiet: keep the output, and print nothing.
    """
    try:
        child = subprocess.Popen(
            command,
            env=dict(env),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise OpsError(
            f"cannot start {command[0]}: {error.strerror}", where=shlex.join(command)
        ) from error
    tail: deque[str] = deque(maxlen=REMEMBERED_LINES)

    def pass_through() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            if hide and re.search(hide, line):
                continue
            if not quiet:
                show(line)
            tail.append(line)

    reader = threading.Thread(target=pass_through, daemon=True)
    try:
        reader.start()  # Whoever sees the child's first line may interrupt.
        code = child.wait(timeout)
    except subprocess.TimeoutExpired as slow:
        child.send_signal(signal.SIGINT)
        _await_clean_up(child)
        return Result(124, f"{shlex.join(command)} did not end within {slow.timeout:.0f} s\n")
    except KeyboardInterrupt as interrupt:
        # A second signal makes pulumi drop everything.
        if isinstance(interrupt, Terminated) or not _terminal_tells_all():
            child.send_signal(signal.SIGINT)
        _await_clean_up(child)
        reader.join(timeout=2)
        raise
    # A daemon that the child left behind may hold the pipe open: the child's end is what counts.
    reader.join(timeout=2)
    return Result(code, "".join(tail))


def show(line: str) -> None:
    """Print a line of a pipe, or go on where it cannot be printed: unread, a full pipe would stop its writer."""
    with suppress(OSError, ValueError):
        sys.stdout.write(line)
        sys.stdout.flush()


def _await_clean_up(child: subprocess.Popen[str]) -> None:
    try:
        child.wait(timeout=CLEAN_UP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def capture(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path = ROOT,
    timeout: float = 60,
    stdin: str = "",
) -> Result:
    """Run a short `command` quietly; Ctrl-C kills it at once. Code 127: no such executable; 124: no answer in time."""
    try:
        done = subprocess.run(
            command,
            env=dict(env),
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except OSError as error:
        return Result(NOT_STARTED, f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Result(124, f"{shlex.join(command)} did not answer within {timeout:.0f} s")
    # Many answers are JSON, and a warning in it would break it.
    return Result(done.returncode, done.stdout + (done.stderr if done.returncode else ""))


def _terminal_tells_all() -> bool:
    """Ctrl-C reaches all processes in the foreground of a terminal, wherever their stdin comes from."""
    try:
        with Path("/dev/tty").open() as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
