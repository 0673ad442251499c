import asyncio
import json
import uuid
from urllib.parse import quote

import asyncpg
import httpx2
import pytest
from taskflow_api.schema import REVISION
from taskflow_api.shed import PLACES
from tests.support.database import add_user, make_inserts_fail, new_database, query
from tests.support.openai import KEY, Provider, says
from tests.support.server import NO_TLS, SECRET, Backend, free_port, token

SESSIONS = """
    select application_name, query from pg_stat_activity
    where datname = current_database() and application_name like 'taskflow-backend%'
"""
WAITING = """
    select application_name from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
"""


def test_every_log_line_is_json_with_time_level_and_message(
    backend: Backend, api: httpx2.Client
) -> None:
    api.get("/api/tasks")
    for line in backend.logs().splitlines():
        assert {"time", "level", "logger", "message"} <= set(json.loads(line))


def test_libraries_are_silent_below_a_warning(
    backend: Backend, api: httpx2.Client, provider: Provider
) -> None:
    provider.play(says("Hello."))
    api.post("/api/chat", json={"messages": [{"role": "user", "content": "Hello"}]})
    written = [json.loads(line) for line in backend.logs().splitlines()]
    assert any(line["level"] == "debug" for line in written), "this backend logs at debug"
    talkative = {line["logger"] for line in written if line["level"] in ("debug", "info")}
    assert {name.partition(".")[0] for name in talkative} <= {"taskflow_api", "uvicorn"}


def test_a_given_request_id_comes_back_and_is_in_the_log(
    backend: Backend, api: httpx2.Client
) -> None:
    identity = f"from-the-frontend-{uuid.uuid4()}"
    response = api.get("/api/tasks", headers={"X-Request-ID": identity})
    assert response.headers["X-Request-ID"] == identity
    line = backend.log_line(request_id=identity, path="/api/tasks")
    assert line["status"] == 200


def test_the_database_shows_which_request_a_change_belongs_to(
    backend: Backend, user_id: str, database_url: str
) -> None:
    identity = f"from-the-browser-{uuid.uuid4().hex[:8]}"

    async def look() -> list[str]:
        holder = await asyncpg.connect(database_url)
        headers = {"Authorization": f"Bearer {token(user_id)}", "X-Request-ID": identity}
        async with httpx2.AsyncClient(base_url=backend.url, verify=NO_TLS) as client:
            async with holder.transaction():
                await holder.execute("lock table task")
                task = {"title": "x"}
                asked = asyncio.create_task(client.post("/api/tasks", json=task, headers=headers))
                await asyncio.sleep(0.4)
                found = await holder.fetch(WAITING)
            assert (await asked).status_code == 201
        await holder.close()
        return [row[0] for row in found]

    assert asyncio.run(look()) == [f"taskflow-backend {identity}"]


def test_what_follows_a_change_on_its_connection_is_not_shown_as_part_of_it() -> None:
    with new_database() as url, Backend(url, DATABASE_POOL_SIZE="1") as backend:
        for user, status in ((add_user(url), 201), ("nobody", 401)):
            with backend.as_user(user) as api:
                assert api.post("/api/tasks", json={"title": "x"}).status_code == status
            assert [row["application_name"] for row in query(url, SESSIONS)] == ["taskflow-backend"]
        backend.get("/health")
        ((_, last),) = query(url, SESSIONS)
        assert last == REVISION, "a read costs no second statement"


@pytest.mark.parametrize("identity", [None, "with space", "x" * 129, 'quote"'])
def test_a_missing_or_odd_request_id_is_replaced(api: httpx2.Client, identity: str | None) -> None:
    headers = {"X-Request-ID": identity} if identity else {}
    made = api.get("/api/tasks", headers=headers).headers["X-Request-ID"]
    assert made != identity
    assert uuid.UUID(made)


def test_errors_carry_a_request_id_too(backend: Backend) -> None:
    for path in ("/api/tasks", "/nowhere"):
        assert "X-Request-ID" in backend.get(path).headers


