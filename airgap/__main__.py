"""python -m airgap STEP: what a machine without vendor downloads needs, from registries alone."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import cluster, host, images, tools
from .plugins import install
from .run import BIN, CACHE, StepError, say

STEPS: dict[str, tuple[str, Callable[..., None]]] = {
    "tools": (
        "pulumi, minikube, kubectl and the cluster's programs, or those named",
        tools.prepare,
    ),
    "plugins": ("Pulumi's language host and providers, as executables on PATH", install),
    "host": ("system packages and a running Docker daemon", host.prepare),
    "images": ("stand-ins for the base images that the application builds on", images.prepare),
    "cluster": ("a healthy Minikube on the Docker daemon", cluster.prepare),
    "metrics": ("an image for Minikube's addon metrics-server", cluster.prepare_metrics),
}
AS_ROOT = ("host", "images", "cluster", "metrics")


def main() -> int:
    text = "\n".join(f"{name:9} {text}" for name, (text, _) in STEPS.items())
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m airgap", description=text, formatter_class=form)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("programs", nargs="*", help="for `tools`: build only these")
    asked = parser.parse_args()
    if asked.step in AS_ROOT and os.geteuid() != 0:
        return _as_root()
    # Like Ctrl-C, so that whatever runs is ended and cleared away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    try:
        _only_one(asked.step)
        STEPS[asked.step][1](*asked.programs)
    except (StepError, OSError) as error:
        print(f"airgap {asked.step}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"airgap {asked.step}: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    say(f"{asked.step} ready in {time.monotonic() - began:.1f} s")
    return 0


def _only_one(step: str) -> None:
    """Two runs at once would get into each other's way: the second waits for this one's end."""
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = os.open(CACHE / f"{step}.lock", os.O_CREAT | os.O_WRONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another run does `{step}`: waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _as_root() -> int:
    """Start again with sudo, but keep the caller's home: caches and kubeconfig belong there."""
    keep = "--preserve-env=HOME,PATH,XDG_CACHE_HOME"
    mine = [CACHE, BIN, Path.home() / ".minikube", Path.home() / ".kube"]
    try:
        code = subprocess.run(["sudo", keep, sys.executable, "-m", "airgap", *sys.argv[1:]])
        there = [path for path in mine if path.exists()]
        subprocess.run(["sudo", "chown", "-R", f"{os.getuid()}:{os.getgid()}", *there])
    except FileNotFoundError:
        print("airgap: run this step as root, or install sudo", file=sys.stderr)
        return 1
    return code.returncode


if __name__ == "__main__":
    sys.exit(main())
