"""Every decision about the objects, asserted on what the API server really holds."""

import base64
from typing import Any

import httpx
import pytest

from tests.live.conftest import BACKEND_PORT, FRONTEND_PORT, RELEASE, LiveRelease
from tests.live_release import node_port

SERVICES = ("backend", "frontend")


def container_of(workload: dict[str, Any]) -> dict[str, Any]:
    containers: list[dict[str, Any]] = workload["spec"]["template"]["spec"]["containers"]
    return containers[0]


@pytest.fixture(params=SERVICES)
def component(request: pytest.FixtureRequest) -> str:
    """Backend and frontend in turn."""
    return str(request.param)


@pytest.fixture
def deployment(release: LiveRelease, component: str) -> dict[str, Any]:
    """The component's Deployment."""
    return release.kubectl.get("deployment", f"{RELEASE}-{component}")


def test_every_pod_belongs_to_a_deployment_or_the_statefulset(release: LiveRelease) -> None:
    pods = release.kubectl.get("pods")["items"]
    owners = {
        (pod.get("metadata", {}).get("ownerReferences") or [{"kind": "nobody"}])[0]["kind"]
        for pod in pods
    }
    assert owners == {"ReplicaSet", "StatefulSet"}
    for replica_set in release.kubectl.get("replicasets")["items"]:
        assert replica_set["metadata"]["ownerReferences"][0]["kind"] == "Deployment"


def test_two_pods_are_ready(deployment: dict[str, Any]) -> None:
    assert deployment["spec"]["replicas"] == 2
    assert deployment["status"]["readyReplicas"] == 2


def test_the_rollout_moves_one_pod_at_a_time(deployment: dict[str, Any]) -> None:
    assert deployment["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1},
    }


def test_labels_and_selectors_use_app_and_component(
    deployment: dict[str, Any], component: str
) -> None:
    labels = {"app": RELEASE, "component": component}
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert labels.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert deployment["metadata"]["labels"]["app.kubernetes.io/name"] == "taskflow"


def test_the_service_selects_both_pods(release: LiveRelease, component: str) -> None:
    service = release.kubectl.get("service", f"{RELEASE}-{component}")
    assert service["spec"]["selector"] == {"app": RELEASE, "component": component}
    slices = release.kubectl.get(
        "endpointslices", "", "-l", f"kubernetes.io/service-name={RELEASE}-{component}"
    )["items"]
    ready = [
        entry for piece in slices for entry in piece["endpoints"] if entry["conditions"]["ready"]
    ]
    assert len(ready) == 2


def test_configuration_comes_by_env_from_one_config_map(
    release: LiveRelease, deployment: dict[str, Any]
) -> None:
    (source,) = container_of(deployment)["envFrom"]
    config_map = release.kubectl.get("configmap", source["configMapRef"]["name"])
    assert config_map["immutable"] is True
    assert config_map["data"]["NODE_ENV"] == "production"
    assert config_map["data"]["LOG_LEVEL"] == "info"
    assert config_map["data"]["BACKEND_URL"] == f"http://{RELEASE}-backend:8000"
    assert config_map["data"]["FRONTEND_URL"] == release.url


def test_secrets_come_by_secret_key_ref(
    release: LiveRelease, deployment: dict[str, Any], component: str
) -> None:
    references = {
        entry["name"]: entry["valueFrom"]["secretKeyRef"]
        for entry in container_of(deployment)["env"]
        if "valueFrom" in entry
    }
    assert {name: reference["key"] for name, reference in references.items()} == {
        "DATABASE_URL": {"backend": "database-url", "frontend": "frontend-database-url"}[component],
        "BETTER_AUTH_SECRET": "better-auth-secret",
    }
    secret = release.kubectl.get("secret", references["DATABASE_URL"]["name"])
    assert secret["immutable"] is True


def test_nothing_but_the_configuration_and_the_secrets_is_wired_into_the_process(
    release: LiveRelease, component: str
) -> None:
    printed = release.kubectl("exec", f"deployment/{RELEASE}-{component}", "--", "printenv")
    variables = dict(line.split("=", 1) for line in printed.splitlines())
    ours = {"FRONTEND_URL", "BACKEND_URL", "LOG_LEVEL", "DATABASE_URL", "BETTER_AUTH_SECRET"}
    assert ours <= variables.keys()
    assert variables["NODE_ENV"] == "production"
    assert variables["PORT"] == {"backend": "8000", "frontend": "3000"}[component]
    assert "OPENAI_API_KEY" not in variables, "without a key there is no assistant"
    assert not [
        name for name in variables if name.endswith("_SERVICE_HOST") and RELEASE.upper() in name
    ]


PATHS = {"backend": ("/health", "/health/live"), "frontend": ("/healthz", "/healthz/live")}


