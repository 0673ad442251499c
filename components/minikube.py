"""A Minikube profile on this machine: where its node ports answer, and which Docker daemon its images come from."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class ClusterError(Exception):
    """The configured cluster cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Minikube:
    """A Minikube profile as it stands on this machine."""

    profile: str
    driver: str
    node_ip: str

    @classmethod
    def find(cls, profile: str, environ: Mapping[str, str] = os.environ) -> "Minikube | None":
        """The profile, or None where it has not been made (a preview on another machine).

        Raises:
            ClusterError: if what Minikube wrote down of it cannot be read.
        """
        home = Path(environ.get("MINIKUBE_HOME") or Path.home())
        root = home if home.name == ".minikube" else home / ".minikube"
        path = root / "profiles" / profile / "config.json"
        if not path.is_file():
            return None
        try:
            settings = json.loads(path.read_text())
            driver = settings["Driver"]
        except (ValueError, KeyError) as error:
            raise ClusterError(
                f"taskflow:cluster.minikube: {path} is no profile of Minikube's ({type(error).__name__}), perhaps "
                f"left by a start that was cut off; remove it with: minikube delete --profile {profile}"
            ) from error
        nodes: list[dict[str, str]] = settings.get("Nodes") or []
        node = next((node for node in nodes if node.get("ControlPlane")), {})
        return cls(profile=profile, driver=driver, node_ip=node.get("IP", ""))

    @property
    def on_this_machine(self) -> bool:
        """Whether the node is this machine itself (driver `none`)."""
        return self.driver == "none"

    @property
    def host(self) -> str:
        """Where a NodePort answers."""
        return "127.0.0.1" if self.on_this_machine else self.node_ip

    def docker_environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables by which a Docker client reaches the daemon that the cluster's kubelet takes images from.

        Empty with driver `none`: there it is this machine's own daemon, the default.

        Args:
            environ: with the PATH on which `minikube` is found.

        Raises:
            ClusterError: if the profile does not tell its daemon (it is stopped, or runs containerd).
        """
        if self.on_this_machine:
            return {}
        # Only for no shell at all is the output JSON: https://minikube.sigs.k8s.io/docs/commands/docker-env/
        command = ["minikube", "docker-env", "--profile", self.profile]
        command += ["--shell", "none", "--output", "json"]
        try:
            answer = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=60, env=dict(environ)
            )
            found = json.loads(answer.stdout)
            # A cluster on containerd answers with the address of an SSH agent, which the provider cannot use.
            daemon = {name: found[name] for name in ("DOCKER_HOST", "DOCKER_CERT_PATH")}
            # Without it the docker command line would speak plain HTTP to that address, certificates or not.
            return daemon | {"DOCKER_TLS_VERIFY": "1"}
        except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
            reason = getattr(error, "stderr", None) or f"{type(error).__name__}: {error}"
            raise ClusterError(
                f"taskflow:cluster.minikube: {' '.join(command)} tells no Docker daemon: {reason.strip()}; "
                f"start it with: minikube start --profile {self.profile} --container-runtime docker"
            ) from error
