"""From a container's start, which Docker notes, to its pod's readiness, which a watch shows."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from datetime import datetime

from bench.figures import Figure, Goal, Section
from ops.errors import OpsError
from tests.live_release import Kubectl, docker

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


def measure(kubectl: Kubectl) -> Section:
    """Deletes pods one by one; the Deployment makes others."""
    figures = []
    for component, (cpu, goal) in GOALS.items():
        samples = [
            _replaced(kubectl, component, pod["metadata"]["name"])
            for _ in range(ROUNDS)
            for pod in kubectl.pods(component).values()
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


def _replaced(kubectl: Kubectl, component: str, pod: str) -> float:
    flags = ("--selector", f"component={component}", "--output")
    # A pod on its way out stays Ready while it drains, and would pass for the new one.
    known = kubectl("get", "pods", *flags, "jsonpath={.items[*].metadata.name}").split()
    limit = f"--request-timeout={READY_SECONDS}s"
    command = kubectl.command("get", "pods", *flags, LINE, "--watch", limit)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as watch:
        try:
            kubectl("delete", "pod", pod, "--wait=false")
            for line in watch.stdout or ():
                seen = Seen.of(line)
                if seen.ready and seen.pod not in known:
                    ready = time.time()
                    started = docker("inspect", "--format={{.State.StartedAt}}", seen.container)
                    return ready - instant(started.strip())
        finally:
            watch.kill()
    raise OpsError(f"no new {component} pod was ready within {READY_SECONDS} s")


def instant(text: str) -> float:
    """Seconds since 1970 of Docker's time, which has nanoseconds; Python's own has microseconds."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
