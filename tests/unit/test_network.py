"""Network policies: default deny, and only the connections that the release needs."""

from typing import Any

import pytest

from tests.cases import more
from tests.unit.conftest import (
    DEPLOYED,
    LOCAL,
    PROD_SECRETS,
    PUBLIC_KEY,
    Deploy,
    Engine,
    merged,
)

ON: dict[str, Any] = {"networkPolicies": {}}
DNS = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]


def pods(component: str, release: str = "taskflow") -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": release, "component": component}}}


def in_namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def tcp(port: int) -> list[dict[str, Any]]:
    return [{"port": port, "protocol": "TCP"}]


def spec(engine: Engine, component: str) -> dict[str, Any]:
    return dict(engine.only("NetworkPolicy", component)["spec"])


def test_they_can_be_switched_off(deploy: Deploy) -> None:
    assert len(deploy(LOCAL).of_kind("NetworkPolicy")) == 4
    assert (
        deploy(merged(LOCAL, {"networkPolicies": {"enabled": False}})).of_kind("NetworkPolicy")
        == {}
    )


def test_every_pod_of_the_namespace_is_denied_everything_by_default(deploy: Deploy) -> None:
    denied = spec(deploy(merged(LOCAL, ON)), "config")
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_in_a_namespace_of_others_only_the_releases_pods_are_denied(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, {**ON, "createNamespace": False}))
    assert spec(engine, "config")["podSelector"] == {"matchLabels": {"app": "taskflow"}}


def test_the_backend_hears_the_frontend_and_calls_dns_and_the_database(deploy: Deploy) -> None:
    backend = spec(deploy(merged(LOCAL, ON)), "backend")
    assert backend["ingress"] == [{"from": [pods("frontend")], "ports": tcp(8000)}]
    dns, database = backend["egress"]
    assert dns["ports"] == DNS
    for name in ("kube-dns", "node-local-dns"):
        labels = {"podSelector": {"matchLabels": {"k8s-app": name}}}
        assert in_namespace("kube-system") | labels in dns["to"], "Cilium redirects to the second"
    for address in ("169.254.20.10/32", "169.254.25.10/32", "169.254.10.11/32"):
        assert {"ipBlock": {"cidr": address}} in dns["to"], "a resolver that is not a pod"
    assert database == {"to": [pods("postgres")], "ports": tcp(5432)}


def test_every_pod_that_calls_dns_reaches_the_addresses_that_the_stack_names(
    deploy: Deploy,
) -> None:
    values = {"networkPolicies": {"dnsAddresses": ["10.96.0.10/32"]}}
    engine = deploy(merged(merged(LOCAL, values), {"backup": {"publicKey": PUBLIC_KEY}}))
    for component in ("backend", "frontend", "backup"):
        (dns, *_) = spec(engine, component)["egress"]
        assert {"ipBlock": {"cidr": "10.96.0.10/32"}} in dns["to"]
        assert dns["ports"] == DNS


def test_the_frontend_calls_dns_the_backend_and_its_sessions_in_the_database(
    deploy: Deploy,
) -> None:
    _, backend, database = spec(deploy(merged(LOCAL, ON)), "frontend")["egress"]
    assert backend == {"to": [pods("backend")], "ports": tcp(8000)}
    assert database == {"to": [pods("postgres")], "ports": tcp(5432)}


def test_the_embedded_database_hears_both_services_and_calls_nobody(deploy: Deploy) -> None:
    database = spec(deploy(merged(LOCAL, ON)), "postgres")
    assert database["ingress"] == [
        {"from": [pods("backend"), pods("frontend")], "ports": tcp(5432)}
    ]
    assert "egress" not in database


def test_behind_an_ingress_only_its_controller_reaches_the_frontend(deploy: Deploy) -> None:
    engine = deploy(
        merged(DEPLOYED, {"networkPolicies": {"ingressNamespace": "edge"}}), PROD_SECRETS
    )
    (rule,) = spec(engine, "frontend")["ingress"]
    assert rule == {"from": [in_namespace("edge")], "ports": tcp(3000)}


