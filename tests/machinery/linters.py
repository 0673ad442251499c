"""The linters of rendered objects, Dockerfiles, workflows and alert rules; those from PyPI are in `.tools/lint`."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.errors import OpsError
from ops.paths import CHOSEN, ROOT, TOOLS
from ops.processes import stream
from tests.machinery import extras

LINT = TOOLS / "lint"
REQUIREMENTS = ROOT / "requirements-lint.txt"


def provide(env: Mapping[str, str]) -> dict[str, str]:
    """Install what is not there; returns an environment whose PATH finds the linters.

    Raises:
        OpsError: if one cannot be installed.
    """
    path = os.pathsep.join([str(LINT / "bin"), env.get("PATH", "")])
    stamp = LINT / f"made-{_checksum()}"
    if not stamp.exists():
        shutil.rmtree(LINT, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(LINT)], env)
        pip = [str(LINT / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "-r", str(REQUIREMENTS)], env)
        stamp.touch()
    extras.provide("kube-score", "actionlint", "promtool", env=env)
    return {**env, "PATH": os.pathsep.join([path, str(CHOSEN)])}


def _run(command: list[str], env: Mapping[str, str]) -> None:
    if stream(command, env=env).code != 0:
        raise OpsError("the linters could not be installed (the reason is above)")


def _checksum() -> str:
    files = [REQUIREMENTS, Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
