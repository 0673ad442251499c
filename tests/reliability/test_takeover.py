"""A database that one role used gets a role for each service, and secrets are rotated, while the release serves.

The roles are created by the SQL of docs/database-roles.md.
"""

import base64
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ops.pods import await_former, roles
from ops.release.rotate import TABLES, replaced, require_database
from tests import live_release
from tests.documents import documents
from tests.live import outside
from tests.live_release import Kubectl, LiveRelease, LiveStack, node_port
from tests.postgres import address_of, ask, users
from tests.reliability.conftest import CPU, Record
from tests.reliability.person import Person
from tests.reliability.traffic import traffic

NAME = "takeover"
FRONTEND_PORT, BACKEND_PORT = 30110, 30111
PATIENCE_SECONDS = 60


def values() -> dict[str, Any]:
    """Two pods of each service, and somebody else's database."""
    # Its database beside it has a request of its own.
    cpu = CPU | {"backend": "50m"}
    ported = live_release.values(
        NAME, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT, cpu=cpu
    )
    return ported | {"createNamespace": False, "database": {"external": {"tls": False}}}


@pytest.fixture(scope="module")
def room(release: LiveRelease) -> Iterator[None]:
    """The node has no room for two releases: the suite's own gives its requests back meanwhile."""
    release.kubectl("scale", "deployments", "--all", "--replicas=0")
    release.kubectl("scale", "statefulsets", "--all", "--replicas=0")
    yield
    release.kubectl("scale", "statefulsets", "--all", "--replicas=1")
    release.kubectl("scale", "deployments", "--all", "--replicas=2")


@pytest.fixture(autouse=True)
def whole(room: None) -> None:
    """Replaces the suite's fixture, whose release is away."""


@pytest.fixture(scope="module")
def single(room: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    """A release with `databaseUrl` alone, and an assistant that nobody asks."""
    password = secrets.token_hex(12)
    with outside.namespace_with_postgres(NAME, password) as kubectl:
        stack = LiveStack.create("live", tmp_path_factory.mktemp(NAME), values())
        stack.set_secret("databaseUrl", outside.address(NAME, password))
        stack.set_secret("openaiApiKey", secrets.token_hex(12))
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


def as_administrator(kubectl: Kubectl, sql: str) -> None:
    psql = ("psql", "--quiet", "--username=postgres", "--set=ON_ERROR_STOP=1", outside.DATABASE)
    kubectl("exec", "--stdin", outside.DATABASE, "--", *psql, stdin=sql)


def give_roles(release: LiveRelease) -> str:
    """Set the addresses of a role for each service, which the next update uses; returns the owner's address."""
    stack, kubectl = release.stack, release.kubectl
    owner = address_of(kubectl, "database-url")
    stack.set_secret("databaseOwnerUrl", owner)
    sql = documented_sql()
    for service, key in (("backend", "databaseUrl"), ("frontend", "frontendDatabaseUrl")):
        password = secrets.token_hex(12)
        sql = sql.replace(f"{service.upper()}_PASSWORD", password)
        place = owner.rpartition("@")[2]
        stack.set_secret(key, f"postgresql://taskflow_{service}:{password}@{place}")
    as_administrator(kubectl, sql)
    return owner


def test_a_database_of_one_role_is_taken_over_while_it_serves(
    single: LiveRelease, record: Record
) -> None:
    stack, kubectl = single.stack, single.kubectl
    assert roles(stack.of_ops.file, stack.env) == [], "one role for all still works"
    person = somebody(kubectl)
    with person.api() as api:
        api.post("/api/tasks", json={"title": "Kept"}).raise_for_status()

    owner = give_roles(single)
    restarts = kubectl.restarts()
    with traffic(person) as results:
        assert single.update(values()) == {"backend", "frontend"}

    restarted = kubectl.restarts_since(restarts)
    record(
        "a role for each service",
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


@pytest.fixture
def separate(single: LiveRelease) -> LiveRelease:
    """The release with a role for each service, whether the test above has run or not."""
    if not roles(single.stack.of_ops.file, single.stack.env):
        give_roles(single)
        single.update(values())
    return single


def held(kubectl: Kubectl) -> str:
    """The environment of the services' processes, and every value that their pods have from a Secret."""
    pods = [*kubectl.pods("backend").values(), *kubectl.pods("frontend").values()]
    texts = [
        kubectl("exec", pod["metadata"]["name"], "--", "cat", "/proc/1/environ") for pod in pods
    ]
    references = {
        (
            variable["valueFrom"]["secretKeyRef"]["name"],
            variable["valueFrom"]["secretKeyRef"]["key"],
        )
        for pod in pods
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
        for variable in container["env"]
        if "valueFrom" in variable
    }
    for name, key in references:
        data = kubectl.get("secret", name)["data"]
        texts.append(base64.b64decode(data[key]).decode())
    return "\n".join(texts)


def successor(kubectl: Kubectl, address: str, number: int) -> str:
    """The address of a new role with the rights of an address' role, as docs/operations.md asks for one."""
    former = str(urlsplit(address).username)
    group, password = former.partition("_next_")[0], secrets.token_hex(12)
    role = f"{group}_next_{number}"
    as_administrator(kubectl, f"create role {role} login password '{password}' in role {group}")
    return f"postgresql://{role}:{password}@{address.rpartition('@')[2]}"


def test_addresses_and_the_key_of_the_assistant_rotate_and_no_request_fails(
    separate: LiveRelease, full: bool, record: Record
) -> None:
    stack, kubectl, rotations = separate.stack, separate.kubectl, 5 if full else 1
    person = somebody(kubectl)

    def up(title: str) -> None:
        """What `make rotate` does, without its smoke check and its way back."""
        stack.up("--message", title)
        live_release.wait_until_it_serves(values())
        await_former(stack.of_ops.file, stack.env)

    places = {
        "databaseUrl": "database-url",
        "databaseOwnerUrl": "database-owner-url",
        "frontendDatabaseUrl": "frontend-database-url",
        "openaiApiKey": "openai-api-key",
    }
    with traffic(person) as results:
        for number in range(1, rotations + 1):
            for key, place in places.items():
                former = address_of(kubectl, place)
                assert former in held(kubectl)
                if key in TABLES:
                    value = successor(kubectl, former, number)
                    require_database(stack.of_ops, value, TABLES[key])
                else:
                    value = secrets.token_hex(12)
                replaced(stack.of_ops, key, value, up)
                now = held(kubectl)
                assert value in now
                assert former not in now, key
                if key in TABLES:
                    role = urlsplit(former).username
                    as_administrator(kubectl, f"alter role {role} password null")
                    refused = ask(kubectl, outside.DATABASE, former, "select 1")
                    assert "password authentication failed" in refused, key
    record(
        f"{rotations} rotations of each",
        results,
    )
    assert [result.failed for result in results] == [0, 0, 0, 0], "\n".join(map(str, results))
    assert roles(stack.of_ops.file, stack.env) == [
        f"the backend connects as taskflow_backend_next_{rotations}",
        f"the frontend connects as taskflow_frontend_next_{rotations}",
    ]
