"""Why a pod is not ready, and the last log lines of such pods."""

from dataclasses import replace
from typing import Any

import pytest

from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.pods import NOT_YET, await_former, last_words, pods, require_rolled_out, roles
from tests.ops.conftest import Cluster
from tests.ops.machines import DEV

KUBECTL = Kubectl("minikube", {}, "taskflow")


def pod(
    name: str = "one",
    *,
    ready: bool = False,
    made: str = "01",
    container: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}, *status.pop("conditions", [])]
    running = {
        "name": "backend",
        "restartCount": 0,
        "ready": ready,
        "state": {"running": {}},
        "lastState": {},
    }
    states = {"containerStatuses": [running | (container or {})]}
    metadata = {
        "name": name,
        "uid": name,
        "creationTimestamp": f"2026-01-01T00:00:{made}Z",
        "labels": {"component": "backend"},
    }
    status = {"phase": "Running", "conditions": conditions} | states | status
    return {"kind": "Pod", "metadata": metadata, "status": status}


def leaving(name: str) -> dict[str, Any]:
    found = pod(name, made="09")
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:10Z"
    return found


def event(message: str, second: int = 1, about: str = "one", **more: Any) -> dict[str, Any]:
    when = f"2026-01-01T00:00:{second:02}Z"
    return {"message": message, "lastTimestamp": when, "involvedObject": {"uid": about}} | more


