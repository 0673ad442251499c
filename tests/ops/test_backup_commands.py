"""The commands around a backup: where it goes, where it comes from, and which Postgres it is made by."""

import hashlib
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops import main
from ops.backup import archive, bucket, command, pod, release, upgrade
from ops.backup.database import Content
from ops.backup.pod import Server, backup_pod
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.paths import ROOT
from ops.prepare import setup
from ops.release import history, reach, record, rollback, smoke
from ops.release.history import Location
from ops.release.record import Record
from ops.steps import Steps
from tests.ops.conftest import Cluster
from tests.ops.test_risk import Previewed, database, deployment
from tests.unit.conftest import merged

CONTENT = Content("blue", "2026-11-30T00:00:00Z", "0004", {"public.task": 3})
ADDRESS = "s3://backups/team/dev.age"
BLUE = Location("blue", Kubectl("minikube", {}, "blue"), "127.0.0.1")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What the commands did, on a stack that is made up."""
    done: list[str] = []

    def take(_: object, __: object, *, to: Path | None = None, key: Path) -> tuple[Path, Content]:
        done.append("take")
        made = (to or tmp_path) / "dev.age"
        made.touch()
        return made, CONTENT

    def restore(_: object, __: object, path: Path, **_more: object) -> Content:
        done.append(f"restore {path}")
        return CONTENT

    def move(*_: object, **_more: object) -> Content:
        done.append("move")
        return CONTENT

    chosen: Any = SimpleNamespace(platform=SimpleNamespace(system="Linux"))
    monkeypatch.setattr(setup, "choose", lambda: chosen)
    monkeypatch.setattr(setup, "provide_tools", lambda _: chosen)
    monkeypatch.setattr(command, "known_stack", lambda *_: None)
    monkeypatch.setattr(command, "ready_stack", lambda *_: None)
    for name, replacement in (("take", take), ("restore", restore), ("move", move)):
        monkeypatch.setattr(release, name, replacement)
    access = nullcontext(SimpleNamespace(url="http://127.0.0.1:30080"))
    monkeypatch.setattr(reach, "access_to", lambda *_: access)
    monkeypatch.setattr(smoke, "check", lambda url, *_: done.append(f"check {url}"))
    return done


def run(*words: str) -> str:
    result = CliRunner().invoke(main.app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_backup_for_a_bucket_is_taken_after_the_bucket_was_asked_and_then_uploaded(
    done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def upload(path: Path, address: str) -> str:
        done.append(f"upload {path.name} to {address}")
        return ADDRESS

    monkeypatch.setattr(bucket, "require_free", lambda address: done.append(f"ask {address}"))
    monkeypatch.setattr(bucket, "upload", upload)
    to = "s3://backups/team/"
    assert ADDRESS in run("backup", "--to", to)
    assert done == [f"ask {to}", "take", f"upload dev.age to {to}"]
    assert list(tmp_path.iterdir()) == [], "one copy is enough"


def test_a_backup_that_cannot_be_uploaded_is_kept(
    done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def upload(*_: object) -> str:
        raise OpsError("the bucket cannot be read or written", where=ADDRESS)

    monkeypatch.setattr(bucket, "require_free", lambda _: None)
    monkeypatch.setattr(bucket, "upload", upload)
    with pytest.raises(OpsError) as refused:
        run("backup", "--to", ADDRESS)
    assert done == ["take"]
    made = tmp_path / "dev.age"
    assert made.exists()
    assert str(made) in refused.value.where


def test_a_name_that_ends_with_a_slash_is_a_folders(done: list[str], tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="there is no such folder"):
        run("backup", "--to", f"{tmp_path / 'new'}/")
    assert done == [], "it would become a file"
    run("backup", "--to", f"{tmp_path}/")
    assert done == ["take"]


def test_a_backup_in_a_bucket_is_downloaded_and_then_restored(
    done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def download(address: str) -> Path:
        done.append(f"download {address}")
        return tmp_path / "dev.age"

    monkeypatch.setattr(bucket, "download", download)
    run("restore", "--from", ADDRESS)
    assert done == [f"download {ADDRESS}", f"restore {tmp_path / 'dev.age'}"]


def test_a_backup_of_another_stack_is_not_taken_for_the_one_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Stacks may store files of one name, and an own backup may have it, too."""
    volumes = {"staging": b"of staging", "prod": b"of prod"}

    @contextmanager
    def pretended(stack: Any, *_: object, **__: object) -> Iterator[Any]:
        process = SimpleNamespace(stdout=BytesIO(volumes[stack.name]))
        yield SimpleNamespace(running=lambda *_: nullcontext(process))

    monkeypatch.setattr(archive, "FOLDER", tmp_path)
    monkeypatch.setattr(release, "_pod", pretended)
    (tmp_path / "x.age").write_bytes(b"own")
    for name, content in volumes.items():
        stack: Any = SimpleNamespace(name=name)
        paths = {release.fetched(stack, STEPS, "x.age") for _ in range(2)}
        assert [path.read_bytes() for path in paths] == [content], "again is the same"
    assert (tmp_path / "x.age").read_bytes() == b"own"


