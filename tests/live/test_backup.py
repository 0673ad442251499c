"""Destroyed data comes back from a backup with equal checksums; a bad backup and an upgrade destroy nothing."""

import base64
import io
import re
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyrage
import pytest
from minio import Minio
from rich.console import Console

from ops.backup import archive, bucket, database
from ops.backup.pod import backup_pod
from ops.backup.release import before_loss, fetched, move, restore, take
from ops.errors import OpsError
from ops.release import history, status
from ops.review.command import guard_up
from ops.steps import Steps
from tests import live_release
from tests.live import outside
from tests.live.conftest import RELEASE, VALUES, LiveRelease, changed
from tests.live_release import SINGLE, pulled, wait_until_it_serves

PERSON = {
    "name": "Ada",
    "email": "ada@backup.example.com",
    "password": "thirty-two purple elephants",
}
PLAIN = "A title that no file may show"
POSTGRES = f"{RELEASE}-postgres-0"
LOST = "losttest"
CHECKSUMS = """
SELECT format('SELECT %L, count(*), md5(string_agg(r::text, '','' ORDER BY r::text)) FROM %I AS r', relname, relname)
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'page_file'
ORDER BY relname \\gexec
"""
TASKS = """
INSERT INTO task (id, owner_id, title, notes, done)
SELECT gen_random_uuid(), id, :'title', 'ä "quoted"', false FROM "user", generate_series(1, 50) WHERE email = :'email'
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of backups without a given name."""
    monkeypatch.setattr(archive, "FOLDER", tmp_path / "backups")
    return tmp_path / "backups"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    archive.key(tmp_path / "key", make=True)
    return tmp_path / "key"


def steps() -> Steps:
    return Steps("test", Console())


def sql(release: LiveRelease, script: str, **variables: str) -> str:
    """What the database answers to a script, in which `:'name'` is a variable."""
    flags = [f"--set={name}={value}" for name, value in variables.items()]
    psql = "psql -qAtX -U taskflow -h /var/run/postgresql -v ON_ERROR_STOP=1"
    # psql knows variables only in what it reads from stdin.
    shell = f"exec {psql} {shlex.join(flags)} <<'SQL'\n{script}\nSQL"
    pod = f"{release.stack.of_ops.file.release}-postgres-0"
    return release.kubectl("exec", pod, "--", "bash", "-c", shell)


def checksums(release: LiveRelease) -> str:
    """Checksums of every table, computed otherwise than by the backup. The frontend may write page_file at any time."""
    return sql(release, CHECKSUMS.strip())


def browser(release: LiveRelease) -> httpx.Client:
    return httpx.Client(base_url=release.url, headers={"Origin": release.url}, timeout=30)


@pytest.fixture
def content(release: LiveRelease) -> str:
    return with_tasks(release)


def with_tasks(release: LiveRelease) -> str:
    """The checksums of a database with tasks."""
    with browser(release) as client:
        answer = client.post("/api/auth/sign-up/email", json=PERSON)
        assert answer.status_code == 200 or "EXISTS" in answer.text, answer.text
    sql(release, TASKS, title=PLAIN, email=PERSON["email"])
    return checksums(release)


def test_what_was_destroyed_comes_back_with_equal_checksums(
    release: LiveRelease, content: str, key: Path, folder: Path
) -> None:
    stack = release.stack.of_ops
    path, summary = take(stack, steps(), key=key)
    assert summary.rows["public.task"] >= 50
    assert PLAIN.encode() not in path.read_bytes()

    sql(release, 'DROP TABLE session; DELETE FROM "user"; CREATE TABLE later AS SELECT 1 AS number')
    sql(release, "CREATE SCHEMA reporting; CREATE TABLE reporting.later AS SELECT 1 AS number")
    destroyed = checksums(release)
    with pytest.raises(OpsError, match="rows, which would be replaced") as refused:
        restore(stack, steps(), path, key=key)
    assert "CONFIRM=data-loss takes a backup of them first" in refused.value.fix
    assert checksums(release) == destroyed

    restore(stack, steps(), path, key=key, confirm="data-loss")
    assert checksums(release) == content
    assert sql(release, "SELECT to_regnamespace('reporting')").strip() == ""
    assert len(list(folder.iterdir())) == 2, "what was replaced is in a backup of its own"
    with browser(release) as client:
        answer = client.post("/api/auth/sign-in/email", json={**PERSON, "name": None})
        assert answer.status_code == 200, "a person with an account signs in again"
        assert PLAIN in client.get("/tasks").text, "and finds the tasks"
    leftovers = release.kubectl(
        "get", "jobs,networkpolicies", "-l", "component=backup", "-o", "name"
    )
    assert leftovers == "", "the pod beside the database is gone, and what let it in"


