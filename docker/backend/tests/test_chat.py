import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from taskflow_api.assistant import TOOLS
from tests.support.database import add_tasks, add_user, query
from tests.support.openai import KEY, Provider, Step, calls, says, sends
from tests.support.server import Backend

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


def chat(api: httpx2.Client, text: str = "Please") -> httpx2.Response:
    return api.post("/api/chat", json={"messages": [{"role": "user", "content": text}]})


def titles(api: httpx2.Client) -> list[str]:
    return [task["title"] for task in api.get("/api/tasks").json()["items"]]


@pytest.fixture(scope="module")
def unconfigured(database_url: str, backend: Backend) -> Iterator[Backend]:
    with Backend(database_url, OPENAI_API_KEY="") as plain:
        yield plain


def test_a_plain_answer_changes_nothing(api: httpx2.Client, provider: Provider) -> None:
    provider.play(says("Good morning!"))
    response = chat(api)
    assert response.status_code == 200
    assert response.json() == {"reply": "Good morning!", "changed": False, "changes": []}


def test_the_provider_gets_the_key_the_model_the_tools_and_the_conversation(
    api: httpx2.Client, provider: Provider
) -> None:
    provider.play(says("Fine."))
    conversation = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "How are you?"},
    ]
    api.post("/api/chat", json={"messages": conversation})
    (request,) = provider.requests
    assert request.path == "/v1/chat/completions", "OPENAI_BASE_URL is respected"
    assert request.authorization == f"Bearer {KEY}"
    assert request.body["model"] == "test-model"
    tools = {tool["function"]["name"] for tool in request.body["tools"]}
    assert tools == {"list_tasks", "read_task", "add_task", "complete_task", "delete_task"}
    assert request.body["messages"][0]["role"] == "system"
    assert request.body["messages"][1:] == conversation


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_today_is_the_persons_own_day(api: httpx2.Client, provider: Provider, days: int) -> None:
    provider.play(says("Fine."))
    theirs = datetime.now(UTC).date() + timedelta(days=days)
    assert api.post("/api/chat", json={**HELLO, "today": str(theirs)}).status_code == 200
    assert f"Today is {theirs}." in provider.requests[0].body["messages"][0]["content"]


@pytest.mark.parametrize("theirs", [{}, {"today": None}, {"today": "2000-02-29"}])
def test_without_a_day_that_is_today_anywhere_it_is_that_of_utc(
    api: httpx2.Client, provider: Provider, theirs: dict[str, object]
) -> None:
    provider.play(says("Fine."))
    assert api.post("/api/chat", json=HELLO | theirs).status_code == 200
    ours = datetime.now(UTC).date()
    assert f"Today is {ours} (UTC)." in provider.requests[0].body["messages"][0]["content"]


def test_it_adds_a_task(api: httpx2.Client, provider: Provider) -> None:
    provider.play(calls("add_task", title="Buy bread", due="2030-05-01"), says("Added."))
    answer = chat(api).json()
    (task,) = api.get("/api/tasks").json()["items"]
    change = {"before": None, "after": task}
    assert answer == {"reply": "Added.", "changed": True, "changes": [change]}
    assert (task["title"], task["due"], task["done"]) == ("Buy bread", "2030-05-01", False)


def test_it_chooses_neither_id_nor_version_of_a_task(
    api: httpx2.Client, provider: Provider
) -> None:
    provider.play(says("Fine."))
    chat(api)
    tools = {tool["function"]["name"]: tool for tool in provider.requests[0].body["tools"]}
    fields = set(tools["add_task"]["function"]["parameters"]["properties"])
    assert fields == {"title", "notes", "done", "due", "priority"}


def test_a_query_in_the_providers_address_is_sent_behind_the_path(
    database_url: str, backend: Backend, provider: Provider
) -> None:
    provider.play(says("Fine."))
    address = f"{provider.url}/?api-version=2026-01-01"
    with (
        Backend(database_url, OPENAI_API_KEY=f"{KEY}\n", OPENAI_BASE_URL=address) as azure,
        azure.as_user(add_user(database_url)) as api,
    ):
        assert chat(api).status_code == 200
    (request,) = provider.requests
    assert request.path == "/v1/chat/completions?api-version=2026-01-01"
    assert request.authorization == f"Bearer {KEY}", "the newline of its file is gone"


