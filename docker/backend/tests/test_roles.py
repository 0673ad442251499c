"""The step before the backend: it migrates as the owner, and gives each service its own role."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from taskflow_api import migrate as migration
from taskflow_api.address import read_address
from taskflow_api.roles import BACKEND, FRONTEND, Login, RoleError
from taskflow_api.schema import HEAD
from tests.support.database import add_user, new_database, query, server_url
from tests.support.server import ROOT, Backend

PASSWORD = "pa55-of-the-tests"  # noqa: S105 - of roles that are gone after the test
REFUSED = asyncpg.InsufficientPrivilegeError
OF_THE_FRONTEND = ("user", "session", "account", "verification", "page_file")


@dataclass(frozen=True)
class Addresses:
    """One database, by its owner and by both services' roles."""

    owner: str
    backend: str
    frontend: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_OWNER_URL": self.owner,
            "DATABASE_URL": self.backend,
            "FRONTEND_DATABASE_URL": self.frontend,
        }


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}:{PASSWORD}@{parts.hostname}:{parts.port}"))


@contextmanager
def new_addresses() -> Iterator[Addresses]:
    suffix = uuid.uuid4().hex[:8]
    roles = [f"backend_{suffix}", f"frontend_{suffix}"]
    try:
        with new_database() as url:
            yield Addresses(url, *(as_role(url, role) for role in roles))
    finally:
        for role in roles:
            query(server_url(), f"drop role if exists {role}")


def start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "taskflow_api.migrate"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def migrate(environment: Mapping[str, str], code: int = 0) -> str:
    """Runs the step to its end; returns its log."""
    with start(environment) as process:
        log, _ = process.communicate(timeout=60)
    assert process.returncode == code, log
    return log


@pytest.fixture(scope="module")
def addresses() -> Iterator[Addresses]:
    """A database that was migrated, with its roles, and a user who has a task."""
    with new_addresses() as made:
        migrate(made.environment)
        yield made


def may(url: str, statement: str) -> bool:
    try:
        query(url, statement)
    except REFUSED:
        return False
    return True


def test_each_role_reads_what_its_service_needs_and_nothing_else(addresses: Addresses) -> None:
    tables = [
        row["tablename"]
        for row in query(
            addresses.owner, "select tablename from pg_tables where schemaname = 'public'"
        )
    ]
    assert {"task", "alembic_version", *OF_THE_FRONTEND} == set(tables)
    reads = {
        url: {table for table in tables if may(url, f'table "{table}"')}
        for url in (addresses.backend, addresses.frontend)
    }
    assert reads == {
        addresses.backend: {"task", "alembic_version"},
        addresses.frontend: set(OF_THE_FRONTEND),
    }
    assert may(addresses.backend, 'select id from "user"'), "whether a token's user exists"


@pytest.mark.parametrize(
    "statement",
    [
        'update "user" set name = name',
        'delete from "user"',
        "delete from alembic_version",
        "truncate task",
        "create table mine (id int)",
        "alter table task add column mine int",
        "drop table task",
        "create role mine",
        "copy task to program 'true'",
    ],
)
def test_the_backends_role_is_refused(addresses: Addresses, statement: str) -> None:
    assert not may(addresses.backend, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from task",
        "truncate session",
        "create table mine (id int)",
        'alter table "user" add column mine int',
        "copy session to program 'true'",
    ],
)
def test_the_frontends_role_is_refused(addresses: Addresses, statement: str) -> None:
    assert not may(addresses.frontend, statement)


def test_the_backend_serves_by_its_own_role(addresses: Addresses) -> None:
    user = add_user(addresses.frontend)
    with Backend(addresses.backend) as backend, backend.as_user(user) as api:
        assert api.post("/api/tasks", json={"title": "By a role"}).status_code == 201
        assert [task["title"] for task in api.get("/api/tasks").json()["items"]] == ["By a role"]
        with backend.as_user("nobody") as stranger:
            assert stranger.get("/api/tasks").status_code == 401
        assert "trying again" not in backend.logs()
    query(addresses.frontend, 'delete from "user" where id = $1', user)
    assert query(addresses.owner, "select 1 from task where owner_id = $1", user) == [], (
        "an account's tasks are deleted with it, although the frontend's role may not touch them"
    )


