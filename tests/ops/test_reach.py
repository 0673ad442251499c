"""Where a release answers, by its live objects, and how this machine gets there."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.config.stacks import StackFile
from ops.engine.backend import Backend
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.release import reach
from ops.release.history import Location
from tests.ops.conftest import Cluster
from tests.ops.machines import minikube_profile
from tests.ops.programs import Programs
from tests.ops.test_history import entry

FRONTEND = {"name": "blue-frontend", "labels": {"app": "blue", "component": "frontend"}}


def service(kind: str = "ClusterIP", **more: Any) -> dict[str, Any]:
    spec = {"type": kind, "ports": [{"name": "http", "port": 3000, **more.pop("port", {})}]}
    return {"kind": "Service", "metadata": FRONTEND, "spec": spec, **more}


def node_port(port: int) -> dict[str, Any]:
    return service("NodePort", port={"nodePort": port})


def with_address(url: str) -> list[dict[str, Any]]:
    """The ConfigMap with the address for the frontend's pods, and the one of the revision before."""
    reads = {"containers": [{"envFrom": [{"configMapRef": {"name": "new"}}]}]}
    spec = {"template": {"spec": reads}}
    maps = [
        {"kind": "ConfigMap", "metadata": {"name": name}, "data": {"FRONTEND_URL": address}}
        for name, address in (("old", "https://old.example.com"), ("new", url))
    ]
    return [{"kind": "Deployment", "metadata": FRONTEND, "spec": spec}, *maps]


INGRESS = {"kind": "Ingress", "metadata": FRONTEND, "spec": {"ingressClassName": "traefik"}}
ROUTE = {"kind": "HTTPRoute", "metadata": FRONTEND, "spec": {"parentRefs": [{"name": "shared"}]}}
REFUSED = [
    {"status": "True", "reason": "Fine", "message": "it works"},
    {"status": "False", "reason": "NoPort", "message": "no 3000"},
]


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture
def stack(tmp_path: Path, programs: Programs) -> Stack:
    """Its last update failed: its output has another address than the cluster."""
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    programs.answer("pulumi", "stack history", [entry(release="blue")])
    url = "http://127.0.0.1:30099"
    programs.answer("pulumi", "stack output", {"url": url, "namespace": "blue"})
    file = StackFile.read("dev", tmp_path)
    return Stack(file, Backend("s3://team", ours=False), programs.env)


