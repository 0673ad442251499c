"""The environment and the database address of a deployed release's pods."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from ops.errors import OpsError
from ops.kubectl import Kubectl, Manifest
from policy.rule import at, containers_of, items

KINDS = "deployments,configmaps,secrets,services"
DATABASE, DATABASE_PORT = re.compile(r"\s*postgres(ql)?://", re.IGNORECASE), 5432
HEAD = "from taskflow_api.schema import HEAD; print(HEAD)"


@dataclass(frozen=True)
class Live:
    """A release with its objects, Secrets included, by kind and name."""

    kubectl: Kubectl
    release: str
    objects: Mapping[tuple[str, str], Manifest]

    @classmethod
    def read(cls, kubectl: Kubectl, release: str) -> Self:
        """Read them from the cluster.

        Raises:
            NoAnswerError: if it does not answer.
        """
        found = {(item["kind"], item["metadata"]["name"]): item for item in kubectl.objects(KINDS)}
        return cls(kubectl, release, found)

    def environment(self, component: str, container: str = "") -> dict[str, str]:
        """The environment of a component's container, as the kubelet makes it. It holds secrets: show none of it.

        Args:
            container: another container of the component's pods; there is nothing where they have none of that name.
        """
        deployment = self._object("Deployment", f"{self.release}-{component}")
        containers = {found["name"]: found for found in containers_of(deployment)}
        wanted = containers.get(container or component)
        env: dict[str, str] = {}
        for source in items(wanted, "envFrom"):
            env |= self._object("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in items(wanted, "env"):
            value = variable.get("value", "").replace("$$", "$")
            if key := at(variable, "valueFrom", "secretKeyRef"):
                encoded = at(self.objects.get(("Secret", key["name"])), "data", key["key"])
                if encoded is None:  # An optional one: pods run without.
                    continue
                value = base64.b64decode(encoded).decode()
            env[variable["name"]] = value
        return env

    def database(self) -> tuple[str, int] | None:
        """Service and port of the database; None if it is outside the cluster, and so at the same address from here."""
        address = urlsplit(self.environment("backend")["DATABASE_URL"])
        service = (address.hostname or "").partition(".")[0]
        found = ("Service", service) in self.objects
        return (service, address.port or DATABASE_PORT) if found else None

    def schema(self) -> str:
        """The newest migration of the release's backend."""
        return self.run("backend", "python", "-c", HEAD).strip()

    def run(self, component: str, *command: str) -> str:
        """The output of a command in one of a component's pods."""
        pod = (f"deployment/{self.release}-{component}", f"--container={component}")
        answer = self.kubectl.run("exec", *pod, "--", *command)
        if answer.code != 0:
            raise OpsError(
                f"the {component} of release {self.release} could not be asked",
                where=answer.output.strip(),
                fix="make status shows whether its pods are ready",
            )
        return answer.output

    def _object(self, kind: str, name: str) -> Manifest:
        if (kind, name) not in self.objects:
            raise OpsError(
                f"{kind} {name} is missing",
                where=f"namespace {self.kubectl.namespace}",
                fix="make up REFRESH=1 makes it again",
            )
        return self.objects[kind, name]


def moved(env: Mapping[str, str], host: str, port: int) -> dict[str, str]:
    """The environment with each address of the database led to another host and port."""

    def address(value: str) -> str:
        parts = urlsplit(value)
        return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{host}:{port}").geturl()

    return {name: address(value) if DATABASE.match(value) else value for name, value in env.items()}
