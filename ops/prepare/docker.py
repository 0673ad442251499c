"""The Docker engine: a client that can build with BuildKit, and a daemon that answers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.prepare.machine import Machine
from ops.processes import capture

DOCKER_SITE = "https://download.docker.com/"


@dataclass(frozen=True)
class Engine:
    client: Path | None
    """None where system packages and the daemon must be set up first."""
    reason: str = ""


def choose(machine: Machine) -> Engine:
    """Find a usable engine.

    Where Docker could be installed the usual way, the error says how; `airgap` sets it up only on
    a machine that cannot.
    """
    clients = machine.on_path("docker")
    builders = [client for client in clients if machine.builds_images(client)]
    if builders:
        trouble = machine.daemon_trouble(builders[0])
        if trouble is None:
            return Engine(builders[0])
        if "permission denied" in trouble.lower():
            raise OpsError(
                "this user may not talk to the Docker daemon",
                where=trouble.splitlines()[0],
                fix="sudo usermod -aG docker $USER, then log in again",
            )
        reason = (
            f"the Docker daemon does not answer: {(trouble.splitlines() or ['no reason given'])[0]}"
        )
        on_mac = machine.platform.system == "darwin"
        start = "start Docker Desktop" if on_mac else "sudo systemctl start docker"
        fix = f"{start}, then run the same command again"
    elif clients:
        reason = f"{clients[0]} cannot build images: it has no buildx plugin"
        fix = "install Docker's buildx plugin: https://docs.docker.com/go/buildx/"
    else:
        reason = "Docker is not installed"
        fix = "install Docker: https://docs.docker.com/get-started/get-docker/"

    if machine.platform.system == "linux" and not machine.reaches(DOCKER_SITE):
        return Engine(None, reason)
    raise OpsError(reason, where=str(clients[0]) if clients else "PATH", fix=fix)


def require_leave(engine: Engine, machine: Machine) -> None:
    """Ask before system packages are installed; without a terminal the answer is yes.

    Raises:
        OpsError: if it is no.
    """
    if not machine.interactive:
        return
    who = "" if os.geteuid() == 0 else " with sudo"
    print(f"{engine.reason}. This machine reaches package mirrors only.")
    answer = input(f"Install Docker and what Minikube needs as system packages{who}? [y/N] ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise OpsError("no Docker engine", fix="install one, or answer yes next time")


def hides_network(system: str, env: Mapping[str, str]) -> bool:
    """Whether this machine reaches only published ports: Docker runs in a virtual machine, or without root."""
    if system == "darwin":
        return True
    about = "--format={{.OperatingSystem}} {{.SecurityOptions}}"
    said = capture(["docker", "info", about], env=env).output
    return "Docker Desktop" in said or "name=rootless" in said
