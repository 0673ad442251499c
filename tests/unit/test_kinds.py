"""Each kind of value is what its consumers accept, and its mistakes name what was expected."""

from typing import Any

import pytest

from components.config.check import parse
from components.config.errors import ConfigError
from components.config.quantities import bytes_of, millicores
from components.config.stack import StackConfig
from tests.unit.conftest import (
    DEPLOYED,
    LOCAL,
    PROD_SECRETS,
    PUBLIC_KEY,
    encrypted,
    merged,
    source_of,
)


def at(path: str, value: Any) -> dict[str, Any]:
    """A configuration with a value at a dotted path."""
    for key in reversed(path.split(".")):
        value = {key: value}
    changed: dict[str, Any] = value
    base = merged(LOCAL, {"cluster": {"node": {"cpu": "64", "memory": "512Gi"}}})
    if path.startswith("ingress."):
        base = merged(base, {"ingress": {"host": "a.example.com"}})
    if path.startswith("backup."):
        base = merged(base, {"backup": {"publicKey": PUBLIC_KEY}})
    if path.startswith("database.external"):
        base = merged(DEPLOYED, {"cluster": {"node": {"cpu": "64", "memory": "512Gi"}}})
    return merged(base, changed)


def read(path: str, value: Any) -> StackConfig:
    secrets = encrypted(PROD_SECRETS) if path.startswith("database.external") else {}
    return parse(at(path, value), secrets=secrets, source=source_of("x"))


