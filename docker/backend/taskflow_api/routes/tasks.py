"""/api/tasks: create, read, update and delete the caller's tasks."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Response, status

from taskflow_api.auth import Tasks
from taskflow_api.routes.refusals import refusals
from taskflow_api.tasks import (
    MAX_LIMIT,
    MAX_OFFSET,
    Search,
    Task,
    TaskCreate,
    TaskPage,
    TaskUpdate,
)

router = APIRouter(prefix="/api/tasks", tags=["tasks"], responses=refusals(401, 503))


class StoredJson(Response):
    """JSON as the database wrote it; `response_model` only documents it."""

    media_type = "application/json"


@router.get("", response_model=TaskPage)
async def list_tasks(
    tasks: Tasks,
    done: bool | None = None,
    search: Search | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> StoredJson:
    return StoredJson(await tasks.page(done=done, search=search, limit=limit, offset=offset))


@router.post(
    "", response_model=Task, status_code=status.HTTP_201_CREATED, responses=refusals(400, 413)
)
async def create_task(new: TaskCreate, tasks: Tasks) -> StoredJson:
    task_id = uuid4()
    created = await tasks.create(task_id, new)
    location = {"Location": f"{router.prefix}/{task_id}"}
    return StoredJson(created, status.HTTP_201_CREATED, location)


@router.get("/{task_id}", response_model=Task, responses=refusals(404))
async def get_task(task_id: UUID, tasks: Tasks) -> StoredJson:
    return StoredJson(await tasks.get(task_id))


@router.patch("/{task_id}", response_model=Task, responses=refusals(400, 404, 413))
async def update_task(task_id: UUID, changes: TaskUpdate, tasks: Tasks) -> StoredJson:
    return StoredJson(await tasks.update(task_id, changes))


@router.delete(
    "/{task_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=refusals(404),
)
async def delete_task(task_id: UUID, tasks: Tasks) -> None:
    await tasks.delete(task_id)
