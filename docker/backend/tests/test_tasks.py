import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from taskflow_api.models import Task
from tests.support.database import add_tasks, query
from tests.support.server import Backend

MISSING = f"/api/tasks/{uuid.uuid4()}"


def add(api: httpx2.Client, title: str = "Water the plants", **fields: object) -> dict[str, object]:
    response = api.post("/api/tasks", json={"title": title, **fields})
    assert response.status_code == 201, response.text
    task: dict[str, object] = response.json()
    return task


def add_again(api: httpx2.Client, task: dict[str, object]) -> dict[str, object]:
    """As Undo of a deletion does."""
    return add(api, str(task["title"]), id=task["id"], created_at=task["created_at"])


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def titles(api: httpx2.Client, **filters: str | bool) -> list[str]:
    response = api.get("/api/tasks", params=filters)
    assert response.status_code == 200, response.text
    return [task["title"] for task in response.json()["items"]]


def test_a_created_task_comes_back_complete_with_its_location(api: httpx2.Client) -> None:
    response = api.post(
        "/api/tasks", json={"title": "  Call Ada  ", "notes": "about März", "due": "2030-02-28"}
    )
    task = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/tasks/{task['id']}"
    assert task["title"] == "Call Ada", "white space around a title means nothing"
    assert (task["notes"], task["done"], task["due"]) == ("about März", False, "2030-02-28")
    assert api.get(response.headers["Location"]).json() == task


def test_answers_have_the_documented_shape(api: httpx2.Client) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    task, page = add(api, due="2030-02-28"), api.get("/api/tasks").json()
    assert set(task) == set(schemas["Task"]["properties"]) == set(schemas["Task"]["required"])
    assert set(page) == set(schemas["TaskPage"]["properties"])
    assert page["items"] == [task]
    Task.model_validate_json(json.dumps(task), strict=True)
    for moment in (task["created_at"], task["updated_at"]):
        assert str(moment).endswith("Z"), "times are in UTC, whatever the server's zone"


def test_only_the_given_fields_change(api: httpx2.Client) -> None:
    task = add(api, notes="blue pot", due="2030-01-01")
    response = api.patch(f"/api/tasks/{task['id']}", json={"done": True})
    changed = response.json()
    assert response.status_code == 200
    assert changed["updated_at"] > task["updated_at"]
    grown = {"updated_at": changed["updated_at"], "version": 2}
    assert changed == {**task, "done": True, **grown}


def test_a_due_date_can_be_cleared(api: httpx2.Client) -> None:
    task = add(api, due="2030-01-01")
    assert api.patch(f"/api/tasks/{task['id']}", json={"due": None}).json()["due"] is None


def test_a_deleted_task_is_gone(api: httpx2.Client) -> None:
    path = f"/api/tasks/{add(api)['id']}"
    response = api.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert api.get(path).status_code == 404
    assert api.delete(path).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_task_that_never_was_is_404(api: httpx2.Client, method: str) -> None:
    assert api.request(method, MISSING, json={} if method == "PATCH" else None).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_users_task_is_404_and_untouched(
    api: httpx2.Client, stranger: httpx2.Client, method: str
) -> None:
    task = add(api)
    path = f"/api/tasks/{task['id']}"
    body = {"title": "mine now"} if method == "PATCH" else None
    assert stranger.request(method, path, json=body).status_code == 404
    assert api.get(path).json() == task


def test_a_list_holds_only_ones_own_tasks(api: httpx2.Client, stranger: httpx2.Client) -> None:
    add(stranger, "Not yours")
    assert api.get("/api/tasks").json() == {"items": [], "total": 0, "next": None}


def test_the_newest_task_is_listed_first(api: httpx2.Client) -> None:
    for title in ("first", "second", "third"):
        add(api, title)
    assert titles(api) == ["third", "second", "first"]


def test_tasks_are_filtered_by_done(api: httpx2.Client) -> None:
    add(api, "open")
    add(api, "finished", done=True)
    assert titles(api, done=True) == ["finished"]
    assert titles(api, done=False) == ["open"]


