"""The application: its parts, its routes, and what each failure looks like to a client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from taskflow_api.assistant import Assistant
from taskflow_api.auth import UnauthorizedError
from taskflow_api.database import Database, DatabaseUnavailableError
from taskflow_api.routes import chat, health, tasks
from taskflow_api.schema import Schema
from taskflow_api.settings import Settings
from taskflow_api.tasks import TaskNotFoundError, UnknownUserError

# The longest conversation in plain letters; where a letter takes more bytes, fewer fit.
MAX_BODY_BYTES = 128 * 1024


def create_app(settings: Settings) -> FastAPI:
    app = FastAPI(
        title="TaskFlow",
        lifespan=_lifespan,
        max_body_size=MAX_BODY_BYTES,
        # Nothing collects it (taskflow_api.observe has the figures), and asking so costs every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    for module in (tasks, chat, health):
        # Not include_router, which puts a router of its own around them: a tenth of a read, for options not used here.
        app.router.routes += module.router.routes
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UnknownUserError, _unknown_user)
    app.add_exception_handler(TaskNotFoundError, _not_found)
    app.add_exception_handler(DatabaseUnavailableError, _unavailable)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state, settings = app.state, app.state.settings
    state.database = Database(settings)
    state.schema = Schema(state.database)
    key = settings.openai_api_key
    state.assistant = Assistant(settings, key.get_secret_value()) if key else None
    state.schema.start()
    yield
    await state.schema.stop()
    if state.assistant:
        await state.assistant.close()
    await state.database.close()


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Without the input, which may be large, secret, or (a lone surrogate) not even encodable.
    problems = [{key: problem[key] for key in ("loc", "type", "msg")} for problem in error.errors()]
    return JSONResponse({"detail": problems}, status.HTTP_422_UNPROCESSABLE_CONTENT)


async def _unknown_user(_request: Request, _error: Exception) -> JSONResponse:
    unauthorized = UnauthorizedError("the token's user does not exist")
    return JSONResponse(
        {"detail": unauthorized.detail}, unauthorized.status_code, unauthorized.headers
    )


async def _not_found(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "no such task"}, status.HTTP_404_NOT_FOUND)


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(
        {"detail": f"the database is not available: {error}"},
        status.HTTP_503_SERVICE_UNAVAILABLE,
        {"Retry-After": "1"},
    )
