"""One farewell with the real timing, watched from several clients."""

import threading
import time
from dataclasses import dataclass

import httpx2
import pytest
from tests.support.database import add_user
from tests.support.openai import KEY, Provider, says
from tests.support.server import Backend


@dataclass
class Farewell:
    pooled: httpx2.Response  # on a connection that was idle when the signal came
    fresh: httpx2.Response  # on a new connection, while draining
    running: httpx2.Response  # began before the signal, ended after the listener had closed
    refused_after: float  # seconds until new connections were refused
    left_after: float  # seconds until the process had ended
    exit_code: int


@pytest.fixture(scope="module")
def farewell(database_url: str, backend: Backend) -> Farewell:
    with (
        Provider() as provider,
        Backend(
            database_url, DRAIN_SECONDS="5", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=provider.url
        ) as leaving,
        leaving.as_user(add_user(database_url)) as pooled,
        leaving.as_user(add_user(database_url)) as chatting,
    ):
        provider.play(says("Here I am."), delay=5.8)
        body = {"messages": [{"role": "user", "content": "Take your time"}]}
        slow: list[httpx2.Response] = []
        chat = threading.Thread(
            target=lambda: slow.append(chatting.post("/api/chat", json=body, timeout=20))
        )
        chat.start()
        before = pooled.get("/api/tasks")
        assert "connection" not in before.headers, "kept alive as long as nobody leaves"
        while not provider.requests:
            time.sleep(0.05)

        leaving.terminate()
        signalled = time.monotonic()
        time.sleep(3.5)  # within the 4 s for which undici keeps an idle connection
        late = pooled.get("/api/tasks")
        fresh = leaving.get("/health/live")
        refused_after = _until_refused(leaving) - signalled
        chat.join()
        exit_code = leaving.process.wait(timeout=10)
        return Farewell(
            pooled=late,
            fresh=fresh,
            running=slow[0],
            refused_after=refused_after,
            left_after=time.monotonic() - signalled,
            exit_code=exit_code,
        )


def _until_refused(backend: Backend) -> float:
    while True:
        try:
            backend.get("/health/live")
        except httpx2.TransportError:
            return time.monotonic()
        time.sleep(0.02)


def test_an_idle_connection_is_served_and_told_to_close(farewell: Farewell) -> None:
    assert farewell.pooled.status_code == 200
    assert farewell.pooled.headers["Connection"] == "close"


def test_a_new_connection_is_served_and_told_to_close(farewell: Farewell) -> None:
    assert farewell.fresh.status_code == 200
    assert farewell.fresh.headers["Connection"] == "close"


def test_the_door_stays_open_for_five_seconds(farewell: Farewell) -> None:
    assert 4.9 < farewell.refused_after < 6


def test_a_running_request_is_finished(farewell: Farewell) -> None:
    assert farewell.running.status_code == 200
    assert farewell.running.json()["reply"] == "Here I am."


def test_the_process_leaves_within_ten_seconds_and_in_peace(farewell: Farewell) -> None:
    assert farewell.left_after < 10
    assert farewell.exit_code == 0