def test_search_looks_into_title_and_notes_in_any_case(api: httpx2.Client) -> None:
    add(api, "Buy MILK")
    add(api, "Breakfast", notes="with milk")
    add(api, "Sleep")
    assert titles(api, search="milk") == ["Breakfast", "Buy MILK"]


@pytest.mark.parametrize("text", ["100%", "a_b", "back\\slash"])
def test_search_takes_wildcards_literally(api: httpx2.Client, text: str) -> None:
    add(api, f"has {text} in it")
    add(api, "100 aXb backslash")
    assert titles(api, search=text) == [f"has {text} in it"]


def test_pages_cut_the_list_and_total_counts_all_of_it(api: httpx2.Client) -> None:
    for number in range(5):
        add(api, f"task {number}")
    page = api.get("/api/tasks", params={"limit": 2, "offset": 2}).json()
    assert [task["title"] for task in page["items"]] == ["task 2", "task 1"]
    assert page["total"] == 5
    beyond = api.get("/api/tasks", params={"offset": 50}).json()
    assert beyond == {"items": [], "total": 5, "next": None}, (
        "a page past the end still knows the total"
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 201},
        {"title": None},
        {"title": 7},
        {"title": "nul \x00 inside"},
        {"title": "x", "notes": "nul \x00"},
        {"title": "x", "notes": "n" * 10_001},
        {"title": "x", "done": "yes"},
        {"title": "x", "due": "tomorrow"},
        {"title": "x", "due": "2023-02-29"},
        {"title": "x", "due": 0},
        {"title": "x", "due": "1767225600"},
        {"title": "x", "due": "2026-01-01T00:00:00"},
        {"title": "x", "due": "9999-12-31"},
        {"title": "x", "due": "0001-01-01"},
        {"title": "x", "owner_id": "somebody else"},
        {"title": "x", "priority": "urgent"},
        {"title": "x", "priority": 2},
        {"title": "x", "id": "1"},
        {"title": "x", "version": 7},
        {"title": "x", "created_at": "2026-01-31T10:00:00"},
        {"title": "x", "created_at": "2026-01-31"},
        {"title": "x", "created_at": "1767225600"},
        {"title": "x", "created_at": 1767225600},
        {"title": "x", "created_at": "1969-12-31T23:59:59Z"},
        {"title": "x", "created_at": "9999-12-31T23:59:59-12:00"},
        {"title": "x", "created_at": in_seconds(3600)},
    ],
)
def test_a_wrong_task_is_422_and_names_the_problem(
    api: httpx2.Client, body: dict[str, object]
) -> None:
    response = api.post("/api/tasks", json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"][0] == "body"
    assert titles(api) == [], "nothing was stored"


@pytest.mark.parametrize(
    "title", ["\u200b", "\u2060 \ufeff", "\u202e", "\u0301", "\u3164", "\u2800", "\ufe0f"]
)
def test_a_title_that_shows_nothing_is_as_an_empty_one(api: httpx2.Client, title: str) -> None:
    empty, invisible = (api.post("/api/tasks", json={"title": text}) for text in ("", title))
    assert invisible.status_code == 422
    assert invisible.json() == empty.json()
    path = f"/api/tasks/{add(api)['id']}"
    assert api.patch(path, json={"title": title}).status_code == 422


@pytest.mark.parametrize("title", ["a\u200b", "?", "\U0001f469\u200d\U0001f4bb", "\U0001fae9", "ก"])
def test_a_title_of_any_characters_is_kept(api: httpx2.Client, title: str) -> None:
    assert api.post("/api/tasks", json={"title": title}).json()["title"] == title


@pytest.mark.parametrize("field", ["title", "notes"])
def test_a_lone_surrogate_is_422(api: httpx2.Client, field: str) -> None:
    body = json.dumps({"title": "x", field: "half of a \ud83d smile"})
    headers = {"Content-Type": "application/json"}
    assert api.post("/api/tasks", content=body, headers=headers).status_code == 422


def test_a_name_of_half_a_character_is_422(api: httpx2.Client) -> None:
    body = json.dumps({"title": "x", "half of a \ud83d smile": 1})
    headers = {"Content-Type": "application/json"}
    assert api.post("/api/tasks", content=body, headers=headers).status_code == 422


def test_null_is_no_title_in_a_change(api: httpx2.Client) -> None:
    path = f"/api/tasks/{add(api)['id']}"
    assert api.patch(path, json={"title": None}).status_code == 422


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b"null", b""])
def test_a_body_that_is_no_task_is_refused_as_the_clients_fault(
    api: httpx2.Client, body: bytes
) -> None:
    response = api.post("/api/tasks", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)


