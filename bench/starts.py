"""From a container's start, which Docker notes, to its pod's readiness, which a watch shows."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from datetime import datetime

from bench.deployed import Daemon, Deployed
from bench.figures import Figure, Goal, Section
from ops.errors import OpsError

ROUNDS = 2
READY_SECONDS = 60
GOALS = {"backend": ("500m", 2.5), "frontend": ("250m", 3.5)}
LINE = (
    "jsonpath={.metadata.name} "
    '{.status.conditions[?(@.type=="Ready")].status} '
    '{.status.containerStatuses[0].containerID}{"\\n"}'
)


@dataclass(frozen=True)
class Seen:
    """One line of the watch."""

    pod: str
    ready: bool
    container: str

    @classmethod
    def of(cls, line: str) -> Seen:
        """The container is missing until there is one."""
        pod, ready, container = (*line.split(), "", "")[:3]
        return cls(pod, ready == "True", container.partition("://")[2])


def measure(deployed: Deployed, daemon: Daemon) -> Section:
    """Deletes pods one by one; the Deployment makes others."""
    figures = []
    for component, (cpu, goal) in GOALS.items():
        samples = [
            _replaced(deployed, daemon, component, pod)
            for _ in range(ROUNDS)
            for pod in deployed.pods(component)
        ]
        figures.append(
            Figure(f"start of the {component} at {cpu}", tuple(samples), "s", Goal(goal))
        )
    return Section(
        "Container start to Ready",
        "A pod is deleted. Time from the start of its replacement's container to Ready, with the stack's probes (the "
        "startup probe asks once a second).",
        tuple(figures),
    )


def _replaced(deployed: Deployed, daemon: Daemon, component: str, pod: str) -> float:
    # A pod on its way out stays Ready while it drains, and would pass for the new one.
    known = set(deployed.pods(component, leaving=True))
    selector = f"app={deployed.release},component={component}"
    command = [
        *deployed.command,
        "get",
        "pods",
        "--selector",
        selector,
        "--watch",
        "--output",
        LINE,
    ]
    command.append(f"--request-timeout={READY_SECONDS}s")
    with subprocess.Popen(
        command,
        env=dict(deployed.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as watch:
        try:
            deployed.kubectl("delete", "pod", pod, "--wait=false")
            assert watch.stdout is not None
            for line in watch.stdout:
                seen = Seen.of(line)
                if seen.ready and seen.pod not in known:
                    ready = time.time()
                    return ready - _started(daemon, seen.container)
        finally:
            watch.kill()
    raise OpsError(f"no new {component} pod was ready within {READY_SECONDS} s")


def _started(daemon: Daemon, container: str) -> float:
    return instant(daemon.docker("inspect", "--format", "{{.State.StartedAt}}", container))


def instant(text: str) -> float:
    """Seconds since 1970 of Docker's time, which has nanoseconds; Python's own has microseconds."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