@pytest.mark.parametrize(
    ("objects", "url"),
    [
        ([node_port(30080)], "http://127.0.0.1:30080"),
        ([node_port(30080), *with_address("http://192.0.2.1:30080")], "http://127.0.0.1:30080"),
        ([node_port(30080), *with_address("http://blue-frontend:3000")], "http://127.0.0.1:30080"),
        ([service(), *with_address("https://route.example.com")], "https://route.example.com"),
        ([node_port(30080), *with_address("https://lb.example.com")], "https://lb.example.com"),
        ([service(), *with_address("https://tasks")], "https://tasks"),
        (
            [
                service(
                    "LoadBalancer", status={"loadBalancer": {"ingress": [{"ip": "2001:db8::1"}]}}
                )
            ],
            "http://[2001:db8::1]:3000",
        ),
        (
            [service("LoadBalancer"), *with_address("https://lb.example.com")],
            "https://lb.example.com",
        ),
        (
            [service("LoadBalancer", status={"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}})],
            "http://10.0.0.9:3000",
        ),
    ],
    ids=[
        "node port",
        "node port configured with another address of the node",
        "node port that the cluster chose",
        "route",
        "balancer before a node port",
        "route of a host without a dot",
        "load balancer with an IPv6 address",
        "balancer before a load balancer",
        "load balancer",
    ],
)
def test_the_address_is_that_of_the_live_objects_whatever_the_state_says(
    stack: Stack, cluster: Cluster, objects: list[dict[str, Any]], url: str
) -> None:
    backend = {"kind": "Service", "metadata": {"name": "b", "labels": {"component": "backend"}}}
    cluster.has(backend, *objects)
    with reach.access_to(stack, "linux") as access:
        assert access == reach.Access(url)
    assert cluster.asked[0].namespace == "blue"


@pytest.fixture
def mac(stack: Stack, programs: Programs, cluster: Cluster, tmp_path: Path) -> Stack:
    """A stack on a Minikube whose node is 192.168.49.2, with node port 30081."""
    minikube_profile(tmp_path, "docker")
    programs.env["MINIKUBE_HOME"] = str(tmp_path)
    profile = {"context": "minikube", "minikube": "minikube"}
    programs.answer("pulumi", "stack history", [entry(release="blue", cluster=profile)])
    cluster.has(node_port(30081))
    return replace(stack, file=replace(stack.file, profile="minikube"))


@pytest.mark.parametrize(
    ("system", "docker", "url"),
    [
        ("darwin", "", "http://127.0.0.1:55000"),
        ("linux", "Docker Desktop", "http://127.0.0.1:55000"),
        ("linux", "Debian GNU/Linux", "http://192.168.49.2:30081"),
    ],
)
def test_a_node_port_answers_where_the_nodes_container_publishes_it_if_docker_is_hidden(
    mac: Stack, programs: Programs, system: str, docker: str, url: str
) -> None:
    programs.answer("docker", "info", docker)
    programs.answer("docker", "port minikube 30081", "127.0.0.1:55000")
    with reach.access_to(mac, system) as access:
        assert access.url == url


def test_on_a_mac_a_node_port_that_is_not_published_is_forwarded(
    mac: Stack, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a profile that was there before: only the first start can publish a port."""
    programs.answer("docker", "port minikube 30081", "Error: No public port", code=1)
    said = "Forwarding from 127.0.0.1:4711 -> 3000"
    calls = forwards(monkeypatch, f"import time; print({said!r}, flush=True); time.sleep(60)")
    with reach.access_to(mac, "darwin") as access:
        assert access.url == "http://127.0.0.1:4711"
    assert "service/blue-frontend" in calls


def test_on_a_mac_a_node_that_is_a_virtual_machine_answers_itself(
    mac: Stack, tmp_path: Path
) -> None:
    minikube_profile(tmp_path, "vfkit")
    with reach.access_to(mac, "darwin") as access:
        assert access.url == "http://192.168.49.2:30081"


def forwards(monkeypatch: pytest.MonkeyPatch, script: str) -> list[str]:
    calls: list[str] = []

    def command(_: Kubectl, words: Sequence[str]) -> list[str]:
        calls.extend(words)
        return [sys.executable, "-c", script]

    monkeypatch.setattr(Kubectl, "command", command)
    return calls


def test_a_service_that_only_the_cluster_reaches_is_forwarded_for_as_long_as_it_is_needed(
    stack: Stack, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.has(service())
    said = "Forwarding from 127.0.0.1:4711 -> 3000"
    calls = forwards(monkeypatch, f"import time; print({said!r}, flush=True); time.sleep(60)")
    with reach.access_to(stack, "linux") as access:
        assert access.url == "http://127.0.0.1:4711"
        assert access.forward
        assert access.forward.poll() is None
    assert access.forward.poll() is not None
    assert "service/blue-frontend" in calls


def test_a_port_that_cannot_be_forwarded_is_an_error(
    stack: Stack, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.has(service())
    forwards(monkeypatch, "print('error: unable to forward port')")
    with (
        pytest.raises(OpsError, match="no port can be forwarded") as caught,
        reach.access_to(stack, "linux"),
    ):
        pass
    assert "unable to forward" in caught.value.where


@pytest.mark.parametrize(
    ("profile", "fix"),
    [
        (None, "shows one: kubectl --context {context} --namespace blue get services"),
        ("work", "run in another terminal: minikube tunnel --profile work"),
    ],
)
def test_a_load_balancer_without_an_address_is_an_error_with_a_command_for_its_cluster(
    stack: Stack, cluster: Cluster, profile: str | None, fix: str
) -> None:
    cluster.has(service("LoadBalancer"))
    mine = replace(stack, file=replace(stack.file, profile=profile))
    with pytest.raises(OpsError, match="no address yet") as caught, reach.access_to(mine, "linux"):
        pass
    assert caught.value.fix.endswith(fix.format(context=cluster.asked[0].context))


def test_a_release_without_an_address_is_an_error(stack: Stack, cluster: Cluster) -> None:
    cluster.has()
    said = "no frontend Service in the cluster"
    with pytest.raises(OpsError, match=said), reach.access_to(stack, "linux"):
        pass


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (INGRESS, "Ingress blue-frontend has no address: does the controller of class traefik"),
        (
            ROUTE,
            "no controller handles HTTPRoute blue-frontend: does the one of Gateway shared run?",
        ),
        (
            ROUTE | {"status": {"parents": [{"conditions": REFUSED}]}},
            "HTTPRoute blue-frontend does not lead to the release: NoPort, no 3000",
        ),
    ],
    ids=[
        "Ingress without an address",
        "route that no controller handles",
        "route that was refused",
    ],
)
def test_a_public_address_that_does_not_answer_is_reported_with_what_its_route_lacks(
    stack: Stack, cluster: Cluster, found: dict[str, Any], said: str
) -> None:
    cluster.has(service(), *with_address("https://taskflow.example.com"))
    selector = "--selector=app=blue --output=json --request-timeout=10s"
    for kind in ("ingresses.networking.k8s.io", "httproutes.gateway.networking.k8s.io"):
        mine = [found] if kind.startswith(found["kind"].lower()) else []
        cluster.answer(f"get {kind} {selector}", {"items": mine})
    with (
        pytest.raises(OpsError, match="no answer") as caught,
        reach.access_to(stack, "linux") as access,
    ):
        raise OpsError("no answer", where=access.url, fix="what the smoke check says")
    assert caught.value.where.startswith(f"https://taskflow.example.com; {said}")
    assert caught.value.fix == "what the smoke check says"
    assert "it works" not in caught.value.where


def test_a_cluster_without_the_gateway_api_has_no_routes_that_lack_anything(
    cluster: Cluster,
) -> None:
    missing = 'error: the server doesn\'t have a resource type "httproutes"'
    cluster.answer("get", missing, code=1)
    here = Location("blue", Kubectl("minikube", {}, "blue"), "127.0.0.1")
    assert reach.route_faults(here) == []
