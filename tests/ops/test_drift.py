"""What counts as drift, who is named as its author, and what does not count."""

import base64
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.config.validate import INVALID
from ops.drift import command as drift_command
from ops.drift.drift import Drift, compare, expected_objects
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.processes import Result
from tests.ops.conftest import Cluster
from tests.unit.conftest import merged

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "shop"}},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "web:1",
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
                        "readinessProbe": {"initialDelaySeconds": 0, "periodSeconds": 5},
                    }
                ]
            }
        },
    },
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "keys", "namespace": "shop"},
    "stringData": {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "plaintext": json.dumps({"key": "open sesame"}),
    },
}


def state(*objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An exported state that holds these objects as deployed."""
    resources = [
        {
            "type": f"kubernetes:{item['apiVersion']}:{item['kind']}",
            "id": f"{item['metadata']['namespace']}/{item['metadata']['name']}",
            "custom": True,
            "inputs": item,
        }
        | more
        for item in objects
    ]
    provider = {"type": "pulumi:providers:kubernetes", "inputs": {"context": "where-it-is"}}
    return {"deployment": {"resources": [provider, *resources]}}


def written(manager: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"manager": manager, "time": "2026-01-02T03:04:05Z", "fieldsV1": fields} | more


def live(item: dict[str, Any], *writes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return merged(item, {"metadata": {"managedFields": list(writes)}, **changes})


def container(**changes: Any) -> dict[str, Any]:
    (one,) = WEB["spec"]["template"]["spec"]["containers"]
    return {"template": {"spec": {"containers": [one | changes]}}}


def field(*path: str) -> dict[str, Any]:
    """The record of one field, as `managedFields` has it."""
    record: dict[str, Any] = {}
    for mark in reversed(path):
        record = {mark: record}
    return record


CONTAINER = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"web"}')


def found(live_object: dict[str, Any], *autoscalers: dict[str, Any]) -> list[Drift]:
    return compare(expected_objects(state(WEB)), [live_object], autoscalers)


def test_an_object_as_deployed_is_no_drift_however_the_api_server_writes_it() -> None:
    """Quantities are shortened, zeros dropped, defaults and bookkeeping added."""
    stored = container(
        resources={"limits": {"cpu": "500m", "memory": "1Gi"}},
        readinessProbe={"periodSeconds": 5, "successThreshold": 1},
        terminationMessagePath="/dev/termination-log",
    )
    revision, served = "deployment.kubernetes.io/revision", "example.com/served"
    writes = [
        written("kube-controller-manager", field("f:metadata", "f:annotations", f"f:{revision}")),
        written(
            "some-controller",
            field("f:metadata", "f:annotations", f"f:{served}"),
            subresource="status",
        ),
        written("pulumi-kubernetes-1234", field(*CONTAINER, "f:terminationMessagePath")),
    ]
    item = live(WEB, *writes, spec=stored, status={"replicas": 2})
    item["metadata"]["annotations"] = {revision: "3", served: "yes"}
    assert found(item) == []


def test_the_providers_notes_to_itself_are_no_fields_of_the_object() -> None:
    noted = merged(WEB, {"metadata": {"annotations": {"pulumi.com/skipAwait": "true"}}})
    bare = merged(WEB, {"metadata": {"annotations": {}}})
    assert compare(expected_objects(state(noted)), [bare], []) == []
    assert compare(expected_objects(state(noted)), [noted], []) == []


def test_a_changed_field_is_reported_with_both_values_and_its_owner() -> None:
    write = written("kubectl-set", field(*CONTAINER, "f:image"))
    (drift,) = found(live(WEB, write, spec=container(image="web:2")))
    assert drift == Drift(
        "Deployment web",
        "spec.template.spec.containers[web].image",
        "web:1",
        "web:2",
        "kubectl-set at 2026-01-02T03:04:05Z",
    )


@pytest.mark.parametrize("text", ["1.0", "1000m", "01"])
def test_a_text_that_is_no_quantity_is_compared_as_a_text(text: str) -> None:
    env = [{"name": "A", "value": text}, {"name": "B", "value": "2"}]
    (drift,) = found(live(WEB, spec=container(env=env)))
    assert (drift.expected, drift.found) == ("1", text)


def test_a_changed_variable_is_found_by_its_name_not_its_place() -> None:
    swapped = [{"name": "B", "value": "3"}, {"name": "A", "value": "1"}]
    write = written("kubectl-edit", field(*CONTAINER, "f:env", 'k:{"name":"B"}', "f:value"))
    (drift,) = found(live(WEB, write, spec=container(env=swapped)))
    assert drift.field == "spec.template.spec.containers[web].env[B].value"
    assert (drift.expected, drift.found) == ("2", "3")
    assert drift.owner.startswith("kubectl-edit")


def test_what_somebody_added_is_drift_as_a_whole() -> None:
    """The provider's refresh would not see it, because Pulumi never managed it."""
    (one,) = WEB["spec"]["template"]["spec"]["containers"]
    env = [*one["env"], {"name": "C", "value": "3"}]
    record = field(*CONTAINER, "f:env", 'k:{"name":"C"}')
    record["f:metadata"] = {"f:labels": {"f:team": {}}}
    item = live(WEB, written("kubectl-edit", record), spec=container(env=env))
    item["metadata"]["labels"] = {"app": "shop", "team": "blue"}
    label, variable = found(item)
    assert (label.field, label.expected, label.found) == (
        "metadata.labels.team",
        "(absent)",
        "blue",
    )
    assert variable.field == "spec.template.spec.containers[web].env[C]"
    assert json.loads(variable.found) == {"name": "C", "value": "3"}


def test_what_somebody_removed_is_drift_and_the_last_writer_is_named() -> None:
    item = live(WEB, written("kubectl-label", field("f:metadata", "f:labels")))
    del item["metadata"]["labels"]
    (drift,) = found(item)
    assert (drift.field, drift.found) == ("metadata.labels", "(absent)")
    assert "kubectl-label" in drift.owner


def test_a_deleted_object_is_drift() -> None:
    (drift,) = compare(expected_objects(state(WEB)), [], [])
    assert (drift.object, drift.expected, drift.found) == ("Deployment web", "present", "(absent)")


def test_replicas_are_drift_unless_an_autoscaler_sets_them() -> None:
    scaled = live(WEB, written("kubectl", field("f:spec", "f:replicas"), subresource="scale"))
    scaled["spec"] = WEB["spec"] | {"replicas": 5}
    (drift,) = found(scaled)
    assert (drift.field, drift.expected, drift.found) == ("spec.replicas", "2", "5")
    assert drift.owner.startswith("kubectl at"), "scaling writes through a subresource"
    (entry,) = scaled["metadata"]["managedFields"]
    del entry["time"]
    assert found(scaled)[0].owner == "kubectl", "and the API server may record no time for it"
    target = {"kind": "Deployment", "name": "web"}
    autoscaler = {"metadata": {"namespace": "shop"}, "spec": {"scaleTargetRef": target}}
    assert found(scaled, autoscaler) == []
    elsewhere = {"metadata": {"namespace": "other"}, "spec": {"scaleTargetRef": target}}
    assert len(found(scaled, elsewhere)) == 1


def test_a_changed_secret_is_drift_and_neither_value_is_shown() -> None:
    wanted = expected_objects(state(SECRET))
    encoded = base64.b64encode(b"open sesame").decode()
    stored = {key: SECRET[key] for key in ("apiVersion", "kind", "metadata")}
    assert compare(wanted, [stored | {"data": {"key": encoded}}], []) == []
    (drift,) = compare(wanted, [stored | {"data": {"key": "b3RoZXI="}}], [])
    assert (drift.field, drift.expected, drift.found) == ("data.key", "(hidden)", "(hidden)")


@pytest.mark.parametrize("mark", [{"external": True}, {"delete": True}, {"type": "random:x:Y"}])
def test_what_the_stack_only_reads_or_no_longer_wants_is_not_its_own(mark: dict[str, Any]) -> None:
    assert expected_objects(state(WEB, **mark)) == []


def answers(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, pulumi: Result, kubectl: Result
) -> None:
    monkeypatch.setattr("ops.engine.stack.capture", lambda *_, **__: pulumi)
    cluster.answer("get", kubectl.output, code=kubectl.code)
    cluster.answer("HorizontalPodAutoscaler.v2.autoscaling", {"items": []})


def leaves(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, item: dict[str, Any], *flags: str
) -> tuple[int, str]:
    kubectl = Result(0, json.dumps({"items": [item]}))
    answers(monkeypatch, cluster, Result(0, json.dumps(state(WEB))), kubectl)
    answer = CliRunner().invoke(drift_command.commands, flags)
    assert {asked.context for asked in cluster.asked} == {"where-it-is"}, (
        "not what the stack file says today"
    )
    return answer.exit_code, answer.stdout


def test_it_exits_with_zero_without_drift_and_with_two_on_drift(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    code, shown = leaves(monkeypatch, cluster, WEB)
    assert (code, shown.split(":")[0]) == (0, "No drift")
    other = merged(WEB, {"spec": container(image="web:2")})
    code, shown = leaves(monkeypatch, cluster, other)
    assert code == 2
    assert "web:2" in shown
    assert "1 difference in " in shown
    code, shown = leaves(monkeypatch, cluster, other, "--json")
    (found,) = json.loads(shown)
    assert (code, found["expected"], found["found"]) == (2, "web:1", "web:2")


@pytest.mark.parametrize(
    ("pulumi", "kubectl", "what"),
    [
        (Result(255, "error: no stack"), Result(0, ""), "the state of stack dev cannot be read"),
        (Result(0, '{"deployment": {}}'), Result(0, ""), "nothing deployed"),
        (Result(0, json.dumps(state(WEB))), Result(1, "connection refused"), "did not answer"),
    ],
)
def test_a_failed_check_exits_with_one(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, pulumi: Result, kubectl: Result, what: str
) -> None:
    answers(monkeypatch, cluster, pulumi, kubectl)
    with pytest.raises(OpsError, match=what) as error:
        drift_command.drift("dev")
    assert error.value.code == 1


def test_a_stack_file_that_cannot_be_read_is_a_failed_check_and_no_drift(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> Stack:
        raise OpsError("Pulumi.dev.yaml is no YAML", code=INVALID)

    monkeypatch.setattr(drift_command, "known_stack", refuse)
    with pytest.raises(OpsError, match="no YAML") as error:
        drift_command.drift("dev")
    assert error.value.code == 1