@pytest.mark.parametrize(
    "filters",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "many"},
        {"offset": -1},
        {"offset": 10**30},
        {"done": "perhaps"},
        {"search": "nul \x00"},
        {"search": "s" * 201},
        {"after": "a"},
        {"after": f"99999999999999999.{uuid.uuid4()}"},
    ],
)
def test_a_wrong_filter_is_422(api: httpx2.Client, filters: dict[str, str]) -> None:
    assert api.get("/api/tasks", params=filters).status_code == 422


def test_an_id_that_is_no_uuid_is_422(api: httpx2.Client) -> None:
    assert api.get("/api/tasks/1").status_code == 422


def test_a_body_over_128_kib_is_413(api: httpx2.Client) -> None:
    body = b'{"title": "x", "notes": "' + b"n" * 128 * 1024 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert api.post("/api/tasks", content=body, headers=headers).status_code == 413
    chunks = (body[at : at + 8192] for at in range(0, len(body), 8192))
    assert api.post("/api/tasks", content=chunks, headers=headers).status_code == 413


def test_deleting_the_account_deletes_its_tasks(
    api: httpx2.Client, user_id: str, database_url: str
) -> None:
    add(api)
    query(database_url, 'delete from "user" where id = $1', user_id)
    assert query(database_url, "select 1 from task where owner_id = $1", user_id) == []


def test_a_task_is_of_normal_priority_unless_it_says_otherwise(api: httpx2.Client) -> None:
    assert add(api)["priority"] == "normal"
    task = add(api, priority="high")
    assert task["priority"] == "high"
    path = f"/api/tasks/{task['id']}"
    assert api.patch(path, json={"priority": "low"}).json()["priority"] == "low"
    assert api.patch(path, json={"done": True}).json()["priority"] == "low"


def test_every_change_grows_the_version_and_its_etag(api: httpx2.Client) -> None:
    created = api.post("/api/tasks", json={"title": "Water the plants"})
    path = created.headers["Location"]
    assert (created.json()["version"], created.headers["ETag"]) == (1, '"1"')
    changed = api.patch(path, json={"done": True})
    assert (changed.json()["version"], changed.headers["ETag"]) == (2, '"2"')
    assert api.get(path).headers["ETag"] == '"2"'


def test_a_change_of_nothing_changes_nothing(api: httpx2.Client) -> None:
    task = add(api)
    assert api.patch(f"/api/tasks/{task['id']}", json={}).json() == task


@pytest.mark.parametrize("expected", [None, "*", '"2"', '"1", "2"', '"2",'])
def test_a_change_for_the_present_version_is_made(api: httpx2.Client, expected: str | None) -> None:
    path = f"/api/tasks/{add(api)['id']}"
    api.patch(path, json={"done": True})
    headers = {"If-Match": expected} if expected else {}
    assert api.patch(path, json={"title": "Mine"}, headers=headers).status_code == 200
    assert api.patch(path, json={}, headers={"If-Match": '"3"'}).status_code == 200
    assert api.delete(path, headers={"If-Match": '"3"'}).status_code == 204


