"""One release with every key that a workload may have, scraped from the namespace that its stack file names.

Its public address is that of a TLS balancer in front of the frontend's node port.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests import live_release
from tests.live import outside
from tests.live.test_addresses import Way, sign_up
from tests.live_release import LiveRelease, LiveStack
from tests.unit.test_monitoring import QUERIES, SERVICES, TARGET, series_of

NAMESPACE, WATCHERS, PRIORITY = "livekeys", "livekeys-watch", "livekeys-important"
FRONTEND_PORT, BACKEND_PORT = 30181, 30182
PUBLIC_URL = "https://tasks.example.com"
# What a balancer sends that ends TLS and names the node port's own host.
BEHIND_TLS = {"Host": f"{NAMESPACE}-frontend:3000", "X-Forwarded-Proto": "https"}
PASSWORD, LICENCE = secrets.token_hex(8), f"canary{secrets.token_hex(8)}"
BY_TLS = (
    "select count(*), bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) "
    "where client_addr is not null"
)
SCRAPE = """\
import sys, urllib.request
for address in sys.argv[1:]:
    print(urllib.request.urlopen(address, timeout=10).read().decode(), end="\\f")
"""
METRICS_PORTS = {"backend": 8000, "frontend": 9464}
KEYS: dict[str, Any] = {
    "replicas": 1,
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "example.com/tasks", "operator": "Exists", "effect": "NoSchedule"}],
    "priorityClass": PRIORITY,
    "podAnnotations": {"example.com/team": "tasks"},
    "serviceAnnotations": {"example.com/exposed": "no"},
    "egress": [{"cidr": "192.0.2.0/24", "ports": [443]}],
    "hostUsers": True,
    "env": {"PLAIN": "as it is"},
    "secretEnv": {
        "LICENCE": {"config": "licence"},
        "FURTHER": {"secret": "by-hand", "key": "further"},
    },
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    folder = tmp_path_factory.mktemp("keys")
    tls = outside.certificate(folder, f"{outside.DATABASE}.{NAMESPACE}")
    values = live_release.values(NAMESPACE, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)
    values |= {
        "createNamespace": False,
        "database": {"external": {"ca": {"configMap": "authority", "key": "root.pem"}}},
        "monitoring": {"namespace": WATCHERS, "annotations": True},
    }
    values = live_release.changed(values, backend=KEYS, frontend={**KEYS, "publicUrl": PUBLIC_URL})
    with outside.namespace_with_postgres(NAMESPACE, PASSWORD, tls) as kubectl:
        scheduling = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}
        authority = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}}
        outside.apply(
            NAMESPACE,
            {**scheduling, "metadata": {"name": PRIORITY}},
            {**authority, "data": {"root.pem": tls["tls.crt"]}},
            outside.secret("by-hand", {"further": "from a Secret"}),
        )
        stack = LiveStack.create(NAMESPACE, folder, values)
        address = outside.address(NAMESPACE, PASSWORD, ssl_mode="verify-full")
        stack.set_secret("databaseUrl", address)
        stack.set_secret("licence", LICENCE)
        try:
            stack.up()
            live_release.wait_until_it_serves(values)
            yield LiveRelease(stack, kubectl)
        finally:  # The release goes with its namespace.
            kubectl("delete", "priorityclass", PRIORITY)


def pod(release: LiveRelease, component: str) -> dict[str, Any]:
    (found,) = release.kubectl.pods(component).values()
    return found


@pytest.mark.parametrize("component", SERVICES)
def test_pods_run_with_what_the_stack_file_says(release: LiveRelease, component: str) -> None:
    found = pod(release, component)
    spec, annotations = found["spec"], found["metadata"]["annotations"]
    assert spec["nodeSelector"] == KEYS["nodeSelector"]
    assert KEYS["tolerations"][0] in spec["tolerations"]
    assert (spec["priorityClassName"], spec["priority"]) == (PRIORITY, 1000)
    assert spec["hostUsers"] is True
    assert annotations["example.com/team"] == "tasks"
    service = release.kubectl.get("service", f"{NAMESPACE}-{component}")
    assert service["metadata"]["annotations"]["example.com/exposed"] == "no"


@pytest.mark.parametrize("component", SERVICES)
def test_processes_have_the_variables_of_all_three_kinds(
    release: LiveRelease, component: str
) -> None:
    name = pod(release, component)["metadata"]["name"]
    shown = release.kubectl("exec", name, "--", "printenv", "PLAIN", "LICENCE", "FURTHER")
    assert shown.splitlines() == ["as it is", LICENCE, "from a Secret"]


def test_the_secret_of_the_stack_is_in_no_pod_specification_and_encrypted_in_the_state(
    release: LiveRelease,
) -> None:
    assert LICENCE not in str([pod(release, component) for component in SERVICES])
    assert LICENCE not in release.stack.export()


@pytest.mark.parametrize("component", SERVICES)
def test_network_policies_open_the_further_networks(release: LiveRelease, component: str) -> None:
    policy = release.kubectl.get("networkpolicy", f"{NAMESPACE}-{component}")
    wanted = {
        "to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
        "ports": [{"port": 443, "protocol": "TCP"}],
    }
    assert wanted in policy["spec"]["egress"]


def test_both_services_verify_the_database_by_the_authority_that_is_named(
    release: LiveRelease,
) -> None:
    """They serve with the database over sslmode=verify-full, and Postgres confirms it."""
    psql = ("exec", outside.DATABASE, "--", "psql", "-U", outside.DATABASE, "-tAc")
    live_release.wait_until_it_answers(f"{live_release.node_port(BACKEND_PORT)}/health")
    answer = release.kubectl(*psql, BY_TLS)
    connections, all_by_tls = answer.strip().split("|")
    assert int(connections) > 0
    assert all_by_tls == "t"


def test_a_person_signs_up_at_the_public_address_of_a_balancer_that_ends_tls(
    release: LiveRelease,
) -> None:
    """The cookie is a Secure one, and no other https address is trusted."""
    assert release.url == PUBLIC_URL
    node_port = live_release.node_port(FRONTEND_PORT)
    page = sign_up(node_port, Way(PUBLIC_URL, BEHIND_TLS))
    assert page.status_code == 200
    assert "Sign out" in page.text
    assert "strict-transport-security" in page.headers
    assert sign_up(node_port, Way("https://evil.example", BEHIND_TLS)).status_code == 403


@pytest.fixture(scope="module")
def scraped(release: LiveRelease) -> Iterator[dict[str, str]]:
    """What a pod of the named namespace reads from each service, at the address that its annotations say."""
    pods = {component: pod(release, component) for component in SERVICES}
    addresses = {}
    for component, found in pods.items():
        said = found["metadata"]["annotations"]
        assert said["prometheus.io/scrape"] == "true"
        place = f"{said['prometheus.io/port']}{said['prometheus.io/path']}"
        addresses[component] = f"http://{found['status']['podIP']}:{place}"
    image = pods["backend"]["spec"]["containers"][0]["image"]
    with outside.new_namespace(WATCHERS) as kubectl:
        kubectl(
            *("run", "scraper", f"--image={image}", "--image-pull-policy=IfNotPresent"),
            *("--restart=Never", "--command", "--", "python", "-c", SCRAPE, *addresses.values()),
        )
        finished = "jsonpath={.status.phase}=Succeeded"
        with suppress(AssertionError):  # Its own message says more than that of the wait.
            kubectl("wait", "pod/scraper", f"--for={finished}", "--timeout=90s")
        texts = kubectl("logs", "scraper").split("\x0c")
        yield dict(zip(SERVICES, texts, strict=False))


@pytest.mark.parametrize("component", SERVICES)
def test_a_pod_of_the_named_namespace_reads_the_metrics(
    scraped: dict[str, str], component: str
) -> None:
    assert "# TYPE process_resident_memory_bytes gauge" in scraped[component]


@pytest.mark.parametrize("component", SERVICES)
def test_the_policy_opens_the_port_of_the_metrics_to_that_namespace(
    release: LiveRelease, component: str
) -> None:
    """Minikube's own network enforces none, so this is what can be shown of it here."""
    policy = release.kubectl.get("networkpolicy", f"{NAMESPACE}-{component}")
    name = {"kubernetes.io/metadata.name": WATCHERS}
    wanted = {
        "from": [{"namespaceSelector": {"matchLabels": name}}],
        "ports": [{"port": METRICS_PORTS[component], "protocol": "TCP"}],
    }
    assert wanted in policy["spec"]["ingress"]


@pytest.mark.parametrize("place", QUERIES)
def test_a_query_names_what_a_scrape_has(scraped: dict[str, str], place: str) -> None:
    text = "".join(scraped.values())
    families = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    for name, labels, _ in series_of(QUERIES[place]):
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert {name, family} & families, name
        samples = re.findall(rf"^{name}\{{([^}}]*)\}} ", text, re.MULTILINE)
        had = {frozenset(re.findall(r'(\w+)="', sample)) for sample in samples}
        # Refusals have no sample until there is one.
        assert all(labels - TARGET <= sample for sample in had), f"{name} has {had}"
