"""Every key of the configuration has an effect: another value changes objects, or the verdict on the file."""

import base64
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from components.config.check import parse
from components.config.errors import ConfigError
from components.config.secrets import key_in_cluster
from components.config.stack import Images, StackConfig
from tests.unit.conftest import (
    LOCAL,
    PROD_SECRETS,
    PUBLIC_KEY,
    Deploy,
    Engine,
    encrypted,
    merged,
    source_of,
)

DIGEST = f"@sha256:{'ab' * 32}"
ROOM = {"cluster": {"node": {"cpu": "32", "memory": "64Gi"}}}
OUTSIDE = {"database": {"embedded": None}}
AUTHORITY = {"database": {"embedded": None, "external": {"ca": {"configMap": "authority"}}}}
INGRESS = {"ingress": {"host": "taskflow.example.com"}}
BACKUP = {"backup": {"publicKey": PUBLIC_KEY}}
BUCKET = merged(
    BACKUP,
    {
        "backup": {
            "bucket": {"address": "s3://backups"},
            "secretEnv": {
                "AWS_ACCESS_KEY_ID": {"secret": "store", "key": "id"},
                "AWS_SECRET_ACCESS_KEY": {"secret": "store", "key": "key"},
            },
        }
    },
)
MONITORING = {"monitoring": {"namespace": "monitoring"}}
TLS = {"ingress": {"host": "taskflow.example.com", "tls": {"issuer": "letsencrypt"}}}
GATEWAY = {"gateway": {"host": "taskflow.example.com", "class": "envoy"}}
GATEWAY_TLS = merged(GATEWAY, {"gateway": {"tls": {"issuer": "letsencrypt"}}})
SHARED_GATEWAY = {"gateway": {"host": "taskflow.example.com", "parentRef": {"name": "shared"}}}
SEVERAL = ["taskflow.example.com", "*.taskflow.example.com"]


@dataclass(frozen=True)
class Other:
    """Another value for a key, and the values around it that make both valid."""

    value: Any
    around: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


