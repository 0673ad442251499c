"""A release on the real cluster: how it is configured, deployed, looked at and destroyed."""

import copy
import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from components.config.stack import Images
from components.minikube import Minikube
from ops.errors import OpsError
from ops.pods import require_rolled_out
from ops.prepare.tools import airgap
from tests.engine_stack import ROOT, EngineError, EngineStack

CONTEXT = PROFILE = "minikube"
NODE = Minikube.find(PROFILE)
SETTLE_SECONDS = 30
SINGLE = {"replicas": 1, "preStopSeconds": 1}
"""For a service of a release that a test destroys: one pod, which leaves soon."""
LANE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which of the processes that run a suite beside one another this is."""
HEALTH = {"backend": "/health", "frontend": "/healthz"}


def small(cpu: str, memory: str, limits: dict[str, str]) -> dict[str, Any]:
    """Requests that leave room for a dev release beside this one on 2 CPUs; limits as by default."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": limits}


SMALLEST = {"postgres": "20m", "backend": "20m", "frontend": "20m"}
"""For tests of what happens; under load such a pod gets hardly any time beside the control plane's."""


def values(
    release: str, *, frontend_port: int, backend_port: int, cpu: Mapping[str, str] = SMALLEST
) -> dict[str, Any]:
    """A stack's configuration with both services on node ports.

    Args:
        cpu: requests by component.
    """
    database = small(cpu["postgres"], "96Mi", {"cpu": "500m", "memory": "384Mi"})
    return {
        "release": release,
        "cluster": {"context": CONTEXT, "minikube": "minikube"},
        "secrets": {"generate": True},
        "database": {"embedded": {"resources": database}},
        "backend": {
            "resources": small(cpu["backend"], "128Mi", {"cpu": "500m", "memory": "512Mi"}),
            "service": _service(8000, backend_port),
        },
        "frontend": {
            "resources": small(cpu["frontend"], "128Mi", {"cpu": "250m", "memory": "256Mi"}),
            "service": _service(3000, frontend_port),
        },
    }


