"""The linters of rendered objects and Dockerfiles: kube-score, checkov, hadolint, in `.tools/lint`."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.errors import OpsError
from ops.paths import ROOT, TOOLS
from ops.processes import stream

LINT = TOOLS / "lint"
REQUIREMENTS = ROOT / "requirements-lint.txt"
KUBE_SCORE = ROOT / "airgap" / "go" / "kube-score"
PACKAGE = "github.com/zegl/kube-score/cmd/kube-score"


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
        _kube_score(env)
        stamp.touch()
    return {**env, "PATH": path}


def _kube_score(env: Mapping[str, str]) -> None:
    if shutil.which("kube-score", path=env.get("PATH")):
        return
    if not shutil.which("go", path=env.get("PATH")):
        raise OpsError(
            "there is neither kube-score nor a Go compiler to build it with",
            fix="install kube-score 1.20 or Go 1.26",
        )
    quiet = {**env, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    target = str(LINT / "bin" / "kube-score")
    _run(["go", "build", "-C", str(KUBE_SCORE), "-trimpath", "-o", target, PACKAGE], quiet)


def _run(command: list[str], env: Mapping[str, str]) -> None:
    if stream(command, env=env).code != 0:
        raise OpsError("the linters could not be installed (the reason is above)")


def _checksum() -> str:
    files = [REQUIREMENTS, *sorted(KUBE_SCORE.iterdir()), Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
