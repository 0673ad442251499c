"""What a preview means for the release's users; the previews were recorded from the engine, on edits of dev."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from typer.testing import CliRunner

from ops import main
from ops.config import validate
from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.prepare import setup
from ops.review import command as review
from ops.review import embedded, needs, plan, risk
from ops.review.plan import Step
from ops.review.risk import Effect, Risk
from tests.ops.conftest import Cluster
from tests.ops.machines import DEV, LOCAL
from tests.unit.conftest import merged

PREVIEWS = Path(__file__).parent / "previews"


def recorded(name: str) -> list[Effect]:
    return risk.judge(plan.read((PREVIEWS / name).read_text()))


def effect_on(kind: str, name: str, effects: list[Effect]) -> Effect:
    (found,) = [v for v in effects if v.step.kind == kind and v.step.name.startswith(name)]
    return found


def config_map(level: str) -> dict[str, Any]:
    return {"metadata": {"name": "config"}, "immutable": True, "data": {"LOG_LEVEL": level}}


def deployment(**spec: Any) -> dict[str, Any]:
    """A workload of two pods that run image `one`, with keys of its specification replaced."""
    template = {"spec": {"containers": [{"name": "backend", "image": spec.pop("image", "one")}]}}
    return {"metadata": {"name": "web"}, "spec": {"replicas": 2, "template": template} | spec}


A, B = ({"name": name, "value": "1"} for name in "AB")


def with_container(**changes: Any) -> dict[str, Any]:
    """The same with keys of its container added."""
    changed = deployment()
    changed["spec"]["template"]["spec"]["containers"][0] |= changes
    return changed


def containers(*names: str) -> dict[str, Any]:
    """The same with containers of these names."""
    template = {"spec": {"containers": [{"name": name, "image": "one"} for name in names]}}
    return deployment(template=template)


def step(kind: str, action: str, old: Any = None, new: Any = None, **more: Any) -> Step:
    sides: dict[str, Any] = {"resource": "r", "old": old or {}, "new": new or {}}
    return Step(action=action, type=f"any:any:{kind}", **sides | more)


def judged(kind: str, action: str, old: Any = None, new: Any = None, **more: Any) -> Effect:
    (effect,) = risk.judge([step(kind, action, old, new, **more)])
    return effect


def risks(*steps: Step) -> list[Risk]:
    """The risks of those that change something."""
    return [effect.risk for effect in risk.judge(steps)]


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
    described, logged = (
        [
            (v.step.action, v.step.title, v.step.forced_by, sorted(v.step.new), v.risk, v.reason)
            for v in recorded(f"log-level.{form}")
        ]
        for form in ("json", "events")
    )
    assert described == logged
    assert len(described) == 3, (
        "the engine describes a replacement in three parts: they are one step"
    )


def test_a_new_log_level_rolls_its_readers_and_the_config_map_names_them() -> None:
    effects = recorded("log-level.json")
    config = effect_on("ConfigMap", "taskflow-config", effects)
    assert config.risk is Risk.NONE
    assert "Deployment taskflow-backend" in config.reason
    assert "Deployment taskflow-frontend" in config.reason
    backend = effect_on("Deployment", "taskflow-backend", effects)
    assert backend.risk is Risk.ROLLING
    assert backend.reason == "pod template changes (its ConfigMap): 2 pods one by one"


def test_more_replicas_replace_no_pod() -> None:
    effect = effect_on("Deployment", "taskflow-frontend", recorded("frontend-three.json"))
    assert (effect.risk, effect.reason) == (Risk.NONE, "no pod is replaced: replicas")


def test_the_only_pod_of_a_deployment_may_end_first_and_the_variable_is_named() -> None:
    effect = effect_on("Deployment", "taskflow-backend", recorded("backend-single.json"))
    assert effect.risk is Risk.OUTAGE
    assert "env GREETING" in effect.reason
    assert "maxUnavailable 1" in effect.reason


def test_an_external_database_loses_the_volume_and_only_the_volume() -> None:
    lost = [v.step.title for v in recorded("external.json") if v.risk is Risk.LOSS]
    assert lost == ["PersistentVolumeClaim taskflow-postgres-data"]


def test_a_volume_that_grows_is_no_loss_and_one_of_another_class_is() -> None:
    grown = effect_on("PersistentVolumeClaim", "taskflow", recorded("volume-grows.json"))
    assert grown.reason == "the volume grows in place (1Gi to 2Gi)"
    moved = effect_on("PersistentVolumeClaim", "taskflow", recorded("other-storage-class.json"))
    assert "spec.storageClassName cannot change in place" in moved.reason


@pytest.mark.parametrize(
    ("size", "expected", "reason"),
    [
        ("1024Mi", Risk.NONE, "it stays"),
        ("1073741824", Risk.NONE, "it stays"),
        ("1.5Gi", Risk.NONE, "grows in place"),
        ("1G", Risk.REFUSED, "a volume cannot shrink (1Gi to 1G): revert the edit"),
        ("unknown before the update", Risk.REFUSED, "is not known before the update"),
        (None, Risk.REFUSED, "cannot shrink"),
    ],
)
def test_a_volume_is_compared_by_its_bytes(size: Any, expected: Risk, reason: str) -> None:
    old, new = ({"spec": {"resources": {"requests": {"storage": said}}}} for said in ("1Gi", size))
    effect = judged("PersistentVolumeClaim", "update", old, new)
    assert effect.risk is expected
    assert reason in effect.reason


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "PersistentVolume", "Namespace"])
@pytest.mark.parametrize("action", ["delete", "replace"])
def test_what_holds_data_is_lost_with_its_object(kind: str, action: str) -> None:
    assert judged(kind, action, deployment(), deployment()).risk is Risk.LOSS


@pytest.mark.parametrize(
    ("kept", "expected"), [("same", Risk.REFUSED), ("update", Risk.REFUSED), ("delete", Risk.LOSS)]
)
def test_a_namespace_is_not_deleted_around_objects_that_the_stack_keeps(
    kept: str, expected: Risk
) -> None:
    inside = {"metadata": {"name": "web", "namespace": "taskflow"}}
    namespace = step("Namespace", "delete", {"metadata": {"name": "taskflow"}})
    assert risks(namespace, step("Service", kept, inside, inside))[0] is expected


def test_a_volume_that_the_engine_only_forgets_is_kept() -> None:
    effect = judged("PersistentVolumeClaim", "delete", deployment(), retained=True)
    assert effect.risk is Risk.NONE
    assert effect.reason == "stays in the cluster; the stack forgets it"


def test_a_database_that_takes_its_claims_along_is_a_loss() -> None:
    policy = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}
    assert judged("StatefulSet", "delete", deployment(**policy)).risk is Risk.LOSS
    assert judged("StatefulSet", "delete", deployment()).risk is Risk.OUTAGE
    scaled = {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}
    fewer, more = deployment(**scaled, replicas=1), deployment(**scaled, replicas=3)
    assert judged("StatefulSet", "update", deployment(**scaled), fewer).risk is Risk.LOSS
    assert judged("StatefulSet", "update", deployment(**scaled), more).risk is Risk.NONE


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (deployment(), deployment(image="two"), Risk.ROLLING),
        (deployment(), deployment(image="two", strategy={"type": "Recreate"}), Risk.OUTAGE),
        (deployment(), deployment(replicas=5), Risk.NONE),
        (deployment(), deployment(replicas="unknown before the update"), Risk.NONE),
        (with_container(env=[A, B]), with_container(env=[B, A]), Risk.ROLLING),
        (with_container(), with_container(env="unknown before the update"), Risk.ROLLING),
        (containers("web", "side"), containers("side", "web"), Risk.ROLLING),
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
    autoscaler = step("HorizontalPodAutoscaler", "same", target)
    (effect,) = risk.judge([autoscaler, step("Deployment", "update", scaled, rolled)])
    assert effect.reason == "pod template changes (image): 3 pods one by one"


def test_an_autoscaler_that_is_deleted_may_leave_its_own_replicas() -> None:
    target = {"spec": {"scaleTargetRef": {"name": "web"}, "maxReplicas": 4}}
    (effect,) = risk.judge([step("HorizontalPodAutoscaler", "delete", target)])
    assert effect.risk is Risk.NONE
    assert "make up REFRESH=1" in effect.reason


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
        (service(type="NodePort", ports=None), Risk.OUTAGE),
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


def policy(**rules: Any) -> dict[str, Any]:
    """A network policy of the pods of component `web`."""
    pods = {"podSelector": {"matchLabels": {"component": "web"}}}
    types = {"policyTypes": ["Ingress", "Egress"]}
    return {"metadata": {"name": "p"}, "spec": pods | types | rules}


def to(*peers: Any, port: int = 443) -> dict[str, Any]:
    return {"to": list(peers) or None, "ports": [{"port": port, "protocol": "TCP"}]}


def network(cidr: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr}}


def pods(**labels: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": labels}}


def in_namespace(name: str | None = None) -> dict[str, Any]:
    labels = {"matchLabels": {"kubernetes.io/metadata.name": name}} if name else {}
    return {"namespaceSelector": labels}


ONE = policy(egress=[to(network("10.1.0.0/16"), pods(component="api"))])
SCRAPED = policy(ingress=[{"from": [in_namespace("monitoring")], "ports": [{"port": 9464}]}])


@pytest.mark.parametrize(
    ("old", "new", "ended"),
    [
        (ONE, policy(), "to 10.1.0.0/16 at port 443, to pods with component=api at port 443"),
        (
            ONE,
            policy(egress=[to(network("10.1.0.0/16"))]),
            "to pods with component=api at port 443",
        ),
        (ONE, policy(egress=[to(network("10.1.0.0/17"), pods(component="api"))]), "to 10.1.0.0/16"),
        (
            ONE,
            policy(egress=[to(network("::/0"), pods(component="api"))]),
            "to 10.1.0.0/16 at port",
        ),
        (policy(egress=[to()]), ONE, "to anywhere at port 443"),
        (policy(egress=[to()]), policy(egress=[to(port=80)]), "to anywhere at port 443"),
        (policy(egress=[{}]), policy(egress=[to()]), "to anywhere at every port"),
        (SCRAPED, policy(), "from namespace monitoring at port 9464"),
        (
            policy(ingress=[{"from": [in_namespace()], "ports": [{"port": 9464}]}]),
            SCRAPED,
            "from every namespace at port 9464",
        ),
        (
            policy(ingress=[{"from": [in_namespace("a")]}]),
            policy(ingress=[{"from": [in_namespace("a") | pods(app="b")]}]),
            "from namespace a at every port",
        ),
        (
            policy(ingress=[{"from": [in_namespace()]}]),
            policy(ingress=[{"from": [pods()]}]),
            "from every namespace at every port",
        ),
        (policy(policyTypes=["Egress"]), policy(), "from anywhere at every port"),
        (policy(ingress=[{}]), policy(ingress=[{"from": [pods()]}]), "from anywhere at every port"),
        (
            policy(podSelector={}, egress=[to(network("10.1.0.0/16"))]),
            policy(egress=[to(network("10.1.0.0/17"))]),
            "to 10.1.0.0/16 at port 443",
        ),
        (
            policy(egress=[to(network("10.1.0.0/16"))]),
            policy(egress=[to(network("10.1.0.0/17"), network("10.1.192.0/18"))]),
            "to 10.1.0.0/16 at port 443",
        ),
        (
            policy(egress=[to({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}})]),
            policy(egress=[to({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.2.0.0/16"]}})]),
            "to 10.0.0.0/8 at port 443",
        ),
        (
            policy(),
            policy(podSelector={}),
            "from anywhere at every port, to anywhere at every port",
        ),
    ],
)
def test_a_narrower_network_policy_cuts_off_those_who_used_it(
    old: Any, new: Any, ended: str
) -> None:
    effect = judged("NetworkPolicy", "update", old, new)
    assert effect.risk is Risk.OUTAGE
    assert ended in effect.reason
    assert effect.reason.endswith("; whoever needs such a connection is cut off")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (policy(), ONE),
        (ONE, policy(egress=[to()])),
        (ONE, policy(egress=[{}])),
        (ONE, policy(egress=[to(network("10.0.0.0/8"), pods())])),
        (ONE, policy(egress=[to(pods(component="api")), to(network("10.1.0.0/16"))])),
        (ONE, policy(egress=ONE["spec"]["egress"], ingress=[{"from": [in_namespace()]}])),
        (SCRAPED, policy(ingress=[{"from": [in_namespace()]}])),
        (policy(ingress=[{"from": [pods(a="b")]}]), policy(ingress=[{"from": [in_namespace()]}])),
        (
            policy(egress=[to(network("10.0.0.0/8")), to(network("2001:db8::/32"))]),
            policy(
                egress=[
                    to(network("2001:db8:8000::/33"), network("10.128.0.0/9")),
                    to(network("10.0.0.0/9"), network("10.3.0.0/16"), network("2001:db8::/33")),
                ]
            ),
        ),
        # Kubernetes before 1.36 took a network with bits after its prefix.
        (policy(egress=[to(network("10.1.2.3/16"))]), policy(egress=[to(network("10.1.0.0/16"))])),
        (policy(podSelector={}), policy()),
        (policy(), policy(policyTypes=["Egress"])),
        (ONE, merged(ONE, {"metadata": {"labels": {"a": "b"}}})),
    ],
)
def test_a_wider_network_policy_cuts_nobody_off(old: Any, new: Any) -> None:
    assert judged("NetworkPolicy", "update", old, new).risk is Risk.NONE
    assert judged("NetworkPolicy", "delete", old).risk is Risk.NONE
    assert judged("NetworkPolicy", "create", {}, new).risk is Risk.NONE, "there are no pods yet"


def selected(action: str = "same") -> Step:
    """What becomes of the pods that the policies are for."""
    old = deployment(template={"metadata": {"labels": {"component": "web", "app": "x"}}})
    return step("Deployment", action, old, old)


def test_a_first_network_policy_cuts_off_what_reached_the_pods_before() -> None:
    first = step("NetworkPolicy", "create", new=ONE)
    other = step("NetworkPolicy", "same", SCRAPED, SCRAPED)
    assert risks(selected(), first) == [Risk.OUTAGE]
    assert risks(selected(), other, first) == [Risk.NONE], "they were isolated already"


def test_what_another_policy_of_the_same_pods_allows_is_still_allowed() -> None:
    running, none = selected(), policy(podSelector={})
    gone, renamed = step("NetworkPolicy", "delete", ONE), step("NetworkPolicy", "create", new=ONE)
    less = policy(egress=[to(network("10.1.0.0/16"))])
    all_denied = step("NetworkPolicy", "same", none, none)
    assert risks(running, gone, renamed) == [Risk.NONE, Risk.NONE]
    assert risks(running, gone, replace(renamed, new=less)) == [Risk.OUTAGE, Risk.NONE]
    assert risks(running, gone, all_denied) == [Risk.OUTAGE], "the pods have no connection left"
    assert risks(running, gone) == [Risk.NONE], (
        "no policy is for the pods, so they have every connection"
    )
    assert risks(selected("delete"), gone, all_denied)[1] is Risk.NONE
    moved = replace(gone, action="update", new=less)
    rest = replace(renamed, new=policy(egress=[to(pods(component="api"))]))
    assert risks(running, moved, rest) == [Risk.NONE, Risk.NONE]
    assert risks(running, replace(all_denied, action="create", old={})) == [Risk.OUTAGE]
    one_way = replace(renamed, new=policy(policyTypes=["Ingress"]))
    assert risks(running, moved, one_way)[0] is Risk.OUTAGE, "only the other one is about egress"


def test_a_policy_need_not_allow_what_is_deleted_with_it() -> None:
    job = {"spec": {"template": {"metadata": {"labels": {"component": "api"}}}}}
    gone = step("CronJob", "delete", {"spec": {"jobTemplate": job}})
    narrower = policy(egress=[to(network("10.1.0.0/16"))])
    assert risks(gone, step("NetworkPolicy", "update", ONE, narrower))[1] is Risk.NONE


@pytest.mark.parametrize(
    ("annotations", "balancer", "expected"),
    [({}, None, Risk.NONE), ({"a/b": "c"}, None, Risk.OUTAGE), ({}, "other", Risk.OUTAGE)],
)
def test_a_cloud_may_replace_a_load_balancer_whose_wishes_change(
    annotations: dict[str, str], balancer: str | None, expected: Risk
) -> None:
    old = service(type="LoadBalancer", loadBalancerClass=None)
    new = merged(old, {"metadata": {"annotations": annotations}} if annotations else {})
    new = merged(new, {"spec": {"loadBalancerClass": balancer, "sessionAffinity": "ClientIP"}})
    assert judged("Service", "update", old, new).risk is expected
    plain = merged(service(), {"metadata": {"annotations": annotations}})
    assert judged("Service", "update", service(), plain).risk is Risk.NONE


@pytest.mark.parametrize(
    ("kind", "old", "new", "gone"),
    [
        ("Ingress", {"rules": [{"host": "a.b"}]}, {"rules": [{"host": "c.d"}]}, "a.b"),
        ("Ingress", {"ingressClassName": "nginx"}, {}, "class nginx"),
        ("Gateway", {"gatewayClassName": "envoy"}, {"gatewayClassName": "x"}, "class envoy"),
        ("Ingress", {}, {"ingressClassName": "traefik"}, "class of the cluster"),
        (
            "Gateway",
            {"listeners": [{"name": "http", "port": 80, "hostname": "a.b"}]},
            {"listeners": [{"name": "http", "port": 8080, "hostname": "a.b"}]},
            "port 80",
        ),
        (
            "Gateway",
            {"listeners": [{"name": "http", "port": 80, "hostname": "a.b"}]},
            {"listeners": [{"name": "http", "port": 80, "hostname": "c.d"}]},
            "hostname a.b",
        ),
        ("Gateway", {"listeners": [{"name": "http"}]}, {"listeners": []}, "listener http"),
        ("Ingress", {"tls": [{"hosts": ["a.b"]}]}, {}, "https://a.b"),
        ("HTTPRoute", {"hostnames": ["a.b", "c.d"]}, {"hostnames": ["a.b"]}, "c.d"),
        (
            "HTTPRoute",
            {"parentRefs": [{"name": "shared", "namespace": "edge"}]},
            {"parentRefs": [{"name": "shared"}]},
            "Gateway edge shared",
        ),
    ],
)
def test_a_route_interrupts_when_what_answers_for_it_goes(
    kind: str, old: dict[str, Any], new: dict[str, Any], gone: str
) -> None:
    rules: dict[str, Any] = {"rules": [{"backendRefs": []}]}
    effect = judged(kind, "update", {"spec": rules | old}, {"spec": rules | new})
    assert (effect.risk, effect.reason) == (Risk.OUTAGE, f"{gone} no longer answers")


def test_a_route_that_gains_a_host_interrupts_nothing() -> None:
    one, two = ({"spec": {"hostnames": hosts}} for hosts in (["a.b"], ["a.b", "c.d"]))
    assert judged("HTTPRoute", "update", one, two).risk is Risk.NONE


def test_a_secret_that_goes_while_a_workload_reads_it_is_an_outage() -> None:
    key = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}
    reader = with_container(env=[key])
    gone = step("Secret", "delete", {"metadata": {"name": "keys"}})
    assert risks(gone, step("Deployment", "same", reader)) == [Risk.OUTAGE]
    assert risks(gone) == [Risk.NONE]
    still = step("Deployment", "update", reader, merged(reader, {"spec": {"replicas": 3}}))
    assert risks(gone, still)[0] is Risk.OUTAGE
    assert risks(gone, step("Deployment", "update", reader, deployment()))[0] is Risk.NONE


def test_a_secret_whose_values_are_masked_on_both_sides_is_known_by_what_the_provider_says() -> (
    None
):
    masked = {"metadata": {"name": "keys"}, "stringData": {"k": "[secret]"}}
    effect = judged("Secret", "update", masked, masked, changed=("stringData.k",))
    assert effect.reason == "read by no workload at the next start of a pod"


def test_a_config_map_is_read_anew_only_where_its_content_changes() -> None:
    renamed = judged("ConfigMap", "update", config_map("info"), config_map("debug"))
    assert renamed.reason == "read by no workload at the next start of a pod"
    noted = config_map("info") | {"metadata": {"name": "config", "annotations": {"a": "b"}}}
    same = judged("ConfigMap", "update", config_map("info"), noted)
    assert same.reason == "its content stays: annotations"


def test_a_generated_password_made_anew_locks_its_database_out() -> None:
    assert judged("RandomPassword", "replace").risk is Risk.OUTAGE


@pytest.mark.parametrize(
    ("number", "volume", "expected"),
    [("-2", "same", Risk.REFUSED), ("", "same", Risk.NONE), ("-2", "delete", Risk.NONE)],
    ids=["the newest", "a former one", "with its database"],
)
def test_the_password_that_a_database_has_cannot_be_forgotten(
    number: str, volume: str, expected: Risk
) -> None:
    goes = f"taskflow-postgres-password{number}"
    steps = [step("PersistentVolumeClaim", volume, resource="taskflow-postgres-data")]
    steps += [
        step("RandomPassword", "delete" if name == goes else "same", resource=name)
        for name in ("taskflow-postgres-password", "taskflow-postgres-password-2")
    ]
    (effect,) = [found for found in risk.judge(steps) if found.step.resource == goes]
    assert effect.risk is expected


def test_a_password_that_is_only_made_now_does_not_open_the_database() -> None:
    effects = risk.judge(
        [
            step("PersistentVolumeClaim", "same", resource="taskflow-postgres-data"),
            step("RandomPassword", "delete", resource="taskflow-postgres-password-2"),
            step("RandomPassword", "create", resource="taskflow-postgres-password-3"),
        ]
    )
    assert [effect.risk for effect in effects] == [Risk.REFUSED, Risk.NONE]


def test_the_volume_of_scheduled_backups_keeps_no_password() -> None:
    assert risks(
        step("PersistentVolumeClaim", "same", resource="taskflow-backups"),
        step("PersistentVolumeClaim", "delete", resource="taskflow-postgres-data"),
        step("RandomPassword", "delete", resource="taskflow-postgres-password"),
    ) == [Risk.LOSS, Risk.NONE]


@pytest.mark.parametrize(
    ("resource", "before", "after", "expected"),
    [
        ("taskflow-postgres-backend-password", "", "taskflow_backend", Risk.OUTAGE),
        ("taskflow-postgres-backend-password-2", "one", "one two", Risk.OUTAGE),
        ("taskflow-postgres-backend-password", "", "", Risk.NONE),
        ("taskflow-postgres-password-2", "one", "one two", Risk.NONE),
    ],
    ids=["at once", "at once, later", "still accepted", "the owner's"],
)
def test_a_role_that_running_pods_use_is_not_dropped_without_saying_so(
    resource: str, before: str, after: str, expected: Risk
) -> None:
    def backend(dropped: str) -> dict[str, Any]:
        variable = {"name": "DATABASE_DROPPED_ROLES", "value": dropped}
        migrate = {"name": "migrate", "image": "one", "env": [variable]}
        return merged(deployment(), {"spec": {"template": {"spec": {"initContainers": [migrate]}}}})

    password = step("RandomPassword", "delete", resource=resource)
    rolled = step("Deployment", "update", backend(before), backend(after))
    assert risks(password, rolled)[0] is expected


@pytest.mark.parametrize("action", ["update", "replace", "delete"])
def test_an_image_is_no_pod(action: str) -> None:
    assert judged("Image", action).reason == "pods that run it have steps of their own"


def test_deleting_an_unknown_kind_interrupts() -> None:
    assert judged("Widget", "delete").risk is Risk.OUTAGE


def test_reads_and_the_engines_own_resources_are_no_steps_and_what_it_keeps_is_marked() -> None:
    def previewed(op: str, kind: str, **state: Any) -> dict[str, Any]:
        return {"op": op, "urn": f"urn::{kind}", "oldState": {"type": kind, "custom": True} | state}

    claim = "kubernetes:core/v1:PersistentVolumeClaim"
    document = {
        "steps": [
            previewed("update", "pulumi:providers:kubernetes"),
            previewed("delete", "taskflow:index:TaskflowApp", custom=False),
            previewed("read", "kubernetes:core/v1:Secret"),
            previewed("delete", claim, retainOnDelete=True),
        ]
    }
    (only,) = plan.read(json.dumps(document))
    assert (only.type, only.retained) == (claim, True)


def test_anything_else_than_a_preview_is_refused_with_the_command_that_makes_one() -> None:
    for text in ("", "no JSON", "[]", '{"steps": [{}]}'):
        with pytest.raises(OpsError, match=r"pulumi preview --json") as refused:
            plan.read(text)
        assert "not a preview" in refused.value.what


def test_a_loss_stops_unless_it_is_confirmed_and_says_how() -> None:
    effects = recorded("external.json")
    with pytest.raises(OpsError) as refused:
        review.refuse_loss(effects, "", "dev")
    assert refused.value.code == review.REFUSED
    assert "PersistentVolumeClaim taskflow-postgres-data" in refused.value.where
    assert "make up STACK=dev CONFIRM=data-loss" in refused.value.fix
    with pytest.raises(OpsError):
        review.refuse_loss(effects, "yes", "dev")
    with pytest.raises(OpsError) as refused:
        review.refuse_loss(effects, "", "dev", "make rollback TO=3")
    assert "make rollback TO=3 STACK=dev CONFIRM=data-loss" in refused.value.fix
    assert refused.value.fix.endswith("(it takes a backup first)")
    review.refuse_loss(effects, "data-loss", "dev")
    review.refuse_loss(recorded("backend-port.json"), "", "dev")


@pytest.mark.parametrize(
    ("kind", "resource"),
    [("PersistentVolumeClaim", "taskflow-backups"), ("Namespace", "taskflow-namespace")],
)
def test_no_backup_is_promised_where_none_is_taken(kind: str, resource: str) -> None:
    with pytest.raises(OpsError) as refused:
        review.refuse_loss([judged(kind, "delete", resource=resource)], "", "dev")
    assert refused.value.fix.endswith("make up STACK=dev CONFIRM=data-loss")


class Previewed:
    """Replaces a stack: its preview was recorded."""

    name = "dev"
    env: ClassVar[dict[str, str]] = {}
    file = DEV

    def __init__(self, recording: str | dict[str, Any], *resources: dict[str, Any]) -> None:
        self.resources = resources
        text = json.dumps(recording) if isinstance(recording, dict) else ""
        self.text = text or (PREVIEWS / str(recording)).read_text()

    def preview(self, *, quiet: bool) -> str:
        assert quiet, "the engine's own output appears once, with the up that follows"
        return self.text

    def export(self) -> dict[str, Any]:
        return {"deployment": {"resources": [*self.resources]}}


def test_an_up_is_stopped_before_anything_is_applied_and_its_worst_step_is_noted(
    capsys: pytest.CaptureFixture[str], cluster: Cluster
) -> None:
    cluster.has()
    cluster.answer("apply", "")
    cluster.answer("create", "")
    loses: Any = Previewed("external.json")
    with pytest.raises(OpsError, match="nothing was changed"):
        review.guard_up(loses, "")
    assert "taskflow-postgres-data" in capsys.readouterr().out, "the steps are shown with it"
    outlook = review.guard_up(loses, "data-loss")
    assert (outlook.note, outlook.loses) == ("changes: 11, at worst: data loss", True)
    scales: Any = Previewed("frontend-three.json")
    capsys.readouterr()
    assert review.guard_up(scales, "").note == "changes: 1, at worst: none"
    assert capsys.readouterr().out == "", "changes without an effect need no table"


def namespace(name: str, **state: Any) -> dict[str, Any]:
    """The step that makes a namespace."""
    kind = "kubernetes:core/v1:Namespace"
    inputs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    new = {"type": kind, "custom": True, "inputs": inputs}
    return {"steps": [{"op": "create", "urn": f"urn::{kind}::{name}", "newState": new | state}]}


def test_a_namespace_of_others_is_never_taken_over_and_no_fix_says_to_delete_it(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    there = {"kind": "Namespace", "metadata": {"name": "shared"}, "status": {"phase": "Active"}}
    cluster.has(there)
    stack: Any = Previewed(namespace("shared"))
    with pytest.raises(OpsError, match="nothing was changed") as refused:
        review.guard_up(stack, "data-loss")
    assert "set taskflow:createNamespace to false" in refused.value.where
    assert "kubectl" not in str(refused.value)
    assert "refused" in capsys.readouterr().out
    cluster.has()
    assert review.guard_up(stack, "").note == "changes: 1, at worst: none"
    assert "Namespace.v1./shared" in cluster.calls[-1]


def moved(kind: str, before: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
    """The step that replaces an object by one with other names."""
    old, new = (
        {"inputs": {"apiVersion": "v1", "kind": kind, "metadata": names}}
        for names in (before, after)
    )
    states = {"oldState": old, "newState": new | {"type": f"any:any:{kind}", "custom": True}}
    return {"steps": [{"op": "replace", "urn": f"urn::{kind}::taskflow", **states}]}


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("Service", {"name": "web", "namespace": "a"}, {"name": "web", "namespace": "b"}),
        ("Namespace", {"name": "a"}, {"name": "b"}),
    ],
)
def test_a_move_takes_over_nothing_of_others_that_is_there(
    cluster: Cluster, kind: str, before: dict[str, str], after: dict[str, str]
) -> None:
    there, move = {"kind": kind, "metadata": after}, moved(kind, before, after)
    cluster.has(there)
    with pytest.raises(OpsError, match="nothing was changed") as refused:
        review.guard_up(cast("Any", Previewed(move)), "data-loss")
    assert "moves to namespace b: it exists and is not this stack's" in refused.value.where
    # The way back from a move that failed.
    left = {"inputs": there, "delete": True}
    assert review.guard_up(cast("Any", Previewed(move, left)), "data-loss").changes
    cluster.has()
    assert review.guard_up(cast("Any", Previewed(move)), "data-loss").changes


GROWN = (
    'Error from server (Forbidden): persistentvolumeclaims "taskflow-postgres-data" is forbidden: only dynamically '
    "provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)
NO_RIGHT = (
    'Error from server (Forbidden): persistentvolumeclaims "taskflow-postgres-data" is forbidden: User "ci" cannot '
    'patch resource "persistentvolumeclaims" in API group "" in the namespace "taskflow"'
)


def test_a_volume_of_a_class_that_cannot_grow_is_refused_by_the_cluster_before_anything_is_applied(
    cluster: Cluster,
) -> None:
    cluster.has()
    stack: Any = Previewed("volume-grows.json")
    cluster.answer("apply", "persistentvolumeclaim/taskflow-postgres-data serverside-applied")
    assert review.guard_up(stack, "").note == "changes: 1, at worst: none"
    assert "--dry-run=server" in cluster.calls[-1]
    cluster.answer("apply", GROWN, code=1)
    with pytest.raises(OpsError, match="nothing was changed") as refused:
        review.guard_up(stack, "")
    assert "must support resize" in refused.value.where


def test_without_the_right_to_a_dry_run_an_up_goes_on_and_says_what_was_not_checked(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.has()
    cluster.answer("apply", NO_RIGHT, code=1)
    stack: Any = Previewed("volume-grows.json")
    assert review.guard_up(stack, "").note == "changes: 1, at worst: none"
    said = " ".join(capsys.readouterr().out.split())
    assert "warning: not checked whether the cluster admits every object" in said
    assert "you lack the right to patch persistentvolumeclaims" in said


def test_a_namespace_that_is_being_deleted_is_reported_with_what_blocks_it(
    cluster: Cluster,
) -> None:
    held = {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 left"}
    gone = {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "all well"}
    status = {"phase": "Terminating", "conditions": [held, gone]}
    metadata = {"name": "taskflow"}
    cluster.has({"kind": "Namespace", "metadata": metadata, "status": status})
    stack: Any = Previewed("frontend-three.json")
    with pytest.raises(OpsError, match="namespace taskflow is being deleted") as refused:
        review.guard_up(stack, "")
    assert refused.value.where == "pods. has 1 left"


def test_what_protects_an_object_is_a_change_though_the_engine_calls_it_the_same() -> None:
    claim = {"type": "kubernetes:core/v1:PersistentVolumeClaim", "custom": True}
    entry = {
        "op": "same",
        "urn": "urn::claim::data",
        "oldState": claim | {"protect": True},
        "newState": claim | {"retainOnDelete": True},
    }
    (effect,) = risk.judge(plan.read(json.dumps({"steps": [entry]})))
    assert (effect.step.action, effect.risk) == ("update", Risk.NONE)
    assert effect.reason == (
        "from now on it stays in the cluster when the stack is destroyed, and is no longer protected from deletion"
    )


def database(image: str) -> dict[str, Any]:
    labels = {"metadata": {"labels": {"component": "postgres"}}}
    return merged(deployment(image=image, replicas=1), labels)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("postgres:18", Risk.REFUSED),
        ("mirror.example.com:5000/postgres:18.1-alpine@sha256:abc", Risk.REFUSED),
        ("postgres:17.5", Risk.OUTAGE),
        ("postgres@sha256:abc", Risk.OUTAGE),
        ("pgvector/pgvector:pg18", Risk.REFUSED),
        ("pgvector/pgvector:0.8.1-pg17-trixie", Risk.OUTAGE),
        ("timescale/timescaledb:2.17.2-pg16", Risk.REFUSED),
    ],
)
def test_another_major_version_of_postgres_does_not_open_the_data(
    image: str, expected: Risk
) -> None:
    effect = judged("StatefulSet", "update", database("postgres:17"), database(image))
    assert effect.risk is expected
    assert ("make upgrade-postgres" in effect.reason) is (expected is Risk.REFUSED)


def test_another_user_cannot_read_the_volume_of_a_database() -> None:
    old, new = database("postgres:17"), database("postgres:17")
    for side, user in ((old, 10001.0), (new, 999.0)):
        side["spec"]["template"]["spec"]["securityContext"] = {"runAsUser": user}
    effect = judged("StatefulSet", "update", old, new)
    assert effect.risk is Risk.REFUSED
    assert "belong to user 10001: set taskflow:database.embedded.user" in effect.reason
    assert judged("StatefulSet", "update", old, old).risk is Risk.NONE


def test_another_folder_of_the_volume_has_no_data_until_an_upgrade_brings_it_there() -> None:
    old, new = database("postgres:17"), database("postgres:18")
    for side, folder in ((old, "/data/pgdata"), (new, "/data/pgdata-18")):
        (container,) = side["spec"]["template"]["spec"]["containers"]
        container["env"] = [{"name": "PGDATA", "value": folder}]
    effect = judged("StatefulSet", "update", old, new)
    assert effect.risk is Risk.REFUSED
    assert effect.reason == "another folder is empty: make upgrade-postgres brings the data there"
    assert embedded.moves_data(effect.step)


@pytest.mark.parametrize(
    ("volume", "expected"),
    [("taskflow-backups", Risk.REFUSED), ("taskflow-postgres-data", Risk.OUTAGE)],
)
def test_only_a_new_volume_of_its_own_lets_a_database_start_empty(
    volume: str, expected: Risk
) -> None:
    """The volume of scheduled backups may be added by the same edit."""
    claim = step("PersistentVolumeClaim", "create", resource=volume)
    other = step("StatefulSet", "update", database("postgres:17"), database("postgres:18"))
    assert risks(claim, other) == [Risk.NONE, expected]


def test_another_signing_key_ends_every_session() -> None:
    changed = ("stringData.better-auth-secret",)
    effect = judged("Secret", "replace", {"metadata": {}}, {"metadata": {}}, changed=changed)
    assert effect.risk is Risk.OUTAGE
    assert "every session ends" in effect.reason
    assert "make rotate SECRET=betterAuthSecret" in effect.reason
    other = judged("Secret", "replace", changed=("stringData.database-url",))
    assert other.risk is Risk.NONE


@pytest.mark.parametrize(
    ("other", "expected"), [("create", Risk.OUTAGE), ("same", Risk.NONE)], ids=["at once", "later"]
)
def test_a_generated_signing_key_is_not_replaced_at_once_without_saying_so(
    other: str, expected: Risk
) -> None:
    former = step("RandomPassword", "delete", resource="taskflow-better-auth-secret")
    second = step("RandomPassword", other, resource="taskflow-better-auth-secret-2")
    assert risks(former, second)[0] is expected


@pytest.mark.parametrize("older", ["create", "same"])
def test_a_stack_file_from_before_a_rotation_does_not_bring_the_former_signing_key_back(
    older: str,
) -> None:
    steps = [
        step("RandomPassword", "delete", resource="taskflow-better-auth-secret-10"),
        step("RandomPassword", older, resource="taskflow-better-auth-secret-9"),
    ]
    assert risks(*steps)[0] is Risk.REFUSED
    assert "git pull" in risk.judge(steps)[0].reason


@pytest.mark.parametrize(
    ("pods", "other", "expected"),
    [("update", "", Risk.OUTAGE), ("create", "", Risk.NONE), ("update", "same", Risk.NONE)],
    ids=["after a given one", "first up", "beside another"],
)
def test_a_generated_signing_key_in_place_of_a_given_one_ends_every_session(
    pods: str, other: str, expected: Risk
) -> None:
    steps = [
        step("RandomPassword", "create", resource="taskflow-better-auth-secret"),
        step("Deployment", pods, deployment(), deployment(image="two")),
    ]
    if other:
        steps.append(step("RandomPassword", other, resource="taskflow-better-auth-secret-2"))
    assert risks(*steps)[0] is expected


def test_an_existing_secret_with_other_values_may_end_sessions_which_only_its_author_knows() -> (
    None
):
    def reads(version: str) -> dict[str, Any]:
        metadata = {"annotations": {"taskflow/secret-version": version}}
        return merged(deployment(), {"spec": {"template": {"metadata": metadata}}})

    effect = judged("Deployment", "update", reads("1"), reads("2"))
    assert effect.risk is Risk.OUTAGE
    assert "another better-auth-secret ends every session" in effect.reason


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("https://127.0.0.1:30080", Risk.OUTAGE),
        ("http://127.0.0.1:30081", Risk.OUTAGE),
        ("http://tasks.example.com", Risk.OUTAGE),
        ("04da6b54-80e4-46f7-96ec-b56ff0331ba9", Risk.NONE),
    ],
    ids=["another scheme", "another port", "another host", "not known yet"],
)
def test_another_public_address_ends_every_session(after: str, expected: Risk) -> None:
    before = {"data": {"FRONTEND_URL": "http://127.0.0.1:30080"}}
    effect = judged("ConfigMap", "replace", before, {"data": {"FRONTEND_URL": after}})
    assert effect.risk is expected


@pytest.mark.parametrize(
    ("keys", "expected", "reason"),
    [
        (["-next"], Risk.NONE, "a new one beside"),
        (["", "-next", "-former"], Risk.NONE, "a new one beside"),
        (["-former"], Risk.OUTAGE, "sessions end in browsers that made no request meanwhile"),
        (["", "-former"], Risk.OUTAGE, "every session ends"),
        (["", "-next"], Risk.OUTAGE, "every session ends"),
    ],
    ids=["accepts the next", "signs with it", "refuses the former", "no next", "no former"],
)
def test_only_the_last_step_of_a_rotation_may_end_a_session(
    keys: list[str], expected: Risk, reason: str
) -> None:
    changed = tuple(f"stringData.better-auth-secret{key}" for key in keys)
    effect = judged("Secret", "replace", changed=changed)
    assert effect.risk is expected
    assert reason in effect.reason


def test_programs_get_the_steps_as_json() -> None:
    arguments = ["diff", "--json", "--from", str(PREVIEWS / "postgres-image.json")]
    answer = CliRunner().invoke(review.commands, arguments)
    assert json.loads(answer.stdout) == {
        "risk": "short outage",
        "cluster": "",
        "warnings": [],
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


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands get a recorded preview in place of a stack."""
    monkeypatch.setattr(review, "deployable", lambda _: None)
    monkeypatch.setattr(review, "require_context", lambda *_: None)
    monkeypatch.setattr(setup, "provide_tools", lambda _: None)
    monkeypatch.setattr(review, "selected_stack", lambda *_, **__: Previewed("frontend-three.json"))


