"""Files of backups open only complete and with their key; the pod that makes them only refers to secrets."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.backup import archive, database, pod
from ops.backup.release import restore
from ops.engine.backend import Backend
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.release.history import Location
from ops.steps import Steps
from policy import pods as pod_rules
from tests.ops.conftest import Cluster
from tests.ops.machines import DEV
from tests.ops.programs import Programs

PLAIN = b"a row that nobody else may read\n" * 10_000
HERE = Location("blue", Kubectl("minikube", {}, "blue-space"), "127.0.0.1")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "backup-key"
    archive.key(path, make=True)
    return path


@pytest.fixture
def backup(tmp_path: Path, key: Path) -> Path:
    path = tmp_path / "backup.age"
    archive.seal(io.BytesIO(PLAIN), path, archive.key(key))
    return path


def opened(path: Path, key: Path) -> bytes:
    plain = io.BytesIO()
    archive.open_into(plain, path, archive.key(key))
    return plain.getvalue()


def test_a_backup_opens_by_its_key_and_shows_nothing_without(backup: Path, key: Path) -> None:
    assert opened(backup, key) == PLAIN
    assert PLAIN[:20] not in backup.read_bytes()


def test_the_key_is_made_once_for_its_owner_alone(key: Path) -> None:
    before = key.read_text()
    assert key.stat().st_mode & 0o077 == 0
    assert str(archive.key(key, make=True)) in before
    assert key.read_text() == before


def cut(content: bytes) -> bytes:
    return content[:-1]


def cut_between_two_parts(content: bytes) -> bytes:
    """Where a format without an authenticated end would see a complete file."""
    part, tag = 64 * 1024, 16
    return content[: -(len(PLAIN) % part + tag)]


def changed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def foreign(content: bytes) -> bytes:
    return b"-- PostgreSQL database dump\n" * 1000


def empty(content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut, cut_between_two_parts, changed, foreign, empty])
def test_a_damaged_or_foreign_file_is_refused_before_anything_is_asked(
    damage: Any, backup: Path, key: Path, tmp_path: Path
) -> None:
    programs = Programs(tmp_path)
    for name in ("kubectl", "pulumi"):
        programs.answer(name, "", "")
    backup.write_bytes(damage(backup.read_bytes()))
    stack = Stack(DEV, Backend("file:///nowhere", ours=False), programs.env)
    with pytest.raises(OpsError, match="not a complete backup for this key"):
        restore(stack, Steps("", Console()), backup, key=key, confirm="data-loss")
    assert programs.calls == [], "neither the engine nor the cluster was called"


def test_a_backup_for_another_key_is_refused(backup: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    archive.key(other, make=True)
    with pytest.raises(OpsError, match="no matching keys found") as refused:
        opened(backup, other)
    assert "BACKUP_KEY=file" in refused.value.fix


def test_a_key_that_is_missing_or_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="there is no key for backups"):
        archive.key(tmp_path / "missing")
    (tmp_path / "none").write_text("# public key: age1...\n")
    with pytest.raises(OpsError, match="this file holds no key"):
        archive.key(tmp_path / "none")


def test_a_backup_that_fails_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "backup.age"

    def fail() -> None:
        with archive.written(path) as part:
            part.write_bytes(b"half")
            raise OpsError("pg_dump failed")

    with pytest.raises(OpsError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_backup_overwrites_nothing(backup: Path) -> None:
    with pytest.raises(OpsError, match="the file exists"):
        archive.new_file(backup, "dev")
    assert archive.new_file(backup.parent, "dev").name.startswith("dev-")


def test_a_backup_into_a_folder_that_does_not_exist_is_refused_before_it_is_made(
    tmp_path: Path,
) -> None:
    with pytest.raises(OpsError, match="there is no such folder") as refused:
        archive.new_file(tmp_path / "disk" / "dev.age", "dev")
    assert refused.value.where == str(tmp_path / "disk")


def test_a_backup_of_a_later_release_is_refused() -> None:
    later = database.Content("blue", "2026-01-01", "9999_later", {})
    with pytest.raises(OpsError, match="this checkout knows no schema after"):
        database.require_known_schema(later)


def workload(kind: str, component: str, env: list[dict[str, Any]]) -> dict[str, Any]:
    template = {
        "imagePullSecrets": [{"name": "registry-access"}],
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "securityContext": {"runAsUser": 10002},
        "containers": [
            {
                "name": component,
                "image": "postgres:17.5",
                "imagePullPolicy": "IfNotPresent",
                "env": env,
            }
        ],
    }
    names = ("app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/component")
    labels = {"app": "blue", "component": component} | dict.fromkeys(names, "taskflow")
    return {
        "kind": kind,
        "metadata": {"name": f"blue-{component}", "labels": labels},
        "spec": {"template": {"spec": template}},
    }


def by_reference(variable: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": "secret", "key": variable}}}


EMBEDDED = workload(
    "StatefulSet",
    "postgres",
    [{"name": "POSTGRES_USER", "value": "taskflow"}, by_reference("POSTGRES_PASSWORD")],
)
BACKEND = workload("Deployment", "backend", [by_reference("DATABASE_URL")])
OWNED = workload(
    "Deployment", "backend", [by_reference("DATABASE_URL"), by_reference("DATABASE_OWNER_URL")]
)


def server(cluster: Cluster, *objects: dict[str, Any]) -> pod.Server:
    cluster.has(*objects)
    return pod.server(HERE)


@pytest.mark.parametrize("objects", [(EMBEDDED, BACKEND), (BACKEND,)], ids=["embedded", "external"])
def test_the_pod_keeps_the_rules_of_all_pods(objects: Any, cluster: Cluster) -> None:
    database = server(cluster, *objects)
    job = pod.job("blue-backup", HERE, database, "postgres:17")
    assert [
        violation
        for rule in pod_rules.RULES
        if "Job" in rule.kinds
        for violation in rule.violations(job)
    ] == []
    template = job["spec"]["template"]
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry-access"}]
    assert template["spec"]["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    labels = template["metadata"]["labels"]
    assert (labels["app"], labels["component"]) == ("blue", "backup"), "no Service selects it"


def variables(database: pod.Server) -> dict[str, Any]:
    job = pod.job("blue-backup", HERE, database, "postgres:17")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return {variable.pop("name"): variable for variable in json.loads(json.dumps(container["env"]))}


def test_the_password_of_an_embedded_database_comes_from_its_secret(cluster: Cluster) -> None:
    database = server(cluster, EMBEDDED, BACKEND)
    found = variables(database)
    assert database.image == "postgres:17.5", "the server's own version"
    assert found["DATABASE_HOST"] == {"value": "blue-postgres"}
    assert found["DATABASE_PASSWORD"]["valueFrom"]["secretKeyRef"]["key"] == "POSTGRES_PASSWORD"
    assert found["DATABASE_URL"]["valueFrom"]["secretKeyRef"]["key"] == "DATABASE_URL"


@pytest.mark.parametrize(
    ("backend", "key"), [(BACKEND, "DATABASE_URL"), (OWNED, "DATABASE_OWNER_URL")]
)
def test_the_address_of_an_external_database_is_its_owners(
    backend: dict[str, Any], key: str, cluster: Cluster
) -> None:
    found = variables(server(cluster, backend))
    assert found["DATABASE_URL"] == {"valueFrom": {"secretKeyRef": {"name": "secret", "key": key}}}


@pytest.mark.parametrize(
    ("objects", "count"),
    [
        ((BACKEND,), 1),
        ((workload("Deployment", "backend", [{"name": "DATABASE_CA_FILE", "value": "/ca"}]),), 0),
        ((EMBEDDED, BACKEND), 0),
    ],
    ids=["external", "with an authority", "embedded"],
)
def test_public_authorities_come_from_the_backends_image(
    objects: Any, count: int, cluster: Cluster
) -> None:
    job = pod.job("blue-backup", HERE, server(cluster, *objects), "postgres:16")
    images = [first["image"] for first in job["spec"]["template"]["spec"]["initContainers"]]
    assert images == ["postgres:17.5"] * count, "what the backend's Deployment has here"


def test_a_release_that_is_not_there_has_no_database(cluster: Cluster) -> None:
    with pytest.raises(OpsError, match="neither a database nor a backend"):
        server(cluster)