def test_a_refusal_for_want_of_places_carries_an_id_and_is_logged(
    backend: Backend, user_id: str, provider: Provider
) -> None:
    provider.play(says("Hello."), delay=1)
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Authorization": f"Bearer {token(user_id)}"}

    async def ask(times: int) -> list[httpx2.Response]:
        async with httpx2.AsyncClient(base_url=backend.url, verify=NO_TLS) as client:
            asked = (client.post("/api/chat", json=body, headers=headers) for _ in range(times))
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask(PLACES["chat"] + 1))
    (refused,) = (answer for answer in answers if answer.status_code == 503)
    backend.log_line(request_id=refused.headers["X-Request-ID"], path="/api/chat", status=503)


def test_an_unexpected_error_is_a_500_with_its_id_and_a_traceback_in_the_log() -> None:
    with new_database() as url, Backend(url) as backend:
        user = add_user(url)
        make_inserts_fail(url, "internals")
        with backend.as_user(user) as api:
            response = api.post("/api/tasks", json={"title": "x"})
        assert response.status_code == 500
        assert "internals" not in response.text, "the client gets no internals"
        identity = response.headers["X-Request-ID"]
        line = backend.log_line(request_id=identity, level="error")
        assert "RaiseError" in line["exception"]


def test_log_level_decides_what_is_written(database_url: str) -> None:
    with Backend(database_url, LOG_LEVEL="warning") as quiet:
        quiet.get("/api/chat")
        assert quiet.logs() == ""


def test_audit_events_are_written_at_every_log_level(database_url: str, user_id: str) -> None:
    with Backend(database_url, LOG_LEVEL="error") as quiet:
        quiet.get("/api/tasks", headers={"Authorization": "Bearer no-token-at-all"})
        with quiet.as_user(user_id) as api:
            api.delete(api.post("/api/tasks", json={"title": "x"}).headers["Location"])
        quiet.log_line(event="token.refused", level="warning")
        quiet.log_line(event="task.deleted", level="info", user=user_id)


def test_nothing_secret_or_private_is_ever_written(
    backend: Backend, api: httpx2.Client, user_id: str, provider: Provider
) -> None:
    password = "pa55/word"  # noqa: S105 - opens nothing
    bearer = token(user_id)
    provider.play(says(""), status=401)
    private = "what I asked the assistant"
    api.post("/api/chat", json={"messages": [{"role": "user", "content": private}]})
    api.post("/api/tasks", json={"title": "x" * 300})
    url = f"postgresql://user:{quote(password, safe='')}@127.0.0.1:{free_port()}/nowhere"
    with Backend(url, ready=False, LOG_LEVEL="debug") as broken:
        broken.get("/api/tasks", headers={"Authorization": f"Bearer {bearer}"})
        broken.wait_until("/health", 503)
        written = backend.logs() + broken.logs()
    for secret in (SECRET, KEY, password, quote(password, safe=""), bearer, private):
        assert secret not in written
    assert "401" in written, "the failure itself is there"


def test_metrics_count_requests_by_route_and_status(backend: Backend, api: httpx2.Client) -> None:
    labels = {"method": "GET", "route": "/api/tasks/{task_id}", "status": "404"}
    before = backend.metric("taskflow_http_requests_total", **labels)
    for _ in range(3):
        api.get(f"/api/tasks/{uuid.uuid4()}")
    assert backend.metric("taskflow_http_requests_total", **labels) == before + 3


def test_metrics_time_requests(backend: Backend, api: httpx2.Client) -> None:
    api.get("/api/tasks")
    labels = {"method": "GET", "route": "/api/tasks"}
    assert backend.metric("taskflow_http_request_seconds_count", **labels) >= 1
    assert backend.metric("taskflow_http_request_seconds_sum", **labels) > 0


def test_unknown_paths_and_methods_share_one_time_series(backend: Backend) -> None:
    for _ in range(3):
        backend.request("PROPFIND", f"/{uuid.uuid4()}")
    labels = {"method": "other", "route": "unmatched", "status": "404"}
    assert backend.metric("taskflow_http_requests_total", **labels) >= 3
