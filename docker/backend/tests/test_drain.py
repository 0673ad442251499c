"""One shutdown with the real timing, watched from several clients."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from tests.support.database import add_user
from tests.support.openai import KEY, Provider, calls
from tests.support.server import Backend


@dataclass
class Farewell:
    pooled: httpx2.Response  # on a connection that was idle when the signal came
    fresh: httpx2.Response  # on a new connection, while draining
    # Both began before the signal: one ended after the listener had closed, one would take 30 s.
    running: httpx2.Response | httpx2.TransportError
    endless: httpx2.Response | httpx2.TransportError
    # As the second, after a task was added.
    half_done: httpx2.Response | httpx2.TransportError
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
        ThreadPoolExecutor() as threads,
    ):
        provider.play(_adds_what_it_is_told_or_takes_as_long)
        running = threads.submit(_chat, chatting, 5.8)
        endless = threads.submit(_chat, chatting, 30)
        half_done = threads.submit(_chat, chatting, "Call Ada")
        before = pooled.get("/api/tasks")
        assert "connection" not in before.headers, "kept alive until the shutdown"
        while len(provider.requests) < 4:
            time.sleep(0.05)

        leaving.terminate()
        signalled = time.monotonic()
        time.sleep(3.5)  # within the 4 s for which undici keeps an idle connection
        late = pooled.get("/api/tasks")
        fresh = leaving.get("/health/live")
        refused_after = _until_refused(leaving) - signalled
        exit_code = leaving.process.wait(timeout=20)
        return Farewell(
            pooled=late,
            fresh=fresh,
            running=running.result(),
            endless=endless.result(),
            half_done=half_done.result(),
            refused_after=refused_after,
            left_after=time.monotonic() - signalled,
            exit_code=exit_code,
        )


def _adds_what_it_is_told_or_takes_as_long(messages: list[dict[str, Any]]) -> Any:
    last = messages[-1]
    if last["content"] == "Call Ada":
        return calls("add_task", title=last["content"])(messages)
    time.sleep(30 if last["role"] == "tool" else float(last["content"]))
    return {"role": "assistant", "content": "Here I am."}


def _chat(client: httpx2.Client, said: float | str) -> httpx2.Response | httpx2.TransportError:
    """Ask the assistant; its model takes that many seconds, or adds this task first and never ends."""
    body = {"messages": [{"role": "user", "content": str(said)}]}
    try:
        return client.post("/api/chat", json=body, timeout=20)
    except httpx2.TransportError as error:
        return error


def _until_refused(backend: Backend) -> float:
    while True:
        try:
            backend.get("/health/live")
        except httpx2.TransportError:
            return time.monotonic()
        time.sleep(0.02)


def test_an_idle_connection_is_served_and_asked_to_close(farewell: Farewell) -> None:
    assert farewell.pooled.status_code == 200
    assert farewell.pooled.headers["Connection"] == "close"


def test_a_new_connection_is_served_and_asked_to_close(farewell: Farewell) -> None:
    assert farewell.fresh.status_code == 200
    assert farewell.fresh.headers["Connection"] == "close"


def test_new_connections_are_accepted_for_five_seconds(farewell: Farewell) -> None:
    assert 4.9 < farewell.refused_after < 6


def test_a_running_request_is_finished(farewell: Farewell) -> None:
    assert isinstance(farewell.running, httpx2.Response)
    assert farewell.running.status_code == 200
    assert farewell.running.json()["reply"] == "Here I am."


def test_a_request_that_does_not_end_is_cut_and_its_client_knows(farewell: Farewell) -> None:
    cut = farewell.endless
    assert isinstance(cut, httpx2.Response), cut
    assert cut.status_code == 503
    assert cut.headers["Content-Type"] == "application/problem+json"
    assert cut.headers["Retry-After"] == "1"
    assert cut.headers["Cache-Control"] == "no-store"
    assert cut.headers["X-Request-ID"]
    assert cut.headers["Connection"] == "close"
    assert cut.json()["detail"] == "this pod is ending"


def test_what_a_cut_conversation_has_done_can_be_undone(farewell: Farewell) -> None:
    assert isinstance(farewell.half_done, httpx2.Response), farewell.half_done
    assert farewell.half_done.status_code == 200
    (change,) = farewell.half_done.json()["changes"]
    assert (change["before"], change["after"]["title"]) == (None, "Call Ada")


def test_the_process_exits_within_ten_seconds_with_code_zero(farewell: Farewell) -> None:
    assert farewell.left_after < 10
    assert farewell.exit_code == 0


def test_a_second_ctrl_c_waits_for_nobody(database_url: str) -> None:
    with Backend(database_url, DRAIN_SECONDS="30") as backend:
        backend.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert backend.process.poll() is None, "the first one drains"
        backend.process.send_signal(signal.SIGINT)
        assert backend.process.wait(timeout=3) == 0
