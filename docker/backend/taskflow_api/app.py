"""The application: its parts and its routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from taskflow_api import __version__, problems
from taskflow_api.assistant import Assistant
from taskflow_api.database import Database
from taskflow_api.routes import chat, docs, health, tasks
from taskflow_api.schema import Schema
from taskflow_api.settings import Settings

TAGS = [
    {"name": "tasks", "description": "The caller's tasks; nobody else's can be reached."},
    {"name": "assistant", "description": "A language model that works on the caller's tasks."},
    {"name": "operations", "description": "What the platform asks; not reachable from outside."},
]


class TaskFlow(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """https://fastapi.tiangolo.com/how-to/extending-openapi/"""
        return problems.documented(super().openapi())


def create_app(settings: Settings) -> FastAPI:
    app = TaskFlow(
        title="TaskFlow",
        version=__version__,
        description="Tasks of signed-in users. Errors of the application are problem details (RFC 9457).",
        openapi_tags=TAGS,
        generate_unique_id_function=_operation_id,
        # FastAPI's pages load their scripts from another host; taskflow_api.routes.docs has one without.
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        # Nothing collects it (taskflow_api.observe has the figures), and the check would cost every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    for module in (tasks, chat, health, docs):
        app.include_router(module.router)
    problems.install(app)
    return app


def _operation_id(route: APIRoute) -> str:
    """The function's name: generated clients keep their names when a path changes."""
    return route.name


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state, settings = app.state, app.state.settings
    state.database = Database(settings)
    await state.database.open()
    state.schema = Schema(state.database)
    key = settings.openai_api_key
    state.assistant = Assistant(settings, key.get_secret_value()) if key else None
    state.schema.start()
    yield
    await state.schema.stop()
    if state.assistant:
        await state.assistant.close()
    await state.database.close()