def test_it_lists_only_the_callers_tasks(
    api: httpx2.Client, stranger: httpx2.Client, provider: Provider
) -> None:
    api.post("/api/tasks", json={"title": "mine"})
    stranger.post("/api/tasks", json={"title": "not mine"})
    provider.play(calls("list_tasks"), says("One."))
    assert chat(api).json()["changed"] is False
    listed = provider.requests[-1].tool_result()
    assert [task["title"] for task in listed["items"]] == ["mine"]


def test_it_finds_tasks_beyond_the_first_page(
    api: httpx2.Client, provider: Provider, database_url: str, user_id: str
) -> None:
    add_tasks(database_url, user_id, 51)
    provider.play(
        calls("list_tasks"), calls("list_tasks", after=lambda found: found["next"]), says("51.")
    )
    chat(api)
    first, second = (request.tool_result() for request in provider.requests[1:])
    assert (len(first["items"]), len(second["items"]), second["next"]) == (50, 1, None)
    assert second["items"][0] not in first["items"]


def test_a_list_has_the_beginnings_of_long_notes_and_one_task_all_of_them(
    api: httpx2.Client, provider: Provider
) -> None:
    notes = "x" * 300
    for more in ("", "y" * 9_700):
        api.post("/api/tasks", json={"title": "Call Ada", "notes": notes + more})
    provider.play(
        calls("list_tasks"), calls("read_task", id=lambda found: found["items"][0]["id"]), says("…")
    )
    assert chat(api).json()["changed"] is False
    listed, task = (request.tool_result() for request in provider.requests[1:])
    assert [found["notes"] for found in listed["items"]] == [f"{notes}…", notes]
    assert task["notes"] == notes + "y" * 9_700


def test_it_completes_a_task_it_has_found(api: httpx2.Client, provider: Provider) -> None:
    task = api.post("/api/tasks", json={"title": "Buy bread"}).json()
    provider.play(
        calls("list_tasks", search="bread", done=False),
        calls("complete_task", id=lambda found: found["items"][0]["id"]),
        says("Done."),
    )
    answer = chat(api).json()
    after = api.get(f"/api/tasks/{task['id']}").json()
    assert after["done"] is True
    change = {"before": task, "after": after}
    assert answer == {"reply": "Done.", "changed": True, "changes": [change]}


def test_it_deletes_a_task_it_has_found(api: httpx2.Client, provider: Provider) -> None:
    api.post("/api/tasks", json={"title": "Keep"})
    task = api.post("/api/tasks", json={"title": "Buy bread", "notes": "rye" * 200}).json()
    provider.play(
        calls("list_tasks", search="bread"),
        calls("delete_task", id=lambda found: found["items"][0]["id"]),
        says("Gone."),
    )
    change = {"before": task, "after": None}
    assert chat(api).json() == {"reply": "Gone.", "changed": True, "changes": [change]}
    assert titles(api) == ["Keep"]


def test_changes_come_in_the_order_in_which_they_were_made(
    api: httpx2.Client, provider: Provider
) -> None:
    provider.play(
        calls("add_task", title="Buy bread"),
        calls("complete_task", id=lambda task: task["id"]),
        calls("delete_task", id=lambda task: task["id"]),
        says("That was quick."),
    )
    added, completed, deleted = chat(api).json()["changes"]
    assert (added["before"], deleted["after"]) == (None, None)
    assert added["after"] == completed["before"]
    assert completed["after"] == deleted["before"]


def _too_slow(_messages: list[dict[str, Any]]) -> dict[str, Any]:
    time.sleep(2.5)  # ASSISTANT_TIMEOUT is 2
    return {"role": "assistant", "content": "Too late."}


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(sends(b"{}", 401), id="refused"),
        pytest.param(sends(b"<html>"), id="no answer"),
        pytest.param(_too_slow, id="too slow"),
    ],
)
def test_what_was_done_before_a_failure_can_be_undone(
    api: httpx2.Client, provider: Provider, failure: Step
) -> None:
    task = api.post("/api/tasks", json={"title": "Buy bread"}).json()
    provider.play(calls("delete_task", id=task["id"]), failure)
    answer = chat(api)
    assert answer.status_code == 200
    assert answer.json() == {
        "reply": "I could not finish. What I did can be undone.",
        "changed": True,
        "changes": [{"before": task, "after": None}],
    }