def test_a_download_replaces_no_other_backup(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Store:
        def __init__(self, *_: object, **__: object) -> None: ...

        def fget_object(self, place: str, key: str, path: str) -> None:
            Path(path).write_text(f"{place}: {key}")

    monkeypatch.setattr(bucket, "FOLDER", tmp_path)
    monkeypatch.setattr(bucket, "Minio", Store)
    own = tmp_path / "x.age"
    own.write_text("own")
    paths = [bucket.download(f"s3://{place}/x.age") for place in ("one", "two/team")]
    assert [path.read_text() for path in paths] == ["one: x.age", "two: team/x.age"]
    assert bucket.download("s3://one/x.age") == paths[0]
    paths[0].write_text("another")
    with pytest.raises(OpsError, match="another backup has this name") as refused:
        bucket.download("s3://one/x.age")
    assert str(paths[0]) in refused.value.where
    assert (own.read_text(), paths[0].read_text()) == ("own", "another")
    assert len(list(tmp_path.iterdir())) == 3


def test_an_upgrade_of_postgres_is_one_command_that_ends_in_the_smoke_check(
    done: list[str],
) -> None:
    run("upgrade-postgres")
    assert done == ["move", "check http://127.0.0.1:30080"]


@pytest.mark.usefixtures("done")
def test_the_way_back_from_an_upgrade_is_the_last_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    brought_up: list[str] = []

    def move(*_: object, back: Callable[[], None], **__: object) -> Content:
        back()
        return CONTENT

    def find(_: object, number: int) -> Any:
        title = f"rollback to revision {number}"
        return SimpleNamespace(title=title, file=None, record=Record())

    numbers = [SimpleNamespace(number=number) for number in (1, 2)]
    former = SimpleNamespace(up=brought_up.append)
    monkeypatch.setattr(release, "move", move)
    monkeypatch.setattr(history, "updates", lambda _: [])
    monkeypatch.setattr(history, "revisions", lambda _: numbers)
    monkeypatch.setattr(rollback, "find", find)
    monkeypatch.setattr(command, "selected_stack", lambda *_: former)
    run("upgrade-postgres")
    assert [message.strip() for message in brought_up] == ["rollback to revision 2"]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The keys of the backups that are taken of an embedded database."""
    keys: list[Path] = []

    def take(*_: object, key: Path = archive.KEY) -> tuple[Path, Content]:
        keys.append(key)
        return Path("dev.age"), CONTENT

    monkeypatch.setattr(history, "location", lambda _: BLUE)
    monkeypatch.setattr(release, "server", lambda _: SimpleNamespace(embedded=True))
    monkeypatch.setattr(release, "take", take)
    return keys


STEPS = Steps("", Console(quiet=True))
DEV: Any = SimpleNamespace(name="dev")


@pytest.mark.parametrize(
    ("given", "used"), [("team.key", Path("team.key")), ("", archive.KEY)], ids=["given", "none"]
)
def test_the_backup_before_a_loss_is_for_the_key_that_was_given(
    taken: list[Path], monkeypatch: pytest.MonkeyPatch, given: str, used: Path
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("BACKUP_KEY", given)
    release.before_loss(DEV, STEPS)
    assert taken == [used]


def test_a_database_that_is_not_there_to_be_dumped_is_not_deleted_with_its_volume(
    taken: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "server", lambda _: SimpleNamespace(embedded=False))
    with pytest.raises(OpsError, match="its StatefulSet is not in the cluster") as refused:
        release.before_loss(DEV, STEPS)
    assert refused.value.what.startswith("nothing was changed: no backup of the database")
    assert "BACKUP=no" in refused.value.fix
    assert taken == []


def test_no_backup_before_a_loss_is_left_to_a_machine_that_is_deleted(
    taken: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(OpsError, match=r"^nothing was changed: CI is set") as refused:
        release.before_loss(DEV, STEPS)
    assert "make backup TO=s3://BUCKET/ STACK=dev" in refused.value.fix
    assert taken == []


@pytest.mark.parametrize(
    ("stopped", "says", "fix", "code"),
    [
        (KeyboardInterrupt(), "interrupted", "", 130),
        (
            OpsError("the engine fails"),
            "the engine fails",
            "correct taskflow:database.embedded, then ",
            1,
        ),
    ],
)
def test_an_upgrade_that_stops_on_its_way_names_the_backup(
    monkeypatch: pytest.MonkeyPatch, stopped: BaseException, says: str, fix: str, code: int
) -> None:
    """The new folder may serve by then, without the data: the same command would find nothing to upgrade."""
    stack, done = stopping(monkeypatch, stopped, then="pgdata-18")
    with pytest.raises(OpsError, match=says) as error:
        release.move(stack, STEPS, "make upgrade-postgres", key=Path("a key"))
    assert error.value.where.startswith("the old folder is as it was, and the backup dev.age holds")
    restore = "make restore FROM=dev.age BACKUP_KEY='a key' STACK=dev"
    way_on = f"make up STACK=dev REFRESH=1, then {restore}"
    assert error.value.fix == f"{fix}{way_on}"
    assert error.value.code == code
    assert done == ["take", "record"], "the checkout is recorded as the engine reads it"
    stack, _ = stopping(monkeypatch, stopped)
    with pytest.raises(OpsError, match=says) as error:
        release.move(stack, STEPS, "make upgrade-postgres")
    assert error.value.fix == f"{fix}make upgrade-postgres STACK=dev", "the old folder still serves"


def test_a_database_that_does_not_start_in_its_new_folder_goes_back_to_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was written since: the services are away."""
    stack, done = stopping(monkeypatch, OpsError("its image is not there"))
    with pytest.raises(OpsError, match="its image is not there; the old folder serves") as error:
        release.move(stack, STEPS, "make upgrade-postgres", back=lambda: done.append("back"))
    fix = "correct taskflow:database.embedded, then make upgrade-postgres STACK=dev"
    assert error.value.fix == fix
    assert done == ["take", "record", "back"]

    def fails() -> NoReturn:
        raise OpsError("the cluster is away")

    for back, why in ((fails, "the cluster is away"), (lambda: None, "the new folder still")):
        stack, _ = stopping(monkeypatch, OpsError("its image is not there"), then="pgdata-18")
        with pytest.raises(OpsError, match=f"not there; and then: {why}") as error:
            release.move(stack, STEPS, "make upgrade-postgres", back=back)
        assert "make restore FROM=dev.age" in error.value.fix


def stopping(
    monkeypatch: pytest.MonkeyPatch, stopped: BaseException, then: str = "pgdata"
) -> tuple[Any, list[str]]:
    """A stack whose update to another folder fails; and what was done."""
    done: list[str] = []

    def take(*_: object, **__: object) -> tuple[Path, Content]:
        done.append("take")
        return Path("dev.age"), CONTENT

    def of_checkout(_: Path) -> Record:
        done.append("record")
        return Record()

    serving = ["pgdata"]

    def up(_: str) -> NoReturn:
        serving.append(then)
        raise stopped

    monkeypatch.setattr(upgrade, "require_alone", lambda _: None)
    monkeypatch.setattr(upgrade, "folder", lambda _: serving[-1])
    monkeypatch.setattr(upgrade, "services_away", lambda *_: nullcontext())
    monkeypatch.setattr(history, "location", lambda _: None)
    monkeypatch.setattr(release, "take", take)
    monkeypatch.setattr(record, "of_checkout", of_checkout)
    return SimpleNamespace(name="dev", file=SimpleNamespace(path=Path()), up=up), done


def in_folder(name: str) -> dict[str, Any]:
    """A database in this folder of its volume."""
    changed = database("postgres:17")
    (container,) = changed["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "PGDATA", "value": name}]
    return changed


def previewing(*changes: tuple[str, str, Any, Any]) -> Any:
    """A stack whose preview has these steps."""
    steps = [
        {
            "op": op,
            "urn": f"urn::{kind}",
            "oldState": old and {"type": f"any:{kind}", "custom": True, "inputs": old},
            "newState": new and {"type": f"any:{kind}", "custom": True, "inputs": new},
        }
        for op, kind, old, new in changes
    ]
    return Previewed({"steps": steps})


MOVE = ("update", "StatefulSet", in_folder("pgdata"), in_folder("pgdata-18"))


@pytest.mark.parametrize(
    "other",
    [
        ("update", "Deployment", deployment(), deployment(replicas=3)),
        ("create", "Deployment", None, deployment()),
        ("create", "HorizontalPodAutoscaler", None, {"metadata": {"name": "web"}}),
    ],
    ids=["replicas", "a new component", "an autoscaler"],
)
def test_an_upgrade_starts_no_pod_beside_the_move(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, other: tuple[str, str, Any, Any]
) -> None:
    """It would serve the empty folder."""
    monkeypatch.setattr(history, "location", lambda _: BLUE)
    cluster.has(in_folder("pgdata"))
    upgrade.require_alone(previewing(MOVE))
    with pytest.raises(OpsError, match="changes more than the database") as refused:
        upgrade.require_alone(previewing(MOVE, other))
    assert other[1] in refused.value.where


def test_after_an_upgrade_there_are_as_many_pods_as_the_stack_declares(cluster: Cluster) -> None:
    """Where it was killed before, none run; an autoscaler changes its own count."""

    def service(name: str, **spec: int) -> dict[str, Any]:
        return {"metadata": {"name": name}, "spec": spec}

    cluster.has(service("blue-backend", replicas=0), service("blue-frontend", replicas=5))
    for words in ("scale", "wait", "rollout"):
        cluster.answer(words, "")
    declared = (service("blue-backend", replicas=2), service("blue-frontend"))
    resources = [{"type": upgrade.DEPLOYMENT, "inputs": inputs} for inputs in declared]
    stack: Any = SimpleNamespace(export=lambda: {"deployment": {"resources": resources}})
    with upgrade.services_away(stack, BLUE):
        cluster.calls.clear()
    assert cluster.calls[:2] == [
        "scale deployment/blue-backend --replicas=2",
        "scale deployment/blue-frontend --replicas=5",
    ]


def test_after_an_upgrade_a_service_that_does_not_start_is_named(cluster: Cluster) -> None:
    """The move itself succeeded, and the cluster answers."""
    cluster.has({"metadata": {"name": "blue-backend"}, "spec": {"replicas": 1}})
    for words in ("scale", "wait"):
        cluster.answer(words, "")
    cluster.answer("rollout", "error: timed out waiting for the condition", code=1)
    stack: Any = SimpleNamespace(name="dev", export=lambda: {"deployment": {}})
    with (
        pytest.raises(OpsError, match="Deployment blue-backend") as late,
        upgrade.services_away(stack, BLUE),
    ):
        pass
    assert late.value.fix == "make status STACK=dev"


@pytest.mark.parametrize(("running", "killed"), [(0, True), (2, False)])
def test_after_a_killed_upgrade_the_way_on_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, running: int, killed: bool
) -> None:
    """The database serves its new folder, and no pod of a service runs."""
    for name in ("dev-20261129T000000Z", "dev-20261130T000000Z", "dev-2-20261201T000000Z"):
        (tmp_path / f"{name}.age").touch()
    monkeypatch.setattr(archive, "FOLDER", tmp_path)
    monkeypatch.setattr(history, "location", lambda _: BLUE)
    cluster.has(merged(deployment(), {"spec": {"replicas": running}}))
    declared = {"type": upgrade.DEPLOYMENT, "inputs": deployment()}
    stack = previewing()
    stack.export = lambda: {"deployment": {"resources": [declared]}}
    with pytest.raises(OpsError) as refused:
        upgrade.require_alone(stack)
    assert ("was killed" in refused.value.what) is killed
    newest = tmp_path / "dev-20261130T000000Z.age"
    ways_on = f"make restore FROM={newest} STACK=dev, then make up STACK=dev REFRESH=1"
    assert (refused.value.fix == ways_on) is killed


def test_after_an_upgrade_whose_engine_was_killed_the_empty_folder_is_not_backed_up(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The state has the old folder, and the database serves the new one, without the data."""
    newest = tmp_path / "dev-20261130T000000Z.age"
    newest.touch()
    monkeypatch.setattr(archive, "FOLDER", tmp_path)
    monkeypatch.setattr(history, "location", lambda _: BLUE)
    cluster.has(in_folder("pgdata-18"))
    with pytest.raises(OpsError, match="serves its new folder, as after") as refused:
        release.move(previewing(MOVE), STEPS, "make upgrade-postgres")
    assert f"make restore FROM={newest} STACK=dev" in refused.value.fix
    assert all(call.startswith("get ") for call in cluster.calls), "nothing was changed"


def test_a_restore_that_is_named_can_be_pasted_into_a_shell() -> None:
    path, key = Path("my backups/dev.age"), Path("team key")
    words = shlex.split(archive.in_shell(path, key))
    assert words == [str(path), f"BACKUP_KEY={key}"]
    assert shlex.split(archive.in_shell(path)) == [str(path)], "the default key is meant"


@pytest.mark.parametrize(("answer", "images"), [("17", ["17"]), ("16", ["17", "16"])])
def test_an_external_database_is_dumped_by_its_own_major_version(
    monkeypatch: pytest.MonkeyPatch, answer: str, images: list[str]
) -> None:
    started: list[str] = []

    @contextmanager
    def pretended(_: Location, __: Server, image: str) -> Iterator[Any]:
        started.append(image)
        yield SimpleNamespace(answer=lambda _: f"{answer}\n")

    external = Server(False, "", 999, [], {}, {})
    monkeypatch.setattr(pod, "server", lambda _: external)
    monkeypatch.setattr(pod, "_started", pretended)
    with backup_pod(BLUE):
        pass
    assert started == [f"postgres:{version}" for version in images]


def in_pod(
    folder: Path, programs: dict[str, str], *action: str
) -> subprocess.CompletedProcess[str]:
    """An action of the backup's pod, whose programs of Postgres are these scripts; the folder is its scratch volume."""
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    env = {"PATH": path, "DATABASE_URL": "postgresql://a:b@database.invalid/c"}
    script = (ROOT / "components" / "backup_pod.sh").read_text().replace("/scratch", str(folder))
    command = ["bash", "-c", script, "backup_pod.sh", *action]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)


def test_rows_are_compared_without_the_limit_that_a_service_may_have_left_on_the_connection(
    tmp_path: Path,
) -> None:
    programs = {
        "psql": 'case "$*" in *server_version*) echo 17 ;; *) cat ;; esac',
        "pg_dump": "echo 'pg_dump (PostgreSQL) 17.4'",
    }
    statements = in_pod(tmp_path, programs, "state").stdout.split(";")
    assert statements[:2] == ["BEGIN READ ONLY", "\nSET LOCAL statement_timeout = 0"]


@pytest.mark.parametrize("action", ["dump", "state", "replace"])
def test_a_server_of_another_major_version_than_the_image_is_refused(
    action: str, tmp_path: Path
) -> None:
    """As in a scheduled backup whose image is older than the server."""
    programs = {"psql": "echo 18", "pg_dump": "echo 'pg_dump (PostgreSQL) 17.4'"}
    done = in_pod(tmp_path, programs, action)
    assert done.returncode == 1
    wanted = "the server is Postgres 18, the backup's image is Postgres 17"
    assert done.stderr.splitlines()[-1] == wanted
    assert done.stdout == ""


SCHEMA_16 = "SET lock_timeout = 0;\nCREATE TABLE public.task (id uuid);\n"
SCHEMA_17 = f"SET transaction_timeout = 0;\n{SCHEMA_16}"


@pytest.mark.parametrize(
    ("dumped", "said"),
    [
        (SCHEMA_17, ""),
        (SCHEMA_16, ""),
        (SCHEMA_17.replace("uuid", "text"), "the schema differs after a restore\n"),
        (SCHEMA_16.replace("uuid", "text"), "the schema differs after a restore\n"),
    ],
    ids=["17", "16", "another of 17", "another of 16"],
)
def test_a_backup_of_an_earlier_major_version_is_checked_by_its_schema(
    dumped: str, said: str, tmp_path: Path
) -> None:
    definitions = hashlib.sha256(dumped.encode()).hexdigest()
    backup, server = tmp_path / "in", tmp_path / "server"
    backup.mkdir()
    (backup / "about").write_text(f"format 1\ndefinitions {definitions}\n")
    (backup / "tables").write_text("1\t1\t1\tpublic.alembic_version\n")
    (backup / "database.dump").write_text("dump")
    (tmp_path / "schema").write_text(SCHEMA_17)
    server.mkdir()
    (server / "postmaster.pid").write_text("1\n")
    programs = {
        "psql": f"cat >/dev/null; cat {backup}/tables",
        "pg_restore": f": >{tmp_path}/plain.sql",
        "pg_dump": f"cat {tmp_path}/schema",
        "pg_isready": "true",
    }
    done = in_pod(tmp_path, programs, "compared", str(backup))
    assert (done.returncode, done.stderr) == (bool(said), said)