def test_versions_in_two_headers_are_one_list(api: httpx2.Client) -> None:
    path = f"/api/tasks/{add(api)['id']}"
    headers = [("If-Match", '"7"'), ("If-Match", '"1"')]
    assert api.patch(path, json={"title": "Mine"}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "expected", ['"1"', 'W/"2"', "2", '"02"', '"x"', '""', '"99999999999999"', "no"]
)
@pytest.mark.parametrize(
    ("method", "body"), [("PATCH", {"title": "Mine"}), ("PATCH", {}), ("DELETE", None)]
)
def test_a_change_for_another_version_is_412_with_the_present_task(
    api: httpx2.Client, method: str, body: object, expected: str
) -> None:
    path = f"/api/tasks/{add(api)['id']}"
    present = api.patch(path, json={"notes": "from another tab"}).json()
    refused = api.request(method, path, json=body, headers={"If-Match": expected})
    assert refused.status_code == 412
    assert refused.json()["task"] == present
    assert refused.headers["ETag"] == '"2"'
    assert api.get(path).json() == present, "nothing was changed"


@pytest.mark.parametrize("known", ['"2"', 'W/"2"', '"1", W/"2"', "*"])
def test_a_version_that_the_client_has_is_not_sent_again(api: httpx2.Client, known: str) -> None:
    path = f"/api/tasks/{add(api)['id']}"
    api.patch(path, json={"done": True})
    for method in ("GET", "HEAD"):
        unchanged = api.request(method, path, headers={"If-None-Match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["ETag"] == '"2"'


@pytest.mark.parametrize("known", ['"1"', '"20"', "2", "", '"foreign"'])
def test_a_version_that_the_client_has_not_is_sent(api: httpx2.Client, known: str) -> None:
    path = f"/api/tasks/{add(api)['id']}"
    api.patch(path, json={"done": True})
    assert api.get(path, headers={"If-None-Match": known}).json()["version"] == 2


def test_another_users_task_is_404_whatever_version_is_expected(
    api: httpx2.Client, stranger: httpx2.Client
) -> None:
    path = f"/api/tasks/{add(api)['id']}"
    for expected in ('"1"', '"2"', "*"):
        headers = {"If-Match": expected}
        assert stranger.patch(path, json={"title": "x"}, headers=headers).status_code == 404
        assert stranger.delete(path, headers=headers).status_code == 404


def test_one_of_two_changes_for_one_version_is_made(api: httpx2.Client) -> None:
    path = f"/api/tasks/{add(api)['id']}"

    def change(title: str) -> int:
        return api.patch(path, json={"title": title}, headers={"If-Match": '"1"'}).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(change, (f"tab {number}" for number in range(8))))
    assert statuses == [200] + [412] * 7


def test_a_second_try_finds_the_task_of_the_first(api: httpx2.Client) -> None:
    body = {"title": "Call Ada", "id": str(uuid.uuid4())}
    first, second = api.post("/api/tasks", json=body), api.post("/api/tasks", json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.json()["id"] == body["id"]
    for name in ("Location", "ETag"):
        assert first.headers[name] == second.headers[name]
    assert titles(api) == ["Call Ada"]


def test_a_deleted_task_that_is_added_again_is_in_its_former_place(api: httpx2.Client) -> None:
    tasks = [add(api, title) for title in ("first", "second", "third")]
    for task in tasks[:2]:
        api.delete(f"/api/tasks/{task['id']}")
        again = add_again(api, task)
        assert again["created_at"] == task["created_at"]
        assert str(again["updated_at"]) > str(task["updated_at"])
    assert titles(api) == ["third", "second", "first"]


@pytest.mark.parametrize(
    "moment", ["1970-01-01T00:00:00Z", "2026-01-31T10:00:00.123456+05:30", in_seconds(30), None]
)
def test_a_time_of_creation_is_kept_whatever_its_zone(
    api: httpx2.Client, moment: str | None
) -> None:
    kept = datetime.fromisoformat(str(add(api, created_at=moment)["created_at"]))
    expected = datetime.fromisoformat(moment) if moment else datetime.now(UTC)
    assert abs(kept - expected) < timedelta(seconds=0 if moment else 10, microseconds=1)


def test_tries_at_once_make_one_task(api: httpx2.Client) -> None:
    body = {"title": "Call Ada", "id": str(uuid.uuid4())}

    def create(_number: int) -> int:
        return api.post("/api/tasks", json=body).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(create, range(8))) == [200] * 7 + [201]


def test_an_id_of_somebody_else_is_409_and_reveals_nothing(
    api: httpx2.Client, stranger: httpx2.Client
) -> None:
    task = add(stranger, "Not yours")
    refused = api.post("/api/tasks", json={"title": "x", "id": task["id"]})
    assert refused.status_code == 409
    assert set(refused.json()) == {"type", "title", "status", "detail"}
    assert "Not yours" not in refused.text
    assert stranger.get(f"/api/tasks/{task['id']}").json() == task


def test_one_task_more_than_10000_is_409_until_one_is_deleted(
    api: httpx2.Client, stranger: httpx2.Client, user_id: str, database_url: str
) -> None:
    chosen = {"title": "Call Ada", "id": str(uuid.uuid4())}
    api.post("/api/tasks", json=chosen)
    add_tasks(database_url, user_id, 9_999)
    for body in ({"title": "x"}, {"title": "x", "id": str(uuid.uuid4())}):
        refused = api.post("/api/tasks", json=body)
        assert refused.status_code == 409
        assert refused.json()["detail"] == (
            "You have 10,000 tasks, which is the limit. Delete some first."
        )
    assert api.get("/api/tasks").json()["total"] == 10_000
    assert api.post("/api/tasks", json=chosen).status_code == 200, "a second try finds its task"
    add(stranger)
    api.delete(f"/api/tasks/{chosen['id']}")
    add(api, "the last one")


def test_pages_neither_repeat_nor_skip_whatever_happens_meanwhile(api: httpx2.Client) -> None:
    ids = [add(api, f"task {number}")["id"] for number in range(7)][::-1]
    seen: list[str] = []
    for page in pages(api):
        seen += [task["id"] for task in page]
        add(api, "added meanwhile")
        api.delete(f"/api/tasks/{seen[-1]}")
        api.patch(f"/api/tasks/{ids[-1]}", json={"title": "changed meanwhile"})
    assert seen == ids


def test_pages_show_a_task_once_that_is_deleted_and_added_again_meanwhile(
    api: httpx2.Client,
) -> None:
    oldest = "1970-01-01T00:00:00Z"
    tasks = [add(api, f"task {number}", created_at=oldest) for number in range(7)]
    seen: list[str] = []
    for page in pages(api):
        seen += [task["title"] for task in page]
        for task in tasks:
            api.delete(f"/api/tasks/{task['id']}")
            add_again(api, task)
    assert sorted(seen) == [task["title"] for task in tasks]


def pages(api: httpx2.Client) -> Iterator[list[dict[str, str]]]:
    after: str | None = None
    while True:
        page = api.get("/api/tasks", params={"limit": 2} | ({"after": after} if after else {}))
        yield page.json()["items"]
        after = page.json()["next"]
        if after is None:
            break


def test_tasks_of_the_same_moment_are_paged_by_their_ids(
    api: httpx2.Client, user_id: str, database_url: str
) -> None:
    for number in range(5):
        add(api, f"task {number}")
    query(database_url, "update task set created_at = now() where owner_id = $1", user_id)
    whole = [task["id"] for task in api.get("/api/tasks").json()["items"]]
    first = api.get("/api/tasks", params={"limit": 3}).json()
    rest = api.get("/api/tasks", params={"limit": 3, "after": first["next"]}).json()
    assert [task["id"] for task in first["items"] + rest["items"]] == whole


def test_the_last_page_has_no_next_and_every_page_the_total(api: httpx2.Client) -> None:
    for number in range(4):
        add(api, f"task {number}")
    first = api.get("/api/tasks", params={"limit": 2}).json()
    last = api.get("/api/tasks", params={"limit": 2, "after": first["next"]}).json()
    assert (len(last["items"]), last["next"]) == (2, None)
    assert (first["total"], last["total"]) == (4, 4)


def test_a_deletion_is_an_audit_event_without_the_tasks_text(
    backend: Backend, api: httpx2.Client, user_id: str
) -> None:
    task = add(api, "A secret plan")
    api.delete(f"/api/tasks/{task['id']}")
    backend.log_line(event="task.deleted", user=user_id, task=task["id"])
    assert "A secret plan" not in backend.logs()
