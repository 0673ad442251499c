"""Kills containers without a signal that they could handle."""

from collections.abc import Mapping
from typing import Any

from tests.live_release import docker


def kill(pod: Mapping[str, Any]) -> None:
    """SIGKILL to every process of the pod's container, as when the node runs out of memory."""
    (status,) = pod["status"]["containerStatuses"]
    runtime, _, container = status["containerID"].partition("://")
    assert runtime == "docker", f"the cluster's containers are {runtime}'s, and this asks Docker"
    docker("kill", "--signal", "KILL", container)
