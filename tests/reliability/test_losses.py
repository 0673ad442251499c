"""A pod that is deleted, and a container that is killed."""

import time
from typing import Any

import pytest

from tests.live_release import LiveRelease
from tests.reliability import node
from tests.reliability.conftest import Record, await_ready
from tests.reliability.person import Person
from tests.reliability.traffic import traffic

READY_AGAIN_SECONDS = 6
LOST_SHARE = 0.0005
# Kubernetes looks every second whether containers run, and kube-proxy learns of it up to a second later. Until then one
# of two connections to the Service goes to a pod that refuses it, and nothing inside the pod can change that. Clients
# that try a read again, as the frontend does, do not notice; vegeta, as any client that does not, loses these.
UNNOTICED_SECONDS = 2.0
SHARE_OF_ONE_POD = 0.5


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_no_request_fails_when_a_pod_is_deleted(
    release: LiveRelease, person: Person, full: bool, record: Record, component: str
) -> None:
    deletions = 5 if full else 1
    with traffic(person) as results:
        for _ in range(deletions):
            (pod, *_) = release.kubectl.pods(component).values()
            release.kubectl("delete", "pod", pod["metadata"]["name"])
            await_ready(release, component)
    record(f"{deletions} x a {component} pod deleted", results)
    assert [result.failed for result in results] == [0, 0, 0, 0], "\n".join(map(str, results))


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_hardly_a_request_fails_when_a_container_is_killed(
    release: LiveRelease, person: Person, full: bool, record: Record, component: str
) -> None:
    watched = 60 if full else 20
    with traffic(person) as results:
        began = time.monotonic()
        (pod, *_) = release.kubectl.pods(component).values()
        node.kill(pod)
        ready = ready_again(release, component, pod, since=time.monotonic())
        time.sleep(max(0.0, watched - (time.monotonic() - began)))
    record(f"a {component} container killed", [f"Ready again after {ready:.1f} s", *results])
    assert ready <= READY_AGAIN_SECONDS
    for result in results:
        direct = result.name.startswith(component)
        unnoticed = SHARE_OF_ONE_POD * UNNOTICED_SECONDS / watched
        share = unnoticed if direct else LOST_SHARE
        assert result.failed <= share * result.requests, str(result)


def ready_again(
    release: LiveRelease, component: str, pod: dict[str, Any], *, since: float
) -> float:
    """Seconds until the pod, with a new container, is ready."""
    (old,) = pod["status"]["containerStatuses"]
    while time.monotonic() - since < 60:
        now = release.kubectl.pods(component)[pod["metadata"]["uid"]]
        (new,) = now["status"]["containerStatuses"]
        if new["restartCount"] > old["restartCount"] and new["ready"]:
            return time.monotonic() - since
        time.sleep(0.1)
    raise AssertionError(f"{pod['metadata']['name']} is not ready a minute after it was killed")