def test_statements_that_nobody_waits_for_end_in_the_database_too(addresses: Addresses) -> None:
    user = add_user(addresses.frontend)
    sessions = "select from pg_stat_activity where usename = $1"
    with (
        Backend(addresses.backend) as backend,
        backend.as_user(user) as api,
        asyncio.Runner() as runner,
        ThreadPoolExecutor(20) as threads,
    ):
        locking = runner.run(asyncpg.connect(addresses.owner))
        runner.run(locking.execute("begin; lock table task"))
        try:
            answers = [threads.submit(api.get, "/api/tasks") for _ in range(20)]
            written = api.post("/api/tasks", json={"title": "Never written"})
            assert {written.status_code, *(answer.result().status_code for answer in answers)} == {
                503
            }
            time.sleep(1)
            left = query(addresses.owner, sessions, urlsplit(addresses.backend).username)
            assert len(left) <= 8, "DATABASE_POOL_SIZE is 8"
        finally:
            runner.run(locking.close())
        assert api.get("/api/tasks").json()["items"] == [], "503 asked the person to try again"


def test_statements_of_one_role_for_all_end_in_the_database_too() -> None:
    sessions = "select from pg_stat_activity where application_name like 'taskflow-backend%'"
    with (
        new_database() as url,
        Backend(url, DATABASE_POOL_SIZE="2") as backend,
        backend.as_user(add_user(url)) as api,
        asyncio.Runner() as runner,
        ThreadPoolExecutor(4) as threads,
    ):
        locking = runner.run(asyncpg.connect(url))
        runner.run(locking.execute("begin; lock table task"))
        try:
            for _ in range(6):
                answers = [threads.submit(api.get, "/api/tasks") for _ in range(4)]
                assert {answer.result().status_code for answer in answers} == {503}
                assert len(query(url, f"{sessions} and datname = current_database()")) <= 6, (
                    "each place makes a new connection every 0.8 s, and an old one ends after 2 s"
                )
        finally:
            runner.run(locking.close())


def test_a_role_that_may_not_connect_to_the_database_gets_the_right() -> None:
    with new_addresses() as made:
        name = urlsplit(made.owner).path[1:]
        role = urlsplit(made.backend).username
        query(made.owner, f"create role {role} login password '{PASSWORD}'")
        query(made.owner, f"revoke connect on database {name} from public")
        assert not may(made.backend, "select 1")
        assert "trying again" not in migrate(made.environment)
        assert may(made.backend, "table task")


def test_a_role_of_a_release_before_gets_the_limit_and_somebody_elses_does_not() -> None:
    settings = "select coalesce(rolconfig, '{}') from pg_roles where rolname = $1"
    with new_addresses() as made:
        backend, frontend = (urlsplit(url).username or "" for url in (made.backend, made.frontend))
        query(made.owner, f"create role {frontend} login password '{PASSWORD}'")
        for _ in range(2):
            migrate(made.environment)
            limits = [query(made.owner, settings, role)[0][0] for role in (backend, frontend)]
            assert limits == [["statement_timeout=1s"], []]
            query(made.owner, f"alter role {backend} reset statement_timeout")


def test_a_database_of_one_role_is_taken_over_with_its_rows() -> None:
    with new_addresses() as made:
        with Backend(made.owner) as before:
            user = add_user(made.owner)
            with before.as_user(user) as api:
                assert api.post("/api/tasks", json={"title": "From before"}).status_code == 201
            # The pods of the release before serve on meanwhile.
            log = migrate(made.environment)
            assert "the schema is at" not in log, "there was nothing to migrate"
            assert before.get("/health").status_code == 200
        with Backend(made.backend) as after, after.as_user(user) as api:
            assert [task["title"] for task in api.get("/api/tasks").json()["items"]] == [
                "From before"
            ]


def test_steps_at_once_take_turns_and_a_second_run_changes_nothing() -> None:
    with new_addresses() as made:
        pods = [start(made.environment) for _ in range(3)]
        for pod in pods:
            log, _ = pod.communicate(timeout=60)
            assert pod.returncode == 0, log
            assert "trying again" not in log, "none ran into the other's work"
        assert [row[0] for row in query(made.owner, "select version_num from alembic_version")] == [
            HEAD
        ]
        rights = "select relname, relacl::text from pg_class where relnamespace = 'public'::regnamespace order by 1"
        before = query(made.owner, rights)
        migrate(made.environment)
        assert query(made.owner, rights) == before


def test_a_password_is_in_no_statement_and_a_role_made_here_gets_the_new_one() -> None:
    stored = "select rolpassword from pg_authid where rolname = $1"
    with new_addresses() as made:
        role = str(urlsplit(made.backend).username)
        migrate(made.environment)
        (first,) = query(made.owner, stored, role)
        assert first[0].startswith("SCRAM-SHA-256$4096:")
        query(made.owner, f"alter role {role} nologin")  # whatever the reason that it is locked out
        migrate(made.environment)
        (second,) = query(made.owner, stored, role)
        assert second[0] != first[0]
        query(made.backend, "select 1 from task")


