"""What a preview means for those who use the release; the previews were recorded from the engine, on edits of dev."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.errors import OpsError
from ops.review import command as review
from ops.review import plan, risk
from ops.review.plan import Step
from ops.review.risk import Risk, Verdict

PREVIEWS = Path(__file__).parent / "previews"


def recorded(name: str) -> list[Verdict]:
    return risk.judge(plan.read((PREVIEWS / name).read_text()))


def verdict_on(kind: str, name: str, verdicts: list[Verdict]) -> Verdict:
    (found,) = [v for v in verdicts if v.step.kind == kind and v.step.name.startswith(name)]
    return found


def config_map(level: str) -> dict[str, Any]:
    return {"metadata": {"name": "config"}, "immutable": True, "data": {"LOG_LEVEL": level}}


def deployment(**spec: Any) -> dict[str, Any]:
    """A workload of two pods that run image `one`, with keys of its specification replaced."""
    template = {"spec": {"containers": [{"name": "backend", "image": spec.pop("image", "one")}]}}
    return {"metadata": {"name": "web"}, "spec": {"replicas": 2, "template": template} | spec}


def judged(kind: str, action: str, old: Any = None, new: Any = None, **more: Any) -> Verdict:
    step = Step(
        action=action,
        type=f"kubernetes:any:{kind}",
        resource="r",
        old=old or {},
        new=new or {},
        **more,
    )
    (verdict,) = risk.judge([step])
    return verdict


@pytest.mark.parametrize(
    ("edit", "highest"),
    [
        ("log-level", Risk.ROLLING),
        ("frontend-three", Risk.NONE),
        ("strategy", Risk.NONE),
        ("volume-grows", Risk.NONE),
        ("postgres-image", Risk.OUTAGE),
        ("backend-port", Risk.OUTAGE),
        ("backend-single", Risk.OUTAGE),
        ("external", Risk.LOSS),
        ("other-storage-class", Risk.LOSS),
    ],
)
def test_an_edit_has_the_risk_of_its_worst_step(edit: str, highest: Risk) -> None:
    assert risk.highest(recorded(f"{edit}.json")) == highest


def test_both_forms_of_a_preview_say_the_same() -> None:
    told, logged = (
        [
            (v.step.action, v.step.title, v.step.forced_by, sorted(v.step.new), v.risk, v.reason)
            for v in recorded(f"log-level.{form}")
        ]
        for form in ("json", "events")
    )
    assert told == logged
    assert len(told) == 3, "the engine tells a replacement in three parts: they are one step"


def test_a_new_log_level_rolls_its_readers_and_the_config_map_names_them() -> None:
    verdicts = recorded("log-level.json")
    config = verdict_on("ConfigMap", "taskflow-config", verdicts)
    assert config.risk is Risk.NONE
    assert "Deployment taskflow-backend" in config.reason
    assert "Deployment taskflow-frontend" in config.reason
    backend = verdict_on("Deployment", "taskflow-backend", verdicts)
    assert backend.risk is Risk.ROLLING
    assert backend.reason == "pod template changes (its ConfigMap): 2 pods one by one"


def test_more_replicas_replace_no_pod() -> None:
    verdict = verdict_on("Deployment", "taskflow-frontend", recorded("frontend-three.json"))
    assert (verdict.risk, verdict.reason) == (Risk.NONE, "no pod is replaced: replicas")


def test_the_only_pod_of_a_deployment_may_end_first_and_the_variable_is_named() -> None:
    verdict = verdict_on("Deployment", "taskflow-backend", recorded("backend-single.json"))
    assert verdict.risk is Risk.OUTAGE
    assert "env GREETING" in verdict.reason
    assert "maxUnavailable 1" in verdict.reason


def test_the_database_is_one_pod_whose_restart_is_an_outage() -> None:
    verdict = verdict_on("StatefulSet", "taskflow-postgres", recorded("postgres-image.json"))
    assert verdict.reason == "pod template changes (image): one pod, restarted"


def test_an_external_database_loses_the_volume_and_only_the_volume() -> None:
    lost = [v.step.title for v in recorded("external.json") if v.risk is Risk.LOSS]
    assert lost == ["PersistentVolumeClaim taskflow-postgres-data"]


def test_a_volume_that_grows_is_no_loss_and_one_of_another_class_is() -> None:
    grown = verdict_on("PersistentVolumeClaim", "taskflow", recorded("volume-grows.json"))
    assert grown.reason == "the volume grows in place (1Gi to 2Gi)"
    moved = verdict_on("PersistentVolumeClaim", "taskflow", recorded("other-storage-class.json"))
    assert "spec.storageClassName cannot change in place" in moved.reason


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "PersistentVolume", "Namespace"])
@pytest.mark.parametrize("action", ["delete", "replace"])
def test_what_holds_data_is_lost_with_its_object(kind: str, action: str) -> None:
    assert judged(kind, action, deployment(), deployment()).risk is Risk.LOSS


def test_a_volume_that_the_engine_only_forgets_is_kept() -> None:
    verdict = judged("PersistentVolumeClaim", "delete", deployment(), retained=True)
    assert (verdict.risk, verdict.reason) == (
        Risk.NONE,
        "stays in the cluster; the stack forgets it",
    )


def test_a_database_that_takes_its_claims_along_is_a_loss() -> None:
    policy = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}
    assert judged("StatefulSet", "delete", deployment(**policy)).risk is Risk.LOSS
    assert judged("StatefulSet", "delete", deployment()).risk is Risk.OUTAGE


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (deployment(), deployment(image="two"), Risk.ROLLING),
        (deployment(), deployment(image="two", strategy={"type": "Recreate"}), Risk.OUTAGE),
        (deployment(), deployment(replicas=5), Risk.NONE),
        (deployment(), deployment(replicas=0), Risk.OUTAGE),
        (deployment(replicas=0), deployment(replicas=0, image="two"), Risk.NONE),
        (deployment(), deployment(progressDeadlineSeconds=9), Risk.NONE),
        (
            deployment(),
            deployment(image="two", strategy={"rollingUpdate": {"maxUnavailable": "100%"}}),
            Risk.OUTAGE,
        ),
        # A percentage is rounded down, so that the one pod stays until the new one is ready.
        (deployment(replicas=1), deployment(replicas=1, image="two"), Risk.ROLLING),
    ],
)
def test_a_deployment_rolls_when_its_template_changes(old: Any, new: Any, expected: Risk) -> None:
    assert judged("Deployment", "update", old, new).risk is expected


def test_pods_under_an_autoscaler_are_counted_by_its_minimum() -> None:
    scaled, rolled = deployment(), deployment(image="two")
    del scaled["spec"]["replicas"], rolled["spec"]["replicas"]
    target = {"spec": {"scaleTargetRef": {"name": "web"}, "minReplicas": 3}}
    steps = [
        Step(action="same", type="kubernetes:a:HorizontalPodAutoscaler", resource="h", old=target),
        Step(action="update", type="kubernetes:a:Deployment", resource="r", old=scaled, new=rolled),
    ]
    (verdict,) = risk.judge(steps)
    assert verdict.reason == "pod template changes (image): 3 pods one by one"


def test_a_fixed_name_is_deleted_before_it_is_made_anew() -> None:
    old, new = deployment(), deployment(selector={"matchLabels": {"app": "other"}})
    assert judged("Deployment", "replace", old, new).risk is Risk.OUTAGE
    new["metadata"] = {"name": "another"}
    assert judged("Deployment", "replace", old, new).risk is Risk.ROLLING


def service(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 80}]} | spec}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (service(ports=[{"name": "http", "port": 81}]), Risk.OUTAGE),
        (service(selector={"app": "other"}), Risk.OUTAGE),
        (
            service(type="NodePort", ports=[{"name": "http", "port": 80, "nodePort": 30080}]),
            Risk.NONE,
        ),
        (service(sessionAffinity="ClientIP"), Risk.NONE),
    ],
)
def test_a_service_interrupts_when_its_old_address_stops(new: Any, expected: Risk) -> None:
    assert judged("Service", "update", service(), new).risk is expected


def test_a_node_port_that_goes_or_moves_interrupts() -> None:
    ports = [{"name": "http", "port": 80, "nodePort": 30080}]
    open_port = service(type="NodePort", ports=ports)
    assert judged("Service", "update", open_port, service()).risk is Risk.OUTAGE
    moved = service(type="NodePort", ports=[ports[0] | {"nodePort": 30090}])
    assert judged("Service", "update", open_port, moved).risk is Risk.OUTAGE
    assert judged("Service", "replace", service(), service()).risk is Risk.OUTAGE


def test_an_ingress_interrupts_when_a_host_goes() -> None:
    one, two = (
        {"spec": {"rules": [{"host": host}]}} for host in ("a.example.com", "b.example.com")
    )
    verdict = judged("Ingress", "update", one, two)
    assert (verdict.risk, verdict.reason) == (
        Risk.OUTAGE,
        "a.example.com leads nowhere any more",
    )


def test_a_secret_that_goes_while_a_workload_reads_it_is_an_outage() -> None:
    reader = deployment()
    reader["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}
    ]
    gone = Step(
        action="delete",
        type="kubernetes:core/v1:Secret",
        resource="s",
        old={"metadata": {"name": "keys"}},
    )
    same = Step(action="same", type="kubernetes:apps/v1:Deployment", resource="d", old=reader)
    assert risk.judge([gone, same])[0].risk is Risk.OUTAGE
    assert risk.judge([gone])[0].risk is Risk.NONE


def test_a_config_map_is_read_anew_only_where_its_content_changes() -> None:
    renamed = judged("ConfigMap", "update", config_map("info"), config_map("debug"))
    assert renamed.reason == "read by no workload at the next start of a pod"
    noted = config_map("info") | {"metadata": {"name": "config", "annotations": {"a": "b"}}}
    same = judged("ConfigMap", "update", config_map("info"), noted)
    assert same.reason == "its content stays: annotations"


def test_a_generated_password_made_anew_locks_its_database_out() -> None:
    assert judged("RandomPassword", "replace").risk is Risk.OUTAGE


@pytest.mark.parametrize("action", ["update", "replace", "delete"])
def test_an_image_is_no_pod(action: str) -> None:
    assert judged("Image", action).reason == "pods that run it have steps of their own"


def test_what_nobody_knows_interrupts_when_it_goes() -> None:
    assert judged("Gateway", "delete").risk is Risk.OUTAGE


def test_reads_and_the_engines_own_resources_are_no_steps_and_what_it_keeps_is_marked() -> None:
    def told(op: str, kind: str, **state: Any) -> dict[str, Any]:
        return {"op": op, "urn": f"urn::{kind}", "oldState": {"type": kind, "custom": True} | state}

    claim = "kubernetes:core/v1:PersistentVolumeClaim"
    document = {
        "steps": [
            told("update", "pulumi:providers:kubernetes"),
            told("delete", "taskflow:index:TaskflowApp", custom=False),
            told("read", "kubernetes:core/v1:Secret"),
            told("delete", claim, retainOnDelete=True),
        ]
    }
    (step,) = plan.read(json.dumps(document))
    assert (step.type, step.retained) == (claim, True)


def test_anything_else_than_a_preview_is_refused_with_the_command_that_makes_one() -> None:
    for text in ("", "no JSON", "[]", '{"steps": [{}]}'):
        with pytest.raises(OpsError, match=r"pulumi preview --json") as refused:
            plan.read(text)
        assert "no preview" in refused.value.what


def test_a_loss_stops_unless_it_is_confirmed_and_says_how() -> None:
    verdicts = recorded("external.json")
    with pytest.raises(OpsError) as refused:
        review.refuse_loss(verdicts, "", "dev")
    assert refused.value.code == review.REFUSED
    assert "PersistentVolumeClaim taskflow-postgres-data" in refused.value.where
    assert "make up STACK=dev CONFIRM=data-loss" in refused.value.fix
    with pytest.raises(OpsError):
        review.refuse_loss(verdicts, "yes", "dev")
    with pytest.raises(OpsError) as refused:
        review.refuse_loss(verdicts, "", "dev", "make rollback TO=3")
    assert "make rollback TO=3 STACK=dev CONFIRM=data-loss" in refused.value.fix
    review.refuse_loss(verdicts, "data-loss", "dev")
    review.refuse_loss(recorded("backend-port.json"), "", "dev")


class Previewed:
    """In a stack's place: its preview was recorded."""

    name = "dev"

    def __init__(self, recording: str) -> None:
        self.told = (PREVIEWS / recording).read_text()

    def preview(self, *, quiet: bool) -> str:
        assert quiet, "the engine's own words come once, with the up that follows"
        return self.told