SERVICES = tuple(Images.components())
# Keys whose value appears in what the program asks of the engine: objects, images, options of resources. First those
# of all pods, then those that both services have.
PODS: dict[str, Other] = {
    "nodeSelector": Other({"pool": "web"}),
    "tolerations": Other([{"key": "spot", "operator": "Exists"}]),
    "priorityClass": Other("important"),
    "podAnnotations": Other({"a/b": "c"}),
    "hostUsers": Other(False),
}
WORKLOAD: dict[str, Other] = {
    **PODS,
    "secretEnv": Other({"LICENCE": {"secret": "licence", "key": "text"}}),
    "serviceAnnotations": Other({"a/b": "c"}),
    "egress": Other([{"cidr": "10.2.0.0/16", "ports": [443]}]),
    "replicas": Other(3),
    "autoscaling.min": Other(1, {"autoscaling": {"max": 3}}),
    "autoscaling.max": Other(4, {"autoscaling": {"max": 3}}),
    "autoscaling.cpu": Other(50, {"autoscaling": {"max": 3}}),
    "autoscaling.scaleDownSeconds": Other(30, {"autoscaling": {"max": 3}}),
    "resources.requests.cpu": Other("51m"),
    "resources.requests.memory": Other("65Mi"),
    "resources.limits.cpu": Other("2"),
    "resources.limits.memory": Other("2Gi"),
    **{
        f"probes.{probe}.{key}": Other(value)
        for probe in ("startup", "readiness", "liveness")
        for key, value in {"initialDelay": 7, "period": 9, "timeout": 2, "failures": 5}.items()
    },
    "strategy.maxUnavailable": Other(0),
    "strategy.maxSurge": Other("50%"),
    "service.type": Other("LoadBalancer"),
    "service.port": Other(8181),
    "service.targetPort": Other(8282),
    "env": Other({"GREETING": "hello"}),
    "logLevel": Other("debug"),
    "preStopSeconds": Other(7),
    "gracePeriodSeconds": Other(33),
    "rolloutDeadlineSeconds": Other(99),
    "disruptionBudget.minAvailable": Other("50%", {"disruptionBudget": {"minAvailable": 1}}),
    "disruptionBudget.maxUnavailable": Other(2),
    "topologySpread.key": Other("topology.kubernetes.io/zone"),
    "topologySpread.maxSkew": Other(2),
    "topologySpread.required": Other(True),
}
SHOWN: dict[str, Other] = {
    **{
        f"{component}.service.nodePort": Other(
            30123, {component: {"service": {"type": "NodePort"}}}
        )
        for component in SERVICES
    },
    "release": Other("blue"),
    "namespace": Other("elsewhere"),
    "createNamespace": Other(False),
    "logLevel": Other("debug"),
    "protect": Other(True),
    "cluster.minikube": Other(None, {"images": {"registry": "ghcr.io/acme"}}),
    "images.registry": Other("ghcr.io/acme"),
    "images.mirror": Other("mirror.example.com/library"),
    "images.platform": Other("linux/arm64"),
    "images.pullSecrets": Other(["registry-access"]),
    **{
        f"images.{component}.{key}": Other(value)
        for component in SERVICES
        for key, value in {"ref": f"ghcr.io/acme/x{DIGEST}", "baseImage": "python:3.14"}.items()
    },
    "database.embedded.image": Other("postgres:18"),
    "database.embedded.folder": Other("pgdata-18"),
    "database.embedded.size": Other("2Gi"),
    "database.embedded.storageClass": Other("fast"),
    "database.embedded.user": Other(999),
    "database.embedded.keep": Other(True),
    "database.embedded.passwords": Other([2]),
    "database.embedded.resources.requests.cpu": Other("51m"),
    "database.embedded.resources.requests.memory": Other("65Mi"),
    "database.embedded.resources.limits.cpu": Other("2"),
    "database.embedded.resources.limits.memory": Other("2Gi"),
    **{f"database.embedded.{key}": other for key, other in PODS.items()},
    "database.external.addresses": Other(["10.1.0.0/16"], OUTSIDE, PROD_SECRETS),
    **{
        f"database.external.ca.{key}": Other("authority", OUTSIDE, PROD_SECRETS)
        for key in ("configMap", "secret")
    },
    "database.external.ca.key": Other("root.pem", AUTHORITY, PROD_SECRETS),
    "database.poolSize": Other(5),
    "secrets.generations": Other([2]),
    "backup.schedule": Other("0 * * * *", BACKUP),
    "backup.publicKey": Other(
        "age17jtwmd6gwr4vwuf6vxuy04pf3qj9m89uxw8dkswn4pz9qualncaqr6amkp", BACKUP
    ),
    "backup.keep": Other(3, BACKUP),
    "backup.image": Other("postgres:16", merged(OUTSIDE, BACKUP), PROD_SECRETS),
    "backup.size": Other("9Gi", BACKUP),
    "backup.storageClass": Other("slow", BACKUP),
    "backup.bucket.address": Other("s3://backups/blue/", BUCKET),
    "backup.bucket.endpoint": Other("https://s3.example.com", BUCKET),
    "backup.bucket.region": Other("eu-central-1", BUCKET),
    "backup.egress": Other([{"cidr": "10.2.0.0/16", "ports": [9000]}], BACKUP),
    "backup.secretEnv": Other({"AWS_ACCESS_KEY_ID": {"secret": "other", "key": "id"}}, BUCKET),
    "secrets.existing": Other(
        "by-hand",
        merged(OUTSIDE, {"createNamespace": False, "secrets": {"generate": False}}),
        PROD_SECRETS,
    ),
    "ingress.host": Other("other.example.com", INGRESS),
    "ingress.hosts": Other(SEVERAL, {"ingress": {"hosts": SEVERAL[:1]}}),
    "ingress.class": Other("traefik", INGRESS),
    "ingress.annotations": Other({"a/b": "c"}, INGRESS),
    "ingress.tls.secret": Other("by-hand", TLS),
    "ingress.tls.issuer": Other("other", TLS),
    "gateway.host": Other("other.example.com", GATEWAY),
    "gateway.hosts": Other(SEVERAL, {"gateway": {"hosts": SEVERAL[:1], "class": "envoy"}}),
    "gateway.class": Other("cilium", GATEWAY),
    "gateway.tls.secret": Other("by-hand", GATEWAY_TLS),
    "gateway.tls.issuer": Other("other", GATEWAY_TLS),
    "gateway.parentRef.name": Other("other", SHARED_GATEWAY),
    "gateway.parentRef.namespace": Other("edge", SHARED_GATEWAY),
    "gateway.parentRef.sectionName": Other("https", SHARED_GATEWAY),
    "gateway.parentRef.redirectSectionName": Other(
        "http", merged(SHARED_GATEWAY, {"gateway": {"parentRef": {"sectionName": "https"}}})
    ),
    "gateway.parentRef.tls": Other(False, SHARED_GATEWAY),
    "gateway.httpPort": Other(8000, GATEWAY),
    "gateway.httpsPort": Other(8443, GATEWAY_TLS),
    "gateway.namespace": Other("edge", GATEWAY),
    "gateway.timeoutSeconds": Other(30, GATEWAY),
    "gateway.retries": Other(2, GATEWAY),
    "frontend.publicUrl": Other("https://taskflow.example.com"),
    "networkPolicies.enabled": Other(False),
    "networkPolicies.ingressNamespace": Other("edge", INGRESS),
    "networkPolicies.dnsAddresses": Other(["10.96.0.10/32"]),
    "monitoring.namespace": Other("other", MONITORING),
    "monitoring.annotations": Other(True, MONITORING),
    "assistant.model": Other("another", {}, {"openaiApiKey": "key"}),
    "assistant.baseUrl": Other("http://llm.example.com", {}, {"openaiApiKey": "key"}),
}


@dataclass(frozen=True)
class Judged:
    """A value for a key that is accepted, one that is refused, and the values around both."""

    accepted: Any
    refused: Any
    around: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


