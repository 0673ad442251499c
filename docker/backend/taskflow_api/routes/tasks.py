"""/api/tasks: create, read, update and delete the caller's tasks."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Response, status

from taskflow_api.auth import Tasks
from taskflow_api.models import (
    EXAMPLE_ID,
    MAX_LIMIT,
    MAX_OFFSET,
    Cursor,
    Position,
    Search,
    Task,
    TaskCreate,
    TaskPage,
    TaskUpdate,
)
from taskflow_api.problems import ETAG, header, refusals
from taskflow_api.shed import MAX_BODY_BYTES

router = APIRouter(prefix="/api/tasks", tags=["tasks"], responses=refusals(401, 422, 503))


async def expected_versions(
    if_match: Annotated[
        list[str] | None,
        Header(
            description="ETags of versions that may be changed; of any, if absent or *",
            examples=[['"1"']],
        ),
    ] = None,
) -> list[int] | None:
    """A dependency: the versions in If-Match. No task has the version of a foreign ETag."""
    if if_match is None or if_match == ["*"]:
        return None
    # A header that is sent twice is one list.
    tags = (tag.strip() for tag in ",".join(if_match).split(","))
    return [int(tag[1:-1]) for tag in tags if re.fullmatch('"[1-9][0-9]{0,8}"', tag)]


async def known_tags(
    if_none_match: Annotated[
        str,
        Header(description="ETags of versions that the client has; any, if *", examples=['"1"']),
    ] = "",
) -> set[str]:
    """A dependency: the ETags in If-None-Match, without W/, which makes no difference there (RFC 9110, 13.1.2)."""
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}


LOCATION = header("Location", "the task's path")
Versions = Annotated[list[int] | None, Depends(expected_versions)]
KnownTags = Annotated[set[str], Depends(known_tags)]
TaskId = Annotated[UUID, Path(description="the task's `id`", examples=[EXAMPLE_ID])]


@router.head("", include_in_schema=False)
@router.get("")
async def list_tasks(
    tasks: Tasks,
    done: Annotated[
        bool | None, Query(description="only done, or only open tasks", examples=[False])
    ] = None,
    search: Annotated[Search | None, Query(description="text in the title or the notes")] = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="tasks on the page", examples=[20])
    ] = 50,
    offset: Annotated[
        int,
        Query(
            ge=0,
            le=MAX_OFFSET,
            description="tasks to skip; `after` is exact, this is not",
            examples=[20],
        ),
    ] = 0,
    after: Annotated[Cursor | None, Query(description="`next` of the page before")] = None,
) -> TaskPage:
    """One page of the tasks, newest first. Pages by `after` neither repeat nor skip a task, whatever is added or
    deleted meanwhile."""
    position = Position.read(after) if after else None
    return await tasks.page(done=done, search=search, limit=limit, offset=offset, after=position)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    max_body_size=MAX_BODY_BYTES,
    responses={
        200: {
            "model": Task,
            "description": "A task of the caller had this id: here it is.",
            "headers": LOCATION | ETAG,
        },
        201: {"headers": LOCATION | ETAG},
        **refusals(400, 409, 413),
    },
)
async def create_task(new: TaskCreate, tasks: Tasks, response: Response) -> Task:
    """Adds a task. With an `id` of the client it can be tried again without adding another. Whoever has 10,000 tasks
    gets 409."""
    task, is_new = await tasks.create(new)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    response.headers["Location"] = f"{router.prefix}/{task.id}"
    response.headers["ETag"] = task.etag
    return task


@router.head("/{task_id}", include_in_schema=False, response_model=Task)
@router.get(
    "/{task_id}",
    response_model=Task,
    responses={
        200: {"headers": ETAG},
        304: {"description": "The client has this version.", "headers": ETAG},
        **refusals(404),
    },
)
async def get_task(
    task_id: TaskId, tasks: Tasks, known: KnownTags, response: Response
) -> Task | Response:
    """One task; its ETag is for If-Match and If-None-Match."""
    task = await tasks.get(task_id)
    if known & {task.etag, "*"}:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers={"ETag": task.etag})
    response.headers["ETag"] = task.etag
    return task


@router.patch(
    "/{task_id}",
    max_body_size=MAX_BODY_BYTES,
    responses={200: {"headers": ETAG}, **refusals(400, 404, 412, 413)},
)
async def update_task(
    task_id: TaskId, changes: TaskUpdate, tasks: Tasks, versions: Versions, response: Response
) -> Task:
    """Changes only the given fields; without any, nothing, not even `updated_at`."""
    task = await tasks.update(task_id, changes, versions)
    response.headers["ETag"] = task.etag
    return task


@router.delete(
    "/{task_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=refusals(404, 412),
)
async def delete_task(task_id: TaskId, tasks: Tasks, versions: Versions) -> None:
    """Deletes a task for good."""
    await tasks.delete(task_id, versions)