@pytest.mark.usefixtures("no_engine")
def test_a_cluster_that_could_not_be_asked_is_reported_to_people_and_programs(
    cluster: Cluster,
) -> None:
    cluster.answer("get", "error: You must be logged in to the server (Unauthorized)", code=1)
    shown = CliRunner().invoke(review.commands, ["diff"]).stdout
    assert "the cluster behind context minikube refuses the credentials" in shown
    assert "compares the stack file with the state alone" in shown
    document = json.loads(CliRunner().invoke(review.commands, ["diff", "--json"]).stdout)
    assert "context minikube refuses the credentials" in document["cluster"]
    assert document["risk"] == "none"
    cluster.has()
    cluster.answer("apply", "")
    document = json.loads(CliRunner().invoke(review.commands, ["diff", "--json"]).stdout)
    assert document["cluster"] == ""


@pytest.mark.usefixtures("no_engine")
def test_a_cluster_that_is_down_is_reported_and_the_plan_shown_without_it(cluster: Cluster) -> None:
    down = "The connection to the server 127.0.0.1:8443 was refused - did you specify the right host or port?"
    cluster.answer("get", down, code=1)
    result = CliRunner().invoke(review.commands, ["diff"])
    shown = " ".join(result.stdout.split())
    assert result.exit_code == 0
    assert f"the cluster behind context minikube did not answer ({down})" in shown
    assert "Deployment taskflow-frontend" in shown


