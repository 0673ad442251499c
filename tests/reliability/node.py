"""The node's own Docker: where images for the cluster are built, and what ends containers without a word."""

import os
import subprocess
from collections.abc import Mapping
from typing import Any

from components.minikube import Minikube


def docker_environment() -> dict[str, str]:
    """The environment of a Docker client that talks to the node."""
    minikube = Minikube.find("minikube")
    assert minikube, "no Minikube profile `minikube`"
    return os.environ | minikube.docker_environment(os.environ)


def kill(pod: Mapping[str, Any]) -> None:
    """SIGKILL to every process of the pod's container, as when the node runs out of memory."""
    (status,) = pod["status"]["containerStatuses"]
    runtime, _, container = status["containerID"].partition("://")
    assert runtime == "docker", f"the cluster's containers are {runtime}'s, and this asks Docker"
    subprocess.run(
        ["docker", "kill", "--signal", "KILL", container],
        env=docker_environment(),
        check=True,
        capture_output=True,
        timeout=30,
    )
