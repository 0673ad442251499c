"""One shape for every error: problem details, application/problem+json (RFC 9457).

The promise: errors have one shape, whatever refuses: a route, the framework or a full pod. Only what is no HTTP never
reaches the application: uvicorn answers it with 400 in plain text, and has no hook for another answer.
`detail` is a sentence for people; members of its own belong to one kind of problem.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from taskflow_api.database import DatabaseUnavailableError
from taskflow_api.models import MAX_TASKS, Task
from taskflow_api.tasks import (
    TaskChangedError,
    TaskIdTakenError,
    TaskNotFoundError,
    TooManyTasksError,
    UnknownUserError,
)

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
UNAUTHORIZED = {"WWW-Authenticate": 'Bearer realm="taskflow"'}
SOON = {"Retry-After": "1"}


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: Literal["about:blank"]
    title: Annotated[str, Field(description="the status in words", examples=["Not Found"])]
    status: Annotated[int, Field(examples=[404])]
    detail: Annotated[str, Field(description="what happened", examples=["no such task"])]


class InvalidField(BaseModel):
    """What is wrong with one field."""

    loc: Annotated[list[str | int], Field(description="where it is", examples=[["body", "title"]])]
    type: Annotated[str, Field(examples=["string_too_short"])]
    msg: Annotated[str, Field(examples=["String should have at least 1 character"])]


class InvalidRequest(Problem):
    """What is wrong with each field."""

    errors: list[InvalidField]


class TaskChanged(Problem):
    """The task has another version than the request expects."""

    task: Task


MODELS: dict[int, type[Problem]] = {412: TaskChanged, 422: InvalidRequest}


def header(name: str, description: str) -> dict[str, Any]:
    """A header of an answer, for the OpenAPI document."""
    return {name: {"description": description, "schema": {"type": "string"}}}


ETAG = header("ETag", "the task's version, for If-Match")
HEADERS = {
    401: {"headers": header("WWW-Authenticate", "the scheme: Bearer")},
    412: {"headers": ETAG},
    503: {"headers": header("Retry-After", "seconds to wait; absent if waiting does not help")},
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an endpoint, for the OpenAPI document."""
    return {
        status: {"model": MODELS.get(status, Problem), **HEADERS.get(status, {})}
        for status in statuses
    }


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> JSONResponse:
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(content | members, status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Gives every error of the application its shape."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UnknownUserError, _unknown_user)
    app.add_exception_handler(TaskNotFoundError, _not_found)
    app.add_exception_handler(TaskIdTakenError, _id_taken)
    app.add_exception_handler(TooManyTasksError, _too_many)
    app.add_exception_handler(TaskChangedError, _changed)
    app.add_exception_handler(DatabaseUnavailableError, _unavailable)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    return problem(error.status_code, str(error.detail), headers)


def _allowed(request: Request) -> list[str]:
    """Starlette names only the methods of one of the routes that share a path."""

    def answers(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in METHODS if answers(method)]


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Without the input, which may be large, secret, or (a lone surrogate) not even encodable.
    errors = [{key: found[key] for key in ("loc", "type", "msg")} for found in error.errors()]
    detail = " ".join(f"{_name(found['loc']).capitalize()}: {found['msg']}." for found in errors)
    return problem(422, detail, errors=errors)


def _name(place: Sequence[str | int]) -> str:
    """The innermost name: a number is an index, or where a body stops being JSON."""
    return next(part for part in reversed(place) if isinstance(part, str))


async def _unknown_user(_request: Request, _error: Exception) -> JSONResponse:
    return problem(401, "the token's user does not exist", UNAUTHORIZED)


async def _not_found(_request: Request, _error: Exception) -> JSONResponse:
    return problem(404, "no such task")


async def _id_taken(_request: Request, _error: Exception) -> JSONResponse:
    return problem(409, "a task cannot have this id: choose another")


async def _too_many(_request: Request, _error: Exception) -> JSONResponse:
    return problem(409, f"You have {MAX_TASKS:,} tasks, which is the limit. Delete some first.")


async def _changed(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TaskChangedError)
    task = error.present
    detail = "the task has changed since it was read"
    return problem(412, detail, {"ETag": task.etag}, task=jsonable_encoder(task))


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    return problem(503, f"the database is not available: {error}", SOON)


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    """Starlette raises the error again, and taskflow_api.observe logs it."""
    return problem(500, "an unexpected error; the log has it under this response's X-Request-ID")


def documented(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with the media type of problems: FastAPI knows one for all answers of a route."""
    models: list[type[Problem]] = [Problem, *MODELS.values()]
    shapes = {f"#/components/schemas/{model.__name__}" for model in models}
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                content = response.get("content", {})
                if content.get("application/json", {}).get("schema", {}).get("$ref") in shapes:
                    content[MEDIA_TYPE] = content.pop("application/json")
    return document
