"""What status reports of the cluster's objects."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from ops.kubectl import Kubectl
from ops.release import status
from ops.release.history import Location, Revision, Update
from ops.release.record import Record
from tests.ops.conftest import Cluster
from tests.ops.test_pods import REASONS, leaving, pod

LOCATION = Location("taskflow", Kubectl("minikube", {}, "taskflow"), "192.168.49.2")
UPDATE = Update(
    position=1,
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


def seen(cluster: Cluster, *items: dict[str, Any]) -> status.Status:
    cluster.has(*items)
    cluster.answer("events", {"items": []})
    return status.look(LOCATION, [UPDATE])


def test_a_release_that_is_well_has_no_fault(cluster: Cluster) -> None:
    found = seen(cluster, *WELL)
    assert found.faults == []
    assert found.endpoints == (status.Endpoints("taskflow-backend", 2, 2),)
    assert len(cluster.calls) == 1, "nothing is asked without need"


def test_a_pod_on_its_way_out_is_no_fault(cluster: Cluster) -> None:
    found = seen(cluster, *WELL, leaving("old"))
    assert found.faults == []
    assert "old" not in [one.name for one in found.pods]


def test_a_service_that_leads_nowhere_and_missing_pods_are_faults(cluster: Cluster) -> None:
    assert seen(cluster, deployment(1), *service(False)).faults == [
        "taskflow-backend has 1 of 2 pods ready",
        "service taskflow-backend has no endpoint",
    ]
    assert seen(cluster, deployment(2), *service()).faults == [
        "service taskflow-backend has no endpoint"
    ]


def test_an_update_that_failed_is_a_fault_though_all_pods_are_well(cluster: Cluster) -> None:
    seen(cluster, *WELL)
    failed = replace(UPDATE, succeeded=False)
    found = status.look(LOCATION, [failed, UPDATE])
    assert found.faults == ["the last update failed"]
    assert found.revision == Revision(1, UPDATE)


def test_the_address_is_that_of_the_live_service_not_of_the_last_update(cluster: Cluster) -> None:
    spec = {"type": "NodePort", "ports": [{"port": 3000, "nodePort": 30090}]}
    labels = {"labels": {"component": "frontend"}}
    frontend = thing("Service", "taskflow-frontend", metadata=labels, spec=spec)
    assert seen(cluster, *WELL, frontend).url == "http://192.168.49.2:30090"


def test_programs_get_all_of_it(cluster: Cluster) -> None:
    document = json.loads(json.dumps(seen(cluster, *WELL).as_json()))
    assert document["revision"]["revision"] == 1
    assert document["last"]["by"] == "A Person <person@example.com>"
    assert [one["ready"] for one in document["pods"]] == [True, True]


def test_a_release_without_objects_is_a_fault(cluster: Cluster) -> None:
    assert seen(cluster).faults == ["no objects of release taskflow in namespace taskflow"]


def test_the_screen_shows_every_reason_in_full_and_once(cluster: Cluster) -> None:
    broken, reason = REASONS["no image"]
    text = StringIO()
    found = seen(cluster, deployment(1), broken, *service(True))
    Console(file=text, width=120).print(status.screen(found))
    assert text.getvalue().count(reason) == 1
    assert "- pod one is not ready\n" in text.getvalue().replace(" \n", "\n")


@pytest.mark.parametrize(
    ("seconds", "text"), [(8, "8 s"), (61, "1 min"), (3600 * 5, "5 h"), (86_400 * 3 + 5, "3 d")]
)
def test_an_age_has_one_unit(seconds: int, text: str) -> None:
    now = datetime.fromtimestamp(datetime.fromisoformat(MADE).timestamp() + seconds, UTC)
    assert status.age(MADE, now) == text
