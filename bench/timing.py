"""Time of commands: wall seconds, and CPU seconds of the process with its finished children."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError

LIMIT_SECONDS = 300
TAIL_CHARACTERS = 2_000


@dataclass(frozen=True)
class Timed:
    seconds: float
    cpu_seconds: float


def timed(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    limit: float = LIMIT_SECONDS,
) -> Timed:
    """Run a command quietly.

    Raises:
        OpsError: with the end of its output if it fails, or does not end within `limit` seconds.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        before = os.times()
        start = time.monotonic()
        try:
            code = subprocess.run(
                command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, timeout=limit,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = None
        except OSError as error:
            raise OpsError(f"cannot start {command[0]}: {error.strerror}") from error
        seconds = time.monotonic() - start
        after = os.times()
        if code != 0:
            output.seek(0)
            tail = output.read()[-TAIL_CHARACTERS:].strip()
            ended = (
                f"failed with {code}" if code is not None else f"did not end within {limit:.0f} s"
            )
            raise OpsError(f"{shlex.join(command[:3])} {ended}", where=tail)
    cpu = after.children_user + after.children_system
    return Timed(seconds, cpu - before.children_user - before.children_system)
