"""What a plan needs of its cluster beside nodes: classes, controllers, metrics, and room for its pods."""

from pathlib import Path
from typing import Any

import pytest

from ops.config.stacks import StackFile
from ops.kubectl import Kubectl
from ops.review import live, needs, quota
from ops.review.needs import Unmet
from ops.review.plan import CREATE, REPLACE, SAME, UPDATE, Step
from tests.ops.conftest import Cluster
from tests.ops.machines import DEV

PROD = StackFile("prod", Path("Pulumi.prod.yaml"), "production", None, None, False)
NAME = "taskflow-frontend"


def step(kind: str, action: str = CREATE, old: Any = None, **spec: Any) -> Step:
    metadata = {"name": NAME, "namespace": "taskflow"}
    new = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
    before = {**new, "spec": old} if old else {}
    return Step(action=action, type=f"kubernetes:any:{kind}", resource="r", old=before, new=new)


def unmet(*steps: Step, file: StackFile = PROD) -> Unmet:
    return needs.unmet(steps, file, {})


def named(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}}


@pytest.mark.parametrize(
    ("kind", "field", "key"),
    [
        ("Ingress", "ingressClassName", "taskflow:ingress.class"),
        ("Gateway", "gatewayClassName", "taskflow:gateway.class"),
    ],
)
def test_a_class_that_the_cluster_does_not_have_is_refused_and_its_own_are_named(
    cluster: Cluster, kind: str, field: str, key: str
) -> None:
    cluster.has(named("traefik"), named("haproxy"))
    assert unmet(step(kind, **{field: "traefik"})) == Unmet()
    reason = unmet(step(kind, **{field: "nginx"})).refusals[f"{kind} {NAME}"]
    assert "nginx" in reason
    assert f"correct {key} (there: traefik, haproxy)" in reason


def test_an_ingress_without_a_class_is_warned_about_where_the_cluster_has_no_default(
    cluster: Cluster,
) -> None:
    cluster.has(named("traefik"))
    found = unmet(step("Ingress"))
    assert found.refusals == {}, "some controllers handle objects without a class"
    assert "Set taskflow:ingress.class (there: traefik)" in found.warnings[0]
    cluster.has(named("traefik", annotations={needs.DEFAULT_CLASS: "true"}))
    assert unmet(step("Ingress")) == Unmet()


def placed(selector: dict[str, str] | None = None, key: str = "", *, required: bool = True) -> Any:
    when = "DoNotSchedule" if required else "ScheduleAnyway"
    spread = [{"topologyKey": key, "whenUnsatisfiable": when}] if key else []
    return {"spec": {"nodeSelector": selector, "topologySpreadConstraints": spread}}


@pytest.mark.parametrize(
    ("template", "lacks"),
    [
        (placed({"disk": "ssd"}), ""),
        (placed(key="zone"), ""),
        (placed(key="rack", required=False), ""),
        (placed({"disk": "hdd"}), "no node has disk=hdd"),
        (placed(key="rack"), "no node has rack"),
        (placed({"disk": "hdd"}, "zone"), "no node has zone, disk=hdd"),
    ],
)
def test_pods_that_no_node_can_take_are_refused_where_no_node_can_be_added(
    cluster: Cluster, template: Any, lacks: str
) -> None:
    cluster.has(
        named("one", labels={"disk": "ssd"}), named("two", labels={"disk": "ssd", "zone": "a"})
    )
    wanted = step("Deployment", template=template)
    refusals = unmet(wanted, file=DEV).refusals
    assert bool(refusals) is bool(lacks)
    assert all(lacks in text for text in refusals.values())
    elsewhere = unmet(wanted)
    assert elsewhere.refusals == {}, "a cluster may add nodes on demand"
    assert all(lacks in text for text in elsewhere.warnings)
    assert len(elsewhere.warnings) == len(refusals)


def test_nodes_are_not_asked_for_when_the_placement_stays(cluster: Cluster) -> None:
    same = placed({"disk": "hdd"})
    changed = step("Deployment", UPDATE, {"template": same}, template=same)
    assert unmet(changed) == Unmet()
    assert cluster.calls == []


def node(runtime: str, *handlers: dict[str, Any]) -> dict[str, Any]:
    """A node's status, as kubelets of Kubernetes 1.37 report it."""
    status: dict[str, Any] = {"nodeInfo": {"containerRuntimeVersion": runtime}}
    if handlers:
        status["runtimeHandlers"] = list(handlers)
    return {**named(runtime), "status": status}


