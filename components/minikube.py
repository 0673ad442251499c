"""A Minikube profile on this machine: where its node ports answer, and how its images get into it."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

THIS_MACHINE = "127.0.0.1"
"""Where a NodePort answers if no Minikube says so."""


class ClusterError(Exception):
    """The configured cluster cannot be used; the message gives the reason and the fix."""


@dataclass(frozen=True, kw_only=True)
class Minikube:
    """A Minikube profile of this machine."""

    profile: str
    driver: str
    node_ip: str
    runtime: str = "docker"
    """The node's container runtime: `docker`, `containerd` (Minikube's default since 1.39) or `cri-o`."""

    @classmethod
    def find(cls, profile: str, environ: Mapping[str, str] = os.environ) -> "Minikube | None":
        """The profile, or None where it has not been made (a preview on another machine).

        Raises:
            ClusterError: if Minikube's record of it cannot be read.
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
                f"taskflow:cluster.minikube: {path} is not a Minikube profile ({type(error).__name__}), perhaps "
                f"left by an interrupted start; remove it with: minikube delete --profile {profile}"
            ) from error
        nodes: list[dict[str, str]] = settings.get("Nodes") or []
        node = next((node for node in nodes if node.get("ControlPlane")), {})
        # Profiles from before there was a choice do not name it.
        runtime = settings.get("KubernetesConfig", {}).get("ContainerRuntime") or "docker"
        return cls(profile=profile, driver=driver, node_ip=node.get("IP", ""), runtime=runtime)

    @property
    def on_this_machine(self) -> bool:
        """Whether the node is this machine itself (driver `none`)."""
        return self.driver == "none"

    @property
    def host(self) -> str:
        """Where a NodePort answers."""
        return THIS_MACHINE if self.on_this_machine else self.node_ip

    @property
    def needs_loading(self) -> bool:
        """Whether images must be loaded into the node: its runtime is not Docker and cannot build them."""
        return self.runtime != "docker"

    def load(self, image: str) -> None:
        """Load an image from this machine's Docker daemon into the node, unless the node has its tag.

        Args:
            image: reference with a tag that names one content, since Minikube keeps an existing tag.

        Raises:
            ClusterError: if the node does not have the image afterwards.
        """
        if not self.lacks([image]):
            return
        # https://minikube.sigs.k8s.io/docs/commands/image/: it can fail and exit with 0.
        said = self._minikube(["image", "load", image], timeout=600)
        if self.lacks([image]):
            raise ClusterError(
                f"taskflow:cluster.minikube: {image} could not be loaded into profile {self.profile} ({said.strip()}); "
                f"try it by hand: minikube image load --profile {self.profile} {image}"
            )

    def lacks(self, images: Iterable[str], environ: Mapping[str, str] = os.environ) -> list[str]:
        """Those of the images that the node does not have.

        Args:
            environ: with the PATH on which `minikube` is found.

        Raises:
            ClusterError: if the profile does not list its images (it is stopped).
        """
        listed = self._minikube(["image", "ls", "--format", "json"], environ)
        try:
            tags = [
                tag for entry in json.loads(listed) or () for tag in entry.get("repoTags") or ()
            ]
        except ValueError:
            tags = []
        # Of a stopped profile it is an empty list: a node that runs has Kubernetes' own images.
        if not tags:
            raise ClusterError(
                f"taskflow:cluster.minikube: profile {self.profile} does not list its images ({listed.strip()}); "
                f"start it with: minikube start --profile {self.profile}"
            )
        # A runtime writes a short name in full: docker.io/library/taskflow-backend:1a2b.
        return [
            image
            for image in images
            if not any(tag == image or tag.endswith(f"/{image}") for tag in tags)
        ]

    def _minikube(
        self, arguments: list[str], environ: Mapping[str, str] = os.environ, timeout: float = 60
    ) -> str:
        command = ["minikube", *arguments, "--profile", self.profile]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout, env=dict(environ)
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClusterError(
                f"taskflow:cluster.minikube: `{' '.join(command)}` failed: {error}"
            ) from error
        return done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def docker_environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables for a Docker client to reach the daemon that builds the images.

        Empty if that is this machine's own daemon, the default: with driver `none`, or if the node has none.

        Args:
            environ: with the PATH on which `minikube` is found.

        Raises:
            ClusterError: if the profile has no daemon now (it is stopped).
        """
        if self.on_this_machine or self.needs_loading:
            return {}
        # Only for no shell at all is the output JSON: https://minikube.sigs.k8s.io/docs/commands/docker-env/
        said = self._minikube(["docker-env", "--shell", "none", "--output", "json"], environ)
        try:
            found = json.loads(said)
            daemon = {name: found[name] for name in ("DOCKER_HOST", "DOCKER_CERT_PATH")}
        except (ValueError, KeyError):
            raise ClusterError(
                f"taskflow:cluster.minikube: profile {self.profile} has no Docker daemon now: {said.strip()}; "
                f"start it with: minikube start --profile {self.profile}"
            ) from None
        # Without it the docker command line would speak plain HTTP to that address, certificates or not.
        return daemon | {"DOCKER_TLS_VERIFY": "1"}