def mistake(path: str, value: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read(path, value)
    (message,) = caught.value.messages
    return message.removeprefix("Pulumi.x.yaml: taskflow:")


BUCKET = {
    name: {"secret": "bucket", "key": name}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
}
COST = "controller.kubernetes.io/pod-deletion-cost"
RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
ACCEPTED: list[tuple[str, Any]] = [
    ("ingress.tls.secret", "taskflow.example.com-tls"),
    ("ingress.tls.issuer", "letsencrypt.prod"),
    ("ingress.class", "nginx.internal"),
    ("images.pullSecrets", ["ghcr.io-access", "1"]),
    ("database.embedded.storageClass", "rook.ceph.block"),
    ("namespace", "n" * 63),
    ("namespace", "1st-tenant"),
    ("networkPolicies.ingressNamespace", "0"),
    ("cluster.minikube", "My-profile.2"),
    ("cluster.context", "arn:aws:eks:eu-central-1:1:cluster/x"),
    ("ingress.host", "taskflow"),
    ("ingress.host", "taskflow.local"),
    ("ingress.host", "1.2.3.a"),
    *(
        ("backup", {"publicKey": PUBLIC_KEY, "bucket": {"address": address}, "secretEnv": BUCKET})
        for address in ("s3://2026.backups.12/..a/b._C/", "s3://123", f"s3://{'a' * 63}")
    ),
    ("ingress.host", "xn--80ak6aa92e.xn--p1ai"),
    ("ingress.host", "xn--strae-oqa.xn--ls8h"),
    ("frontend.publicUrl", "https://taskflow.example.com"),
    ("frontend.publicUrl", "http://10.1.2.3:8080"),
    ("backend.resources.requests.cpu", 0.5),
    ("cluster.node.cpu", 4),
    ("backend.resources.requests.cpu", "1e-1"),
    ("backend.resources.limits.memory", "1.5Gi"),
    ("backend.resources.limits.memory", "512M"),
    ("backend.resources.limits.memory", "1e9"),
    ("backend.resources.limits.memory", 1073741824),
    ("database.embedded.size", "10G"),
    ("database.external.addresses", ["10.1.0.0/16", "2001:db8::/32", "10.1.2.3/32"]),
    ("database.external.addresses", ["0.0.0.0/0", "2001:DB8:0::/32", "::1/128", "0.0.0.0/8"]),
    ("images.backend.ref", "registry.example.com:5000/a/b_c--d:1.2"),
    ("images.backend.ref", f"ghcr.io/acme/app:1@sha256:{'a' * 64}"),
    ("images.backend.ref", "localhost/app:V1"),
    ("images.backend.ref", f"ghcr.io/{'a' * 247}:{'1' * 128}@sha256:{'a' * 64}"),
    ("images.backend.baseImage", "python:3.14-slim"),
    ("images.registry", "ghcr.io/acme/team_a"),
    ("images.registry", "[::1]:5000"),
    ("ingress.annotations", {"nginx.ingress.kubernetes.io/proxy-body-size": "1m", "plain": "x"}),
    ("backend.nodeSelector", {"node.kubernetes.io/instance-type": "m7.large", "empty": ""}),
    ("backend.tolerations", [{"operator": "Exists"}]),
    ("backend.tolerations", [{"key": "a", "effect": "NoExecute", "tolerationSeconds": 60}]),
    ("frontend.egress", [{"cidr": "10.1.0.0/16", "ports": ["443", 5671]}]),
    ("frontend.secretEnv", {"LICENCE": {"secret": "ours.example", "key": "licence.txt"}}),
    ("assistant.baseUrl", "https://llm.example.com:8443/v1/"),
    ("assistant.baseUrl", "http://[2001:db8::1]:80"),
    ("assistant.baseUrl", "http://Model_1.ai.svc.cluster.local.:65535/v1/größe"),
    ("frontend.publicUrl", "https://xn--gre-6ka8i.example"),
    ("images.registry", "localhost:65535"),
    ("images.backend.ref", "app:99999"),
    ("backend.env", {"TWO_LINES": "one\ntwo"}),
    ("backup", {"publicKey": PUBLIC_KEY, "schedule": "@daily"}),
    ("backup", {"publicKey": PUBLIC_KEY, "schedule": "*/15  0-6/2,22 1,? jan-MAR SUN,tue-6"}),
    ("backup", {"publicKey": PUBLIC_KEY, "schedule": "05 02 31 12 0"}),
    ("gateway", {"host": "a.b", "class": "c", "timeoutSeconds": 99_999}),
    ("backend.podAnnotations", {f"{'a.' * 126}b/{'c' * 63}": "x"}),
    ("backend.podAnnotations", {"Example.com/Name": "x" * 259_984}),
    ("frontend.autoscaling", {"max": 3, "cpu": 150}),
    *(
        ("backend.podAnnotations", {COST: cost})
        for cost in ("0", "-010", "-2147483648", "2147483647")
    ),
    *(
        (
            "frontend",
            {"service": {"type": "LoadBalancer"}, "serviceAnnotations": {RANGES: networks}},
        )
        for networks in ("10.1.0.0/16, 10.2.0.0/16", " ")
    ),
    ("frontend.serviceAnnotations", {"taskflow": "x", "pulumi.com": "x"}),
    ("backend.resources", {"requests": {"memory": 0}, "limits": {"memory": "6Mi"}}),
    ("backend.env", {"A": "x" * 131_069}),
    ("backend.env", {f"A{i}": "x" * 119_998 for i in range(5)}),
    ("backend.strategy.maxUnavailable", 2**31 - 1),
    ("database.embedded.passwords", ["2", 1.0]),
    ("frontend.service", {"type": "NodePort", "nodePort": "30080"}),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_what_its_consumer_accepts_is_accepted(path: str, value: Any) -> None:
    read(path, value)


REFUSED: list[tuple[str, Any, str]] = [
    ("database.embedded.size", "0Gi", 'got "0Gi", expected a storage quantity such as "1Gi"'),
    ("database.embedded.size", "-1Gi", "expected a storage quantity"),
    ("database.embedded.size", "1gi", "expected a storage quantity"),
    ("backend.resources.limits.memory", "400m", "expected a memory quantity"),
    ("backend.resources.limits.memory", "1.5 Gi", "expected a memory quantity"),
    ("backend.resources.requests.cpu", "0.0001", "expected a CPU quantity"),
    ("backend.resources.requests.cpu", True, "got true, expected a CPU quantity"),
    ("database.external.addresses", ["10.0.0.0/33"], "expected a network such as 10.1.0.0/16"),
    *(
        ("database.external.addresses", [network], "expected a network such as 10.1.0.0/16 (zeros")
        for network in (
            "10.1.2.3/8",
            "10.0.0.0/08",
            "2001:db8::1/32",
            "::/00",
            "::ffff:10.0.0.0/104",
            "fe80::%eth0/64",
        )
    ),
    ("database.external.addresses", ["10.1.2.3"], "10.1.2.3/32 for one address"),
    ("database.external.addresses", ["10.0.0.0/255.0.0.0"], "expected a network"),
    ("cluster.context", "", "expected a text of one line that is not empty"),
    ("assistant.model", "a\nb", "expected a text of one line that is not empty"),
    (
        "cluster.context",
        1234,
        "got 1234, expected a text of one line that is not empty: put it in quotes",
    ),
    *(
        ("cluster.minikube", name, "expected a Minikube profile: two or more letters")
        for name in ("my_profile", "dev-", "a..b", "a.", "m")
    ),
    ("ingress.annotations", {"a/b": True}, "got true, expected a text: put it in quotes"),
    ("images.backend.ref", "ghcr.io/myOrg/app:1", "its name in lower case"),
    ("images.backend.ref", "myOrg/app:1", "its name in lower case"),
    ("images.backend.ref", "ghcr.io/acme/app", "with a tag or digest"),
    ("images.backend.ref", "localhost:5000/app", "with a tag or digest"),
    ("images.backend.ref", f"app@sha256:{'A' * 64}", "with a tag or digest"),
    ("images.backend.ref", f"ghcr.io/{'a' * 248}:1", "with a tag or digest"),
    ("images.backend.baseImage", "python", "with a tag or digest"),
    ("images.registry", "ghcr.io/MyOrg", "a registry with its host"),
    ("images.registry", "ghcr.io/acme/", "a registry with its host"),
    ("ingress.host", "*.example.com", "expected a host name"),
    *(
        ("ingress.host", host, "expected a host name")
        for host in (
            "10.1.2.3",
            "taskflow.1",
            "a.08",
            "0x7f.1",
            "a.0x1f",
            "xn--a.b",
            "a.xn--gre-6ka8",
        )
    ),
    ("ingress", {"hosts": ["a.b", "*.0x1"]}, 'hosts.1: got "*.0x1", expected a host name'),
    *(
        ("backup.bucket", {"address": address}, "expected a bucket's address such as s3://acme-")
        for address in (
            "s3://a..b",
            "s3://10.1.2.3/x",
            "s3://xn--backups",
            "s3://amzn-s3-demo-backups",
            "s3://Backups/x",
            "s3://back_ups/x",
            "s3://backups/../x",
            "s3://backups/x/./",
        )
    ),
    ("ingress.host", "https://a.example.com", "expected a host name"),
    ("ingress.host", "A.example.com", "in lower case"),
    ("ingress.host", "münchen.example", "in lower case and ASCII (xn--... for other letters)"),
    (
        "gateway",
        {"hosts": ["a.b", "*.münchen.example"], "class": "a"},
        "in lower case and ASCII (xn--... for other letters)",
    ),
    ("ingress.host", f"{'a' * 64}.example.com", "expected a host name"),
    ("frontend.publicUrl", "taskflow.example.com", "an address such as https://"),
    ("frontend.publicUrl", "https://taskflow.example.com/", "without path, user or / at its end"),
    ("frontend.publicUrl", "https://Taskflow.example.com", "in lower case"),
    ("gateway", {"host": "x.y", "class": "a", "namespace": "a.b"}, "without a dash at either end"),
    ("gateway", {"hosts": ["a.b", "*.*.b"], "class": "a"}, "such as taskflow.example.com or *."),
    ("gateway", {"hosts": ["a.b", "a.*.b"], "class": "a"}, "such as taskflow.example.com or *."),
    ("gateway", {"hosts": ["a.b", "*"], "class": "a"}, "such as taskflow.example.com or *."),
    ("ingress.tls.issuer", "letsencrypt_prod", "in parts between dots"),
    ("ingress.tls.secret", "a..b", "in parts between dots"),
    ("namespace", "n" * 64, "expected at most 63 characters"),
    ("namespace", "-a", "without a dash at either end"),
    ("namespace", "kube-system", "kube-system is a name of Kubernetes' own"),
    ("release", "1st", "starting with a letter"),
    ("assistant.baseUrl", "https://x.example.com/?api-version=1", "without user, ? and #"),
    ("assistant.baseUrl", "https://x.example.com:99999", "expected an address such as"),
    *(
        (
            key,
            address,
            "its host in ASCII" if key == "assistant.baseUrl" else "in lower case and ASCII",
        )
        for key in ("assistant.baseUrl", "frontend.publicUrl")
        for address in (
            "http://a..b",
            "http://.a",
            "http://-a.b",
            "http://a-",
            f"http://{'a' * 64}.example",
            f"http://{'a.' * 127}b",
            "http://größe.example",
            "http://a\\b",
            "http://a%41",
            "http://a b",
            "http://1.2.3",
            "http://256.1.1.1",
            "http://0x7f.0.0.0x1",
            "http://xn--a.example",
            "http://[::1",
            "http://[::g]",
            "http://a:0",
            "http://a:99999",
            "http://user@a",
        )
    ),
    *(
        (key, f"registry.example.com:{port}/app{tag}", words)
        for key, tag, words in (
            ("images.registry", "", "a registry with its host"),
            ("images.backend.ref", ":1", "with a tag or digest"),
        )
        for port in ("0", "65536", "99999")
    ),
    ("images.registry", "[::1]:65536", "a registry with its host"),
    *(
        (path, "a\0b", "has a NUL character, which no process can be given")
        for path in (
            "backend.env.GREETING",
            "backend.podAnnotations.plain",
            "assistant.model",
            "assistant.baseUrl",
        )
    ),
    ("backend.replicas", True, "got true, expected an integer"),
    ("backend.replicas", 2**31, "expected at most 2147483647"),
    ("backend.strategy", {"maxSurge": "00%", "maxUnavailable": "0%"}, "are both 0"),
    ("backend.disruptionBudget", {"maxUnavailable": "00%"}, "maxUnavailable is 0"),
    ("log_level", "info", "log_level: unknown key; did you mean logLevel?"),
    ("backend.pre_stop_seconds", 3, "unknown key; did you mean preStopSeconds?"),
    ("ingress.class_name", "x", "class_name: unknown key"),
    *(
        (f"{path}nnotations", {"a": "x" * 130_000, "b": "x" * 130_000}, "names and values have 26")
        for path in ("backend.podA", "database.embedded.podA", "frontend.serviceA", "ingress.a")
    ),
    ("backend.env", {"A": "x" * 131_070}, "at most 131071 bytes in one variable"),
    (
        "backend.env",
        {f"A{i}": "x" * 119_999 for i in range(5)},
        "env: names and values have 600005 bytes, but a Deployment takes 600000",
    ),
    ("backend.resources", {"requests": {"memory": 256}, "limits": {"memory": 512}}, "mean 512Mi?"),
    ("backend.resources.limits.memory", "512k", "512k is 512000 bytes, but no container starts in"),
    (
        "frontend",
        {"autoscaling": {"max": 3}, "resources": {"requests": {"cpu": 0}}},
        "resources.requests.cpu: is 0, but autoscaling counts CPU use in percent of it",
    ),
    *(
        (
            "backend.podAnnotations",
            {COST: cost},
            "pod-deletion-cost: is not a number from -2147483648 to",
        )
        for cost in ("high", "+1", "010", "2147483648", "")
    ),
    ("frontend.serviceAnnotations", {RANGES: "10.1.0.0/16"}, "but type is ClusterIP; set type to"),
    *(
        (
            "frontend",
            {"service": {"type": "LoadBalancer"}, "serviceAnnotations": {RANGES: networks}},
            "source-ranges: expected a network such as 10.1.0.0/16",
        )
        for networks in ("10.1.2.3", "10.1.0.0/16,", "10.1.2.3/8")
    ),
    ("frontend.autoscaling", {"max": 3, "cpu": 1001}, "got 1001, expected at most 1000"),
    ("frontend.rolloutDeadlineSeconds", 86_401, "got 86401, expected at most 86400"),
    ("backend.strategy.maxUnavailable", 2**31, "a count such as 1"),
    ("backend.disruptionBudget", {"maxUnavailable": 2**31}, "a count such as 1"),
    ("backend.nodeSelector", {"Example.com/pool": "x"}, "is not a label's name"),
    ("backend.strategy.maxSurge", "101%", "a percentage up to 100"),
    ("backend.strategy.maxSurge", False, "got false, expected a count such as 1"),
    ("networkPolicies.enabled", 1, "got 1, expected true or false"),
    ("database.external.ca", {"secret": "x", "key": "../x"}, "a key of a ConfigMap or Secret"),
    ("backend.nodeSelector", {"pool": 1}, "got 1, expected a label's value: letters, digits"),
    ("backend.nodeSelector", {"pool": 1}, "put it in quotes"),
    ("backend.nodeSelector", {"a b": "x"}, "is not a label's name such as example.com/pool"),
    ("backend.tolerations", [{"keys": "a"}], "tolerations.0.keys: unknown key; did you mean key?"),
    ("backend.tolerations", [{}], "without a key operator must be Exists"),
    (
        "backend.tolerations",
        [{"key": "a", "operator": "Exists", "value": "b"}],
        "asks for no value",
    ),
    ("backend.tolerations", [{"key": "a", "tolerationSeconds": 60}], "only effect NoExecute ends"),
    ("backend.tolerations", [{"key": "a", "effect": "Never"}], "expected one of 'NoSchedule'"),
    ("backend.priorityClass", "High", "expected an object's name"),
    ("backend.hostUsers", "no", "expected true or false"),
    ("backend.egress", [{"cidr": "10.1.0.0", "ports": [443]}], "egress.0.cidr: got"),
    (
        "backend.egress",
        [{"cidr": "10.1.0.0/16", "ports": []}],
        "got an empty list, expected at least one entry",
    ),
    ("backend.egress", [{"cidr": "10.1.0.0/16", "ports": [True]}], "got true, expected an integer"),
    ("backend.egress", [{"ports": [443]}], "egress.0.cidr: is missing: give cidr, a network such"),
    (
        "backend.secretEnv",
        {"A": {"secret": "s"}},
        "secretEnv.A.config: give config, or secret and key",
    ),
    (
        "backend.secretEnv",
        {"A": {"name": "s", "key": "k", "secret": "s"}},
        "known here: config, key, secret",
    ),
    ("backend.secretEnv", {"PORT": {"secret": "s", "key": "k"}}, "is set by the program"),
    *(
        ("backup", {"publicKey": PUBLIC_KEY, "schedule": schedule}, "a time in cron's five fields")
        for schedule in (
            "99 99 * * *",
            "* * * * XYZ",
            "- / , * *",
            "60 0 * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 * 13 *",
            "0 0 * * 7",
            "0 0 * * mon,",
            "30-10 * * * *",
            "*/0 * * * *",
            "1//2 * * * *",
            "1-2-3 * * * *",
            "jan * * * *",
            "0 2 * *",
            "0 0 2 * * *",
            "@fortnightly",
            "TZ=UTC 0 2 * * *",
        )
    ),
    *(
        ("backup", {"publicKey": key}, "a public key of age")
        for key in (
            PUBLIC_KEY[:-1],
            PUBLIC_KEY.upper(),
            PUBLIC_KEY.replace("age1ql3", "age1q3l"),
            f"{PUBLIC_KEY[:-1]}q",
            f"age1{'q' * 58}",
        )
    ),
    (
        "gateway",
        {"host": "a.b", "class": "c", "timeoutSeconds": 100_000},
        "timeoutSeconds: got 100000, expected at most 99999",
    ),
    ("database.embedded.passwords", [True], "passwords.0: got true, expected an integer"),
    ("database.embedded.passwords", [" 2_0 "], "secret), expected an integer"),
    ("database.embedded.passwords", [2**31], "secret), expected at most"),
    ("database.embedded.passwords", [3, 2, 1], "got a list, expected at most 2 entries"),
    *(
        ("frontend.service", {"type": "NodePort", "nodePort": port}, words)
        for port, words in (
            ("3_0_0_8_0", 'got "3_0_0_8_0", expected an integer'),
            (" 30080 ", 'got " 30080 ", expected an integer'),
            (True, "got true, expected an integer"),
            (80, "expected at least 30000"),
        )
    ),
    ("database.embedded.passwords", [83749201], "secret), expected at most 999"),
    ("secrets", {"generate": True, "generations": [1000]}, "got 1000, expected at most 999"),
    ("secrets", {"generate": True, "generations": [True]}, "generations.0: got true, expected an"),
    ("images.pullSecrets", ["a", "b", "a"], "a is listed more than once"),
    ("backend.podAnnotations", {f"{'a' * 254}/b": "x"}, "is not an annotation's name"),
    ("backend.env", {"DATABASE_OWNER_URL": "x"}, "is set by the program"),
    ("backend.secretEnv", {"A": "hunter2"}, "got a text, expected a block of keys"),
    ("backend.podAnnotations", {"taskflow/secret-version": "1"}, "is set by the program; drop it"),
    ("ingress.annotations", {"pulumi.com/patchFieldManager": "me"}, "is set by the program; drop"),
    ("ingress.annotations", {"taskflow/x": "y"}, "is set by the program; drop it"),
    ("frontend.serviceAnnotations", {"pulumi.com/skipAwait": "x"}, "is set by the program"),
]


@pytest.mark.parametrize(("path", "value", "words"), REFUSED)
def test_what_its_consumer_refuses_is_refused_with_the_reason(
    path: str, value: Any, words: str
) -> None:
    found = mistake(path, value)
    assert words in found
    assert found.startswith(path)


def test_an_ingress_takes_its_class_by_one_key_alone() -> None:
    name = "kubernetes.io/ingress.class"
    found = mistake("ingress.annotations", {name: "traefik"})
    assert found.startswith(f"ingress.annotations.{name}: conflicts with ingress.class")


@pytest.mark.parametrize("name", ["cert-manager.io/cluster-issuer", "cert-manager.io/issuer"])
def test_an_issuer_is_named_by_one_key_alone(name: str) -> None:
    tls = {"secret": "mine"}
    read("ingress", {"host": "a.example.com", "annotations": {name: "x"}, "tls": tls})
    both = {"host": "a.example.com", "annotations": {name: "x"}, "tls": tls | {"issuer": "y"}}
    assert "conflicts with ingress.tls.issuer" in mistake("ingress", both)


def test_the_wrong_name_of_a_variable_is_named_and_its_value_is_not() -> None:
    found = mistake("backend.env", {"http_proxy": "http://user:canary@proxy"})
    assert found == (
        "backend.env.http_proxy: is not the name of a variable in upper-case letters, digits and _"
    )


def test_characters_that_a_terminal_does_not_show_are_spelled_in_a_key() -> None:
    assert mistake("backend.env", {"A\0\x1b[31m": "x"}).startswith(
        r"backend.env.A\x00\x1b[31m: is "
    )
    assert mistake("größe", "x").startswith("größe: unknown key")


def test_an_address_with_a_password_is_hidden_wherever_it_appears() -> None:
    found = mistake("images.registry", "https://user:canary@registry.example.com")
    assert "got a text (hidden, it may be a secret), expected a registry" in found


def test_a_missing_key_says_what_to_give() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(merged(LOCAL, {"ingress": {}}), secrets={}, source=source_of("x"))
    (message,) = caught.value.messages
    assert "taskflow:ingress.host: is missing: give host, a host name such as" in message


@pytest.mark.parametrize(
    ("cpu", "expected"), [("250m", 250), ("0.5", 500), ("2", 2000), ("1e-1", 100), ("500000u", 500)]
)
def test_cpu_is_counted_in_thousandths(cpu: str, expected: int) -> None:
    assert millicores(cpu) == expected


@pytest.mark.parametrize(
    ("memory", "expected"),
    [("1.5Gi", 3 * 2**29), ("512M", 512_000_000), ("1E", 10**18), ("1e3", 1000), (".5Ki", 512)],
)
def test_memory_is_counted_in_bytes(memory: str, expected: int) -> None:
    assert bytes_of(memory) == expected