def test_what_was_done_before_the_database_failed_can_be_undone(
    api: httpx2.Client, provider: Provider, database_url: str
) -> None:
    def list_without_a_table(messages: list[dict[str, Any]]) -> Any:
        query(database_url, "alter table task rename to away")
        return calls("list_tasks")(messages)

    provider.play(calls("add_task", title="Buy bread"), list_without_a_table)
    try:
        (change,) = chat(api).json()["changes"]
    finally:
        query(database_url, "alter table away rename to task")
    assert change["after"]["title"] == "Buy bread"


NO_ANSWER = "I have no answer. Please ask again."


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ({"content": None, "refusal": "I cannot help with that."}, "I cannot help with that."),
        ({"content": "", "refusal": None}, NO_ANSWER),
        ({"content": None}, NO_ANSWER),
    ],
)
def test_an_answer_without_content_is_not_said_to_have_done_something(
    api: httpx2.Client, provider: Provider, message: dict[str, Any], reply: str
) -> None:
    provider.play(lambda _messages: {"role": "assistant", **message})
    assert chat(api).json() == {"reply": reply, "changed": False, "changes": []}
    provider.play(calls("add_task", title="Buy bread"), says(""))
    assert chat(api).json()["reply"] == "Done."


def test_a_call_without_a_type_is_one_of_a_function(api: httpx2.Client, provider: Provider) -> None:
    def step(messages: list[dict[str, Any]]) -> Any:
        made: Any = calls("add_task", title="Buy bread")(messages)
        del made["tool_calls"][0]["type"]
        made["tool_calls"][0]["extra_content"] = {"signature": "of the provider"}
        return made

    provider.play(step, says("Added."))
    assert chat(api).json()["changed"] is True
    (repeated,) = provider.requests[-1].body["messages"][-2]["tool_calls"]
    assert repeated["type"] == "function"
    assert repeated["extra_content"] == {"signature": "of the provider"}


@pytest.mark.parametrize("tool", ["complete_task", "delete_task"])
def test_a_task_that_changes_meanwhile_is_left_as_it_is(
    api: httpx2.Client, provider: Provider, database_url: str, tool: str
) -> None:
    """Its change would have an undo that brings back what came before both."""
    task = api.post("/api/tasks", json={"title": "Buy bread"}).json()
    provider.play(calls(tool, id=task["id"]), says("It has just changed."))
    waiting = "select from pg_locks where not granted and locktype = 'transactionid'"
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as threads:
        other = runner.run(asyncpg.connect(database_url))
        runner.run(other.execute("begin"))
        runner.run(other.fetch("update task set title = 'Buy rye' where id = $1", task["id"]))
        answer = threads.submit(chat, api)
        deadline = time.monotonic() + 5
        while not query(database_url, waiting):
            assert time.monotonic() < deadline, "the assistant's change should wait for the other"
        runner.run(other.execute("commit"))
        runner.run(other.close())
        assert answer.result().json()["changes"] == []
    assert "changed meanwhile" in provider.requests[-1].tool_result()["error"]
    assert api.get(f"/api/tasks/{task['id']}").json()["done"] is False


@pytest.mark.parametrize("tool", ["read_task", "complete_task", "delete_task"])
def test_it_cannot_reach_another_users_task(
    api: httpx2.Client, stranger: httpx2.Client, provider: Provider, tool: str
) -> None:
    task = stranger.post("/api/tasks", json={"title": "not yours"}).json()
    provider.play(calls(tool, id=task["id"]), says("I could not find it."))
    assert chat(api).json()["changed"] is False
    assert provider.requests[-1].tool_result() == {"error": "no task of this id"}
    assert stranger.get(f"/api/tasks/{task['id']}").json() == task


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(calls("add_task", title=""), id="empty title"),
        pytest.param(calls("add_task", title="x", due="soon"), id="no date"),
        pytest.param(calls("delete_task", id="1"), id="no uuid"),
        pytest.param(calls("list_tasks", after="the second"), id="no cursor"),
        pytest.param(calls("drop_database"), id="no such tool"),
    ],
)
def test_a_models_mistake_is_returned_to_the_model(
    api: httpx2.Client, provider: Provider, mistake: object
) -> None:
    provider.play(mistake, says("Sorry."))  # type: ignore[arg-type]
    assert chat(api).json() == {"reply": "Sorry.", "changed": False, "changes": []}
    assert "error" in provider.requests[-1].tool_result()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_does_nothing_if_it_does_not_know_an_argument(
    api: httpx2.Client, provider: Provider, tool: str
) -> None:
    task = api.post("/api/tasks", json={"title": "Buy bread"}).json()
    provider.play(calls(tool, id=task["id"], dry_run=True), says("Sorry."))
    assert chat(api).json()["changes"] == []
    assert "extra_forbidden" in provider.requests[-1].tool_result()["error"]
    assert api.get(f"/api/tasks/{task['id']}").json() == task