def test_probes_ask_the_right_questions_at_the_right_times(
    deployment: dict[str, Any], component: str
) -> None:
    container = container_of(deployment)
    (port,) = container["ports"]
    assert (port["name"], port["containerPort"]) == (
        "http",
        {"backend": 8000, "frontend": 3000}[component],
    )
    ready, live = PATHS[component]
    timings = ("periodSeconds", "timeoutSeconds", "failureThreshold")
    for kind, path, expected in (
        ("readinessProbe", ready, (5, 3, 3)),
        ("livenessProbe", live, (10, 5, 3)),
        ("startupProbe", live, (1, 1, 60)),
    ):
        probe = container[kind]
        asks = probe["httpGet"]
        assert (asks["path"], asks["port"]) == (path, "http"), kind
        assert tuple(probe[timing] for timing in timings) == expected, kind
        assert "initialDelaySeconds" not in probe, "the startup probe replaces fixed delays"


def test_a_pod_drains_before_it_is_killed(deployment: dict[str, Any]) -> None:
    assert container_of(deployment)["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 30


def test_the_limits_are_those_of_the_decisions(deployment: dict[str, Any], component: str) -> None:
    limits = container_of(deployment)["resources"]["limits"]
    assert (limits["memory"], limits["cpu"]) == {
        "backend": ("512Mi", "500m"),
        "frontend": ("256Mi", "250m"),
    }[component]


def test_every_container_has_liveness_and_readiness(release: LiveRelease) -> None:
    for pod in release.kubectl.get("pods")["items"]:
        for container in pod["spec"]["containers"]:
            assert {"livenessProbe", "readinessProbe"} <= container.keys(), pod["metadata"]["name"]


def test_pods_are_burstable(release: LiveRelease) -> None:
    for pod in release.kubectl.get("pods")["items"]:
        assert pod["status"]["qosClass"] == "Burstable", pod["metadata"]["name"]


def test_the_namespace_refuses_a_pod_that_is_not_restricted(release: LiveRelease) -> None:
    namespace = release.kubectl.get("namespace", RELEASE)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        release.kubectl(
            "run", "intruder", "--image=postgres:17", "--privileged", "--dry-run=server"
        )


def test_service_types_and_ports_are_as_configured(release: LiveRelease) -> None:
    frontend = release.kubectl.get("service", f"{RELEASE}-frontend")["spec"]
    assert (frontend["type"], frontend["ports"][0]["port"], frontend["ports"][0]["nodePort"]) == (
        "NodePort",
        3000,
        FRONTEND_PORT,
    )
    assert release.kubectl.get("service", f"{RELEASE}-postgres")["spec"]["type"] == "ClusterIP"


@pytest.mark.parametrize("target", ["backend:8000", "frontend:3000"])
@pytest.mark.parametrize("suffix", ["", f".{RELEASE}.svc.cluster.local"], ids=["short", "full"])
def test_services_resolve_by_short_and_full_name_from_a_pod(
    release: LiveRelease, target: str, suffix: str
) -> None:
    name, _, port = target.partition(":")
    path = "/health" if name == "backend" else "/healthz"
    code = (
        "import urllib.request as r; "
        f"print(r.urlopen('http://{RELEASE}-{name}{suffix}:{port}{path}', timeout=5).status)"
    )
    answer = release.kubectl("exec", f"deployment/{RELEASE}-backend", "--", "python", "-c", code)
    assert answer.strip() == "200"


def test_the_images_are_tagged_by_content_and_never_latest(release: LiveRelease) -> None:
    outputs = release.stack.outputs()
    for component in SERVICES:
        reference = outputs[f"{component}_image"]
        assert reference.startswith(f"taskflow-{component}:")
        for pod in release.kubectl.pods(component).values():
            assert pod["spec"]["containers"][0]["image"] == reference


def test_the_volume_is_bound(release: LiveRelease) -> None:
    claim = release.kubectl.get("persistentvolumeclaim", f"{RELEASE}-postgres-data")
    assert claim["status"]["phase"] == "Bound"
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_the_frontend_answers_on_its_node_port(release: LiveRelease) -> None:
    assert release.url == node_port(FRONTEND_PORT)
    assert httpx.get(f"{release.url}/healthz", timeout=5).status_code == 200


def test_the_api_refuses_a_request_without_a_token(release: LiveRelease) -> None:
    assert httpx.get(f"{node_port(BACKEND_PORT)}/api/tasks", timeout=5).status_code == 401


def test_generated_secrets_are_not_readable_in_the_state(release: LiveRelease) -> None:
    state = release.stack.export()
    for secret in release.kubectl.get("secrets")["items"]:
        for key, encoded in secret.get("data", {}).items():
            assert encoded not in state, f"{key} is in the state, base64-encoded"
            assert base64.b64decode(encoded).decode() not in state, (
                f"{key} is in the state in clear"
            )
