"""A browser's routes to the frontend: an Ingress, the Gateway API, or an address outside the stack."""

from typing import Any

import pytest

from tests.cases import more
from tests.unit.conftest import LOCAL, Deploy, Engine, merged

HOSTS = ["taskflow.example.com", "*.taskflow.example.com"]
SHARED = {"name": "shared", "namespace": "edge", "sectionName": "https"}
TO_HTTPS = [
    {
        "filters": [
            {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
        ]
    }
]
FRONTEND = [{"name": "taskflow-frontend", "port": 3000}]


def ingress(**values: Any) -> dict[str, Any]:
    return merged(LOCAL, {"ingress": {"hosts": HOSTS, **values}})


def gateway(**values: Any) -> dict[str, Any]:
    return merged(LOCAL, {"gateway": {"hosts": HOSTS, **values}})


def spec(engine: Engine, kind: str, name: str = "taskflow-frontend") -> dict[str, Any]:
    (found,) = (
        inputs for inputs in engine.of_kind(kind).values() if inputs["metadata"]["name"] == name
    )
    return dict(found["spec"])


def addresses(engine: Engine) -> set[str]:
    (config_map,) = engine.of_kind("ConfigMap").values()
    return {config_map["data"]["FRONTEND_URL"], engine.inputs["outputs"]["url"]}


def test_an_ingress_leads_every_host_to_the_frontend(deploy: Deploy) -> None:
    made = spec(deploy(ingress(tls={"secret": "mine"})), "Ingress")
    assert [rule["host"] for rule in made["rules"]] == HOSTS
    assert made["tls"] == [{"hosts": HOSTS, "secretName": "mine"}]


def test_an_ingress_without_a_class_leaves_the_choice_to_the_cluster(deploy: Deploy) -> None:
    assert "ingressClassName" not in spec(deploy(ingress()), "Ingress")
    assert spec(deploy(ingress(**{"class": "traefik"})), "Ingress")["ingressClassName"] == "traefik"


def test_a_gateway_that_exists_gets_a_route_and_nothing_else(deploy: Deploy) -> None:
    engine = deploy(gateway(parentRef={**SHARED, "tls": False}))
    assert spec(engine, "HTTPRoute") == {
        "parentRefs": [SHARED],
        "hostnames": HOSTS,
        "rules": [{"backendRefs": FRONTEND}],
    }
    assert len(engine.of_kind("HTTPRoute")) == 1
    assert engine.of_kind("Gateway") == {}
    assert engine.of_kind("Ingress") == {}


def test_a_gateway_of_the_stack_serves_https_and_redirects_to_it(deploy: Deploy) -> None:
    engine = deploy(gateway(**{"class": "envoy", "tls": {"secret": "mine"}}))
    made = spec(engine, "Gateway")
    assert made["gatewayClassName"] == "envoy"
    plain, *secured = made["listeners"]
    assert plain == {"name": "http", "port": 80, "protocol": "HTTP"}
    assert [listener["hostname"] for listener in secured] == HOSTS
    for listener in secured:
        assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
        assert listener["tls"] == {"mode": "Terminate", "certificateRefs": [{"name": "mine"}]}
    sections = [parent["sectionName"] for parent in spec(engine, "HTTPRoute")["parentRefs"]]
    assert sections == [listener["name"] for listener in secured], "plain HTTP is for the redirect"
    redirect = spec(engine, "HTTPRoute", "taskflow-frontend-redirect")
    assert redirect["parentRefs"] == [{"name": "taskflow-frontend", "sectionName": "http"}]
    assert redirect["rules"] == TO_HTTPS


def test_a_gateway_that_exists_gets_a_redirect_where_its_plain_listener_is_named(
    deploy: Deploy,
) -> None:
    engine = deploy(gateway(parentRef={**SHARED, "redirectSectionName": "http"}))
    assert spec(engine, "HTTPRoute")["parentRefs"] == [SHARED], "the pages are on https alone"
    redirect = spec(engine, "HTTPRoute", "taskflow-frontend-redirect")
    assert redirect["parentRefs"] == [{**SHARED, "sectionName": "http"}]
    assert redirect["hostnames"] == HOSTS
    assert redirect["rules"] == TO_HTTPS
    assert engine.of_kind("Gateway") == {}


def test_a_gateway_of_the_stack_has_the_ports_that_its_controller_wants(deploy: Deploy) -> None:
    values = {"class": "traefik", "tls": {"secret": "mine"}, "httpPort": 8000, "httpsPort": 8443}
    plain, *secured = spec(deploy(gateway(**values)), "Gateway")["listeners"]
    assert plain["port"] == 8000
    assert [listener["port"] for listener in secured] == [8443, 8443]


def test_a_gateway_of_the_stack_asks_an_issuer_for_the_releases_own_secret(deploy: Deploy) -> None:
    engine = deploy(gateway(**{"class": "envoy", "tls": {"issuer": "le"}}))
    (made,) = engine.of_kind("Gateway").values()
    assert made["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "le"
    listener = made["spec"]["listeners"][1]
    assert listener["tls"]["certificateRefs"] == [{"name": "taskflow-tls"}]


def test_the_pods_of_a_gateway_of_the_stack_are_not_taken_for_the_frontends(deploy: Deploy) -> None:
    engine = deploy(gateway(**{"class": "istio"}))
    labels = spec(engine, "Gateway")["infrastructure"]["labels"]
    selected = engine.only("Service", "frontend")["spec"]["selector"]
    assert labels, "without any, Istio gives the pods those of the Gateway"
    assert labels.keys().isdisjoint(selected)


def test_a_gateway_without_tls_serves_plain_http_and_redirects_nothing(deploy: Deploy) -> None:
    engine = deploy(gateway(**{"class": "envoy"}))
    assert len(spec(engine, "Gateway")["listeners"]) == 1
    (route,) = engine.of_kind("HTTPRoute").values()
    assert route["spec"]["rules"] == [{"backendRefs": FRONTEND}]


def test_a_request_has_a_timeout_only_where_one_is_asked_for(deploy: Deploy) -> None:
    (rule,) = spec(deploy(gateway(parentRef=SHARED, timeoutSeconds=90)), "HTTPRoute")["rules"]
    assert rule == {"backendRefs": FRONTEND, "timeouts": {"request": "90s"}}


def test_reads_are_tried_again_where_that_is_asked_for_and_writes_never(deploy: Deploy) -> None:
    engine = deploy(gateway(parentRef=SHARED, retries=2, timeoutSeconds=90))
    reads, others = spec(engine, "HTTPRoute")["rules"]
    assert [match["method"] for match in reads.pop("matches")] == ["GET", "HEAD"]
    assert reads.pop("retry") == {"attempts": 2, "codes": [502, 503, 504]}
    assert reads == others, "in all else they are alike"
    assert "retry" not in others


def test_a_route_follows_the_services_port_and_belongs_to_the_frontend(deploy: Deploy) -> None:
    engine = deploy(
        merged(gateway(**{"class": "envoy"}), {"frontend": {"service": {"port": 8080}}})
    )
    assert spec(engine, "HTTPRoute")["rules"][0]["backendRefs"][0]["port"] == 8080
    for kind in ("Gateway", "HTTPRoute"):
        assert engine.only(kind, "frontend")["metadata"]["namespace"] == "taskflow"


@pytest.mark.parametrize(
    ("values", "url"),
    [
        (ingress(), "http://taskflow.example.com"),
        (ingress(tls={"secret": "mine"}), "https://taskflow.example.com"),
        (gateway(parentRef=SHARED), "https://taskflow.example.com"),
        (gateway(parentRef={**SHARED, "tls": False}), "http://taskflow.example.com"),
        (gateway(**{"class": "envoy"}), "http://taskflow.example.com"),
        (gateway(**{"class": "envoy", "tls": {"issuer": "le"}}), "https://taskflow.example.com"),
    ],
)
def test_the_first_host_is_the_address_that_people_use(
    deploy: Deploy, values: dict[str, Any], url: str
) -> None:
    assert addresses(deploy(values)) == {url}


@pytest.mark.parametrize("kind", ["NodePort", *more("ClusterIP", "LoadBalancer")])
def test_the_address_of_a_balancer_in_front_is_the_one_that_people_use(
    deploy: Deploy, kind: str
) -> None:
    frontend = {"publicUrl": "https://taskflow.example.com", "service": {"type": kind}}
    engine = deploy(merged(LOCAL, {"frontend": frontend}))
    assert addresses(engine) == {"https://taskflow.example.com"}