def test_an_up_is_stopped_before_anything_is_applied_and_its_worst_step_is_noted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    loses: Any = Previewed("external.json")
    with pytest.raises(OpsError, match="nothing was changed"):
        review.guard_up(loses, "")
    assert "taskflow-postgres-data" in capsys.readouterr().out, "the steps are shown with it"
    assert review.guard_up(loses, "data-loss") == "changes: 11, at worst: data loss"
    scales: Any = Previewed("frontend-three.json")
    capsys.readouterr()
    assert review.guard_up(scales, "") == "changes: 1, at worst: none"
    assert capsys.readouterr().out == "", "what nobody notices needs no table"


def test_programs_get_the_steps_as_json() -> None:
    arguments = ["diff", "--json", "--from", str(PREVIEWS / "postgres-image.json")]
    answer = CliRunner().invoke(review.commands, arguments)
    assert json.loads(answer.stdout) == {
        "risk": "short outage",
        "steps": [
            {
                "risk": "short outage",
                "step": "update",
                "kind": "StatefulSet",
                "name": "taskflow-postgres",
                "reason": "pod template changes (image): one pod, restarted",
            }
        ],
    }


def test_people_get_the_worst_step_first_and_the_worst_of_all_last() -> None:
    arguments = ["diff", "--from", str(PREVIEWS / "external.json")]
    lines = CliRunner().invoke(review.commands, arguments).stdout.splitlines()
    assert lines[1].split()[:3] == ["data", "loss", "delete"]
    assert lines[-1] == "At worst: data loss"
