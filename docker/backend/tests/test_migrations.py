import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from taskflow_api.schema import HEAD, LOCK_KEY, MIGRATIONS
from tests.support.database import add_user, new_database, query
from tests.support.server import Backend

BETTER_AUTH = json.loads((Path(__file__).parent / "better_auth_schema.json").read_text())

COLUMNS = """
    select column_name, data_type, is_nullable = 'YES' as nullable, column_default
    from information_schema.columns
    where table_schema = 'public' and table_name = $1
    order by ordinal_position
"""
INDEXES = """
    select indexdef from pg_indexes where schemaname = 'public' and tablename = $1 order by 1
"""
REFERENCES = """
    select pg_get_constraintdef(oid) as definition from pg_constraint
    where conrelid = format('public.%I', $1::text)::regclass and contype = 'f'
"""


@contextmanager
def locked(url: str) -> Iterator[Callable[[], None]]:
    """Holds the migrations' lock until the given function is called."""
    with asyncio.Runner() as runner:
        holder = runner.run(asyncpg.connect(url))
        runner.run(holder.execute(f"select pg_advisory_lock({LOCK_KEY})"))
        try:
            yield lambda: runner.run(holder.close())
        finally:
            holder.terminate()


def wait_for_waiting(url: str, count: int) -> None:
    deadline = time.monotonic() + 10
    waiting = "select from pg_locks where locktype = 'advisory' and not granted"
    while len(query(url, waiting)) != count:
        assert time.monotonic() < deadline, f"{count} migrations should wait for the lock"
        time.sleep(0.05)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def applied(url: str) -> list[str]:
    return [row["version_num"] for row in query(url, "select version_num from alembic_version")]


def test_two_backends_at_once_take_turns_and_migrate_an_empty_database_once() -> None:
    with (
        new_database() as url,
        locked(url) as unlock,
        Backend(url, ready=False) as one,
        Backend(url, ready=False) as two,
    ):
        wait_for_waiting(url, 2)
        assert query(url, "select to_regclass('alembic_version')")[0][0] is None
        unlock()
        one.wait_until("/health", 200)
        two.wait_until("/health", 200)
        assert applied(url) == [HEAD]
        for backend in (one, two):
            assert "trying again" not in backend.logs(), "neither ran into the other's work"


def test_a_migration_may_take_longer_than_a_statement_of_a_service() -> None:
    """Behind PgBouncer the limit of a service may be left on its connection; here every connection has it."""
    with new_database() as url, locked(url) as unlock:
        query(url, f"alter database {urlsplit(url).path[1:]} set statement_timeout = '500ms'")
        with Backend(url, ready=False) as backend:
            wait_for_waiting(url, 1)
            time.sleep(1)
            unlock()
            backend.wait_until("/health", 200)
            assert "trying again" not in backend.logs()


def test_a_second_start_changes_nothing_and_does_without_what_migrates(database_url: str) -> None:
    with Backend(database_url):
        pass  # migrated by now, whichever test came first
    user = add_user(database_url)
    with Backend(database_url, PYTHONPROFILEIMPORTTIME="1") as again:
        assert "asyncpg" in again.logs(), "imports are logged"
        for module in ("alembic", "sqlalchemy"):
            assert module not in again.logs(), f"importing {module} would slow every start"
    assert query(database_url, 'select 1 from "user" where id = $1', user)


def test_tables_that_better_auth_made_itself_are_taken_over() -> None:
    with new_database() as url:
        with Backend(url):
            pass
        user = add_user(url)
        query(url, "drop table alembic_version")
        query(url, "drop table task")
        with Backend(url) as adopting, adopting.as_user(user) as api:
            assert api.get("/api/tasks").status_code == 200, "the user is still there"


def test_a_schema_newer_than_the_code_is_served() -> None:
    with new_database() as url:
        with Backend(url):
            pass
        query(url, "update alembic_version set version_num = '9999_later'")
        with Backend(url) as rolled_back:
            assert rolled_back.get("/health").status_code == 200


def test_tasks_of_the_release_before_get_a_version_that_its_own_changes_grow() -> None:
    """During a rollout, and after a rollback, older code writes into the newer schema."""
    with new_database() as url, Backend(url) as backend:
        with asyncio.Runner() as runner:
            runner.run(_downgrade(url, "0002_task"))
        user = add_user(url)
        older = (
            "insert into task (owner_id, id, title, notes, done) values ($1, $2, 'x', '', false)"
        )
        task_id = uuid.uuid4()
        query(url, older, user, task_id)
        assert backend.get("/health").status_code == 503
        backend.wait_until("/health", 200)
        with backend.as_user(user) as api:
            task = api.get(f"/api/tasks/{task_id}").json()
            assert (task["version"], task["priority"]) == (1, "normal")
            query(url, "update task set done = true where id = $1", task_id)
            stale = api.patch(
                f"/api/tasks/{task_id}", json={"title": "y"}, headers={"If-Match": '"1"'}
            )
        assert stale.status_code == 412
        query(url, older, user, uuid.uuid4())


def test_requests_on_an_older_schema_are_503_until_it_is_migrated() -> None:
    """As after a restore of a backup that a release before made."""
    with new_database() as url, Backend(url) as backend, asyncio.Runner() as runner:
        user = add_user(url)
        runner.run(_downgrade(url, "0002_task"))
        with backend.as_user(user) as api:
            assert api.get("/api/tasks").status_code == 503
            assert backend.get("/health").status_code == 503
            backend.wait_until("/health", 200)
            assert api.get("/api/tasks").status_code == 200


def test_reads_go_on_while_a_migration_waits_for_a_table_that_is_being_dumped() -> None:
    """They queue behind whoever waits for the table."""
    with new_database() as url, Backend(url) as backend, asyncio.Runner() as runner:
        runner.run(_downgrade(url, "0002_task"))
        dump, reader = runner.run(asyncpg.connect(url)), runner.run(asyncpg.connect(url))
        runner.run(dump.execute("begin; lock table task in access share mode"))
        assert backend.get("/health").status_code == 503
        deadline = time.monotonic() + 10
        while "lock timeout" not in backend.logs():
            runner.run(reader.fetch("select from task", timeout=0.8))
            assert time.monotonic() < deadline, "the migration should give up and try again"
        for connection in (dump, reader):
            runner.run(connection.close())
        backend.wait_until("/health", 200)


async def _downgrade(url: str, revision: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url)
    )

    def run(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


def test_the_newest_file_is_alembics_head() -> None:
    assert ScriptDirectory.from_config(_config()).get_heads() == [HEAD]


def test_every_migration_says_whether_older_code_works_after_it() -> None:
    for script in ScriptDirectory.from_config(_config()).walk_revisions():
        said = getattr(script.module, "older_code_works", None)
        assert isinstance(said, bool), (
            f"{script.revision}: a rollback can pass it only if it declares older_code_works = True, "
            "which is true if it only adds what older code need not fill"
        )


def test_the_authentication_tables_are_better_auths_own(
    backend: Backend, database_url: str
) -> None:
    for table, expected in BETTER_AUTH.items():
        for aspect, statement in (
            ("columns", COLUMNS),
            ("indexes", INDEXES),
            ("references", REFERENCES),
        ):
            found = [list(row) for row in query(database_url, statement, table)]
            assert found == expected[aspect], f"{aspect} of {table}"
