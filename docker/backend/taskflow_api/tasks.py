"""One user's tasks: the statements behind the API.

Every statement on a task names its owner, so other users' tasks cannot be reached from here.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from taskflow_api.database import Database
from taskflow_api.models import (
    MAX_LIMIT,
    MAX_TASKS,
    Position,
    Priority,
    Task,
    TaskCreate,
    TaskFields,
    TaskPage,
    TaskUpdate,
)

audit = logging.getLogger("taskflow_api.audit")

# As they are stored, so that Postgres can sort by them.
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high")


class TaskNotFoundError(Exception):
    """The user has no task of this id."""


class TaskIdTakenError(Exception):
    """A task of somebody else has this id."""


class TooManyTasksError(Exception):
    """The user has as many tasks as the database keeps for one."""


class TaskChangedError(Exception):
    """The task has none of the versions that the request was made for."""

    def __init__(self, present: Task) -> None:
        super().__init__()
        self.present = present


class UnknownUserError(Exception):
    """The token was good, but its user is gone."""


COLUMNS = "id, title, notes, done, due, priority, version, created_at, updated_at"
MATCHES = """owner_id = $1
    and ($2::boolean is null or done = $2)
    and ($3::text is null or title ilike $3 or notes ilike $3)"""
MINE = "id = $2 and owner_id = $1"
EXPECTED = "($3::integer[] is null or version = any($3))"

FIND_USER = 'select id from "user" where id = $1'
# One row at least, so that a page without tasks has the total, too.
PAGE = f"""
select total, page.*
from (select count(*) as total from task where {MATCHES}) counted
left join (
    select {COLUMNS} from task
    where {MATCHES} and ($6::timestamptz is null or (created_at, id) < ($6, $7::uuid))
    order by created_at desc, id desc limit $4 offset $5
) page on true
order by created_at desc, id desc"""  # noqa: S608 - of the constants above
GET = f"select {COLUMNS} from task where {MINE}"  # noqa: S608
FULL = f"select 1 from task where owner_id = $1 offset {MAX_TASKS - 1} limit 1"  # noqa: S608
# Requests at once may each add the last one. That does no harm, and a lock would cost every request.
CREATE = f"""
insert into task (owner_id, id, created_at, title, notes, done, due, priority)
select $1, $2, coalesce($3, now()), $4, $5, $6, $7, $8 where not exists ({FULL})
on conflict (id) do nothing returning {COLUMNS}"""
DELETE = f"delete from task where {MINE} and {EXPECTED} returning id"  # noqa: S608


def update_of(fields: Iterable[str]) -> str:
    """The statement that sets these fields of TaskUpdate, in this order, after owner, id and versions.

    The version grows by a trigger, which also counts what an older release changes.
    """
    changes = [f"{field} = ${number}" for number, field in enumerate(fields, start=4)]
    changes.append("updated_at = now()")
    return f"update task set {', '.join(changes)} where {MINE} and {EXPECTED} returning {COLUMNS}"  # noqa: S608


class UserTasks:
    """The tasks of one user.

    A user with tasks exists, thanks to the foreign key; so the user is looked up only if nothing is found.
    """

    def __init__(self, database: Database, user_id: str) -> None:
        self._database = database
        self._user_id = user_id

    async def require_user(self) -> None:
        if not await self._database.read(FIND_USER, self._user_id):
            raise UnknownUserError

    async def page(
        self,
        *,
        done: bool | None = None,
        search: str | None = None,
        limit: int = MAX_LIMIT,
        offset: int = 0,
        after: Position | None = None,
    ) -> TaskPage:
        """Newest first."""
        pattern = _contains(search) if search else None
        created_at, task_id = after or (None, None)
        run = self._database.search if pattern else self._database.read
        rows = await run(PAGE, self._user_id, done, pattern, limit + 1, offset, created_at, task_id)
        total: int = rows[0]["total"]
        if not total:
            await self.require_user()
        items = [_fields(row) for row in rows[:limit] if row["id"]]
        page = TaskPage.model_validate({"items": items, "total": total, "next": None})
        if len(rows) > limit:
            page.next = str(Position.of(page.items[-1]))
        return page

    async def get(self, task_id: UUID) -> Task:
        rows = await self._database.read(GET, self._user_id, task_id)
        if not rows:
            await self.require_user()
            raise TaskNotFoundError
        return _task(rows[0])

    async def create(self, new: TaskFields) -> tuple[Task, bool]:
        """The task, and whether it is new: an id that the client chose may have arrived before."""
        chosen = new if isinstance(new, TaskCreate) else None
        task_id = (chosen and chosen.id) or uuid4()
        created_at = chosen and chosen.created_at
        values = (new.title, new.notes, new.done, new.due, PRIORITIES.index(new.priority))
        try:
            rows = await self._database.change(CREATE, self._user_id, task_id, created_at, *values)
        except asyncpg.ForeignKeyViolationError as error:  # the owner is its only reference
            raise UnknownUserError from error
        if rows:
            return _task(rows[0]), True
        try:
            return await self.get(task_id), False
        except TaskNotFoundError as error:
            if await self._database.read(FULL, self._user_id):
                raise TooManyTasksError from error
            raise TaskIdTakenError from error

    async def update(
        self, task_id: UUID, changes: TaskUpdate, versions: Sequence[int] | None = None
    ) -> Task:
        """With versions the task must have one of them, or TaskChangedError is raised."""
        values: dict[str, Any] = changes.model_dump(exclude_unset=True)
        if not values:
            return await self._expected(task_id, versions)
        if "priority" in values:
            values["priority"] = PRIORITIES.index(values["priority"])
        statement = update_of(values)
        rows = await self._database.change(
            statement, self._user_id, task_id, versions, *values.values()
        )
        if not rows:
            raise TaskChangedError(await self.get(task_id))
        return _task(rows[0])

    async def delete(self, task_id: UUID, versions: Sequence[int] | None = None) -> None:
        """With versions as `update`."""
        if not await self._database.change(DELETE, self._user_id, task_id, versions):
            raise TaskChangedError(await self.get(task_id))
        fields = {"event": "task.deleted", "user": self._user_id, "task": str(task_id)}
        audit.info("a task was deleted", extra={"fields": fields})

    async def _expected(self, task_id: UUID, versions: Sequence[int] | None) -> Task:
        task = await self.get(task_id)
        if versions is not None and task.version not in versions:
            raise TaskChangedError(task)
        return task


def _task(row: asyncpg.Record) -> Task:
    return Task.model_validate(_fields(row))


def _fields(row: asyncpg.Record) -> dict[str, Any]:
    return {**row, "priority": PRIORITIES[row["priority"]]}


def _contains(text: str) -> str:
    """The pattern that finds the text literally, whatever it contains."""
    literal = re.sub(r"([%_\\])", r"\\\1", text)
    return f"%{literal}%"