def test_a_release_that_was_destroyed_comes_back_from_the_backup_that_was_taken_first(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    values = live_release.values(LOST, frontend_port=30188, backend_port=30189)
    values = live_release.changed(values, backend=SINGLE, frontend=SINGLE)
    with live_release.deployed(values, tmp_path) as lost:
        content, stack = with_tasks(lost), lost.stack.of_ops
        before_loss(stack, steps())
        lost.stack.destroy()
        assert lost.kubectl("get", "persistentvolumeclaims", "-o", "name") == ""
        lost.stack.up()
        wait_until_it_serves(values)
        assert checksums(lost) != content
        (path,) = folder.iterdir()
        restore(stack, steps(), path)
        assert checksums(lost) == content


def test_a_backup_of_something_else_changes_nothing_and_no_object_shows_a_secret(
    release: LiveRelease, content: str, key: Path, tmp_path: Path
) -> None:
    stack = release.stack.of_ops
    identity = archive.key(key)
    names = {"text": b"no archive at all", "tar": archived({"about": b"format 1\n"})}
    good = {"about": b"format 1\n", "tables": b"1\t1\t1\tpublic.alembic_version\n"}
    names["no dump"] = archived({**good, "database.dump": b"-- PostgreSQL database dump\n"})
    with backup_pod(history.location(stack)) as pod:
        for name, plain in names.items():
            path = tmp_path / name
            archive.seal(io.BytesIO(plain), path, identity)
            with pytest.raises(OpsError, match="check failed"):
                database.check(pod, path, identity)
        path = tmp_path / "whole"
        database.take(pod, path, identity)
        for name, said in (("tables", "the rows differ"), ("about", "the schema differs")):
            other = falsified(path, name, identity)
            with pytest.raises(OpsError) as refused:
                database.check(pod, other, identity)
            assert said in f"{refused.value.what} {refused.value.where}"
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(OpsError, match="not a complete backup"):
            database.check(pod, path, identity)
        shown = release.kubectl("get", f"job/{pod.job}", "-o", "yaml")
        shown += release.kubectl("logs", f"job/{pod.job}")
        shown += release.kubectl(
            "exec", f"job/{pod.job}", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
        )
    secrets = release.kubectl.get("secrets")["items"]
    values = [
        base64.b64decode(value).decode() for item in secrets for value in item["data"].values()
    ]
    assert values
    assert [value for value in values if value in shown] == []
    assert PLAIN not in shown
    assert checksums(release) == content


def falsified(path: Path, name: str, identity: pyrage.x25519.Identity) -> Path:
    """The backup with another checksum in one of its files: of its last table's rows, or of its schema."""
    plain = io.BytesIO()
    archive.open_into(plain, path, identity)
    plain.seek(0)
    with tarfile.open(fileobj=plain) as tar:
        files = {
            entry.name: extracted.read() for entry in tar if (extracted := tar.extractfile(entry))
        }
    *lines, last = files[name].decode().splitlines(keepends=True)
    files[name] = "".join([*lines, re.sub("[0-9a-f]", other_digit, last, count=1)]).encode()
    other = path.with_name(f"{name}-changed")
    archive.seal(io.BytesIO(archived(files)), other, identity)
    return other


def other_digit(found: re.Match[str]) -> str:
    return "1" if found[0] == "0" else "0"


def archived(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


STORE, STORE_PORT = f"{RELEASE}-store", 30187
STORE_KEY = "a-key-that-nothing-shows"
BUCKET = "s3://backups/team/"
OLD = f"{RELEASE}-20200101T000000Z.age"


@contextmanager
def store(image: str) -> Iterator[str]:
    """An S3-compatible store in the cluster, by this machine's program; yields its address for this machine."""
    program = shutil.which("gofakes3")
    assert program, "gofakes3 is not on PATH"
    start = (
        "until [ -x /tmp/store ]; do sleep 0.2; done; exec /tmp/store -backend memory -host :9000 "
    )
    container = {
        "name": "store",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", f"{start} -initialbucket backups"],
        "readinessProbe": {"tcpSocket": {"port": 9000}, "periodSeconds": 1},
    }
    metadata = {"name": "store", "labels": {"app": "store"}}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0}
    ports = [{"port": 9000, "nodePort": STORE_PORT}]
    service = {"selector": metadata["labels"], "ports": ports, "type": "NodePort"}
    version = {"apiVersion": "v1", "metadata": metadata}
    with outside.new_namespace(STORE) as kubectl:
        outside.apply(STORE, version | {"kind": "Pod", "spec": pod})
        outside.apply(STORE, version | {"kind": "Service", "spec": service})
        kubectl("wait", "pod/store", "--for=jsonpath={.status.phase}=Running", "--timeout=60s")
        put = ("sh", "-c", "cat >/tmp/part && chmod +x /tmp/part && mv /tmp/part /tmp/store")
        with Path(program).open("rb") as file:
            command = kubectl.command("exec", "--stdin", "store", "--", *put)
            subprocess.run(command, stdin=file, check=True, timeout=120)
        kubectl("wait", "pod/store", "--for=condition=Ready", "--timeout=60s")
        yield live_release.node_port(STORE_PORT)


def run_now(release: LiveRelease, job: str) -> str:
    """The name of the file that the CronJob stores."""
    kubectl = release.kubectl
    kubectl("create", "job", job, f"--from=cronjob/{RELEASE}-backup")
    kubectl("wait", f"job/{job}", "--for=condition=Complete", "--timeout=240s", timeout=250)
    logs = kubectl("logs", f"job/{job}", "--all-containers")
    assert PLAIN not in logs
    (stored,) = [line for line in logs.splitlines() if line.startswith("stored ")]
    return stored.split()[1].rstrip(",")


@dataclass(frozen=True)
class Scheduled:
    """A release with a schedule of backups, one of which has run: its pod stays.

    Attributes:
        keys: what is configured for it beside the suite's values.
        stored: the name of the backup's file on the volume and in the bucket.
        store: the address of the bucket's store for this machine.
    """

    key: Path
    keys: dict[str, Any]
    stored: str
    store: str


@pytest.fixture(scope="module")
def scheduled(
    release: LiveRelease, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scheduled]:
    """The suite's release, which afterwards is as it was."""
    with_tasks(release)
    key = tmp_path_factory.mktemp("scheduled") / "key"
    public = str(archive.key(key, make=True).to_public())
    credentials = {
        "AWS_ACCESS_KEY_ID": {"secret": "backup-store", "key": "id"},
        "AWS_SECRET_ACCESS_KEY": {"config": "storeKey"},
    }
    place = {"address": BUCKET, "endpoint": f"http://store.{STORE}:9000"}
    backup = {"publicKey": public, "keep": 1, "bucket": place, "secretEnv": credentials}
    keys = {"policies": "advisory", "backup": backup}
    (pod, *_) = release.kubectl.pods("backend").values()
    with store(pod["spec"]["containers"][0]["image"]) as address:
        seed = Minio(address.removeprefix("http://"), "tests", STORE_KEY, secure=False)
        seed.put_object("backups", f"team/{OLD}", io.BytesIO(b"old"), 3)
        outside.apply(RELEASE, outside.secret("backup-store", {"id": "tests"}))
        release.stack.set_secret("storeKey", STORE_KEY)
        release.stack.configure({**VALUES, **keys})
        release.stack.up()
        try:
            yield Scheduled(key, keys, run_now(release, "at-once"), address)
        finally:
            release.stack.unset("storeKey")
            release.stack.configure(VALUES)
            release.stack.up()
            release.kubectl("delete", "secret", "backup-store")


def test_a_scheduled_backup_can_be_fetched_from_its_volume_and_opens(
    release: LiveRelease, scheduled: Scheduled
) -> None:
    stack, stored = release.stack.of_ops, scheduled.stored
    known = history.updates(stack)
    found = status.look(history.location(stack, known), known)
    assert found.faults == [], "the pod of a backup that has ended is no fault"
    with pytest.raises(OpsError, match=f"no other.age on the volume, but: {stored}"):
        fetched(stack, steps(), "other.age")
    path = fetched(stack, steps(), stored)
    with backup_pod(history.location(stack)) as pod:
        summary = database.check(pod, path, archive.key(scheduled.key))
    assert summary.rows["public.task"] == int(sql(release, "SELECT count(*) FROM task")) >= 50


def test_the_same_backup_is_in_the_bucket_and_the_oldest_is_not(
    release: LiveRelease,
    scheduled: Scheduled,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", scheduled.store)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STORE_KEY)
    monkeypatch.setattr(bucket, "FOLDER", tmp_path / "fetched")
    copied = bucket.download(f"{BUCKET}{scheduled.stored}").read_bytes()
    assert copied == fetched(release.stack.of_ops, steps(), scheduled.stored).read_bytes()
    there = Minio(scheduled.store.removeprefix("http://"), "tests", STORE_KEY, secure=False)
    found = [entry.object_name for entry in there.list_objects("backups", recursive=True)]
    assert found == [f"team/{scheduled.stored}"], "one is kept"
    shown = release.kubectl("get", "cronjobs,jobs,pods", "-o", "yaml")
    shown += release.kubectl("logs", "job/at-once", "--all-containers")
    assert STORE_KEY not in shown


def on_postgres_18() -> dict[str, Any]:
    image, folder = pulled("postgres:18"), "pgdata-18"
    return changed(
        database={"embedded": VALUES["database"]["embedded"] | {"image": image, "folder": folder}}
    )


def test_an_upgrade_to_postgres_18_keeps_all_data_and_replaces_no_other(
    release: LiveRelease, scheduled: Scheduled, content: str
) -> None:
    key, quiet = scheduled.key, scheduled.keys
    release.stack.configure({**VALUES, **quiet})
    with pytest.raises(OpsError, match="there is nothing to upgrade"):
        move(release.stack.of_ops, steps(), "upgrade", key=key)
    release.stack.configure({**on_postgres_18(), **quiet})
    with pytest.raises(OpsError, match="would fail") as refused:
        guard_up(release.stack.of_ops, "data-loss")
    assert "make upgrade-postgres brings the data there" in refused.value.where

    before = sql(release, "SHOW server_version")
    move(release.stack.of_ops, steps(), "upgrade", key=key)
    after = sql(release, "SHOW server_version")
    assert (before.split(".")[0], after.split(".")[0]) == ("17", "18")
    assert checksums(release) == content
    folders = release.kubectl("exec", POSTGRES, "--", "ls", "/var/lib/postgresql/data").split()
    assert folders == ["pgdata", "pgdata-18"], "the old folder is still there"
    with browser(release) as client:
        answer = client.post("/api/auth/sign-in/email", json=PERSON)
        assert answer.status_code == 200, answer.text
    path, summary = take(release.stack.of_ops, steps(), key=key)
    assert summary.rows["public.task"] >= 50, "a backup of the new server is restored and compared"
    restore(release.stack.of_ops, steps(), path, key=key, confirm="data-loss")

    sql(release, "DELETE FROM task")
    release.stack.configure({**VALUES, **quiet})
    with pytest.raises(OpsError, match="already holds a database") as held:
        move(release.stack.of_ops, steps(), "and back", key=key)
    assert "make restore FROM=" in held.value.fix
    assert checksums(release) == content, "the old folder serves as it was"
    release.kubectl("exec", POSTGRES, "--", "rm", "-r", "/var/lib/postgresql/data/pgdata-18")
    wait_until_it_serves(VALUES)