def test_the_password_of_somebody_elses_role_is_left_alone() -> None:
    with new_addresses() as made:
        role = str(urlsplit(made.backend).username)
        query(made.owner, f"create role {role} nologin")
        with start(made.environment) as process:
            assert process.stdout
            lines = iter(process.stdout)
            line = next(line for line in lines if "trying again" in line)
            process.terminate()
        assert f"the role {role} refuses the password of DATABASE_URL" in line
        assert PASSWORD not in line
        (found,) = query(made.owner, "select rolcanlogin from pg_roles where rolname = $1", role)
        assert found[0] is False


def test_a_server_that_refuses_to_create_a_role_is_reported_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Neon does at the commit: it takes no verifier in place of a password."""

    class Neon(asyncpg.Connection):
        async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
            if query == "COMMIT;":
                raise asyncpg.InternalServerError("Neon only supports plaintext passwords")
            done: str = await super().execute(query, *args, timeout=timeout)
            return done

    with new_addresses() as made:
        owner, address = (read_address(url, None) for url in (made.owner, made.backend))
        login = Login(service="backend", variable="DATABASE_URL", address=address, rights={})
        monkeypatch.setattr(
            migration, "as_owner", lambda *_: asyncpg.connect(made.owner, connection_class=Neon)
        )
        with pytest.raises(RoleError, match=r"Neon only .* Run the SQL of docs/database-roles\.md"):
            asyncio.run(migration.migrate([owner], [login], []))


def test_a_role_that_may_do_more_is_named() -> None:
    with new_addresses() as made:
        log = migrate({**made.environment, "DATABASE_URL": made.owner})
    owner = urlsplit(made.owner).username
    assert (
        f"warning: the backend connects as {owner}, which may also use "
        "account, page_file, session, user, verification: give it a role" in log
    )
    assert "warning: the frontend" not in log


def test_one_role_for_all_is_no_fault() -> None:
    with new_database() as url:
        log = migrate({"DATABASE_URL": url})
        assert "the schema is at" in log
        assert "connects as" not in log


def test_a_database_that_is_away_is_waited_for_and_sigterm_ends_it() -> None:
    nowhere = "postgresql://owner:secret@127.0.0.1:1/taskflow"
    with start({"DATABASE_OWNER_URL": nowhere, "DATABASE_URL": nowhere}) as process:
        assert process.stdout
        waiting = [next(iter(process.stdout)) for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert all("the database is not ready, trying again" in line for line in waiting)
    assert "secret" not in "".join(waiting)


def test_an_address_that_cannot_work_is_named_without_its_value() -> None:
    bad = "postgresql://user@tenant:S3cret@host/d"
    good = "postgresql://user:secret@host/d"
    log = migrate({"DATABASE_URL": good, "FRONTEND_DATABASE_URL": bad}, code=2)
    assert "the environment variable FRONTEND_DATABASE_URL: has characters that must be" in log
    assert "S3cret" not in log


def test_every_table_belongs_to_a_service() -> None:
    """A migration that makes another must grant it to a service."""
    with new_database() as url:
        migrate({"DATABASE_URL": url})
        tables = query(url, "select tablename from pg_tables where schemaname = 'public'")
    assert {row["tablename"] for row in tables} == BACKEND.keys() | FRONTEND.keys()


def test_another_password_goes_with_another_role_beside_the_former_until_that_is_dropped() -> None:
    # The database of the first goes before the roles of the second, which have rights in it.
    with new_addresses() as spare, new_addresses() as first:
        migrate(first.environment)
        backend, frontend = (
            as_role(first.owner, urlsplit(url).username or "")
            for url in (spare.backend, spare.frontend)
        )
        second = Addresses(first.owner, backend, frontend)
        migrate(second.environment)
        for url in (first.backend, second.backend, first.frontend, second.frontend):
            assert may(url, "select 1")
        former = [urlsplit(url).username or "" for url in (first.backend, first.frontend)]
        migrate({**second.environment, "DATABASE_DROPPED_ROLES": " ".join([*former, "postgres"])})
        assert may(second.backend, "table task")
        for url in (first.backend, first.frontend):
            with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
                query(url, "select 1")
        assert may(first.owner, "select 1"), "a role that was not made here stays"
