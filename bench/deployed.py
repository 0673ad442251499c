"""The release under measurement, as kubectl and the node's Docker daemon show it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from bench.timing import Timed, timed
from components.minikube import Minikube
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.processes import capture

VOLUME_SECONDS = 60.0
TOKEN_SECONDS = 110  # The backend refuses more than 120.


@dataclass(frozen=True)
class Deployed:
    """A namespace on a cluster; everything of the release is in it."""

    release: str
    context: str
    env: Mapping[str, str]

    def kubectl(self, *arguments: str, timeout: float = 120) -> str:
        """Run kubectl in the namespace.

        Raises:
            OpsError: with kubectl's words if it fails.
        """
        result = self._kubectl.run(*arguments, timeout=timeout)
        if result.code != 0:
            raise OpsError(f"kubectl {' '.join(arguments[:3])} failed: {result.output.strip()}")
        return result.output

    @property
    def command(self) -> list[str]:
        """The start of each kubectl command."""
        return self._kubectl.command([])

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.context, self.env, self.release)

    def get(self, *what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *what, "--output=json"))
        return found

    def pods(self, component: str, *, leaving: bool = False) -> list[str]:
        """Names of a component's pods, one at least; with `leaving` those on their way out, too."""
        selector = f"app={self.release},component={component}"
        names = [
            str(pod["metadata"]["name"])
            for pod in self.get("pods", "--selector", selector)["items"]
            if leaving or "deletionTimestamp" not in pod["metadata"]
        ]
        if not names:
            raise OpsError(f"{component} has no pods", where=self.release)
        return names

    def pod(self, component: str) -> str:
        """The component's only pod."""
        names = self.pods(component)
        if len(names) != 1:
            raise OpsError(f"{component} has {len(names)} pods, expected one", where=self.release)
        return names[0]

    def token(self, user: str) -> str:
        """What the frontend would send the backend for `user`: short-lived, signed with the release's key."""
        deployment = self.get("deployment", f"{self.release}-backend")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        name = next(
            entry["valueFrom"]["secretKeyRef"]["name"]
            for entry in container["env"]
            if entry["name"] == "BETTER_AUTH_SECRET"
        )
        key = base64.b64decode(self.get("secret", name)["data"]["better-auth-secret"])
        now = int(time.time())
        return jwt.encode({"sub": user, "iat": now, "exp": now + TOKEN_SECONDS}, key, "HS256")

    def remove(self) -> None:
        """Delete the namespace with all in it, whoever made it; wait until it is gone, and its volumes too.

        Minikube names a volume's folder by its claim: a successor would find the old data, or lose its own to a late
        deletion.
        """
        self.kubectl("delete", "namespace", self.release, "--ignore-not-found", timeout=180)
        deadline = time.monotonic() + VOLUME_SECONDS
        while self._volumes():
            if time.monotonic() > deadline:
                raise OpsError(f"volumes of namespace {self.release} were not deleted", where="pv")
            time.sleep(0.2)

    def _volumes(self) -> list[str]:
        return [
            volume["metadata"]["name"]
            for volume in self.get("persistentvolumes")["items"]
            if volume["spec"].get("claimRef", {}).get("namespace") == self.release
        ]


@dataclass(frozen=True)
class Daemon:
    """The Docker daemon that the node's kubelet takes its images from."""

    env: Mapping[str, str]

    @classmethod
    def of_profile(cls, profile: str | None, env: Mapping[str, str]) -> Daemon:
        minikube = Minikube.find(profile) if profile else None
        return cls({**env, **(minikube.docker_environment(env) if minikube else {})})

    def docker(self, *arguments: str) -> str:
        result = capture(["docker", *arguments], env=self.env)
        if result.code != 0:
            raise OpsError(f"docker {' '.join(arguments[:2])} failed: {result.output.strip()}")
        return result.output.strip()

    def build(self, context: Path, image: str) -> Timed:
        """Build an image of a folder under this reference."""
        command = ["docker", "build", "--quiet", "--tag", image, str(context)]
        return timed(command, env=self.env, cwd=context)

    def images(self) -> set[str]:
        """References of the application's images that are there."""
        listed = self.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
        return {line for line in listed.splitlines() if line.startswith("taskflow-")}
