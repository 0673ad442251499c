"""The CronJob for backups: as hardened as every pod, without a secret in its text, and only where it is asked for."""

import json
import re
from typing import Any

import pytest

from components.backup_pod import SCRIPT
from ops.backup.pod import PLACEMENT
from policy import objects, pods
from tests.unit.conftest import LOCAL, PROD_SECRETS, PUBLIC_KEY, Deploy, merged

BACKUP = {"backup": {"publicKey": PUBLIC_KEY}, "images": {"pullSecrets": ["registry"]}}
PLACED = {
    "nodeSelector": {"pool": "data"},
    "tolerations": [{"key": "data", "operator": "Exists", "effect": "NoSchedule"}],
    "priorityClass": "important",
    "hostUsers": False,
}
EXTERNAL = merged(LOCAL, {"database": {"embedded": None}, "backup": {"image": "postgres:16"}})
AUTHORITY = {"database": {"external": {"ca": {"configMap": "authority"}}}}


def test_there_are_no_scheduled_backups_unless_asked_for(deploy: Deploy) -> None:
    assert deploy(LOCAL).of_kind("CronJob") == {}


@pytest.mark.parametrize(
    ("config", "secrets"), [(LOCAL, {}), (EXTERNAL, PROD_SECRETS)], ids=["embedded", "external"]
)
def test_it_keeps_the_rules_of_all_objects(
    deploy: Deploy, config: dict[str, Any], secrets: dict[str, str]
) -> None:
    ((_, job),) = deploy(merged(config, BACKUP), secrets).of_kind("CronJob").items()
    manifest = {"kind": "CronJob", **job}
    assert [
        violation
        for rule in (*pods.RULES, *objects.RULES)
        if "CronJob" in rule.kinds
        for violation in rule.violations(manifest)
    ] == []


def test_a_rule_is_broken_in_a_cron_job_too(deploy: Deploy) -> None:
    ((_, job),) = deploy(merged(LOCAL, BACKUP)).of_kind("CronJob").items()
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    container["image"] = "anything:latest"
    (pinned,) = [rule for rule in pods.RULES if rule.name == "images-are-pinned"]
    assert list(pinned.violations({"kind": "CronJob", **job}))


@pytest.mark.parametrize(
    ("config", "secrets", "image", "key"),
    [
        (LOCAL, {}, "postgres:17", "database-owner-url"),
        (EXTERNAL, PROD_SECRETS, "postgres:16", "database-url"),
    ],
    ids=["embedded", "external"],
)
def test_the_database_is_dumped_by_its_own_version_with_an_address_from_a_secret(
    deploy: Deploy, config: dict[str, object], secrets: dict[str, str], image: str, key: str
) -> None:
    ((_, job),) = deploy(merged(BACKUP, config), secrets).of_kind("CronJob").items()
    spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    *_, dump = spec["initContainers"]
    assert dump["image"] == image
    variables = {variable["name"]: variable for variable in dump["env"]}
    assert variables["DATABASE_URL"]["valueFrom"]["secretKeyRef"]["key"] == key
    (store,) = spec["containers"]
    assert "DATABASE_URL" not in json.dumps(store), (
        "the container that stores it needs no access to the database"
    )


@pytest.mark.parametrize(
    ("config", "secrets", "kind", "component"),
    [
        ({"database": {"embedded": PLACED}}, {}, "StatefulSet", "postgres"),
        (merged(EXTERNAL, {"backend": PLACED}), PROD_SECRETS, "Deployment", "backend"),
    ],
    ids=["embedded", "external"],
)
def test_it_runs_where_the_pod_of_make_backup_runs(
    deploy: Deploy, config: dict[str, Any], secrets: dict[str, str], kind: str, component: str
) -> None:
    engine = deploy(merged(merged(LOCAL, BACKUP), config), secrets)
    ((_, job),) = engine.of_kind("CronJob").items()
    spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    other = engine.only(kind, component)["spec"]["template"]["spec"]
    placed = {key: other[key] for key in PLACEMENT}
    assert placed.keys() == {*PLACEMENT}
    assert {key: spec.get(key) for key in PLACEMENT} == placed


@pytest.mark.parametrize(
    ("config", "secrets", "first"),
    [
        (LOCAL, {}, []),
        (EXTERNAL, PROD_SECRETS, ["roots"]),
        (merged(EXTERNAL, AUTHORITY), PROD_SECRETS, []),
    ],
    ids=["embedded", "external", "with an authority"],
)
def test_public_authorities_come_from_the_backends_image(
    deploy: Deploy, config: dict[str, Any], secrets: dict[str, str], first: list[str]
) -> None:
    ((_, job),) = deploy(merged(BACKUP, config), secrets).of_kind("CronJob").items()
    spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    *roots, dump = spec["initContainers"]
    assert dump["name"] == "postgres", "they are there before the dump"
    assert [container["name"] for container in roots] == first
    (store,) = spec["containers"]
    assert {container["image"] for container in roots} <= {store["image"]}