# Keys that make no object: the others are checked against them.
MANY = {"backend": {"replicas": 5}}
PLAIN = PROD_SECRETS | {"databaseUrl": "postgresql://u:p@db.example.com/t?sslmode=disable"}
JUDGED: dict[str, Judged] = {
    "cluster.node.count": Judged(2, 1, MANY),
    "cluster.node.cpu": Judged("4", "2", MANY),
    "cluster.node.memory": Judged("8Gi", "1Gi"),
    "cluster.node.otherRequests.cpu": Judged("100m", "1900m"),
    "cluster.node.otherRequests.memory": Judged("100Mi", "4Gi"),
    "database.external.maxConnections": Judged(100, 20, OUTSIDE, PROD_SECRETS),
    "database.external.port": Judged(5432, 6543, OUTSIDE, PROD_SECRETS),
    "database.external.tls": Judged(False, True, OUTSIDE, PLAIN),
    "secrets.generate": Judged(True, False),
}
# Keys that do not affect the program's objects; tests/unit/test_cluster.py and tests/ops/test_stack.py have them.
ELSEWHERE = {"cluster.context", "policies"}


def keys_of(model: type[BaseModel], block: str = "") -> Iterator[str]:
    """Every key that holds a value and not a block, with the blocks around it."""
    schema = model.model_json_schema()
    for key, definition in schema["properties"].items():
        yield from _keys_in(definition, schema.get("$defs", {}), block + key)


def _keys_in(definition: dict[str, Any], models: dict[str, Any], path: str) -> Iterator[str]:
    choices = [definition, *definition.get("anyOf", ())]
    blocks = [choice["$ref"].rpartition("/")[2] for choice in choices if "$ref" in choice]
    if not blocks:
        yield path
    for block in blocks:
        for key, inner in models[block]["properties"].items():
            yield from _keys_in(inner, models, f"{path}.{key}")


def with_value(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The configuration with another value at a dotted path."""
    change = value
    for key in reversed(path.split(".")):
        change = {key: change}
    return merged(values, change)


BY_HAND = {
    "metadata": {"name": "by-hand", "resourceVersion": "1"},
    "data": {
        key_in_cluster(key): base64.b64encode(value.encode()).decode()
        for key, value in PROD_SECRETS.items()
    },
}
Asked = Callable[..., dict[str, Any]]


@pytest.fixture
def asked(deploy: Deploy) -> Asked:
    """What the program asks of the engine: inputs and options of all resources by name, and its outputs."""

    def asked(values: dict[str, Any], secrets: dict[str, str] | None = None) -> dict[str, Any]:
        engine = deploy(values, secrets, Engine(existing={"taskflow/by-hand": BY_HAND}))
        return {name: [inputs, engine.options.get(name)] for name, inputs in engine.inputs.items()}

    return asked


@functools.cache
def remembered() -> dict[str, dict[str, Any]]:
    """What was asked for before a change, which many changes have in common."""
    return {}


def before(asked: Asked, base: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    key = str((base, secrets))
    if key not in remembered():
        remembered()[key] = asked(base, secrets)
    return remembered()[key]


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", SHOWN)
def test_another_value_is_seen_by_the_engine(asked: Asked, path: str) -> None:
    other = SHOWN[path]
    base = merged(LOCAL, other.around)
    after = asked(with_value(base, path, other.value), other.secrets)
    assert after != before(asked, base, other.secrets)


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", WORKLOAD)
def test_another_value_is_seen_by_the_engine_for_each_service(asked: Asked, path: str) -> None:
    other = WORKLOAD[path]
    base = merged(ROOM, LOCAL)
    changed = base
    for service in SERVICES:
        base = merged(base, {service: other.around})
        changed = with_value(
            merged(changed, {service: other.around}), f"{service}.{path}", other.value
        )
    old, new = before(asked, base, {}), asked(changed)
    for service in SERVICES:
        own = {name for name in old.keys() & new.keys() if name.startswith(f"taskflow-{service}-")}
        assert any(old[name] != new[name] for name in own), service


@pytest.mark.exhaustive
def test_what_is_asked_of_the_engine_does_not_change_by_itself(asked: Asked) -> None:
    assert asked(LOCAL) == asked(LOCAL)


@pytest.mark.parametrize("path", JUDGED)
def test_another_value_is_judged_another_way(path: str) -> None:
    judged = JUDGED[path]
    base, secrets = merged(LOCAL, judged.around), encrypted(judged.secrets)
    parse(with_value(base, path, judged.accepted), secrets=secrets, source=source_of("test"))
    with pytest.raises(ConfigError):
        parse(with_value(base, path, judged.refused), secrets=secrets, source=source_of("test"))


def test_no_key_is_forgotten() -> None:
    of_services = [f"{service}.{path}" for service in SERVICES for path in WORKLOAD]
    known = [*SHOWN, *of_services, *JUDGED, *ELSEWHERE]
    assert sorted(known) == sorted(keys_of(StackConfig))
