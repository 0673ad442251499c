"""`make check`: format, lint, types and unit tests, with neither engine nor cluster."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from ops.errors import OpsError
from ops.paths import ROOT
from ops.processes import capture
from tests.machinery.suites import Count, Outcome, Suite, read_junit, run

TYPED = ("components", "ops", "airgap", "bench", "policy", "tests", "__main__.py")
BACKEND = ("docker/backend/taskflow_api",)
UNIT_TESTS = ("tests/unit", "tests/ops", "tests/airgap", "tests/docs")
PYTEST = ("--quiet", "--numprocesses=auto")
"""On all processors: no unit test shares anything with another."""
USUAL = ("-m", "not exhaustive")
PYTHON = sys.executable
BIN = Path(PYTHON).parent
LIMIT_SECONDS = 600


def outcomes(console: Console, *, exhaustive: bool = False) -> list[Outcome]:
    """Run the checks, the type checker beside the others: on two cores both take about as long.

    Args:
        exhaustive: with the tests that `make check` leaves to `make test`.
    """
    beside = [Suite("types", _types), Suite("backend types", _backend_types)]
    others = [
        Suite("format", lambda: _static("ruff", "format", "--check", ".")),
        Suite("lint", lambda: _static("ruff", "check", ".")),
        Suite("unit tests", lambda: unit_tests(() if exhaustive else USUAL)),
    ]
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda suites: [run(suite, console) for suite in suites], [others, beside])
        return [outcome for part in parts for outcome in part]


def fix() -> None:
    """Fix automatically what formatter and linter can fix."""
    env = os.environ
    for command in (["format", "."], ["check", "--fix", "."]):
        print(capture([str(BIN / "ruff"), *command], env=env, timeout=LIMIT_SECONDS).output, end="")


def unit_tests(flags: Sequence[str]) -> Count:
    # A test that forgets to answer for the cluster fails here too, where one runs, and not only in CI.
    env = {**os.environ, "KUBECONFIG": os.devnull}
    return pytest([*flags, *existing(UNIT_TESTS)], env=env)


def pytest(paths: Sequence[str], *, env: Mapping[str, str]) -> Count:
    """Run pytest on `paths` quietly and show its output; tests are counted from its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [PYTHON, "-m", "pytest", *PYTEST, f"--junitxml={report}", *paths]
        result = capture(command, env=env, timeout=LIMIT_SECONDS)
        print(result.output, end="", flush=True)
        return read_junit(report, result.code)


def existing(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if (ROOT / path).exists()]


def _types() -> Count:
    return _static("mypy", "--strict", *existing(TYPED))


def _backend_types() -> Count:
    """A program of its own, with imports that start at its own folders."""
    return _static("mypy", "--strict", *BACKEND, env={"MYPYPATH": "docker/backend"})


def _static(tool: str, *arguments: str, env: Mapping[str, str] | None = None) -> Count:
    """A tool without single tests counts as one."""
    env = {**os.environ, **(env or {})}
    result = capture([str(BIN / tool), *arguments], env=env, timeout=LIMIT_SECONDS)
    print(result.output, end="", flush=True)
    if result.code != 0:
        raise OpsError(f"{tool} {arguments[0]} found something to correct (listed above)")
    return Count(passed=1)