# cri-dockerd reports no handler, containerd one without a name and each by its name.
DOCKER = node("docker://29.4.1")
CONTAINERD = node(
    "containerd://2.2.1",
    {"name": "", "features": {"recursiveReadOnlyMounts": True, "userNamespaces": True}},
    {"name": "runc", "features": {"recursiveReadOnlyMounts": True, "userNamespaces": True}},
)
OLD = node("containerd://1.7.28", {"name": "", "features": {"recursiveReadOnlyMounts": True}})


@pytest.mark.parametrize("nodes", [[DOCKER], [DOCKER, OLD]])
def test_pods_with_users_of_their_own_are_warned_about_where_no_nodes_runtime_has_them(
    cluster: Cluster, nodes: list[dict[str, Any]]
) -> None:
    cluster.has(*nodes)
    isolated = {"spec": {"hostUsers": False}}
    (warning,) = unmet(step("StatefulSet", template=isolated), file=DEV).warnings
    assert warning.startswith(f"StatefulSet {NAME} has hostUsers: false, but no node's")
    assert "(containerd://1.7.28, docker://29.4.1)" in warning or "(docker://29.4.1)" in warning
    assert "or drop hostUsers" in warning
    assert unmet(step("StatefulSet", template={"spec": {"hostUsers": True}})) == Unmet()
    same = step("StatefulSet", UPDATE, {"template": isolated}, template=isolated)
    assert unmet(same) == Unmet(), "they run"
    cluster.has(*nodes, CONTAINERD)
    assert unmet(step("StatefulSet", template=isolated)) == Unmet(), "a nodeSelector can choose it"


def test_a_storage_class_must_exist_or_be_that_of_a_volume(cluster: Cluster) -> None:
    cluster.answer("get storageclasses", {"items": [named("standard")]})
    by_hand = named("one") | {"spec": {"storageClassName": "manual"}}
    cluster.answer("get persistentvolumes", {"items": [by_hand]})
    claim = "PersistentVolumeClaim"
    assert unmet(step(claim)) == Unmet(), "the default class"
    assert unmet(step(claim, storageClassName="standard")) == Unmet()
    assert unmet(step(claim, storageClassName="manual")) == Unmet()
    refused = unmet(step(claim, REPLACE, storageClassName="fast")).refusals[f"{claim} {NAME}"]
    assert "no StorageClass fast" in refused
    assert "(there: standard)" in refused
    cluster.answer("get persistentvolumes", may_not("list", "persistentvolumes"), code=1)
    (warning,) = unmet(step(claim, storageClassName="fast")).warnings
    assert warning.endswith(
        "a volume has the StorageClass: you lack the right to list persistentvolumes"
    )
    assert unmet(step(claim, storageClassName="standard")) == Unmet(), "no volume is looked for"


def test_an_expected_gateway_is_looked_for_in_its_namespace(cluster: Cluster) -> None:
    route = step("HTTPRoute", parentRefs=[{"name": "shared", "namespace": "edge"}])
    cluster.has()
    reason = unmet(route).refusals[f"HTTPRoute {NAME}"]
    assert "no Gateway shared in namespace edge: correct taskflow:gateway.parentRef" in reason
    assert cluster.asked[-1].namespace == "edge"
    cluster.has(named("shared"))
    assert unmet(route) == Unmet()
    own = step("HTTPRoute", parentRefs=[{"name": NAME, "sectionName": "http"}])
    cluster.has(named("traefik"))
    assert unmet(step("Gateway", gatewayClassName="traefik"), own) == Unmet(), "the stack makes it"


def test_an_autoscaler_without_metrics_is_warned_about_except_where_up_enables_them(
    cluster: Cluster,
) -> None:
    cluster.has()
    (warning,) = unmet(step("HorizontalPodAutoscaler"), step("HorizontalPodAutoscaler")).warnings
    assert "no metrics server" in warning
    assert unmet(step("HorizontalPodAutoscaler"), file=DEV) == Unmet()
    condition = {"type": "Available", "status": "False"}
    cluster.has({**named(needs.METRICS), "status": {"conditions": [condition]}})
    assert unmet(step("HorizontalPodAutoscaler")).warnings, "it is there, but does not answer"
    condition["status"] = "True"
    cluster.has({**named(needs.METRICS), "status": {"conditions": [condition]}})
    assert unmet(step("HorizontalPodAutoscaler")) == Unmet()


