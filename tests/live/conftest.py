"""One release on the real cluster, shared by all live tests: its own stack, namespace and node ports."""

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engine_stack import EngineStack

CONTEXT = "minikube"
RELEASE = "livetest"
FRONTEND_PORT, BACKEND_PORT = 30081, 30082


def small(cpu: str, memory: str, limits: dict[str, str]) -> dict[str, Any]:
    """Requests that leave room for a dev release beside this one on 2 CPUs; limits as by default."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": limits}


VALUES: dict[str, Any] = {
    "release": RELEASE,
    "cluster": {"context": CONTEXT, "minikube": "minikube"},
    "secrets": {"generate": True},
    "database": {
        "embedded": {"resources": small("20m", "96Mi", {"cpu": "500m", "memory": "384Mi"})}
    },
    "backend": {
        "resources": small("20m", "128Mi", {"cpu": "500m", "memory": "512Mi"}),
        "service": {"type": "NodePort", "port": 8000, "targetPort": 8000, "nodePort": BACKEND_PORT},
    },
    "frontend": {
        "resources": small("20m", "128Mi", {"cpu": "250m", "memory": "256Mi"}),
        "service": {
            "type": "NodePort",
            "port": 3000,
            "targetPort": 3000,
            "nodePort": FRONTEND_PORT,
        },
    },
}


@dataclass(frozen=True)
class Kubectl:
    """kubectl, bound to the test's context and namespace."""

    namespace: str

    def __call__(self, *arguments: str, timeout: int = 120) -> str:
        command = ["kubectl", "--context", CONTEXT, "--namespace", self.namespace, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        assert result.returncode == 0, f"{' '.join(command)}: {result.stderr.strip()}"
        return result.stdout

    def get(self, kind: str, name: str = "", *flags: str) -> dict[str, Any]:
        """An object, or a list of them, as JSON."""
        found: dict[str, Any] = json.loads(
            self("get", kind, *filter(None, [name]), *flags, "-o", "json")
        )
        return found

    def pods(self, component: str) -> dict[str, dict[str, Any]]:
        """The pods of a component that are not on their way out, by uid."""
        items = self.get("pods", "", "-l", f"app={RELEASE},component={component}")["items"]
        return {
            pod["metadata"]["uid"]: pod
            for pod in items
            if "deletionTimestamp" not in pod["metadata"]
        }


@dataclass(frozen=True)
class LiveRelease:
    """A deployed release: its stack, and kubectl in its namespace."""

    stack: EngineStack
    kubectl: Kubectl
    first_up: str

    @property
    def url(self) -> str:
        """Where the frontend answers."""
        return str(self.stack.outputs()["url"])

    def generations(self) -> dict[str, set[str]]:
        """The pods of each component, by uid: a new uid is a restart."""
        return {
            component: set(self.kubectl.pods(component))
            for component in ("backend", "frontend", "postgres")
        }

    def update(self, values: Mapping[str, Any]) -> set[str]:
        """Apply a configuration and tell which components' pods were replaced."""
        before = self.generations()
        self.stack.configure(values)
        self.stack.up()
        after = self.generations()
        for component, uids in after.items():
            replaced = before[component].isdisjoint(uids)
            assert replaced or before[component] == uids, (
                f"{component}: only some pods were replaced"
            )
        return {component for component in after if before[component] != after[component]}


def changed(**blocks: dict[str, Any]) -> dict[str, Any]:
    """The suite's configuration with keys of some blocks replaced."""
    values = copy.deepcopy(VALUES)
    for block, keys in blocks.items():
        values[block] = values.get(block, {}) | keys
    return values


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    """The release, up; destroyed at the end unless a test did that already."""
    for tool in ("pulumi", "kubectl", "docker"):
        assert shutil.which(tool), (
            f"{tool} is not on PATH; `make test` sets the tools up and runs these tests"
        )
    kubectl = Kubectl(RELEASE)
    # What a killed run left behind has no state any more; only this suite uses the name.
    kubectl("delete", "namespace", RELEASE, "--ignore-not-found", "--wait", timeout=180)
    stack = EngineStack.create("live", tmp_path_factory.mktemp("live"), VALUES)
    try:
        yield LiveRelease(stack, kubectl, stack.up())
    finally:
        stack.destroy()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test that destroys the shared release runs when all others are done."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
