"""The policy pack's rules: the committed stacks pass every one, and each has an object that it refuses."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.config.check import check_file, parse
from ops.config.render import manifests
from policy import objects, pods
from policy.rule import Rule
from tests.unit.conftest import LOCAL, source_of

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("dev", "staging", "prod")
GATEWAY = {"host": "taskflow.example.com", "class": "envoy", "tls": {"issuer": "letsencrypt"}}
RULES = {rule.name: rule for rule in (*pods.RULES, *objects.RULES)}
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[Manifest]]:
    """The objects of every committed stack, and of one with a Gateway."""
    files = {stack: check_file(ROOT / f"Pulumi.{stack}.yaml") for stack in STACKS}
    source = source_of("gateway")
    gateway = parse({**LOCAL, "gateway": GATEWAY}, secrets={}, source=source)
    return {
        **{stack: manifests(file.config, file.source) for stack, file in files.items()},
        "gateway": manifests(gateway, source),
    }


def violations(rule: Rule, manifest: Manifest) -> list[str]:
    return list(rule.violations(manifest)) if manifest["kind"] in rule.kinds else []


@pytest.mark.parametrize("stack", [*STACKS, "gateway"])
@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_the_committed_stacks_pass(
    rendered: dict[str, list[Manifest]], rule: Rule, stack: str
) -> None:
    for manifest in rendered[stack]:
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        assert violations(rule, manifest) == [], name


def pod(manifest: Manifest) -> Any:
    return manifest["spec"]["template"]["spec"]


def container(manifest: Manifest) -> Any:
    return pod(manifest)["containers"][0]


def bare(manifest: Manifest) -> None:
    manifest["kind"] = "Pod"


def without_readiness(manifest: Manifest) -> None:
    del container(manifest)["readinessProbe"]


def one_question_for_both_probes(manifest: Manifest) -> None:
    container(manifest)["livenessProbe"]["httpGet"] = container(manifest)["readinessProbe"][
        "httpGet"
    ]


def without_memory_limit(manifest: Manifest) -> None:
    del container(manifest)["resources"]["limits"]["memory"]


def latest(manifest: Manifest) -> None:
    container(manifest)["image"] = "registry.example.com:5000/taskflow-backend:latest"


def untagged(manifest: Manifest) -> None:
    container(manifest)["image"] = "registry.example.com:5000/taskflow-backend"


def as_root(manifest: Manifest) -> None:
    pod(manifest)["securityContext"]["runAsNonRoot"] = False


def with_a_node_folder(manifest: Manifest) -> None:
    pod(manifest)["volumes"].append({"name": "docker", "hostPath": {"path": "/var/run"}})


def on_the_host_network(manifest: Manifest) -> None:
    pod(manifest)["hostNetwork"] = True


def with_privileges_to_gain(manifest: Manifest) -> None:
    del container(manifest)["securityContext"]["allowPrivilegeEscalation"]


def with_capabilities(manifest: Manifest) -> None:
    container(manifest)["securityContext"]["capabilities"] = {"add": ["NET_ADMIN"]}


def with_a_capability_more(manifest: Manifest) -> None:
    container(manifest)["securityContext"]["capabilities"]["add"] = ["SYS_ADMIN"]


def with_a_share_as_volume(manifest: Manifest) -> None:
    share = {"server": "nfs.example.com", "path": "/"}
    pod(manifest)["volumes"].append({"name": "share", "nfs": share})


def at_a_port_of_the_node(manifest: Manifest) -> None:
    container(manifest)["ports"][0]["hostPort"] = 80


def with_an_unmasked_proc(manifest: Manifest) -> None:
    container(manifest)["securityContext"]["procMount"] = "Unmasked"


def writable(manifest: Manifest) -> None:
    container(manifest)["securityContext"]["readOnlyRootFilesystem"] = False


def without_seccomp(manifest: Manifest) -> None:
    del pod(manifest)["securityContext"]["seccompProfile"]


def with_an_init_container_of_its_own_mind(manifest: Manifest) -> None:
    pod(manifest)["initContainers"] = [{"name": "init", "image": "busybox:1"}]


def with_token(manifest: Manifest) -> None:
    del pod(manifest)["automountServiceAccountToken"]


def alone(manifest: Manifest) -> None:
    manifest["spec"]["replicas"] = 1


def scaled_to_one(manifest: Manifest) -> None:
    manifest["spec"]["minReplicas"] = 1


def scaled_to_the_default(manifest: Manifest) -> None:
    del manifest["spec"]["minReplicas"]


def recreated(manifest: Manifest) -> None:
    manifest["spec"]["strategy"] = {"type": "Recreate"}


def replaced_at_once(manifest: Manifest) -> None:
    manifest["spec"]["strategy"]["rollingUpdate"] = {"maxUnavailable": "100%", "maxSurge": 0}


def replaced_at_once_by_number(manifest: Manifest) -> None:
    manifest["spec"]["strategy"]["rollingUpdate"] = {"maxUnavailable": 2.0, "maxSurge": 0}
    manifest["spec"]["replicas"] = 2.0


def replaced_at_once_and_autoscaled(manifest: Manifest) -> None:
    replaced_at_once(manifest)
    del manifest["spec"]["replicas"]


def killed_at_once(manifest: Manifest) -> None:
    pod(manifest)["terminationGracePeriodSeconds"] = 0


def without_pause(manifest: Manifest) -> None:
    del container(manifest)["lifecycle"]


def with_a_pause_longer_than_its_life(manifest: Manifest) -> None:
    container(manifest)["lifecycle"]["preStop"]["sleep"]["seconds"] = 60


def with_password_variable(manifest: Manifest) -> None:
    container(manifest)["env"].append({"name": "SMTP_PASSWORD", "value": "hunter2"})


def without_labels(manifest: Manifest) -> None:
    del manifest["metadata"]["labels"]["app.kubernetes.io/instance"]


def selecting_widely(manifest: Manifest) -> None:
    manifest["spec"]["selector"] = {"app": "taskflow"}


def in_the_default_namespace(manifest: Manifest) -> None:
    manifest["metadata"]["namespace"] = "default"


def privileged_namespace(manifest: Manifest) -> None:
    manifest["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "baseline"


def exposed(manifest: Manifest) -> None:
    manifest["spec"]["type"] = "LoadBalancer"


def with_external_addresses(manifest: Manifest) -> None:
    manifest["spec"]["externalIPs"] = ["203.0.113.7"]


def changeable(manifest: Manifest) -> None:
    del manifest["immutable"]


def with_database_address(manifest: Manifest) -> None:
    manifest["data"]["SETTINGS"] = "store=postgresql://u:p4ss@db.example.com/x"


def with_key_value(manifest: Manifest) -> None:
    manifest["data"]["NOTE"] = "sk-abcdefghijklmnop1234"


def without_tls(manifest: Manifest) -> None:
    del manifest["spec"]["tls"]


def without_https(manifest: Manifest) -> None:
    del manifest["spec"]["listeners"][1:]


def for_every_host(manifest: Manifest) -> None:
    del manifest["spec"]["rules"][0]["host"]


BROKEN: list[tuple[str, str, str, Callable[[Manifest], None]]] = [
    ("pods-come-from-controllers", "Deployment", "backend", bare),
    ("two-different-probes", "Deployment", "backend", without_readiness),
    ("two-different-probes", "Deployment", "backend", one_question_for_both_probes),
    ("requests-and-limits", "StatefulSet", "postgres", without_memory_limit),
    ("images-are-pinned", "Deployment", "backend", latest),
    ("images-are-pinned", "Deployment", "backend", untagged),
    ("restricted-pods", "Deployment", "frontend", as_root),
    ("restricted-pods", "Deployment", "frontend", with_a_node_folder),
    ("restricted-pods", "Deployment", "frontend", on_the_host_network),
    ("restricted-pods", "Deployment", "frontend", with_privileges_to_gain),
    ("restricted-pods", "Deployment", "frontend", with_capabilities),
    ("restricted-pods", "Deployment", "frontend", with_a_capability_more),
    ("restricted-pods", "Deployment", "frontend", with_a_share_as_volume),
    ("restricted-pods", "Deployment", "frontend", at_a_port_of_the_node),
    ("restricted-pods", "Deployment", "frontend", with_an_unmasked_proc),
    ("restricted-pods", "Deployment", "frontend", writable),
    ("restricted-pods", "Deployment", "frontend", without_seccomp),
    ("restricted-pods", "Deployment", "frontend", with_an_init_container_of_its_own_mind),
    ("no-api-server-token", "StatefulSet", "postgres", with_token),
    ("rollouts-keep-serving", "Deployment", "backend", alone),
    ("rollouts-keep-serving", "HorizontalPodAutoscaler", "backend", scaled_to_one),
    ("rollouts-keep-serving", "HorizontalPodAutoscaler", "backend", scaled_to_the_default),
    ("rollouts-keep-serving", "Deployment", "backend", recreated),
    ("rollouts-keep-serving", "Deployment", "backend", replaced_at_once),
    ("rollouts-keep-serving", "Deployment", "backend", replaced_at_once_by_number),
    ("rollouts-keep-serving", "Deployment", "backend", replaced_at_once_and_autoscaled),
    ("pods-drain", "Deployment", "backend", without_pause),
    ("pods-drain", "Deployment", "backend", killed_at_once),
    ("pods-drain", "Deployment", "backend", with_a_pause_longer_than_its_life),
    ("no-secret-in-environment", "Deployment", "backend", with_password_variable),
    ("labels", "PersistentVolumeClaim", "postgres", without_labels),
    ("selectors-use-app-and-component", "Service", "backend", selecting_widely),
    ("a-namespace-of-its-own", "Secret", "config", in_the_default_namespace),
    ("namespace-enforces-restricted", "Namespace", "config", privileged_namespace),
    ("services-of-the-right-type", "Service", "postgres", exposed),
    ("services-of-the-right-type", "Service", "frontend", with_external_addresses),
    ("immutable-configuration", "ConfigMap", "config", changeable),
    ("no-secret-in-config-map", "ConfigMap", "config", with_database_address),
    ("no-secret-in-config-map", "ConfigMap", "config", with_key_value),
    ("ingress-with-tls", "Ingress", "frontend", without_tls),
    ("ingress-with-tls", "Ingress", "frontend", for_every_host),
    ("gateway-with-tls", "Gateway", "frontend", without_https),
    ("labels", "HTTPRoute", "frontend", without_labels),
]


@pytest.mark.parametrize(
    ("name", "kind", "component", "damage"),
    BROKEN,
    ids=[f"{name}: {damage.__name__}" for name, _, _, damage in BROKEN],
)
def test_a_damaged_object_is_refused(
    rendered: dict[str, list[Manifest]],
    name: str,
    kind: str,
    component: str,
    damage: Callable[[Manifest], None],
) -> None:
    compliant = next(
        manifest
        for manifest in (*rendered["dev"], *rendered["prod"], *rendered["gateway"])
        if (manifest["kind"], manifest["metadata"]["labels"]["component"]) == (kind, component)
    )
    damaged = copy.deepcopy(compliant)
    damage(damaged)
    assert violations(RULES[name], compliant) == []
    assert violations(RULES[name], damaged) != []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("SECRET_KEY", "x"),
        ("SMTP_PASS", "x"),
        ("DB_PWD", "x"),
        ("ENCRYPTION_KEY", "x"),
        ("KEY_PASSPHRASE", "x"),
        ("REDIS_URL", "redis://:S3cret@redis:6379/0"),
        ("BROKER", "amqp://app:S3/cret@rabbit:5672"),
        ("GIT", f"github_pat_{'a1' * 20}"),
    ],
)
def test_a_secret_is_found_by_its_name_or_form(name: str, value: str) -> None:
    assert pods.looks_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ACCESS_KEY_ID", "x"),
        ("OAUTH_CLIENT_ID", "x"),
        ("BACKUP_PUBLIC_KEY", "age1x"),
        ("PARTITION_KEY", "x"),
        ("PWD", "/app"),
        ("COMPASS", "north"),
        ("ASSET", "https://cdn.example.com:8443/npm/x@1.2.3/x.js"),
        ("OWNER", "mailto:ada@example.com"),
        ("REDIS_URL", "redis://redis:6379/0"),
        ("DATABASE", "postgresql://app@db.example.com:5432/app"),
        ("API_KEY", ""),
    ],
)
def test_what_is_no_secret_stays_free(name: str, value: str) -> None:
    assert not pods.looks_secret(name, value)


def test_every_rule_has_an_object_that_it_refuses() -> None:
    assert {name for name, *_ in BROKEN} == set(RULES)


@pytest.mark.parametrize("name", ["advisory", "digests"])
def test_the_files_of_levels_name_no_rule_that_does_not_exist(name: str) -> None:
    levels = json.loads((ROOT / "policy" / f"{name}.json").read_text())
    assert set(levels) <= {"all", pods.images_by_digest.name, *RULES}


def test_digests_alone_are_accepted_where_a_stack_asks_for_it(
    rendered: dict[str, list[Manifest]],
) -> None:
    def refused(stack: str) -> list[str]:
        found = [violations(pods.images_by_digest, manifest) for manifest in rendered[stack]]
        return [text for texts in found for text in texts]

    assert refused("prod") == []
    assert len(refused("dev")) == 4, "both services, the migration and Postgres have a tag there"