def test_a_model_is_told_that_a_person_has_no_room_for_a_task(
    api: httpx2.Client, provider: Provider, database_url: str, user_id: str
) -> None:
    add_tasks(database_url, user_id, 10_000)
    provider.play(calls("add_task", title="Buy bread"), says("Your list is full."))
    assert chat(api).json()["changed"] is False
    assert provider.requests[-1].tool_result() == {
        "error": "the person has 10000 tasks, which is the limit"
    }


def test_a_model_that_goes_in_circles_is_stopped(api: httpx2.Client, provider: Provider) -> None:
    provider.play(calls("list_tasks"))
    response = chat(api)
    assert response.status_code == 200
    assert "too many steps" in response.json()["reply"]
    assert len(provider.requests) == 8


def test_the_rounds_of_a_slow_provider_are_504_when_their_common_time_is_up(
    api: httpx2.Client, provider: Provider
) -> None:
    provider.play(calls("list_tasks"), delay=0.6)
    started = time.monotonic()
    assert chat(api).status_code == 504
    assert time.monotonic() - started < 3, "ASSISTANT_TIMEOUT is 2"


def test_a_refusing_provider_is_502_and_the_key_stays_inside(
    api: httpx2.Client, provider: Provider
) -> None:
    provider.play(says(""), status=401)
    response = chat(api)
    assert response.status_code == 502
    assert "AuthenticationError 401" in response.json()["detail"]
    assert KEY not in response.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"text"',
        b"<html>",
        b"{}",
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": {"0": {}}}',
        b'{"choices": "none"}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": ["parts"]}}]}',
        b'{"choices": [{"message": {"tool_calls": "none"}}]}',
        b'{"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}',
        b'{"choices": [{"message": {"content": "cut',
        b'{"choices": [{"message": {"content": "\xff"}}]}',
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
    ],
)
def test_whatever_else_a_provider_sends_is_502(
    api: httpx2.Client, backend: Backend, provider: Provider, body: bytes
) -> None:
    before = backend.logs().count("unexpected error")
    provider.play(sends(body))
    response = chat(api)
    assert response.status_code == 502
    assert response.json()["detail"] == "the assistant's provider sent no answer"
    assert backend.logs().count("unexpected error") == before


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "obey"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": "nul \x00"}],
        [{"role": "user", "content": "x" * 8001}],
        [{"role": "user", "content": "x"}] * 17,
    ],
)
def test_a_wrong_conversation_is_422(api: httpx2.Client, messages: list[object]) -> None:
    assert api.post("/api/chat", json={"messages": messages}).status_code == 422


def test_a_wrong_day_is_422(api: httpx2.Client) -> None:
    for today in ("tomorrow", "2023-02-29", 0):
        refused = api.post("/api/chat", json={**HELLO, "today": today})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["msg"] != "Extra inputs are not permitted"


def test_the_longest_conversation_fits_a_body(api: httpx2.Client, provider: Provider) -> None:
    provider.play(says("So much."))
    longest = [{"role": "user", "content": "x" * 8000}] * 16
    assert api.post("/api/chat", json={"messages": longest}).status_code == 200


def test_availability_reports_whether_a_key_is_set(backend: Backend, unconfigured: Backend) -> None:
    assert backend.get("/api/chat").json() == {"available": True}
    assert unconfigured.get("/api/chat").json() == {"available": False}


def test_without_a_key_the_assistant_is_503_and_says_so(
    unconfigured: Backend, database_url: str
) -> None:
    with unconfigured.as_user(add_user(database_url)) as api:
        response = api.post("/api/chat", json=HELLO)
    assert response.status_code == 503
    assert "OPENAI_API_KEY" in response.json()["detail"]
