"""More requests at once than a pod has places for."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import pytest
from starlette.types import Receive, Scope, Send
from taskflow_api.shed import PLACES, Shed

PROBES = ["/health", "/health/live", "/metrics"]

Script = Callable[[httpx2.AsyncClient, asyncio.Event], Awaitable[None]]


def play(script: Script) -> None:
    """Run the script against an application that answers nothing but probes before the event."""

    async def run() -> None:
        go_on = asyncio.Event()

        async def app(scope: Scope, _receive: Receive, send: Send) -> None:
            if scope["path"] not in PROBES:
                await go_on.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        transport = httpx2.ASGITransport(app=Shed(app))
        async with (
            asyncio.timeout(5),  # a request that was let in by mistake waits for ever
            httpx2.AsyncClient(transport=transport, base_url="http://backend") as client,
        ):
            await script(client, go_on)

    asyncio.run(run())


async def fill(
    client: httpx2.AsyncClient, path: str, count: int, method: str = "GET"
) -> list[asyncio.Task[int]]:
    async def status() -> int:
        return (await client.request(method, path)).status_code

    tasks = [asyncio.create_task(status()) for _ in range(count)]
    await asyncio.sleep(0.1)
    return tasks


def test_a_request_without_a_place_is_refused_at_once_and_the_others_are_answered() -> None:
    async def script(client: httpx2.AsyncClient, go_on: asyncio.Event) -> None:
        seated = await fill(client, "/api/tasks", PLACES["other"])
        refused = await client.get("/api/tasks")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["detail"] == "too many requests at once"
        go_on.set()
        assert set(await asyncio.gather(*seated)) == {200}
        assert (await client.get("/api/tasks")).status_code == 200, "places that were left are free"

    play(script)


@pytest.mark.parametrize("path", PROBES)
def test_probes_always_have_a_place(path: str) -> None:
    async def script(client: httpx2.AsyncClient, go_on: asyncio.Event) -> None:
        seated = await fill(client, "/api/tasks", PLACES["other"])
        assert (await client.get(path)).status_code == 200
        go_on.set()
        await asyncio.gather(*seated)

    play(script)


def test_conversations_which_wait_long_take_no_place_from_tasks() -> None:
    async def script(client: httpx2.AsyncClient, go_on: asyncio.Event) -> None:
        chats = await fill(client, "/api/chat", PLACES["chat"] + 1, "POST")
        (task,) = await fill(client, "/api/tasks", 1)
        go_on.set()
        assert sorted(await asyncio.gather(*chats)) == [200] * PLACES["chat"] + [503]
        assert await task == 200

    play(script)


def test_asking_whether_there_is_an_assistant_needs_no_place_of_a_conversation() -> None:
    async def script(client: httpx2.AsyncClient, go_on: asyncio.Event) -> None:
        chats = await fill(client, "/api/chat", PLACES["chat"], "POST")
        (availability,) = await fill(client, "/api/chat", 1)
        go_on.set()
        assert await availability == 200
        await asyncio.gather(*chats)

    play(script)