def test_the_ingress_controller_reaches_the_pod_that_answers_for_a_certificate(
    deploy: Deploy,
) -> None:
    engine = deploy(merged(DEPLOYED, {"ingress": {"tls": {"issuer": "le"}}}), PROD_SECRETS)
    policy = engine.inputs["taskflow-certificate-network-policy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == {"acme.cert-manager.io/http01-solver": "true"}
    (rule,) = policy["ingress"]
    assert rule == {"ports": tcp(8089)}
    named = {"networkPolicies": {"ingressNamespace": "edge"}, "ingress": {"tls": {"issuer": "le"}}}
    engine = deploy(merged(DEPLOYED, named), PROD_SECRETS)
    (rule,) = engine.inputs["taskflow-certificate-network-policy"]["spec"]["ingress"]
    assert rule["from"] == [in_namespace("edge")]
    by_hand = deploy(DEPLOYED, PROD_SECRETS)
    assert "taskflow-certificate-network-policy" not in by_hand.inputs


def test_in_a_namespace_of_others_nothing_is_said_about_their_certificates(deploy: Deploy) -> None:
    shared = {"ingress": {"tls": {"issuer": "le"}}, "createNamespace": False}
    engine = deploy(merged(DEPLOYED, shared), PROD_SECRETS)
    assert "taskflow-default-deny-network-policy" in engine.inputs
    assert "taskflow-certificate-network-policy" not in engine.inputs


OWN = {"gateway": {"host": "taskflow.example.com", "class": "envoy", "tls": {"issuer": "le"}}}
SHARED = {"gateway": {"host": "taskflow.example.com", "parentRef": {"name": "shared"}}}

# A route that the stack does not make.
PUBLIC = {"frontend": {"publicUrl": "https://taskflow.example.com"}}


@pytest.mark.parametrize(
    ("route", "namespace"),
    [
        (OWN, None),
        (merged(OWN, {"gateway": {"namespace": "edge"}}), "edge"),
        *more(
            ({"ingress": {"host": "taskflow.example.com"}}, None),
            (PUBLIC, None),
            (merged(PUBLIC, {"networkPolicies": {"ingressNamespace": "edge"}}), "edge"),
            (SHARED, None),
            # Of the Gateway; its pods may be elsewhere.
            (merged(SHARED, {"gateway": {"parentRef": {"namespace": "shared"}}}), None),
        ),
    ],
)
def test_a_route_admits_the_namespace_that_is_named_or_everyone(
    deploy: Deploy, route: dict[str, Any], namespace: str | None
) -> None:
    (rule,) = spec(deploy(merged(LOCAL, route)), "frontend")["ingress"]
    peers = {"from": [in_namespace(namespace)]} if namespace else {}
    assert rule == {**peers, "ports": tcp(3000)}, "a controller may send from a node's address"


def test_a_gateway_whose_pods_run_beside_it_is_not_cut_off_by_the_default_deny(
    deploy: Deploy,
) -> None:
    engine = deploy(merged(LOCAL, OWN))
    policy = engine.inputs["taskflow-gateway-network-policy"]["spec"]
    (gateway,) = engine.of_kind("Gateway").values()
    labels = {"gateway.networking.k8s.io/gateway-name": gateway["metadata"]["name"]}
    assert policy["podSelector"] == {"matchLabels": labels}
    assert (policy["ingress"], policy["egress"]) == ([{}], [{}])
    assert "taskflow-certificate-network-policy" in engine.inputs, "its issuer's challenge, too"
    assert "taskflow-gateway-network-policy" not in deploy(merged(LOCAL, SHARED)).inputs


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_a_frontend_open_to_the_outside_hears_everyone(deploy: Deploy, kind: str) -> None:
    engine = deploy(merged(LOCAL, {**ON, "frontend": {"service": {"type": kind}}}))
    assert spec(engine, "frontend")["ingress"] == [{"ports": tcp(3000)}]


def test_a_frontend_inside_the_cluster_without_an_ingress_hears_nobody(deploy: Deploy) -> None:
    assert "ingress" not in spec(deploy(merged(LOCAL, ON)), "frontend")


def test_ports_follow_the_containers_not_the_services(deploy: Deploy) -> None:
    values = {"backend": {"service": {"port": 80, "targetPort": 8080}}}
    engine = deploy(merged(merged(LOCAL, ON), values))
    assert spec(engine, "backend")["ingress"][0]["ports"] == tcp(8080)
    assert spec(engine, "frontend")["egress"][1]["ports"] == tcp(8080)


def test_the_way_to_an_external_database_is_open_to_its_port_and_networks(deploy: Deploy) -> None:
    engine = deploy(merged(DEPLOYED, ON), PROD_SECRETS)
    assert spec(engine, "backend")["egress"][1] == {"ports": tcp(5432)}
    assert "taskflow-postgres" not in str(engine.of_kind("NetworkPolicy"))
    narrow = {"database": {"external": {"addresses": ["10.1.0.0/16"]}}}
    engine = deploy(merged(merged(DEPLOYED, ON), narrow), PROD_SECRETS)
    networks = {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": tcp(5432)}
    for component in ("backend", "frontend"):
        assert networks in spec(engine, component)["egress"]


@pytest.mark.parametrize(
    ("assistant", "port"),
    [
        ({}, 443),
        *more(
            ({"baseUrl": "http://llm.example.com/v1"}, 80),
            ({"baseUrl": "http://llm.models.svc:8080/v1"}, 8080),
        ),
    ],
)
def test_only_the_backend_reaches_the_assistant_and_only_where_there_is_one(
    deploy: Deploy, assistant: dict[str, Any], port: int
) -> None:
    values = merged(LOCAL, {**ON, "assistant": assistant})
    engine = deploy(values, {"openaiApiKey": "sk"})
    assert {"ports": tcp(port)} in spec(engine, "backend")["egress"]
    assert {"ports": tcp(port)} not in spec(engine, "frontend")["egress"]
    assert {"ports": tcp(port)} not in spec(deploy(values), "backend")["egress"]


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_only_the_service_that_asks_for_more_networks_may_call_them(
    deploy: Deploy, component: str
) -> None:
    values = {component: {"egress": [{"cidr": "10.2.0.0/16", "ports": [443, 5671]}]}}
    engine = deploy(merged(LOCAL, values))
    to = [{"ipBlock": {"cidr": "10.2.0.0/16"}}]
    assert spec(engine, component)["egress"][-2:] == [
        {"to": to, "ports": tcp(443)},
        {"to": to, "ports": tcp(5671)},
    ]
    assert str(engine.of_kind("NetworkPolicy")).count("10.2.0.0/16") == 2


def test_two_releases_side_by_side_never_meet(deploy: Deploy) -> None:
    blue = deploy(merged(merged(LOCAL, ON), {"release": "blue"}))
    green = deploy(merged(merged(LOCAL, ON), {"release": "green"}))

    def identities(engine: Engine) -> set[tuple[str, str, str]]:
        return {
            (kind, inputs["metadata"].get("namespace", ""), inputs["metadata"].get("name", name))
            for name, inputs in engine.inputs.items()
            if (kind := engine.types.get(name, "")).startswith("kubernetes:")
        }

    assert identities(blue).isdisjoint(identities(green))
    assert set(blue.inputs) & set(green.inputs) == {"outputs"}, "one program may make both"
    for engine, other in ((blue, "green"), (green, "blue")):
        assert f"'{other}" not in str(engine.inputs), "labels, selectors, references"
    assert "nodePort" not in str(blue.inputs), "a node port is the cluster's choice unless given"
