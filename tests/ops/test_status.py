"""What status makes of what the cluster tells."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.errors import OpsError
from ops.release import screens, status
from ops.release.history import Place, Revision, Update
from ops.release.record import Record
from tests.ops.programs import Programs

PLACE = Place("taskflow", "taskflow", "minikube", "http://127.0.0.1:30080")
UPDATE = Update(
    place=1,
    kind="update",
    succeeded=True,
    ended=datetime.fromisoformat("2026-11-20T12:00:00+00:00"),
    title="make up",
    record=Record(by="A Person <person@example.com>", commit="c" * 40),
    config={},
    changes={"update": 2},
)
MADE = "2026-11-20T12:00:00Z"


def thing(kind: str, name: str, **parts: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "uid": name,
        "creationTimestamp": MADE,
        "labels": {"component": "backend"},
    }
    return {"kind": kind, "metadata": metadata | parts.pop("metadata", {}), **parts}


def deployment(ready: int) -> dict[str, Any]:
    containers = {"containers": [{"image": "taskflow-backend:0123456789ab"}]}
    spec = {"replicas": 2, "template": {"spec": containers}}
    return thing("Deployment", "taskflow-backend", spec=spec, status={"readyReplicas": ready})


def pod(
    name: str = "one",
    *,
    ready: bool = False,
    container: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}, *status.pop("conditions", [])]
    running = {"restartCount": 0, "ready": ready, "state": {"running": {}}, "lastState": {}}
    states = {"containerStatuses": [running | (container or {})]}
    return thing(
        "Pod", name, status={"phase": "Running", "conditions": conditions} | states | status
    )


def service(*ready: bool) -> list[dict[str, Any]]:
    labels = {"kubernetes.io/service-name": "taskflow-backend"}
    endpoints = [{"conditions": {"ready": one}} for one in ready] or None
    return [
        thing("Service", "taskflow-backend"),
        thing(
            "EndpointSlice", "taskflow-backend-x", metadata={"labels": labels}, endpoints=endpoints
        ),
    ]


WELL = [deployment(2), pod("one", ready=True), pod("two", ready=True), *service(True, True)]


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def seen(
    programs: Programs, *items: dict[str, Any], events: list[dict[str, Any]] | None = None
) -> status.Status:
    programs.answer("kubectl", "get", {"items": list(items)})
    programs.answer("kubectl", "events", {"items": events or []})
    return status.look(PLACE, [UPDATE], programs.env)


def test_a_release_that_is_well_has_no_fault(programs: Programs) -> None:
    found = seen(programs, *WELL)
    assert found.faults == []
    assert found.endpoints == (status.Endpoints("taskflow-backend", 2, 2),)
    assert [call for call in programs.calls if "events" in call] == [], "nothing is asked in vain"


ENDED = {
    "exitCode": 2,
    "reason": "Error",
    "message": 'starting\n{"level": "error", "message": "no variable  PORT"}\n',
}
REASONS = {
    "no image": (
        pod(
            container={
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
            }
        ),
        "ImagePullBackOff: no such image",
    ),
    "crash": (
        pod(
            container={
                "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                "lastState": {"terminated": ENDED},
            }
        ),
        "CrashLoopBackOff; before that: Error (exit code 2): no variable PORT",
    ),
    "ended": (
        pod(container={"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
        "OOMKilled (exit code 137)",
    ),
    "no node": (
        pod(
            phase="Pending",
            containerStatuses=[],
            conditions=[
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/1 nodes: Insufficient cpu",
                }
            ],
        ),
        "Unschedulable: 0/1 nodes: Insufficient cpu",
    ),
    "just started": (pod(), "running, its readiness probe has not passed yet"),
    "init container": (
        pod(
            initContainerStatuses=[
                {
                    "restartCount": 0,
                    "ready": False,
                    "state": {"waiting": {"reason": "PodInitializing"}},
                }
            ]
        ),
        "PodInitializing",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_a_pod_that_is_not_ready_says_why(programs: Programs, name: str) -> None:
    broken, reason = REASONS[name]
    found = seen(programs, deployment(1), broken, *service(True))
    assert found.pods[0].reason == reason
    assert f"pod one is not ready: {reason}" in found.faults


def test_a_probe_that_fails_is_told_in_its_latest_words(programs: Programs) -> None:
    def event(message: str, when: str, about: str = "one") -> dict[str, Any]:
        return {"message": message, "lastTimestamp": when, "involvedObject": {"uid": about}}

    events = [
        event("Readiness probe failed: 503", "2026-11-20T12:00:09Z"),
        event("Startup probe failed: refused", "2026-11-20T12:00:01Z"),
        event("of another pod", "2026-11-20T12:00:30Z", about="two"),
    ]
    found = seen(programs, deployment(1), pod(), *service(True), events=events)
    assert found.pods[0].reason == "Readiness probe failed: 503"


def test_what_ended_a_container_before_is_told_of_a_ready_pod_too(programs: Programs) -> None:
    container = {
        "restartCount": 1,
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    }
    found = seen(programs, deployment(2), pod(ready=True, container=container), *service(True))
    assert found.pods[0].reason == "was started again: OOMKilled (exit code 137)"
    assert found.faults == []


def test_a_pod_on_its_way_out_is_no_fault(programs: Programs) -> None:
    leaving = pod("old") | {"metadata": pod("old")["metadata"] | {"deletionTimestamp": MADE}}
    found = seen(programs, *WELL, leaving)
    assert found.faults == []
    assert "old" not in [one.name for one in found.pods]


def test_a_service_that_leads_nowhere_and_missing_pods_are_faults(programs: Programs) -> None:
    assert seen(programs, deployment(1), *service(False)).faults == [
        "taskflow-backend has 1 of 2 pods ready",
        "service taskflow-backend has no endpoint",
    ]
    assert seen(programs, deployment(2), *service()).faults == [
        "service taskflow-backend has no endpoint"
    ]


def test_an_update_that_failed_is_a_fault_though_all_pods_are_well(programs: Programs) -> None:
    seen(programs, *WELL)
    failed = replace(UPDATE, succeeded=False)
    found = status.look(PLACE, [failed, UPDATE], programs.env)
    assert found.faults == ["the last update failed"]
    assert found.revision == Revision(1, UPDATE)


def test_programs_get_all_of_it(programs: Programs) -> None:
    told = json.loads(json.dumps(seen(programs, *WELL).as_json()))
    assert told["revision"]["revision"] == 1
    assert told["last"]["by"] == "A Person <person@example.com>"
    assert [one["ready"] for one in told["pods"]] == [True, True]


def test_a_release_without_objects_is_a_fault(programs: Programs) -> None:
    assert seen(programs).faults == ["no objects of release taskflow in namespace taskflow"]


def test_a_cluster_that_does_not_answer_is_an_error(programs: Programs) -> None:
    programs.answer("kubectl", "get", "Unable to connect to the server", code=1)
    with pytest.raises(OpsError, match="does not tell") as caught:
        status.look(PLACE, [UPDATE], programs.env)
    assert "Unable to connect" in caught.value.where


def test_the_screen_shows_every_reason_in_full_and_once(programs: Programs) -> None:
    broken, reason = REASONS["no image"]
    text = StringIO()
    found = seen(programs, deployment(1), broken, *service(True))
    Console(file=text, width=120).print(screens.status_screen(found))
    assert text.getvalue().count(reason) == 1
    assert "- pod one is not ready\n" in text.getvalue().replace(" \n", "\n")


@pytest.mark.parametrize(
    ("seconds", "text"), [(8, "8 s"), (61, "1 min"), (3600 * 5, "5 h"), (86_400 * 3 + 5, "3 d")]
)
def test_an_age_has_one_unit(seconds: int, text: str) -> None:
    now = datetime.fromtimestamp(datetime.fromisoformat(MADE).timestamp() + seconds, UTC)
    assert status.age(MADE, now) == text
