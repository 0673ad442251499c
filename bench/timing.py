"""Time of commands: wall seconds, and CPU seconds of the process with its finished children."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.paths import ROOT
from ops.processes import capture

LIMIT_SECONDS = 300
TAIL_CHARACTERS = 2_000


@dataclass(frozen=True)
class Timed:
    seconds: float
    cpu_seconds: float


def timed(
    command: Sequence[str],
    *,
    env: Mapping[str, str] = os.environ,
    cwd: Path = ROOT,
    limit: float = LIMIT_SECONDS,
) -> Timed:
    """Run a command quietly.

    Raises:
        OpsError: with the end of its output if it fails, or does not end within `limit` seconds.
    """
    before, start = os.times(), time.monotonic()
    result = capture(command, env=env, cwd=cwd, timeout=limit)
    seconds, after = time.monotonic() - start, os.times()
    if result.code != 0:
        tail = result.output[-TAIL_CHARACTERS:].strip()
        raise OpsError(f"{shlex.join(command[:3])} failed with {result.code}", where=tail)
    cpu = after.children_user + after.children_system
    return Timed(seconds, cpu - before.children_user - before.children_system)


def seconds(do: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    start = time.monotonic()
    do()
    return time.monotonic() - start
