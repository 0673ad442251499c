"""/api/tasks: create, read, update and delete the caller's tasks."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from taskflow_api.auth import Tasks
from taskflow_api.tasks import (
    MAX_LIMIT,
    MAX_OFFSET,
    Search,
    Task,
    TaskCreate,
    TaskPage,
    TaskUpdate,
)

router = APIRouter(prefix="/api/tasks", tags=["tasks"])


@router.get("")
async def list_tasks(
    tasks: Tasks,
    done: bool | None = None,
    search: Search | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> TaskPage:
    return await tasks.page(done=done, search=search, limit=limit, offset=offset)


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_task(new: TaskCreate, tasks: Tasks, request: Request, response: Response) -> Task:
    task = await tasks.create(new)
    response.headers["Location"] = f"{request.url.path}/{task.id}"
    return task


@router.get("/{task_id}")
async def get_task(task_id: UUID, tasks: Tasks) -> Task:
    return await tasks.get(task_id)


@router.patch("/{task_id}")
async def update_task(task_id: UUID, changes: TaskUpdate, tasks: Tasks) -> Task:
    return await tasks.update(task_id, changes)


@router.delete("/{task_id}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def delete_task(task_id: UUID, tasks: Tasks) -> None:
    await tasks.delete(task_id)
