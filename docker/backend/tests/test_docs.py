"""The API's document, and the page that is made from it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from pydantic import BaseModel
from taskflow_api import __version__, assistant, models, problems
from taskflow_api.routes import chat, health
from taskflow_api.routes.docs import page
from tests.support.server import Backend

PARTS = (models, assistant, problems, chat, health)
MODELS: dict[str, type[BaseModel]] = {
    name: found
    for part in PARTS
    for name, found in vars(part).items()
    if isinstance(found, type) and issubclass(found, BaseModel)
}
# What needs no words.
PLAIN = ("$ref", "enum", "const", "format")


@pytest.fixture(scope="module")
def document(backend: Backend) -> dict[str, Any]:
    found: dict[str, Any] = backend.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def examples(schema: dict[str, Any]) -> list[Any]:
    within = schema.get("anyOf", [])
    return [*schema.get("examples", []), *(found for it in within for found in examples(it))]


def test_the_document_names_the_applications_version(document: dict[str, Any]) -> None:
    assert document["info"]["version"] == __version__


def test_operation_ids_are_stable_because_clients_are_made_from_them(
    document: dict[str, Any],
) -> None:
    found = {
        f"{method} {path}": operation["operationId"]
        for method, path, operation in operations(document)
    }
    assert found == {
        "GET /api/tasks": "list_tasks",
        "POST /api/tasks": "create_task",
        "GET /api/tasks/{task_id}": "get_task",
        "PATCH /api/tasks/{task_id}": "update_task",
        "DELETE /api/tasks/{task_id}": "delete_task",
        "GET /api/chat": "assistant_availability",
        "POST /api/chat": "chat",
        "GET /health": "ready",
        "GET /health/live": "live",
    }


def test_every_operation_and_parameter_is_described_and_every_refusal_is_a_problem(
    document: dict[str, Any],
) -> None:
    for method, path, operation in operations(document):
        assert operation["description"], f"{method} {path}"
        for parameter in operation.get("parameters", ()):
            name = f"{method} {path}: {parameter['name']}"
            assert parameter.get("description"), name
            assert examples(parameter["schema"]), name
        for status, response in operation["responses"].items():
            if path.startswith("/api/") and status >= "400":
                assert set(response["content"]) == {"application/problem+json"}
            if path.startswith("/api/"):
                # Any of them can find no place: see taskflow_api.shed.
                assert "503" in operation["responses"], f"{method} {path}"


def test_the_headers_of_every_answer_are_in_the_document(
    api: httpx2.Client, document: dict[str, Any]
) -> None:
    def documented(path: str, method: str, status: int) -> set[str]:
        answer = document["paths"][path][method.lower()]["responses"][str(status)]
        return {name.lower() for name in answer.get("headers", {})}

    new = {"id": str(uuid4()), "title": "x"}
    task = "/api/tasks/{task_id}"
    answers: list[tuple[str, str, dict[str, Any], int]] = [
        ("POST", "/api/tasks", {"json": new}, 201),
        ("POST", "/api/tasks", {"json": new}, 200),
        ("GET", task, {}, 200),
        ("GET", task, {"headers": {"If-None-Match": '"1"'}}, 304),
        ("PATCH", task, {"json": {"done": True}}, 200),
        ("PATCH", task, {"json": {"done": True}, "headers": {"If-Match": '"1"'}}, 412),
        ("DELETE", task, {"headers": {"If-Match": '"1"'}}, 412),
        ("DELETE", task, {"headers": {"Authorization": "Bearer none"}}, 401),
        ("DELETE", task, {}, 204),
        ("DELETE", task, {}, 404),
        ("GET", "/api/tasks", {}, 200),
        ("GET", "/api/tasks", {"headers": {"Authorization": "Bearer none"}}, 401),
    ]
    for method, path, options, status in answers:
        answer = api.request(method, path.format(task_id=new["id"]), **options)
        assert answer.status_code == status, f"{method} {path}"
        found = {"etag", "location", "www-authenticate", "retry-after"} & set(answer.headers)
        assert found == documented(path, method, status), f"{method} {path} {status}"


def test_every_model_is_described_and_so_is_what_is_in_it(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        for field, found in schema["properties"].items():
            kinds = [found, found.get("items", {}), *found.get("anyOf", [])]
            plain = any(word in kind for kind in kinds for word in PLAIN)
            words = found.get("description") or examples(found)
            assert plain or words or found.get("type") == "boolean", f"{name}.{field}"


def test_every_example_of_a_model_is_valid(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        model = MODELS[name]
        for field, found in schema["properties"].items():
            for example in examples(found):
                model.__pydantic_validator__.validate_assignment(
                    model.model_construct(), field, example
                )


def test_every_example_of_a_parameter_is_accepted(
    document: dict[str, Any], api: httpx2.Client
) -> None:
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            for example in examples(parameter["schema"]):
                at, name = path.replace("{task_id}", models.EXAMPLE_ID), parameter["name"]
                options: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
                match parameter["in"]:
                    case "path":
                        at = path.replace(f"{{{name}}}", example)
                    case "query":
                        options["params"] = {name: example}
                    case "header":
                        options["headers"] = {name: ",".join(example)}
                status = api.request(method, at, **options).status_code
                assert status in (200, 404), f"{method} {path}: {name} {example}"


class Reader(HTMLParser):
    """The text of a page, its tags, and what its links lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.links, self.anchors = "", set[str](), set[str](), set[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.add(str(value))
            elif name == "id":
                self.anchors.add(f"#{value}")

    def handle_data(self, data: str) -> None:
        self.text += f"{data}\n"


def test_the_page_shows_all_of_the_document(backend: Backend, document: dict[str, Any]) -> None:
    answer = backend.get("/docs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    shown = Reader(answer.text)
    for method, path, operation in operations(document):
        assert f"{method} {path}\n" in shown.text
        words = re.split(r"`.+?`", operation["description"])
        names = [found["name"] for found in operation.get("parameters", ())]
        names += [
            header
            for answer in operation["responses"].values()
            for header in answer.get("headers", ())
        ]
        for text in (*words, *names, *operation["responses"]):
            assert text in shown.text
    assert {f"#{name}" for name in document["components"]["schemas"]} == shown.anchors


def test_the_page_needs_no_script_and_no_other_host(backend: Backend) -> None:
    answer = backend.get("/docs")
    shown = Reader(answer.text)
    assert "script" not in shown.tags
    assert shown.links == {"/openapi.json", *(link for link in shown.links if link[0] == "#")}
    assert {link for link in shown.links if link[0] == "#"} <= shown.anchors
    assert answer.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'sha"
    )


def test_the_page_shows_text_as_text(document: dict[str, Any]) -> None:
    evil = "<script>`alert(1)`</script>"
    model = {"description": evil, "properties": {evil: {"type": evil, "examples": [evil]}}}
    info = {"title": evil, "version": evil, "description": evil}
    get = {"description": evil, "responses": {evil: {"description": evil}}}
    html = page(
        {
            "info": info,
            "paths": {evil: {"get": get}},
            "components": {"schemas": {evil: model}, "securitySchemes": {}},
        }
    )
    assert "script" not in Reader(html).tags


def test_the_frameworks_own_pages_which_need_another_host_are_off(backend: Backend) -> None:
    assert backend.get("/redoc").status_code == 404
