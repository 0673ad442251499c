"""python -m airgap STEP: what a machine without vendor downloads needs, from registries alone."""

import argparse
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable

from . import cluster, host, images, tools
from .plugins import install
from .run import CACHE, StepError, say

STEPS: dict[str, tuple[str, Callable[..., None]]] = {
    "tools": ("the engine, minikube, kubectl and what they run, or programs named", tools.prepare),
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
    parser.add_argument("names", nargs="*", help="`tools`: build only these; `images`: these, too")
    asked = parser.parse_args()
    # Like Ctrl-C, so that whatever runs is ended and cleaned up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    try:
        if asked.step in AS_ROOT and os.geteuid() != 0:
            _as_root()
        _only_one(asked.step)
        STEPS[asked.step][1](*asked.names)
    except (StepError, OSError) as error:
        print(f"airgap {asked.step}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"airgap {asked.step}: stopped; run the same command to continue", file=sys.stderr)
        return 130
    say(f"{asked.step} ready in {time.monotonic() - began:.1f} s")
    return 0


def _as_root() -> None:
    """Start again with the caller's home: caches, profiles and kubeconfig belong there."""
    keep = "--preserve-env=HOME,PATH,XDG_CACHE_HOME,MINIKUBE_HOME"
    if not shutil.which("sudo"):
        raise StepError("this step changes the system: run it as root, or install sudo")
    os.execvp("sudo", ["sudo", keep, sys.executable, "-m", "airgap", *sys.argv[1:]])  # noqa: S606


def _only_one(step: str) -> None:
    """Two runs at once would disturb each other: the second waits for the first."""
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = os.open(CACHE / f"{step}.lock", os.O_CREAT | os.O_WRONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another run does `{step}`: waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


if __name__ == "__main__":
    sys.exit(main())
