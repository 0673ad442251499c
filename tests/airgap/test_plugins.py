"""The plugin stand-ins' decisions, without engine, cluster or Docker."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from google.protobuf.struct_pb2 import Struct  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2

from airgap import plugins
from airgap.plugins import docker_provider, kubernetes_provider, objects, random_provider, serve

SEED = b"seed"


def deployment(**status: Any) -> dict[str, Any]:
    seen = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 2},
        "status": seen | status,
    }


def pod(name: str, *, labels: dict[str, str] | None = None, **container: Any) -> dict[str, Any]:
    status = {"name": "main", "ready": False, "restartCount": 0, **container}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "ns", "labels": labels or {}},
        "status": {"containerStatuses": [status]},
    }


def test_an_object_without_a_name_gets_the_resource_name_and_eight_hex_digits() -> None:
    made = objects.named({"kind": "ConfigMap"}, {}, "config", SEED)
    assert made["metadata"]["name"].startswith("config-")
    assert len(bytes.fromhex(made["metadata"]["name"].removeprefix("config-"))) == 4
    assert made["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}


def test_an_automatic_name_is_kept_from_one_update_to_the_next() -> None:
    first = objects.named({"kind": "ConfigMap"}, {}, "config", SEED)
    assert objects.named({"kind": "ConfigMap"}, first, "config", b"other seed") == first


def test_a_name_that_the_program_gives_is_left_alone() -> None:
    given = {"kind": "ConfigMap", "metadata": {"name": "mine"}}
    assert objects.named(given, {}, "config", SEED) == given


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("ConfigMap", "data"),
        ("Secret", "stringData"),
        ("Deployment", "spec.selector"),
        ("Job", "spec.template"),
        ("Service", "spec.clusterIP"),
        ("StatefulSet", "spec.volumeClaimTemplates"),
        ("PersistentVolumeClaim", "spec.storageClassName"),
    ],
)
def test_a_change_of_what_cannot_change_in_place_replaces_the_object(kind: str, field: str) -> None:
    def shaped(value: Any) -> dict[str, Any]:
        for key in reversed(field.split(".")):
            value = {key: value}
        return {"kind": kind, "metadata": {"name": "x"}, **value}

    assert objects.replacing(shaped({"a": "1"}), shaped({"a": "2"})) == [field]
    assert objects.replacing(shaped({"a": "1"}), shaped({"a": "1"})) == []


def test_a_new_image_or_a_larger_claim_is_an_update_in_place() -> None:
    claim = {
        "kind": "PersistentVolumeClaim",
        "spec": {"resources": {"requests": {"storage": "1Gi"}}},
    }
    larger = {
        "kind": "PersistentVolumeClaim",
        "spec": {"resources": {"requests": {"storage": "2Gi"}}},
    }
    assert objects.replacing(claim, larger) == []
    old = {"kind": "Deployment", "spec": {"template": {"image": "a"}, "selector": {"app": "x"}}}
    new = {"kind": "Deployment", "spec": {"template": {"image": "b"}, "selector": {"app": "x"}}}
    assert objects.replacing(old, new) == []


def test_what_kubectl_repeats_of_an_object_is_left_out() -> None:
    metadata = {"name": "x", "annotations": {objects.LAST_APPLIED: "{}", "mine": "1"}}
    noted = {"metadata": metadata | {"managedFields": [{"manager": "kubectl"}]}, "data": {}}
    kept = {"metadata": {"name": "x", "annotations": {"mine": "1"}}, "data": {}}
    assert objects.without_notes(noted) == kept
    assert objects.without_notes({"metadata": {"name": "x"}}) == {"metadata": {"name": "x"}}


def test_what_the_cluster_adds_or_writes_another_way_is_no_drift() -> None:
    asked = {"spec": {"cpu": "0.1", "memory": "1Gi", "ports": [{"port": 80}]}}
    live = {"spec": {"cpu": "100m", "memory": "1024Mi", "ports": [{"port": 80, "protocol": "TCP"}]}}
    assert objects.as_input(live, asked) == asked


def test_what_somebody_changed_in_the_cluster_is_drift() -> None:
    asked = {"spec": {"replicas": 2, "paused": False}}
    assert objects.as_input({"spec": {"replicas": 5}}, asked) == {"spec": {"replicas": 5}}


def test_a_deployment_is_ready_when_all_replicas_are_new_and_available() -> None:
    assert objects.problem(deployment()) is None


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 1},
        {"updatedReplicas": 1},
        {"availableReplicas": 1},
        {"replicas": 3},
    ],
)
def test_a_deployment_whose_rollout_is_under_way_is_waited_for(status: dict[str, int]) -> None:
    trouble = objects.problem(deployment(**status))
    assert trouble
    assert not trouble.fatal


def test_a_rollout_past_its_deadline_has_failed() -> None:
    late = {"type": "Progressing", "status": "False", "message": "exceeded its progress deadline"}
    trouble = objects.problem(deployment(availableReplicas=0, conditions=[late]))
    assert trouble == objects.Trouble("Progressing: exceeded its progress deadline", fatal=True)


def test_a_job_is_ready_when_complete_and_failed_when_kubernetes_says_so() -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "m"}
    complete = {"type": "Complete", "status": "True"}
    assert objects.problem({"kind": "Job", "status": {"conditions": [complete]}}) is None
    assert objects.problem({"kind": "Job", "status": {"active": 1}}) == objects.Trouble(
        "pods: 1 active, 0 failed"
    )
    trouble = objects.problem({"kind": "Job", "status": {"conditions": [failed]}})
    assert trouble == objects.Trouble("BackoffLimitExceeded: m", fatal=True)


@pytest.mark.parametrize(
    "reason",
    ["ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"],
)
def test_a_pod_that_cannot_start_fails_with_its_own_reason(reason: str) -> None:
    stuck = pod("web-1", state={"waiting": {"reason": reason, "message": "no such thing"}})
    message = f"pod web-1, container main: {reason}: no such thing"
    assert objects.pod_problem(stuck) == objects.Trouble(message, fatal=True)


def test_the_first_crash_is_forgiven_and_a_crash_loop_is_not() -> None:
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    first, second = (
        objects.pod_problem(pod("web-1", state=state, restartCount=count)) for count in (1, 2)
    )
    assert first
    assert not first.fatal
    assert second
    assert second.fatal


def test_a_container_that_the_kubelet_ended_in_peace_is_told_while_it_is_not_ready() -> None:
    """As a failing startup probe does to a process that leaves with 0 on SIGTERM."""
    again: dict[str, Any] = {
        "state": {"running": {}},
        "lastState": {"terminated": {"reason": "Completed", "exitCode": 0}},
    }
    told = objects.pod_problem(pod("web-1", **again, ready=False))
    assert told == objects.Trouble("pod web-1, container main: Completed, exit code 0")
    assert objects.pod_problem(pod("web-1", **again, ready=True)) is None


def test_pods_of_an_older_revision_do_not_count_against_a_rollout() -> None:
    pods = [pod(f"web-{n}", labels={"pod-template-hash": f"h{n}"}) for n in (1, 2)]
    for minute, item in enumerate(pods):
        item["metadata"]["creationTimestamp"] = f"2026-01-01T00:0{minute}:00Z"
    assert objects.newest(pods) == [pods[1]]


def test_values_come_from_the_engine_as_json_without_nulls() -> None:
    asked = {"replicas": 2, "cpu": 0.5, "paused": None, "ports": [{"port": 80, "name": None}]}
    assert serve.plain(serve.wrapped(asked)) == {
        "replicas": 2,
        "cpu": 0.5,
        "ports": [{"port": 80}],
    }
    assert "." not in repr(serve.plain(serve.wrapped({"replicas": 2})))


def test_the_values_of_a_secret_are_secret_in_the_state() -> None:
    live = {
        "kind": "Secret",
        "metadata": {"name": "keys", "managedFields": []},
        "data": {"key": "aHVudGVyMg=="},
        "stringData": {"key": "hunter2"},
    }
    state = kubernetes_provider.properties(live)
    assert {key for key, value in state.items() if value.is_secret} == {"data", "stringData"}


def test_a_password_has_its_length_and_no_special_characters() -> None:
    text = random_provider.password(48)
    assert len(text) == 48
    assert text.isalnum()


def test_build_arguments_travel_in_the_environment_and_not_on_the_command_line() -> None:
    build = {"context": "c", "dockerfile": "c/Dockerfile", "args": {"MIRROR": "hunter2"}}
    inputs = {"imageName": "a:1", "build": build}
    command, variables = docker_provider.build_command(inputs)
    assert command[-1] == "c"
    assert "--build-arg=MIRROR" in command
    assert "hunter2" not in " ".join(command)
    assert variables["MIRROR"] == "hunter2"


def test_every_executable_runs_the_given_interpreter(tmp_path: Path) -> None:
    plugins.install(tmp_path, "/some/python")
    names = {path.name for path in tmp_path.iterdir()}
    assert "pulumi-language-python" in names
    assert "pulumi-analyzer-policy-python" in names
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o111
        assert 'exec "/some/python"' in path.read_text()


def test_an_analyzer_leaves_with_a_killed_engine(tmp_path: Path) -> None:
    plugins.install(tmp_path)
    (tmp_path / "__main__.py").write_text(
        "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    )
    # A shell that waits takes the engine's place: what comes after its command keeps it from becoming the command.
    command = f"{tmp_path}/pulumi-analyzer-policy-python 127.0.0.1:1 {tmp_path}; exit 3"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout
        analyzer = int(engine.stdout.readline())
        engine.kill()
    deadline = time.monotonic() + 10
    while lives(analyzer):
        assert time.monotonic() < deadline, "the analyzer outlives the engine that started it"
        time.sleep(0.1)


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def service(**spec: Any) -> Any:
    """A Service as the engine sends it."""
    obj = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
    return ParseDict(obj, Struct())


def diff(old: Any, new: Any) -> Any:
    """What the provider answers when the live Service has got an address from the cluster."""
    live = service(clusterIP="10.0.0.1", ports=[{"port": 80, "protocol": "TCP"}])
    urn = "urn:pulumi:dev::taskflow::kubernetes:core/v1:Service::web"
    request = provider_pb2.DiffRequest(urn=urn, olds=live, old_inputs=old, news=new)
    provider = kubernetes_provider.KubernetesProvider()
    return serve.servicer(provider, "pulumi_kubernetes").Diff(request, None)


def test_what_the_cluster_filled_in_is_no_reason_to_replace() -> None:
    answer = diff(service(ports=[{"port": 80}]), service(ports=[{"port": 81}]))
    assert list(answer.replaces) == []
    assert answer.changes == provider_pb2.DiffResponse.DIFF_UNKNOWN, (
        "else the engine would not look for the changes by itself"
    )


def test_what_keeps_its_name_is_deleted_before_another_takes_its_place() -> None:
    answer = diff(service(clusterIP="None"), service(clusterIP="10.0.0.2"))
    assert list(answer.replaces) == ["spec.clusterIP"]
    assert answer.deleteBeforeReplace
