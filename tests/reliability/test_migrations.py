"""The schema: made once by pods that start together, and changed under pods that serve."""

import json
from pathlib import Path

from ops.release import migrations
from tests.live_release import LiveRelease, changed, docker, wait_until_it_serves
from tests.reliability.conftest import BACKEND, FRONTEND, RELEASE, VALUES, Record, await_ready
from tests.reliability.person import Person
from tests.reliability.traffic import traffic

NEWER_IMAGE = "taskflow-backend:with-a-migration-of-the-tests"
HEAD = migrations.of_checkout().head
NEWER = "9999_tests"
# A later version's migration: each statement locks the table that all requests read and write.
MIGRATION = f'''
"""A migration of the tests."""

from alembic import op

revision = "{NEWER}"
down_revision = "{HEAD}"


def upgrade() -> None:
    op.execute("alter table task add column effort integer not null default 1")
    op.execute("create index task_effort_idx on task (owner_id, effort)")
'''


def query(release: LiveRelease, statement: str) -> str:
    """The rows of a statement, run in the database's pod."""
    command = ["psql", "--username=taskflow", "--dbname=taskflow", "-XqAt", "-c", statement]
    return release.kubectl("exec", f"{RELEASE}-postgres-0", "--", *command).strip()


def complaints(release: LiveRelease) -> list[str]:
    """The present backend pods' log lines about failed migrations or anything unexpected."""
    # By name: a selector also finds terminating pods.
    names = [pod["metadata"]["name"] for pod in release.kubectl.pods("backend").values()]
    logs = "".join(release.kubectl("logs", name, "--all-containers") for name in names)
    entries = [json.loads(line) for line in logs.splitlines()]
    return [
        entry["message"]
        for entry in entries
        if entry["level"] == "error" or "trying again" in entry["message"]
    ]


def test_two_pods_that_start_on_an_empty_database_make_its_schema_once(
    release: LiveRelease, record: Record
) -> None:
    backend = f"deployment/{RELEASE}-backend"
    release.kubectl("scale", backend, "--replicas=0")
    try:
        release.kubectl("wait", "pod", "-l", "component=backend", "--for=delete", "--timeout=60s")
        query(release, "drop schema public cascade; create schema public")
    finally:
        release.kubectl("scale", backend, "--replicas=2")
    await_ready(release, "backend")
    revisions = query(release, "select version_num from alembic_version").splitlines()
    record(
        "two backend pods started at once on an emptied database",
        [f"schema {', '.join(revisions)}, {len(complaints(release))} complaints in their logs"],
    )
    assert len(revisions) == 1
    assert complaints(release) == []
    wait_until_it_serves(VALUES)
    page = Person.signed_up(FRONTEND, BACKEND, release.kubectl).tasks_page()
    assert page.status_code == 200
    assert "TaskFlow cannot reach" not in page.text, "an excuse is a page with status 200, too"


def test_no_request_fails_while_the_schema_is_changed_under_old_pods(
    release: LiveRelease, person: Person, tmp_path: Path, record: Record
) -> None:
    (pod, *_) = release.kubectl.pods("backend").values()
    (container,) = pod["spec"]["containers"]
    build_newer(container["image"], tmp_path)
    try:
        with traffic(person) as results:
            newer = changed(VALUES, images={"backend": {"ref": NEWER_IMAGE}})
            assert release.update(newer) == {"backend"}
            revisions = query(release, "select version_num from alembic_version").splitlines()
            after_migration = complaints(release)
            assert release.update(VALUES) == {"backend"}, "back to pods older than the schema"
    finally:
        query(release, "drop index if exists task_effort_idx")
        query(release, "alter table task drop column if exists effort")
        query(release, f"update alembic_version set version_num = '{HEAD}'")  # noqa: S608 - our own file's name
    record("a release with a migration, and back to the one before it", results)
    assert revisions == [NEWER], "applied, and once"
    assert after_migration == []
    assert [result.failed for result in results] == [0, 0, 0, 0], "\n".join(map(str, results))


def build_newer(image: str, folder: Path) -> None:
    """The next version of the backend: this one with one migration more."""
    (folder / f"{NEWER}.py").write_text(MIGRATION)
    versions = "/app/taskflow_api/migrations/versions/"
    (folder / "Dockerfile").write_text(f"FROM {image}\nCOPY {NEWER}.py {versions}\n")
    docker("build", "--tag", NEWER_IMAGE, str(folder))
