"""A database that one role used, its owner, gets a role for each service, while the release serves.

The roles are created by the SQL of docs/database-roles.md.
"""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.pods import roles
from tests import live_release
from tests.documents import documents
from tests.live import outside
from tests.live_release import Kubectl, LiveRelease, LiveStack, node_port
from tests.postgres import address_of, users
from tests.reliability.conftest import Record
from tests.reliability.person import Person
from tests.reliability.traffic import traffic

NAME = "takeover"
FRONTEND_PORT, BACKEND_PORT = 30110, 30111
PATIENCE_SECONDS = 60


def values() -> dict[str, Any]:
    """Two pods of each service, and somebody else's database."""
    ported = live_release.values(NAME, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)
    return ported | {"createNamespace": False, "database": {"external": {"tls": False}}}


@pytest.fixture
def single(tmp_path: Path) -> Iterator[LiveRelease]:
    """A release with `databaseUrl` alone."""
    password = secrets.token_hex(12)
    with outside.namespace_with_postgres(NAME, password) as kubectl:
        stack = LiveStack.create("live", tmp_path, values())
        stack.set_secret("databaseUrl", outside.address(NAME, password))
        stack.up()
        live_release.wait_until_it_serves(values())
        yield LiveRelease(stack, kubectl)  # It goes with its namespace.


def somebody(kubectl: Kubectl) -> Person:
    """A person. On a busy machine a first connection to the database may take longer than a person waits."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return Person.signed_up(node_port(FRONTEND_PORT), node_port(BACKEND_PORT), kubectl)
        except httpx.HTTPError:
            assert time.monotonic() < deadline, "nobody can sign up"
            time.sleep(1)


def documented_sql() -> str:
    (sql,) = (
        fence.text
        for document in documents()
        for fence in document.fences
        if fence.language == "sql"
    )
    return sql


def test_a_database_of_one_role_is_taken_over_while_it_serves(
    single: LiveRelease, record: Record
) -> None:
    stack, kubectl = single.stack, single.kubectl
    assert roles(stack.of_ops.file, stack.env) == [], "one role for all still works"
    person = somebody(kubectl)
    with person.api() as api:
        api.post("/api/tasks", json={"title": "Kept"}).raise_for_status()

    owner = address_of(kubectl, "database-url")
    stack.set_secret("databaseOwnerUrl", owner)
    sql = documented_sql()
    for service, key in (("backend", "databaseUrl"), ("frontend", "frontendDatabaseUrl")):
        password = secrets.token_hex(12)
        sql = sql.replace(f"{service.upper()}_PASSWORD", password)
        place = owner.rpartition("@")[2]
        stack.set_secret(key, f"postgresql://taskflow_{service}:{password}@{place}")
    administrator = ("psql", "--quiet", "--username=postgres", "--set=ON_ERROR_STOP=1")
    kubectl("exec", "--stdin", outside.DATABASE, "--", *administrator, outside.DATABASE, stdin=sql)
    restarts = kubectl.restarts()
    with traffic(person) as results:
        assert single.update(values()) == {"backend", "frontend"}

    restarted = kubectl.restarts_since(restarts)
    record(
        "a database of one role, taken over with a role for each service",
        [*results, f"{restarted} restarts"],
    )
    assert [result.failed for result in results] == [0, 0, 0, 0], "\n".join(map(str, results))
    assert restarted == 0
    assert "Kept" in person.tasks_page().text, "the rows and the session of before"
    assert users(kubectl, outside.DATABASE, owner, person.tasks_page) == {
        "taskflow-backend as taskflow_backend",
        "taskflow-frontend as taskflow_frontend",
    }
    assert roles(stack.of_ops.file, stack.env) == [
        "the backend connects as taskflow_backend",
        "the frontend connects as taskflow_frontend",
    ]