def changed(values: Mapping[str, Any], **blocks: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with keys of some blocks replaced."""
    new = copy.deepcopy(dict(values))
    for block, keys in blocks.items():
        new[block] = new.get(block, {}) | keys
    return new


def node_port(port: int) -> str:
    """Where a node port answers: at this machine, or at a node of its own (Minikube's docker driver)."""
    return f"http://{NODE.host if NODE else '127.0.0.1'}:{port}"


def docker_environment() -> dict[str, str]:
    """The environment for `docker` to reach the node's daemon, which has the cluster's images and containers."""
    assert NODE, f"no Minikube profile {PROFILE!r}"
    return os.environ | NODE.docker_environment(os.environ)


def docker(*arguments: str, timeout: int = 120) -> str:
    """The output of a command on the node's daemon."""
    command = ["docker", *arguments]
    result = subprocess.run(
        command, env=docker_environment(), capture_output=True, text=True, timeout=timeout
    )
    assert result.returncode == 0, f"{' '.join(command)}: {result.stderr.strip()}"
    return result.stdout


def pulled(image: str) -> str:
    """An image that the daemon has by its name; builds keep the base images that they pull to themselves.

    Where the base images are stand-ins, no registry is reached: then it is made.
    """
    if not docker("image", "ls", "--quiet", image):
        if docker("image", "ls", "--quiet", "--filter", "label=taskflow.stand-in", "postgres:17"):
            airgap("images", image, env=os.environ)
        else:
            docker("pull", "--quiet", image)
    return image


@dataclass(frozen=True)
class Kubectl:
    """kubectl, bound to the tests' context and one release's namespace."""

    namespace: str

    def __call__(self, *arguments: str, timeout: int = 120, stdin: str | None = None) -> str:
        command = self.command(*arguments)
        result = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout
        )
        assert result.returncode == 0, f"{' '.join(command)}: {result.stderr.strip()}"
        return result.stdout

    def command(self, *arguments: str) -> list[str]:
        """The command line itself, for what does not end at once."""
        return ["kubectl", "--context", CONTEXT, "--namespace", self.namespace, *arguments]

    def get(self, kind: str, name: str = "", *flags: str) -> dict[str, Any]:
        """An object, or a list of them, as JSON."""
        found: dict[str, Any] = json.loads(
            self("get", kind, *filter(None, [name]), *flags, "-o", "json")
        )
        return found

    def pods(self, component: str) -> dict[str, dict[str, Any]]:
        """The pods of a component that are not on their way out, by uid."""
        items = self.get("pods", "", "-l", f"component={component}")["items"]
        return {
            pod["metadata"]["uid"]: pod
            for pod in items
            if "deletionTimestamp" not in pod["metadata"]
        }

    def delete_namespace(self, *, wait: bool) -> None:
        """Delete the namespace with all in it, if it is there; without `wait` its pods end beside what follows."""
        flags = ("--ignore-not-found", f"--wait={str(wait).lower()}")
        self("delete", "namespace", self.namespace, *flags, timeout=180)

    def restarts(self) -> Counter[str]:
        """How often the container of each of the release's present pods was started again."""
        return Counter(
            {
                pod["metadata"]["name"]: status["restartCount"]
                for pod in self.get("pods")["items"]
                for status in pod["status"].get("containerStatuses", [])
            }
        )

    def restarts_since(self, before: Counter[str]) -> int:
        """The restarts since then, also if pods have been deleted meanwhile."""
        return (self.restarts() - before).total()


@dataclass(frozen=True)
class LiveStack(EngineStack):
    """A stack on the real cluster."""

    def up(self, *flags: str) -> str:
        """Bring it up as `make up` does: the provider's wait may end on its first look, which can be outdated."""
        printed = super().up(*flags)
        try:
            require_rolled_out(self.of_ops.file, self.env)
        except OpsError as error:
            raise EngineError(f"{printed}\n{error}") from error
        return printed


@dataclass(frozen=True)
class LiveRelease:
    """A deployed release: its stack, and kubectl in its namespace."""

    stack: LiveStack
    kubectl: Kubectl

    @property
    def url(self) -> str:
        """Where the frontend answers."""
        return str(self.stack.outputs()["url"])

    def generations(self) -> dict[str, set[str]]:
        """The pods of each component, by uid: a new uid is a restart."""
        return {
            component: set(self.kubectl.pods(component))
            for component in (*Images.components(), "postgres")
        }

    def update(self, values: Mapping[str, Any]) -> set[str]:
        """Apply a configuration until it serves; returns which components' pods were replaced."""
        before = self.generations()
        self.stack.configure(values)
        self.stack.up()
        wait_until_it_serves(values)
        # The provider's wait may end a moment before the last old pod is marked for deletion.
        deadline = time.monotonic() + SETTLE_SECONDS
        while mixed := _mixed(before, after := self.generations()):
            assert time.monotonic() < deadline, f"only some pods were replaced: {mixed}"
            time.sleep(0.5)
        return {component for component in after if before[component] != after[component]}


def _mixed(before: Mapping[str, set[str]], after: Mapping[str, set[str]]) -> list[str]:
    """The components that have old pods beside new ones."""
    return [
        component
        for component, uids in after.items()
        if uids != before[component] and not before[component].isdisjoint(uids)
    ]


def wait_until_it_answers(*addresses: str) -> None:
    """A node port follows a rollout within seconds."""
    deadline = time.monotonic() + 30
    for address in addresses:
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(address, timeout=3).status_code == 200:
                    break
            assert time.monotonic() < deadline, f"{address} does not answer"
            time.sleep(0.5)


def wait_until_it_serves(values: Mapping[str, Any]) -> None:
    """The same for both services of a configuration made by `values`."""
    ports = {part: int(values[part]["service"]["nodePort"]) for part in HEALTH}
    wait_until_it_answers(*(f"{node_port(ports[part])}{path}" for part, path in HEALTH.items()))


@contextmanager
def deployed(
    values: Mapping[str, Any], folder: Path, program: Path = ROOT
) -> Iterator[LiveRelease]:
    """The release, serving; its namespace is deleted at the end. `folder` takes its state.

    Nobody waits for the end of its pods: that a `destroy` leaves nothing behind has tests of its own.
    """
    for tool in ("pulumi", "kubectl", "docker"):
        assert shutil.which(tool), (
            f"{tool} is not on PATH; `make test` sets the tools up and runs these tests"
        )
    release = str(values["release"])
    kubectl = Kubectl(release)
    # Objects of a killed run have no state any more; only this suite uses the name.
    kubectl.delete_namespace(wait=True)
    stack = LiveStack.create("live", folder, values, program)
    try:
        stack.up()
        wait_until_it_serves(values)
        yield LiveRelease(stack, kubectl)
    finally:
        kubectl.delete_namespace(wait=False)


def _service(port: int, node_port: int) -> dict[str, Any]:
    return {"type": "NodePort", "port": port, "targetPort": port, "nodePort": node_port}
