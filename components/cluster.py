"""Which cluster a stack deploys to, and which Docker daemon and address belong to it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pulumi_docker as docker
import pulumi_kubernetes as kubernetes
import yaml

from .config import Cluster


class ClusterError(Exception):
    """The configured cluster cannot be used; the message says why and what to do."""


def kubernetes_provider(name: str, cluster: Cluster) -> kubernetes.Provider:
    """A provider bound to the stack's context, whatever the kubeconfig's current context is.

    Raises:
        ClusterError: if no kubeconfig has the context.
    """
    known = _contexts()
    if cluster.context not in known:
        have = f"has {', '.join(known)}" if known else "has none"
        raise ClusterError(
            f"taskflow:cluster.context: no context {cluster.context!r} in the kubeconfig, which {have}; "
            "start that cluster (on dev: make up), or name one of these in the stack file"
        )
    return kubernetes.Provider(
        name,
        context=cluster.context,
        cluster_identifier=cluster.context,
        enable_server_side_apply=True,
    )


def _contexts() -> list[str]:
    """Context names over all files of $KUBECONFIG, as kubectl merges them."""
    paths = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    names: list[str] = []
    for path in filter(None, paths.split(os.pathsep)):
        if Path(path).is_file():
            content = yaml.safe_load(Path(path).read_text()) or {}
            names += [context["name"] for context in content.get("contexts") or []]
    return names


@dataclass(frozen=True, kw_only=True)
class Minikube:
    """A Minikube profile as it stands on this machine."""

    profile: str
    driver: str
    node_ip: str

    @classmethod
    def find(cls, profile: str) -> "Minikube | None":
        """The profile, or None where it has not been made (a preview on another machine)."""
        home = Path(os.environ.get("MINIKUBE_HOME") or Path.home())
        root = home if home.name == ".minikube" else home / ".minikube"
        path = root / "profiles" / profile / "config.json"
        if not path.is_file():
            return None
        settings = json.loads(path.read_text())
        nodes: list[dict[str, str]] = settings.get("Nodes") or []
        node = next((node for node in nodes if node.get("ControlPlane")), {})
        return cls(profile=profile, driver=settings["Driver"], node_ip=node.get("IP", ""))

    @property
    def host(self) -> str:
        """Where a NodePort answers. Driver `none` runs on this machine itself, so loopback serves."""
        return "127.0.0.1" if self.driver == "none" else self.node_ip

    def docker_environment(self) -> dict[str, str]:
        """The variables by which a Docker client reaches the daemon that the cluster's kubelet takes images from.

        Empty with driver `none`: there it is this machine's own daemon, the default.

        Raises:
            ClusterError: if the profile does not tell its daemon (it is stopped, or runs containerd).
        """
        if self.driver == "none":
            return {}
        command = ["minikube", "docker-env", "--profile", self.profile, "--output", "json"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            reason = getattr(error, "stderr", None) or error
            raise ClusterError(
                f"taskflow:cluster.minikube: {' '.join(command)} failed: {str(reason).strip()}; "
                f"start it with: minikube start --profile {self.profile} --container-runtime docker"
            ) from error
        environment: dict[str, str] = json.loads(answer.stdout)
        return environment

    def docker_provider(self, name: str) -> docker.Provider | None:
        """A provider for that daemon; None where it is the default.

        Raises:
            ClusterError: as `docker_environment` does.
        """
        environment = self.docker_environment()
        if not environment:
            return None
        return docker.Provider(
            name,
            host=environment["DOCKER_HOST"],
            cert_path=environment["DOCKER_CERT_PATH"],
        )
