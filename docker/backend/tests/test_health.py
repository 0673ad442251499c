import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
from tests.support.database import add_user, new_database, query, server_url
from tests.support.gate import Gate
from tests.support.server import Backend, free_port

FAST = 1.0  # seconds in which every answer must be there, whatever the database does


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with new_database() as url, Gate(url) as gate:
        yield gate


@pytest.fixture(scope="module")
def gated(gate: Gate) -> Iterator[Backend]:
    with Backend(gate.url) as backend:
        yield backend


@pytest.fixture(autouse=True)
def restored(gate: Gate, gated: Backend) -> Iterator[None]:
    yield
    gate.shut()
    gate.open()
    gated.wait_until("/health", 200)


@pytest.fixture
def client(gate: Gate, gated: Backend) -> Iterator[httpx2.Client]:
    with gated.as_user(add_user(gate.url)) as client:
        assert client.get("/api/tasks").status_code == 200, "a connection is in the pool"
        yield client


def timed(client: httpx2.Client, path: str) -> int:
    started = time.monotonic()
    status = client.get(path).status_code
    took = time.monotonic() - started
    assert took < FAST, f"{path} took {took:.2f} s"
    return status


def test_a_lost_database_is_503_on_health_and_api_but_not_on_live(
    gate: Gate, client: httpx2.Client
) -> None:
    gate.shut()
    assert timed(client, "/health") == 503
    assert timed(client, "/api/tasks") == 503
    assert timed(client, "/health/live") == 200


def test_a_hanging_database_is_503_within_a_second(gate: Gate, client: httpx2.Client) -> None:
    gate.silence()
    assert timed(client, "/health") == 503
    assert timed(client, "/api/tasks") == 503
    assert timed(client, "/health/live") == 200


def test_an_outage_says_when_to_come_back(gate: Gate, client: httpx2.Client) -> None:
    gate.shut()
    assert client.get("/api/tasks").headers["Retry-After"] == "1"


def test_a_database_that_came_back_serves_at_once(gate: Gate, client: httpx2.Client) -> None:
    gate.shut()
    gate.open()
    assert client.get("/api/tasks").status_code == 200, "the dead connections were replaced"


def test_a_hang_that_ends_leaves_no_trace(gate: Gate, client: httpx2.Client) -> None:
    gate.silence()
    for _ in range(3):
        assert client.get("/api/tasks").status_code == 503
    gate.resume()
    assert client.get("/api/tasks").status_code == 200


def test_a_connection_that_is_lost_after_its_change_gives_its_place_back(gate: Gate) -> None:
    with (
        Backend(gate.url, DATABASE_POOL_SIZE="1") as small,
        small.as_user(add_user(gate.url)) as client,
    ):
        gate.lose(b"set application_name = 'taskflow-backend'")
        assert client.post("/api/tasks", json={"title": "x"}).status_code == 503
        small.wait_until("/health", 200, seconds=5)


def test_a_database_that_is_read_only_for_a_while_is_503_only_to_changes(
    gate: Gate, client: httpx2.Client
) -> None:
    name, change = urlsplit(gate.url).path[1:], {"title": "after a failover"}
    query(server_url(), f"alter database {name} set default_transaction_read_only to on")
    try:
        gate.shut()
        gate.open()
        assert client.post("/api/tasks", json=change).status_code == 503
        assert client.get("/api/tasks").status_code == 200
    finally:
        query(server_url(), f"alter database {name} reset default_transaction_read_only")
    assert client.post("/api/tasks", json=change).status_code == 503, "still the old connection"
    assert client.post("/api/tasks", json=change).status_code == 201, "it was given up"


@pytest.mark.parametrize("error", ["io_error", "deadlock_detected", "lock_not_available"])
def test_a_database_whose_disk_fails_or_that_gives_way_is_503(
    gate: Gate, client: httpx2.Client, error: str
) -> None:
    query(
        gate.url,
        f"""create function fail() returns trigger language plpgsql as
        $$ begin raise exception using errcode = '{error}'; end $$""",
    )
    query(gate.url, "create trigger fail before insert on task execute function fail()")
    try:
        assert client.post("/api/tasks", json={"title": "lost"}).status_code == 503
    finally:
        query(gate.url, "drop function fail cascade")


def test_searches_that_hang_leave_connections_to_everything_else(
    gate: Gate, gated: Backend, client: httpx2.Client
) -> None:
    with asyncio.Runner() as runner, ThreadPoolExecutor(20) as threads:
        locking = runner.run(asyncpg.connect(gate.url))
        runner.run(locking.execute("begin; lock table task"))
        try:
            searches = [threads.submit(client.get, "/api/tasks?search=x") for _ in range(20)]
            time.sleep(0.1)
            assert gated.get("/health").status_code == 200
            assert not any(search.done() for search in searches), "it waited for no search"
            assert {search.result().status_code for search in searches} == {503}
        finally:
            runner.run(locking.close())
    assert client.get("/api/tasks?search=x").status_code == 200


def test_a_database_that_accepts_nobody_is_503_on_health_too(
    gate: Gate, gated: Backend, client: httpx2.Client
) -> None:
    name = urlsplit(gate.url).path[1:]
    query(server_url(), f"alter database {name} allow_connections false")
    try:
        gate.shut()
        gate.open()
        assert timed(client, "/api/tasks") == 503
        assert timed(client, "/health") == 503
    finally:
        query(server_url(), f"alter database {name} allow_connections true")
    assert "unexpected error" not in gated.logs()


def test_an_emptied_database_is_migrated_again(
    gate: Gate, gated: Backend, client: httpx2.Client
) -> None:
    query(gate.url, "drop schema public cascade")
    query(gate.url, "create schema public")
    assert client.get("/api/tasks").status_code == 503
    assert gated.get("/health").status_code == 503
    gated.wait_until("/health", 200)


def test_a_backend_that_starts_before_its_database_is_alive_and_gets_ready_later(
    gate: Gate,
) -> None:
    gate.shut()
    with Backend(gate.url, ready=False) as early:
        assert early.get("/health").status_code == 503
        gate.open()
        early.wait_until("/health", 200)


def test_a_closed_port_never_stops_the_process() -> None:
    with Backend(f"postgresql://u:p@127.0.0.1:{free_port()}/none", ready=False) as backend:
        time.sleep(0.5)
        assert backend.get("/health").status_code == 503
        assert backend.process.poll() is None