def test_a_load_balancer_on_minikube_waits_for_its_tunnel(cluster: Cluster) -> None:
    balancer = step("Service", type="LoadBalancer")
    assert unmet(balancer) == Unmet(), "elsewhere the cloud provides the address"
    cluster.has()
    (warning,) = unmet(balancer, file=DEV).warnings
    assert warning.endswith(": minikube tunnel --profile minikube")
    cluster.has({**named(NAME), "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}}})
    assert unmet(balancer, file=DEV) == Unmet(), "the tunnel runs"
    cluster.answer("get", may_not("get", "services"), code=1)
    (warning,) = unmet(balancer, file=DEV).warnings
    assert warning.endswith("has an address: you lack the right to get services")
    assert unmet(step("Service", type="NodePort"), file=DEV) == Unmet()


def test_a_plan_without_routes_asks_nothing(cluster: Cluster) -> None:
    unchanged = step("Ingress", SAME, ingressClassName="nginx")
    assert unmet(step("Deployment"), unchanged, file=DEV) == Unmet()
    assert cluster.calls == []


def may_not(verb: str, kind: str, group: str = "", scope: str = "at the cluster scope") -> str:
    """The API server's refusal, as kubectl prints it."""
    who = f'User "ci" cannot {verb} resource "{kind}" in API group "{group}" {scope}'
    return f"Error from server (Forbidden): {kind} is forbidden: {who}"


@pytest.mark.parametrize(
    ("wanted", "kind", "group", "warning"),
    [
        (
            step("Ingress", ingressClassName="nginx"),
            "ingressclasses",
            "networking.k8s.io",
            "the ingress class exists: you lack the right to list ingressclasses.networking.k8s.io",
        ),
        (
            step("PersistentVolumeClaim", storageClassName="fast"),
            "storageclasses",
            "storage.k8s.io",
            "the StorageClass exists: you lack the right to list storageclasses.storage.k8s.io",
        ),
        (
            step("Deployment", template=placed({"disk": "ssd"})),
            "nodes",
            "",
            "a node fits the pods: you lack the right to list nodes",
        ),
    ],
)
def test_what_a_person_may_not_look_up_is_a_warning_that_names_the_right(
    cluster: Cluster, wanted: Step, kind: str, group: str, warning: str
) -> None:
    cluster.answer("get", may_not("list", kind, group), code=1)
    assert unmet(wanted) == Unmet(warnings=[f"not checked whether {warning}"])


def test_what_admission_was_not_asked_is_a_warning_that_names_the_rights(cluster: Cluster) -> None:
    cluster.answer("get", may_not("list", "resourcequotas", scope='in the namespace "t"'), code=1)
    deployments = may_not("patch", "deployments", "apps", 'in the namespace "t"')
    services = may_not("patch", "services", scope='in the namespace "t"')
    cluster.answer("apply", f"{deployments}\n{services}\n{services}", code=1)
    cluster.answer("create", may_not("create", "pods", scope='in the namespace "t"'), code=1)
    plan = [
        step("Deployment", UPDATE, workload("a"), **pods(3, "1")),
        step("Service", UPDATE, {"type": "ClusterIP"}, type="NodePort"),
    ]
    lacks = "you lack the right to"
    assert live.unmet(plan, PROD, {}) == Unmet(
        warnings=[
            f"not checked whether the quotas have room for all pods: {lacks} list resourcequotas",
            "not checked whether the cluster admits every object: "
            f"{lacks} patch deployments.apps, patch services",
            f"not checked whether the cluster admits every pod: {lacks} create pods",
        ]
    )


def test_a_cluster_without_a_kind_is_a_warning_in_its_own_words(cluster: Cluster) -> None:
    said = 'error: the server doesn\'t have a resource type "gatewayclasses"'
    cluster.answer("get", said, code=1)
    (warning,) = unmet(step("Gateway", gatewayClassName="traefik")).warnings
    assert warning == f"not checked whether the GatewayClass exists: {said}"


REFUSED = 'Error from server (Forbidden): error when creating "STDIN": pods "taskflow-frontend-trial" is forbidden: '


DENIED = 'admission webhook "gate.example.com" denied the request: [team] no image without a digest'


def workload(image: str, unavailable: int = 0) -> dict[str, Any]:
    return {
        "template": {"metadata": {"labels": {"app": "t"}}, "spec": {"containers": [image]}},
        "strategy": {"rollingUpdate": {"maxUnavailable": unavailable}},
    }


def refusals(cluster: Cluster, reason: str, *steps: Step) -> dict[str, str]:
    cluster.has()
    cluster.answer("apply", "")
    cluster.answer("create --dry-run=server", f"{REFUSED}{reason}", code=1)
    return live.unmet(steps, PROD, {}).refusals


def test_a_workload_whose_pods_would_be_forbidden_is_refused(cluster: Cluster) -> None:
    reason = 'violates PodSecurity "restricted:latest": unrestricted capabilities'
    found = refusals(cluster, reason, step("Deployment", **workload("a")))
    assert found == {f"Deployment {NAME}": f"the API server refuses its pods: {reason}"}
    changed = step("Deployment", UPDATE, workload("a"), **workload("b"))
    assert list(refusals(cluster, reason, changed)) == [f"Deployment {NAME}"]


def test_what_a_webhook_or_a_policy_denies_is_refused(cluster: Cluster) -> None:
    cluster.has()
    cluster.answer("apply", "")
    one = step("Deployment", **workload("a"))
    cluster.answer("create --dry-run=server", f"Error from server (Forbidden): {DENIED}", code=1)
    said = {one.title: f"the API server refuses its pods: {DENIED}"}
    assert live.unmet([one], PROD, {}).refusals == said
    policy = "ValidatingAdmissionPolicy 'team' with binding 'all' denied request: no latest"
    about = f'error when creating "STDIN": pods "{NAME}-trial" is forbidden'
    answer = f"Error from server (Invalid): {about}: {policy}"
    cluster.answer("create --dry-run=server", answer, code=1)
    assert live.unmet([one], PROD, {}).refusals == {
        one.title: f"the API server refuses its pods: {policy}"
    }


def test_a_full_quota_refuses_new_pods_but_not_those_that_come_when_an_old_one_is_gone(
    cluster: Cluster,
) -> None:
    reason = "exceeded quota: team, requested: requests.cpu=100m, used: 1, limited: 1"
    assert refusals(cluster, reason, step("Deployment", **workload("a", 1)))
    adds_first = step("Deployment", UPDATE, workload("a"), **workload("b"))
    assert refusals(cluster, reason, adds_first)
    makes_room = step("Deployment", UPDATE, workload("a", 1), **workload("b", 1))
    assert refusals(cluster, reason, makes_room) == {}


def quota_of(hard: dict[str, str], used: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "team"}, "spec": spec, "status": {"hard": hard, "used": used}}


def pods(count: int, cpu: str) -> dict[str, Any]:
    container = {"resources": {"requests": {"cpu": cpu}}}
    return {"replicas": count, "template": {"spec": {"containers": [container]}}}


@pytest.mark.parametrize(
    ("key", "hard", "used", "refused"),
    [
        ("requests.cpu", "1", "700m", True),
        ("requests.cpu", "1", "600m", False),
        ("cpu", "1", "700m", True),
        ("pods", "4", "3", True),
        ("pods", "5", "3", False),
        ("services", "0", "0", False),
    ],
)
def test_a_quota_must_have_room_for_all_pods_not_for_one(
    cluster: Cluster, key: str, hard: str, used: str, refused: bool
) -> None:
    grows = step("Deployment", UPDATE, pods(1, "200m"), **pods(3, "200m"))
    kubectl = Kubectl("production", {}, "taskflow")
    cluster.has(quota_of({key: hard}, {key: used}))
    found = quota.overdrawn([grows], kubectl).refusals
    assert (f"Deployment {NAME}" in found) is refused
    if refused:
        assert found[grows.title].startswith(f"quota team limits {key} to {hard}, {used} of it")
    shrinks = step("Deployment", UPDATE, pods(3, "200m"), **pods(1, "200m"))
    assert quota.overdrawn([shrinks], kubectl) == Unmet(), "a workload that needs less is admitted"
    cluster.has(quota_of({key: hard}, {key: used}, scopes=["BestEffort"]))
    assert quota.overdrawn([grows], kubectl) == Unmet(), "it counts other pods"


def test_pods_are_asked_for_only_where_they_change_and_their_namespace_exists(
    cluster: Cluster,
) -> None:
    unchanged = step("Deployment", UPDATE, workload("a", 1), **workload("a"))
    assert refusals(cluster, "anything", unchanged) == {}
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "taskflow"}}
    namespace = Step(action=CREATE, type="kubernetes:core/v1:Namespace", resource="n", new=home)
    assert refusals(cluster, "anything", namespace, step("Deployment", **workload("a"))) == {}
