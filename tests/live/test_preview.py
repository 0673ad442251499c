"""What the API server would refuse, or accept without effect, is known before anything is applied."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ops.errors import OpsError
from ops.kubectl import NoAnswerError
from ops.review import live, needs, plan
from ops.review.plan import Step
from policy.rule import pod_of
from tests import live_release
from tests.engine_stack import EngineStack
from tests.live import outside
from tests.live.conftest import VALUES, LiveRelease, changed
from tests.live_release import Kubectl

NAME = "limitedtest"
NOTICED_SECONDS = 60
"""Until admission knows of a quota or limit that was made a moment ago."""
UNSERVED: dict[str, Any] = {
    "createNamespace": False,
    "policies": "advisory",
    "ingress": {"host": "tasks.example.com", "class": "of-nobody"},
    "frontend": {"service": {"type": "LoadBalancer"}},
    "backend": {"autoscaling": {"max": 3}},
}


@dataclass(frozen=True)
class Limited:
    """A release that would be deployed into a namespace of others, and whose preview has these steps."""

    stack: EngineStack
    kubectl: Kubectl
    steps: Sequence[Step]

    def refusals(self) -> dict[str, str]:
        stack = self.stack.of_ops
        return live.unmet(self.steps, stack.file, stack.env).refusals

    def refused(self, title: str) -> str:
        """Why a step is refused, once admission knows the quota or limit that was made for it."""
        deadline = time.monotonic() + NOTICED_SECONDS
        while title not in (found := self.refusals()):
            assert time.monotonic() < deadline, f"{title} is not refused: {found}"
            time.sleep(0.5)
        return found[title]


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    base = live_release.values(NAME, frontend_port=0, backend_port=0)
    values = {**base, **UNSERVED}
    for part in ("frontend", "backend"):
        values[part] = {"resources": base[part]["resources"], **UNSERVED[part]}
    stack = EngineStack.create("live", tmp_path_factory.mktemp("limited"), values)
    with outside.new_namespace(NAME) as kubectl:
        yield Limited(stack, kubectl, plan.read(stack.of_ops.preview(quiet=True)))


@pytest.fixture
def limits(limited: Limited) -> Iterator[Limited]:
    """The same; what a test limits is limited for that test alone."""
    yield limited
    limited.kubectl("delete", "resourcequotas,limitranges", "--all")


def make(kubectl: Kubectl, kind: str, name: str, version: str = "v1", **spec: Any) -> None:
    manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    kubectl("apply", "--filename=-", stdin=json.dumps(manifest))


def test_nothing_is_refused_where_nothing_is_limited(limited: Limited) -> None:
    assert limited.refusals() == {}


def test_what_a_quota_would_refuse_is_refused_with_the_quotas_arithmetic(
    limits: Limited,
) -> None:
    hard = {"requests.cpu": "10m", "persistentvolumeclaims": "0"}
    make(limits.kubectl, "ResourceQuota", "limits", hard=hard)
    reason = limits.refused(f"Deployment {NAME}-backend")
    assert "requested: requests.cpu=20m, used: requests.cpu=0, limited: requests.cpu=10m" in reason
    claim = limits.refused(f"PersistentVolumeClaim {NAME}-postgres-data")
    assert "exceeded quota: limits" in claim
    assert f"StatefulSet {NAME}-postgres" in limits.refusals()


def test_a_quota_that_admits_one_pod_but_not_all_is_reported(limits: Limited) -> None:
    make(limits.kubectl, "ResourceQuota", "few", hard={"pods": "3"})
    reason = limits.refused(f"Deployment {NAME}-backend")
    assert reason.startswith("quota few limits pods to 3, 0 of it used")


def test_pods_that_a_limit_range_would_refuse_are_refused(limits: Limited) -> None:
    limit = {"type": "Container", "max": {"cpu": "300m"}}
    make(limits.kubectl, "LimitRange", "limits", limits=[limit])
    reason = limits.refused(f"Deployment {NAME}-backend")
    assert "maximum cpu usage per Container is 300m, but limit is 500m" in reason
    assert f"Deployment {NAME}-frontend" not in limits.refusals(), "its limit is 250m"


def test_pods_that_the_namespaces_security_level_forbids_are_refused(limited: Limited) -> None:
    limited.kubectl(
        "label", "namespace", NAME, "pod-security.kubernetes.io/enforce=restricted", "--overwrite"
    )
    assert limited.refusals() == {}, "the release keeps to the strictest level"
    (backend,) = (step for step in limited.steps if step.title == f"Deployment {NAME}-backend")
    template = backend.new["spec"]["template"]
    host = {**template, "spec": {**pod_of(backend.new), "hostNetwork": True}}
    on_the_host = {**backend.new, "spec": {**backend.new["spec"], "template": host}}
    changed = replace(limited, steps=[replace(backend, new=on_the_host)])
    assert "host namespaces (hostNetwork=true)" in changed.refused(backend.title)


def test_pods_that_a_policy_of_the_cluster_denies_are_refused(limited: Limited) -> None:
    version, name = "admissionregistration.k8s.io/v1", f"{NAME}-policy"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    match = {
        "resourceRules": [{**pods, "resources": ["pods"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAME}},
    }
    rule = {"expression": "false", "message": "no pod of this team's"}
    kind = "ValidatingAdmissionPolicy"
    try:
        make(limited.kubectl, kind, name, version, matchConstraints=match, validations=[rule])
        binding = {"policyName": name, "validationActions": ["Deny"]}
        make(limited.kubectl, f"{kind}Binding", name, version, **binding)
        reason = limited.refused(f"Deployment {NAME}-backend")
    finally:
        limited.kubectl("delete", f"{kind},{kind}Binding", name)
    assert "denied request: no pod of this team's" in reason


def test_a_field_that_cannot_change_is_named_with_the_key_that_changes_it(
    release: LiveRelease,
) -> None:
    embedded = {**VALUES["database"]["embedded"], "size": "512Mi"}
    smaller = {**changed(database={"embedded": embedded}), "policies": "advisory"}
    release.stack.configure(smaller)
    try:
        with pytest.raises(OpsError, match="the volume of the database cannot shrink") as refused:
            release.stack.of_ops.preview(quiet=True)
    finally:
        release.stack.configure(VALUES)
    assert "requests.storage: Forbidden" in refused.value.where, "its own words"
    assert "taskflow:database.embedded.size" in refused.value.fix


def test_an_ingress_class_that_no_controller_has_is_refused_until_it_is_there(
    limited: Limited,
) -> None:
    stack = limited.stack.of_ops
    found = needs.unmet(limited.steps, stack.file, stack.env)
    assert list(found.refusals) == [f"Ingress {NAME}-frontend"]
    assert "no ingress class of-nobody" in found.refusals[f"Ingress {NAME}-frontend"]
    version, controller = "networking.k8s.io/v1", "example.com/nobody"
    make(limited.kubectl, "IngressClass", "of-nobody", version, controller=controller)
    try:
        assert needs.unmet(limited.steps, stack.file, stack.env).refusals == {}
    finally:
        limited.kubectl("delete", "ingressclass", "of-nobody")


def test_a_load_balancer_on_minikube_is_warned_about(limited: Limited) -> None:
    stack = limited.stack.of_ops
    (warning,) = needs.unmet(limited.steps, stack.file, stack.env).warnings
    assert "Service limitedtest-frontend" in warning
    assert "minikube tunnel" in warning


def test_an_autoscaler_is_warned_about_as_long_as_no_metrics_server_answers(
    limited: Limited,
) -> None:
    stack = limited.stack.of_ops
    elsewhere = replace(stack.file, profile=None)  # Where `make up` enables no addon.
    found = limited.kubectl("get", "apiservices", "--output=name").split()
    answers = f"apiservice.apiregistration.k8s.io/{needs.METRICS}" in found
    if answers:
        limited.kubectl("wait", "apiservice", needs.METRICS, "--for=condition=Available")
    warnings = needs.unmet(limited.steps, elsewhere, stack.env).warnings
    assert any("no metrics server answers" in text for text in warnings) is not answers


def test_a_route_is_refused_with_what_to_install_where_the_cluster_has_no_gateway_api(
    limited: Limited,
) -> None:
    (ingress,) = (step for step in limited.steps if step.kind == "Ingress")
    kind = {"apiVersion": "gateway.example.com/v1", "kind": "HTTPRoute"}
    route = replace(ingress, type="kubernetes:g:HTTPRoute", new={**ingress.new, **kind})
    with pytest.raises(NoAnswerError, match="has no kind HTTPRoute") as refused:
        replace(limited, steps=[route]).refusals()
    assert "install the CRDs of the Gateway API" in refused.value.fix
