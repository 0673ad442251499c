"""One user's tasks: the shapes of the API, and the statements behind them."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints
from sqlalchemy.exc import IntegrityError

from taskflow_api.database import Database

# Postgres' text knows every character but NUL.
NO_NUL = r"^[^\x00]*$"
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)
]
Notes = Annotated[str, StringConstraints(max_length=10_000, pattern=NO_NUL)]
Search = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
# Wider than any plan, and free of the date that the driver takes for infinity (9999-12-31).
Due = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]

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
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str
    notes: str
    done: bool
    due: date | None
    created_at: datetime
    updated_at: datetime


class TaskPage(BaseModel):
    items: list[Task]
    total: Annotated[int, Field(description="of all pages")]


class TaskNotFoundError(Exception):
    """The user has no task of this id."""


class UnknownUserError(Exception):
    """The token was good, but its user is gone."""


_metadata = sa.MetaData()
_user = sa.Table("user", _metadata, sa.Column("id", sa.Text, primary_key=True))
_task = sa.Table(
    "task",
    _metadata,
    sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.FetchedValue()),
    sa.Column("owner_id", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("notes", sa.Text),
    sa.Column("done", sa.Boolean),
    sa.Column("due", sa.Date),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True)),
    sa.Column("updated_at", sa.TIMESTAMP(timezone=True)),
)
_public = [_task.c[name] for name in Task.model_fields]

# Built once: building a statement and its cache key again costs as much as running it. Every one
# that touches a task names its owner, so no task of anybody else can be reached from here.
_owner = sa.bindparam("owner", type_=sa.Text)
_done = sa.bindparam("wanted_done", type_=sa.Boolean)
_pattern = sa.bindparam("pattern", type_=sa.Text)
_matches = sa.and_(
    _task.c.owner_id == _owner,
    _done.is_(None) | (_task.c.done == _done),
    _pattern.is_(None) | _task.c.title.ilike(_pattern) | _task.c.notes.ilike(_pattern),
)
_is_mine = sa.and_(_task.c.id == sa.bindparam("task_id"), _task.c.owner_id == _owner)

FIND_USER = sa.select(_user.c.id).where(_user.c.id == _owner)
COUNT = sa.select(sa.func.count().label("total")).select_from(_task).where(_matches)
PAGE = (
    sa.select(*_public, sa.func.count().over().label("total"))
    .where(_matches)
    .order_by(_task.c.created_at.desc(), _task.c.id.desc())
    .limit(sa.bindparam("limit"))
    .offset(sa.bindparam("offset"))
)
GET = sa.select(*_public).where(_is_mine)
CREATE = sa.insert(_task).returning(*_public)
UPDATE = sa.update(_task).where(_is_mine).values(updated_at=sa.func.now()).returning(*_public)
DELETE = sa.delete(_task).where(_is_mine).returning(*_public)


class UserTasks:
    """The tasks of one user.

    Who has tasks exists, thanks to the foreign key; so only who finds nothing is looked up.
    """

    def __init__(self, database: Database, user_id: str) -> None:
        self._database = database
        self._user_id = user_id

    async def require_user(self) -> None:
        if not await self._rows(FIND_USER):
            raise UnknownUserError

    async def page(
        self,
        *,
        done: bool | None = None,
        search: str | None = None,
        limit: int = MAX_LIMIT,
        offset: int = 0,
    ) -> TaskPage:
        """Newest first."""
        wanted = {"wanted_done": done, "pattern": _contains(search) if search else None}
        rows = await self._rows(PAGE, **wanted, limit=limit, offset=offset)
        if rows:
            return TaskPage(items=[Task.model_validate(row) for row in rows], total=rows[0].total)
        if offset:  # beyond the last page no row is left to carry the total
            total = (await self._rows(COUNT, **wanted))[0].total
            if total:
                return TaskPage(items=[], total=total)
        await self.require_user()
        return TaskPage(items=[], total=0)

    async def get(self, task_id: UUID) -> Task:
        return await self._one(GET, task_id=task_id)

    async def create(self, new: TaskCreate) -> Task:
        values = {"owner_id": self._user_id, **new.model_dump()}
        try:
            return Task.model_validate((await self._database.rows(CREATE.values(values)))[0])
        except IntegrityError as error:  # the owner is its only reference
            raise UnknownUserError from error

    async def update(self, task_id: UUID, changes: TaskUpdate) -> Task:
        values = changes.model_dump(exclude_unset=True)
        return await self._one(UPDATE.values(values), task_id=task_id)

    async def delete(self, task_id: UUID) -> Task:
        return await self._one(DELETE, task_id=task_id)

    async def _one(self, statement: sa.Executable, *, task_id: UUID) -> Task:
        rows = await self._rows(statement, task_id=task_id)
        if not rows:
            await self.require_user()
            raise TaskNotFoundError
        return Task.model_validate(rows[0])

    async def _rows(self, statement: sa.Executable, **values: object) -> Sequence[sa.Row[Any]]:
        return await self._database.rows(statement, {"owner": self._user_id, **values})


def _contains(text: str) -> str:
    """The pattern that finds the text literally, whatever it contains."""
    literal = re.sub(r"([%_\\])", r"\\\1", text)
    return f"%{literal}%"
