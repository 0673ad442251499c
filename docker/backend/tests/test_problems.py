"""Refusals: one shape, whatever refuses; and what HTTP requires beside it."""

import json
import socket
import uuid
from typing import Any

import httpx2
import pytest
from tests.support.database import add_user, make_inserts_fail, new_database
from tests.support.server import Backend

TASK = f"/api/tasks/{uuid.uuid4()}"
JSON = {"Content-Type": "application/json"}
LARGE = b'{"title": "x", "notes": "' + b"n" * 128 * 1024 + b'"}'

ALLOWED = {
    "/api/tasks": "GET, HEAD, POST",
    TASK: "GET, HEAD, PATCH, DELETE",
    "/api/chat": "GET, HEAD, POST",
    "/health": "GET, HEAD",
    "/health/live": "GET, HEAD",
    "/metrics": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/docs": "GET, HEAD",
}


def assert_problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail"} <= set(body)
    assert body["status"] == status
    assert isinstance(body["detail"], str)
    return body


@pytest.mark.parametrize(
    ("status", "method", "path", "options"),
    [
        pytest.param(400, "POST", "/api/tasks", {"content": b"\xff", "headers": JSON}, id="bytes"),
        pytest.param(404, "GET", "/nowhere", {}, id="path"),
        pytest.param(404, "GET", TASK, {}, id="task"),
        pytest.param(405, "PUT", TASK, {}, id="method"),
        pytest.param(413, "POST", "/api/tasks", {"content": LARGE, "headers": JSON}, id="large"),
        pytest.param(
            413, "POST", "/api/tasks", {"content": iter([LARGE]), "headers": JSON}, id="in chunks"
        ),
        pytest.param(422, "POST", "/api/tasks", {"json": {}}, id="field"),
        pytest.param(422, "GET", "/api/tasks/1", {}, id="id"),
        pytest.param(422, "GET", "/api/tasks?limit=0", {}, id="query"),
    ],
)
def test_every_refusal_is_a_problem(
    api: httpx2.Client, status: int, method: str, path: str, options: dict[str, Any]
) -> None:
    assert_problem(api.request(method, path, **options), status)


def test_a_missing_token_is_a_problem(backend: Backend) -> None:
    refused = backend.get("/api/tasks")
    assert_problem(refused, 401)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_unexpected_error_is_a_problem_that_reveals_no_internals() -> None:
    with new_database() as url, Backend(url) as backend:
        user = add_user(url)
        make_inserts_fail(url, "internals")
        with backend.as_user(user) as api:
            answer = api.post("/api/tasks", json={"title": "x"})
        assert "internals" not in json.dumps(assert_problem(answer, 500))


def test_the_detail_of_wrong_fields_is_a_sentence_about_each(api: httpx2.Client) -> None:
    body = assert_problem(api.post("/api/tasks", json={"title": "", "done": 1}), 422)
    assert body["detail"] == (
        "Title: String should have at least 1 character. Done: Input should be a valid boolean."
    )
    assert [found["loc"] for found in body["errors"]] == [["body", "title"], ["body", "done"]]


def test_the_detail_names_a_field_and_no_position(api: httpx2.Client) -> None:
    broken = api.post("/api/tasks", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.json()["detail"] == "Body: JSON decode error."
    unknown = {"messages": [{"role": "user", "content": "hello"}, "hello"]}
    assert api.post("/api/chat", json=unknown).json()["detail"].startswith("Messages: Input")


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "PROPFIND"])
def test_405_names_all_methods_of_the_path(backend: Backend, path: str, method: str) -> None:
    refused = backend.request(method, path)
    assert_problem(refused, 405)
    assert refused.headers["Allow"] == ALLOWED[path]


@pytest.mark.parametrize("path", [path for path in ALLOWED if path != TASK])
def test_head_answers_as_get_without_a_body(api: httpx2.Client, path: str) -> None:
    head, get = api.head(path), api.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_head_of_a_task_has_its_etag(api: httpx2.Client) -> None:
    path = api.post("/api/tasks", json={"title": "x"}).headers["Location"]
    assert api.head(path).headers["ETag"] == '"1"'
    assert api.head(TASK).status_code == 404


def test_no_answer_is_kept_by_a_cache(api: httpx2.Client) -> None:
    for path in (*ALLOWED, "/nowhere"):
        assert api.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "OPTIONS"])
def test_an_odd_method_is_one_line_in_the_log(backend: Backend, method: str) -> None:
    identity = uuid.uuid4().hex
    backend.request(method, "/api/tasks", headers={"X-Request-ID": identity})
    backend.log_line(request_id=identity, status=405)
    lines = [line for line in backend.logs().splitlines() if identity in line]
    assert len(lines) == 1
    assert "exception" not in json.loads(lines[0])


def test_what_is_no_http_is_one_line_of_json(backend: Backend) -> None:
    before = len(backend.logs().splitlines())
    with socket.create_connection(("127.0.0.1", backend.port)) as connection:
        connection.sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    backend.log_line(logger="uvicorn.error", level="warning")
    assert len(backend.logs().splitlines()) == before + 1