ENDED = {
    "exitCode": 2,
    "reason": "Error",
    "message": 'starting\n{"level": "error", "message": "no variable  PORT"}\n',
}
CRASHED: dict[str, Any] = {
    "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
    "lastState": {"terminated": ENDED},
}
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes: Insufficient cpu",
}
INITIALIZING = {
    "restartCount": 0,
    "ready": False,
    "state": {"waiting": {"reason": "PodInitializing"}},
}
FIRST = {
    "name": "migrate",
    "restartCount": 0,
    "ready": False,
    "state": {"running": {}},
    "lastState": {},
}
MIGRATED = {
    "ready": True,
    "state": {"terminated": {"exitCode": 0, "reason": "Completed", "message": "one\ntwo"}},
}
NO_IMAGE = {
    "image": "api:1",
    "state": {"waiting": {"reason": "ErrImagePull", "message": "no answer"}},
}
BACKS_OFF = {
    "image": "api:1",
    "state": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off of "api:1"'}},
}
REASONS = {
    "no image": (pod(container=NO_IMAGE), 'ErrImagePull: no answer (image "api:1")'),
    "no image still": (pod(container=BACKS_OFF), 'ImagePullBackOff: Back-off of "api:1"'),
    "crash": (
        pod(container=CRASHED),
        "CrashLoopBackOff; before that: Error (exit code 2): no variable PORT",
    ),
    "ended": (
        pod(container={"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
        "OOMKilled (exit code 137)",
    ),
    "no node": (
        pod(phase="Pending", containerStatuses=[], conditions=[UNSCHEDULABLE]),
        "Unschedulable: 0/1 nodes: Insufficient cpu",
    ),
    "just started": (pod(), "running, its readiness probe has not passed yet"),
    "init container": (pod(initContainerStatuses=[INITIALIZING]), "PodInitializing"),
    "init container runs": (
        pod(container=INITIALIZING, initContainerStatuses=[FIRST]),
        "waits for its container migrate to end first",
    ),
    "init container ended": (pod(initContainerStatuses=[FIRST | MIGRATED]), NOT_YET),
}


def reason(cluster: Cluster, found: dict[str, Any], *events: dict[str, Any]) -> str:
    cluster.answer("events", {"items": list(events)})
    (one,) = pods([found], KUBECTL)
    return one.reason


@pytest.mark.parametrize("name", REASONS)
def test_a_pod_that_is_not_ready_says_why(cluster: Cluster, name: str) -> None:
    broken, expected = REASONS[name]
    assert reason(cluster, broken) == expected


def evicted(name: str, owner: str) -> dict[str, Any]:
    found = pod(name, phase="Failed", reason="Evicted", containerStatuses=[])
    found["metadata"]["ownerReferences"] = [{"kind": owner}]
    return found


def test_an_evicted_pod_is_skipped_only_where_another_has_its_place(cluster: Cluster) -> None:
    cluster.answer("events", {"items": []})
    found = pods([evicted("web", "ReplicaSet"), evicted("backup", "Job"), pod("new")], KUBECTL)
    assert [one.name for one in found] == ["backup", "new"]


def test_a_failing_probe_is_reported_with_its_latest_message(cluster: Cluster) -> None:
    events = [
        event("Readiness probe failed: 503", 9),
        event("Startup probe failed: refused", 1),
        event("Back-off restarting failed container", 10, reason="BackOff"),
        event("of another pod", 30, about="two"),
    ]
    assert reason(cluster, pod(), *events) == "Readiness probe failed: 503"


def test_a_volume_that_cannot_be_mounted_is_reported_with_its_event(cluster: Cluster) -> None:
    waiting = pod(container={"state": {"waiting": {"reason": "ContainerCreating"}}})
    mount = event('MountVolume.SetUp failed: secret "ca" not found', reason="FailedMount")
    assert reason(cluster, waiting, mount) == (
        'ContainerCreating: MountVolume.SetUp failed: secret "ca" not found'
    )


def test_how_a_container_ended_before_is_reported_for_a_ready_pod_too(cluster: Cluster) -> None:
    killed = {
        "restartCount": 1,
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    }
    found = pod(ready=True, container=killed)
    assert reason(cluster, found) == "was started again: OOMKilled (exit code 137)"


def test_events_are_asked_for_only_if_a_pod_is_not_ready(cluster: Cluster) -> None:
    assert pods([pod(ready=True), leaving("old")], KUBECTL)[0].reason == ""
    assert cluster.calls == []


def said(cluster: Cluster, *found: dict[str, Any]) -> list[str]:
    cluster.answer("logs", "no such table\n")
    cluster.answer("get", {"items": list(found)})
    cluster.answer("events", {"items": [event("Startup probe failed", about="new")]})
    return last_words(DEV, {}).splitlines()


def test_only_the_newest_pod_in_trouble_is_shown(cluster: Cluster) -> None:
    old, new, well = pod("old", made="01"), pod("new", made="02"), pod("well", ready=True)
    assert said(cluster, new, well, old, leaving("leaving")) == [
        "pod new is not ready: Startup probe failed",
        "pod new, container backend, last log lines:",
        "    no such table",
    ]
    assert {kubectl.namespace for kubectl in cluster.asked} == {"taskflow"}


@pytest.mark.parametrize(
    ("container", "previous"), [(CRASHED, True), ({}, False)], ids=["crashed", "runs"]
)
def test_the_log_is_of_the_last_run_where_a_container_waits_for_the_next(
    cluster: Cluster, container: dict[str, Any], previous: bool
) -> None:
    said(cluster, pod("new", container=container))
    (logs,) = (call for call in cluster.calls if call.startswith("logs"))
    assert logs.startswith("logs new --container backend")
    assert logs.endswith("--previous") is previous


def test_a_container_that_never_ran_has_no_log(cluster: Cluster) -> None:
    assert said(cluster, pod("new", container=NO_IMAGE)) == [
        'pod new is not ready: ErrImagePull: no answer (image "api:1")',
        "    Startup probe failed",
    ]


def test_a_pod_that_has_done_its_work_is_not_in_trouble(cluster: Cluster) -> None:
    done = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    assert said(cluster, pod("nightly", phase="Succeeded", container={"state": done})) == []


def test_a_rollout_that_gets_stuck_is_an_error_with_what_its_pods_say(cluster: Cluster) -> None:
    said(cluster, pod("new", container=NO_IMAGE))
    cluster.answer("rollout", "successfully rolled out")
    require_rolled_out(DEV, {})
    cluster.answer("rollout", "deployment exceeded its progress deadline", code=1)
    with pytest.raises(OpsError, match="the new pods do not become ready") as stuck:
        require_rolled_out(DEV, {})
    assert "ErrImagePull" in stuck.value.where


@pytest.mark.parametrize(("given", "waits"), [(30, 120), (900, 900)])
def test_a_rollout_is_waited_for_as_long_as_its_stack_allows(
    cluster: Cluster, given: int, waits: int
) -> None:
    """The least is for what has no deadline in the stack file, as the database."""
    cluster.answer("rollout", "successfully rolled out")
    require_rolled_out(replace(DEV, rollout_seconds=given), {})
    assert [call.split()[-1] for call in cluster.calls] == [f"--timeout={waits}s"] * 2


def test_former_pods_are_waited_for_by_name_for_as_long_as_they_may_take(cluster: Cluster) -> None:
    cluster.has(pod("new"))
    await_former(DEV, {})
    assert [call.split()[0] for call in cluster.calls] == ["get"], "nothing is leaving"
    old = leaving("old")
    old["metadata"]["deletionGracePeriodSeconds"] = 40
    cluster.has(pod("new"), old)
    cluster.answer("wait", "pod/old condition met")
    await_former(DEV, {})
    assert cluster.calls[-1] == "wait pod old --for=delete --timeout=70s"
    cluster.answer("wait", "error: timed out waiting for the condition on pods/old", code=1)
    with pytest.raises(OpsError, match="do not end") as stays:
        await_former(DEV, {})
    assert stays.value.where.endswith("pods/old")
    assert stays.value.fix.endswith("delete pod --force old")


def test_a_cluster_that_does_not_answer_says_nothing(cluster: Cluster) -> None:
    cluster.answer("get", "Unable to connect to the server", code=1)
    assert last_words(DEV, {}) == ""


def test_the_log_of_a_container_that_runs_first_is_shown_while_the_others_wait(
    cluster: Cluster,
) -> None:
    waits = pod("new", container=INITIALIZING | {"lastState": {}}, initContainerStatuses=[FIRST])
    assert said(cluster, waits)[-2:] == [
        "pod new, container migrate, last log lines:",
        "    no such table",
    ]


def test_the_roles_are_what_the_newest_backend_pod_found(cluster: Cluster) -> None:
    old = pod("old", made="01", initContainerStatuses=[FIRST])
    new = pod("new", made="02", initContainerStatuses=[FIRST | MIGRATED])
    cluster.answer("get", {"items": [new, old]})
    assert roles(DEV, {}) == ["one", "two"]


def test_without_roles_nothing_is_said_of_them(cluster: Cluster) -> None:
    cluster.answer("get", {"items": [pod()]})
    assert roles(DEV, {}) == []
