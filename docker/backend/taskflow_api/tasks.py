"""One user's tasks: the shapes of the API, and the statements behind them."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated
from uuid import UUID

import asyncpg
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)

from taskflow_api.database import Database

# Postgres' text knows every character but NUL.
NO_NUL = r"^[^\x00]*$"
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)
]
Notes = Annotated[str, StringConstraints(max_length=10_000, pattern=NO_NUL)]
Search = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
WRITTEN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _written_date(value: object) -> object:
    """By itself pydantic takes times and numbers, too, the latter as seconds since 1970."""
    if type(value) is date or (isinstance(value, str) and WRITTEN_DATE.fullmatch(value)):
        return value
    raise ValueError("a date is written like 2026-12-31")


# Wider than any plan, and free of the date that the driver takes for infinity (9999-12-31).
Due = Annotated[
    date, BeforeValidator(_written_date), Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))
]

MAX_LIMIT = 100
MAX_OFFSET = 1_000_000


class TaskCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title
    notes: Notes = ""
    done: StrictBool = False
    due: Due | None = None


class TaskUpdate(BaseModel):
    """What is left out stays as it is (the defaults only mark it as such); null clears `due`."""

    model_config = ConfigDict(extra="forbid")

    title: Title = ""
    notes: Notes = ""
    done: StrictBool = False
    due: Due | None = None


class Task(BaseModel):
    id: UUID
    title: str
    notes: str
    done: bool
    due: date | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TaskPage(BaseModel):
    items: list[Task]
    total: Annotated[int, Field(description="of all pages")]


class TaskNotFoundError(Exception):
    """The user has no task of this id."""


class UnknownUserError(Exception):
    """The token was good, but its user is gone."""


# Every statement that touches a task names its owner, so no task of anybody else can be reached from here. Postgres
# writes the JSON of the API: turning rows into objects, only to turn those into text again, would cost a third more.
TASK = """json_build_object(
    'id', id, 'title', title, 'notes', notes, 'done', done, 'due', due,
    'created_at', created_at, 'updated_at', updated_at
)"""
MATCHES = """owner_id = $1
    and ($2::boolean is null or done = $2)
    and ($3::text is null or title ilike $3 or notes ilike $3)"""
MINE = "id = $2 and owner_id = $1"

FIND_USER = 'select id from "user" where id = $1'
PAGE = f"""
select
    coalesce(json_agg(task)::text, '[]') as items,
    (select count(*) from task where {MATCHES}) as total
from (
    select {TASK} as task from task where {MATCHES}
    order by created_at desc, id desc limit $4 offset $5
) page"""  # noqa: S608 - of the constants above
GET = f"select {TASK}::text from task where {MINE}"  # noqa: S608
CREATE = f"""
insert into task (owner_id, id, title, notes, done, due) values ($1, $2, $3, $4, $5, $6)
returning {TASK}::text"""  # noqa: S608
DELETE = f"delete from task where {MINE} returning {TASK}::text"  # noqa: S608


def update_of(fields: Iterable[str]) -> str:
    """The statement that sets these fields of TaskUpdate, in this order, after the owner and the id."""
    changes = [f"{field} = ${number}" for number, field in enumerate(fields, start=3)]
    changes.append("updated_at = now()")
    return f"update task set {', '.join(changes)} where {MINE} returning {TASK}::text"  # noqa: S608


class UserTasks:
    """The tasks of one user. Methods return JSON: a TaskPage, or the Task as it is, or last was.

    Who has tasks exists, thanks to the foreign key; so only who finds nothing is looked up.
    """

    def __init__(self, database: Database, user_id: str) -> None:
        self._database = database
        self._user_id = user_id

    async def require_user(self) -> None:
        if not await self._database.rows(FIND_USER, self._user_id):
            raise UnknownUserError

    async def page(
        self,
        *,
        done: bool | None = None,
        search: str | None = None,
        limit: int = MAX_LIMIT,
        offset: int = 0,
    ) -> str:
        """Newest first."""
        pattern = _contains(search) if search else None
        [page] = await self._database.rows(PAGE, self._user_id, done, pattern, limit, offset)
        if not page["total"]:
            await self.require_user()
        return f'{{"items":{page["items"]},"total":{page["total"]}}}'

    async def get(self, task_id: UUID) -> str:
        return await self._one(GET, task_id)

    async def create(self, task_id: UUID, new: TaskCreate) -> str:
        try:
            return await self._one(CREATE, task_id, new.title, new.notes, new.done, new.due)
        except asyncpg.ForeignKeyViolationError as error:  # the owner is its only reference
            raise UnknownUserError from error

    async def update(self, task_id: UUID, changes: TaskUpdate) -> str:
        values = changes.model_dump(exclude_unset=True)
        return await self._one(update_of(values), task_id, *values.values())

    async def delete(self, task_id: UUID) -> str:
        return await self._one(DELETE, task_id)

    async def _one(self, statement: str, task_id: UUID, *values: object) -> str:
        rows = await self._database.rows(statement, self._user_id, task_id, *values)
        if not rows:
            await self.require_user()
            raise TaskNotFoundError
        return str(rows[0][0])


def _contains(text: str) -> str:
    """The pattern that finds the text literally, whatever it contains."""
    literal = re.sub(r"([%_\\])", r"\\\1", text)
    return f"%{literal}%"
