"""python -m airgap STEP: what a machine without vendor downloads needs, from registries alone."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from . import cluster, host, images, tools
from .plugins.install import install as install_plugins
from .run import BIN, CACHE, StepError, say

STEPS = {
    "tools": "pulumi, minikube, kubectl and the cluster's programs, built from Go modules",
    "plugins": "Pulumi's language host and providers, on PATH executables",
    "host": "system packages and a running Docker daemon",
    "cluster": "a healthy Minikube on the Docker daemon",
    "metrics": "an image for Minikube's addon metrics-server, which can then be enabled",
    "images": "stand-ins for the base images that the application builds on",
}
AS_ROOT = {"host", "cluster", "metrics", "images"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m airgap", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for name, text in STEPS.items():
        step_parser = steps.add_parser(name, help=text, description=text)
        if name == "tools":
            step_parser.add_argument("program", nargs="*", help="build only these")
    asked = parser.parse_args()
    step: str = asked.step
    if step in AS_ROOT and os.geteuid() != 0:
        return _as_root()
    signal.signal(signal.SIGTERM, _stop)
    began = time.monotonic()
    try:
        _prepare(step, asked)
    except StepError as error:
        print(f"airgap {step}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"airgap {step}: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    say(f"{step} ready in {time.monotonic() - began:.1f} s")
    return 0


def _prepare(step: str, asked: argparse.Namespace) -> None:
    if step == "plugins":
        install_plugins(BIN)
    elif step == "tools":
        tools.prepare(*asked.program)
    elif step == "metrics":
        cluster.provide_metrics()
    else:
        {"host": host, "cluster": cluster, "images": images}[step].prepare()


def _as_root() -> int:
    """Start again with sudo, but keep the caller's home: caches and kubeconfig belong there."""
    keep = "--preserve-env=HOME,PATH,XDG_CACHE_HOME"
    again = ["sudo", keep, sys.executable, "-m", "airgap", *sys.argv[1:]]
    mine = [CACHE, BIN, Path.home() / ".minikube", Path.home() / ".kube"]
    try:
        code = subprocess.run(again).returncode
        there = [path for path in mine if path.exists()]
        subprocess.run(["sudo", "chown", "-R", f"{os.getuid()}:{os.getgid()}", *there])
        return code
    except FileNotFoundError:
        print(
            "airgap: this step changes the system: run it as root, or install sudo", file=sys.stderr
        )
        return 1


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
