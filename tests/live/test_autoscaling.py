"""Under load the replicas rise, without it they fall again, and an update in between leaves them to the autoscaler."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from ops.prepare import cluster
from tests.live.conftest import BACKEND_PORT, RELEASE, VALUES, LiveRelease
from tests.live_release import PROFILE, Kubectl, node_port
from tests.load import Load, Page, under
from tests.machinery import extras
from tests.unit.conftest import merged

# Half of the 20m that a pod requests: probes take a quarter of that, forty requests a second several times as much.
SCALED = merged(
    VALUES,
    {
        "backend": {
            "autoscaling": {"min": 1, "max": 3, "cpu": 50, "scaleDownSeconds": 15},
        }
    },
)
ADDON = cluster.METRICS
# A pod without processor time is not ready, and pods that are not ready are not scaled: the load stays far below.
RATE = 40
PATIENCE_SECONDS = 180
BACKEND = f"{RELEASE}-backend"
METRICS = f"/apis/metrics.k8s.io/v1beta1/namespaces/{RELEASE}/pods"
SYSTEM = Kubectl("kube-system")


@pytest.fixture(scope="module")
def metrics() -> Iterator[None]:
    """Minikube's metrics server, scraping four times as often as usual; afterwards the addon is as it was."""
    was_off = cluster.enable_metrics(PROFILE, env=os.environ)
    arguments = SYSTEM.get("deployment", ADDON)["spec"]["template"]["spec"]["containers"][0]["args"]
    index = next(i for i, text in enumerate(arguments) if text.startswith("--metric-resolution"))
    path = f"/spec/template/spec/containers/0/args/{index}"
    faster = [{"op": "replace", "path": path, "value": "--metric-resolution=15s"}]
    SYSTEM("patch", "deployment", ADDON, "--type=json", "--patch", json.dumps(faster))
    SYSTEM("rollout", "status", f"deployment/{ADDON}", "--timeout=120s", timeout=130)
    yield
    off = ["minikube", "addons", "disable", ADDON, "--profile", PROFILE]
    subprocess.run(off, check=True, capture_output=True, timeout=120)
    if not was_off:
        cluster.enable_metrics(PROFILE, env=os.environ)


@pytest.fixture
def scaled(metrics: None, release: LiveRelease) -> Iterator[LiveRelease]:
    """The suite's release with an autoscaler for its backend; afterwards it is as it was."""
    release.stack.configure(SCALED)
    release.stack.up()
    yield release
    release.stack.configure(VALUES)
    release.stack.up()


def load() -> Load:
    """Requests to the backend's node port."""
    extras.provide("vegeta", env=os.environ)
    page = Page(f"{node_port(BACKEND_PORT)}/health")
    return Load("backend", [page], RATE, keepalive=True)


def test_replicas_follow_the_load_and_no_update_interferes(scaled: LiveRelease) -> None:
    kubectl = scaled.kubectl

    def wait_until(what: str, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, (
                f"not within {PATIENCE_SECONDS} s: {what}\n"
                f"{kubectl('describe', 'horizontalpodautoscaler', BACKEND)}\n"
                f"{kubectl('get', '--raw', METRICS)}"
            )
            time.sleep(2)

    def wanted() -> int:
        return int(kubectl.get("deployment", BACKEND)["spec"]["replicas"])

    def measured() -> bool:
        autoscaler = kubectl.get("horizontalpodautoscaler", BACKEND)
        return bool(autoscaler["status"].get("currentMetrics"))

    wait_until("the autoscaler knows the CPU use", measured)
    wait_until("without load one pod is enough", lambda: wanted() == 1)
    with under(load()):
        wait_until("under load there are more", lambda: wanted() > 1)
        many = kubectl.pods("backend").keys()
        scaled.stack.configure(merged(SCALED, {"backend": {"rolloutDeadlineSeconds": 81}}))
        assert "1 updated" in scaled.stack.up(), "the Deployment itself"
        assert wanted() > 1
        assert many <= kubectl.pods("backend").keys()
    wait_until("without load one pod is enough again", lambda: wanted() == 1)
