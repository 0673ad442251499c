"""Kills or halts containers without a signal that they could handle."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.live_release import docker


def kill(pod: Mapping[str, Any]) -> None:
    """SIGKILL to every process of the pod's container, as when the node runs out of memory."""
    docker("kill", "--signal", "KILL", _container(pod))


@contextmanager
def halted(pod: Mapping[str, Any]) -> Iterator[None]:
    """The pod's container takes connections and does nothing with them, as when its disk hangs."""
    container = _container(pod)
    docker("pause", container)
    try:
        yield
    finally:
        docker("unpause", container)


def _container(pod: Mapping[str, Any]) -> str:
    (status,) = pod["status"]["containerStatuses"]
    runtime, _, container = str(status["containerID"]).partition("://")
    assert runtime == "docker", f"the cluster's containers are {runtime}'s, and this asks Docker"
    return container