def test_the_database_lets_the_backup_in(deploy: Deploy) -> None:
    policies = deploy(merged(LOCAL, BACKUP)).of_kind("NetworkPolicy")
    (rule,) = policies["taskflow-postgres-network-policy"]["spec"]["ingress"]
    components = [peer["podSelector"]["matchLabels"]["component"] for peer in rule["from"]]
    assert components == ["backend", "frontend", "backup"]


BUCKET = {"address": "s3://backups/taskflow/", "endpoint": "http://store.edge:9000"}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": {"secret": "store", "key": "id"},
    "AWS_SECRET_ACCESS_KEY": {"config": "storeKey"},
}
COPIED = merged(LOCAL, merged(BACKUP, {"backup": {"bucket": BUCKET, "secretEnv": CREDENTIALS}}))


def test_what_stores_it_gets_the_bucket_and_its_credentials_by_reference(deploy: Deploy) -> None:
    engine = deploy(COPIED, {"storeKey": "canary"})
    ((_, job),) = engine.of_kind("CronJob").items()
    spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (dump,), (store,) = spec["initContainers"], spec["containers"]
    variables = {variable["name"]: variable for variable in store["env"]}
    assert variables["BACKUP_BUCKET"]["value"] == "s3://backups/taskflow/"
    assert variables["AWS_ENDPOINT_URL"]["value"] == "http://store.edge:9000"
    assert variables["AWS_REGION"]["value"] == "us-east-1"
    by_hand, own = (variables[name]["valueFrom"]["secretKeyRef"] for name in CREDENTIALS)
    assert by_hand == {"name": "store", "key": "id"}
    assert own["name"].startswith("taskflow-backup-secrets-")
    assert own["key"] == "storeKey"
    assert "canary" not in json.dumps(job)
    assert "AWS" not in json.dumps(dump["env"]), "the container that dumps needs no bucket"


def test_a_buckets_failure_makes_no_second_backup(deploy: Deploy) -> None:
    """Each one deletes one more of those on the volume."""
    ((_, job),) = deploy(COPIED, {"storeKey": "canary"}).of_kind("CronJob").items()
    spec = job["spec"]["jobTemplate"]["spec"]
    (store,) = spec["template"]["spec"]["containers"]
    (rule,) = spec["podFailurePolicy"]["rules"]
    codes = {"containerName": store["name"], "operator": "In", "values": [3]}
    assert rule == {"action": "FailJob", "onExitCodes": codes}
    assert spec["template"]["spec"]["restartPolicy"] == "Never", "the policy needs it"


def test_amazons_store_is_that_of_the_region(deploy: Deploy) -> None:
    amazon = merged(COPIED, {"backup": {"bucket": {"endpoint": None, "region": "eu-central-1"}}})
    ((_, job),) = deploy(amazon, {"storeKey": "canary"}).of_kind("CronJob").items()
    assert "https://s3.eu-central-1.amazonaws.com" in json.dumps(job)


@pytest.mark.parametrize(("endpoint", "port"), [("http://store.edge:9000", 9000), (None, 443)])
def test_network_policies_let_it_reach_the_bucket_and_without_one_nothing_else(
    deploy: Deploy, endpoint: str | None, port: int
) -> None:
    to_bucket = {"ports": [{"port": port, "protocol": "TCP"}]}
    policy = "taskflow-backup-network-policy"
    values = merged(COPIED, {"backup": {"bucket": {"endpoint": endpoint}}})
    policies = deploy(values, {"storeKey": "canary"}).of_kind("NetworkPolicy")
    _, _, *further = policies[policy]["spec"]["egress"]
    assert further == [to_bucket]
    _, _, *further = deploy(merged(LOCAL, BACKUP)).of_kind("NetworkPolicy")[policy]["spec"][
        "egress"
    ]
    assert further == []


def test_it_reaches_a_store_in_the_cluster_at_the_port_of_the_stores_pods(deploy: Deploy) -> None:
    pods_of_store = {"cidr": "10.244.0.0/16", "ports": [9000]}
    values = merged(COPIED, {"backup": {"egress": [pods_of_store]}})
    policies = deploy(values, {"storeKey": "canary"}).of_kind("NetworkPolicy")
    assert policies["taskflow-backup-network-policy"]["spec"]["egress"][-1] == {
        "to": [{"ipBlock": {"cidr": "10.244.0.0/16"}}],
        "ports": [{"port": 9000, "protocol": "TCP"}],
    }


def test_the_script_arrives_in_its_pod_as_it_is() -> None:
    """Kubernetes writes a single $ for two, and the values of variables for their names in $(NAME)."""
    text = SCRIPT.read_text()
    assert "$$" not in text
    assert not re.search(r"\$\([A-Z_]+\)", text)