@pytest.mark.usefixtures("no_engine")
def test_diff_says_that_a_namespace_is_of_others_or_is_being_deleted(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Previewed(namespace("shared"))
    monkeypatch.setattr(review, "selected_stack", lambda *_, **__: shared)
    there = {"kind": "Namespace", "metadata": {"name": "shared"}, "status": {"phase": "Active"}}
    cluster.has(there)
    (step,) = json.loads(CliRunner().invoke(review.commands, ["diff", "--json"]).stdout)["steps"]
    assert step["risk"] == "refused"
    assert "it exists and is not this stack's: set taskflow:createNamespace" in step["reason"]
    cluster.has(there | {"status": {"phase": "Terminating"}})
    result = CliRunner().invoke(review.commands, ["diff"])
    assert str(result.exception).startswith("namespace taskflow is being deleted")


@pytest.mark.usefixtures("no_engine")
def test_a_command_in_a_warning_is_printed_so_that_it_works_in_any_shell(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.has()
    cluster.answer("apply", "")
    warned = needs.Unmet(warnings=["run in another terminal: minikube tunnel --profile work"])
    monkeypatch.setattr(needs, "unmet", lambda *_: warned)
    monkeypatch.setenv("PATH", "")
    shown = CliRunner().invoke(review.commands, ["diff"]).stdout
    assert "terminal: .venv/bin/python -m ops exec minikube tunnel --profile work" in shown


INVALID = "config:\n  taskflow:database: {embedded: {}}\n  taskflow:logLevel: loud\n"
NUMBER = f"{LOCAL}  taskflow:backend: {{env: {{A: 1e6}}}}\n"
INCOMPLETE = "config:\n  taskflow:cluster: {minikube: minikube}\n"


@pytest.mark.parametrize(
    "text",
    [INVALID, NUMBER, INCOMPLETE],
    ids=["not valid", "a number in env", "lacks its secrets"],
)
@pytest.mark.parametrize("command", ["diff", "preview", "up"])
def test_what_is_wrong_with_a_stack_file_is_said_in_the_words_of_validate_before_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, text: str
) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(text)
    monkeypatch.setattr(StackFile, "read", lambda _: replace(DEV, path=path))
    monkeypatch.setattr(setup, "provide_tools", lambda _: pytest.fail("the engine is not needed"))
    result = CliRunner().invoke(main.app, [command])
    assert isinstance(result.exception, OpsError)
    said, known = result.exception.what.splitlines(), validate.verdict(path)
    assert known.errors or known.missing
    assert {*known.errors, *known.missing} <= set(said)
