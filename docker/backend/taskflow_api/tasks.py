"""One user's tasks: the shapes of the API, and the statements behind them."""

import re
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StringConstraints
from sqlalchemy.exc import IntegrityError

from taskflow_api.database import Database, Rows

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


_metadata = sa.MetaData()
_user = sa.Table("user", _metadata, sa.Column("id", sa.Text, primary_key=True))
_task = sa.Table(
    "task",
    _metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("owner_id", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("notes", sa.Text),
    sa.Column("done", sa.Boolean),
    sa.Column("due", sa.Date),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True)),
    sa.Column("updated_at", sa.TIMESTAMP(timezone=True)),
)

# Postgres writes the JSON of the API: turning rows into objects, only to turn those into text
# again, would be a third of the cost of a list.
_fields: list[sa.ColumnElement[Any]] = []
for _name in Task.model_fields:
    _fields += [sa.literal_column(f"'{_name}'"), _task.c[_name]]
_json = sa.func.json_build_object(*_fields)
_json_text = sa.cast(_json, sa.Text)

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
_newest_first = (
    sa.select(_json.label("task"))
    .where(_matches)
    .order_by(_task.c.created_at.desc(), _task.c.id.desc())
    .limit(sa.bindparam("limit"))
    .offset(sa.bindparam("offset"))
    .subquery()
)
_total = sa.select(sa.func.count()).select_from(_task).where(_matches).scalar_subquery()

FIND_USER = sa.select(_user.c.id).where(_user.c.id == _owner)
PAGE = sa.select(
    sa.func.coalesce(sa.cast(sa.func.json_agg(_newest_first.c.task), sa.Text), "[]").label("items"),
    _total.label("total"),
)
GET = sa.select(_json_text).where(_is_mine)
CREATE = sa.insert(_task).returning(_json_text)
UPDATE = sa.update(_task).where(_is_mine).values(updated_at=sa.func.now()).returning(_json_text)
DELETE = sa.delete(_task).where(_is_mine).returning(_json_text)


class UserTasks:
    """The tasks of one user. Methods return JSON: a TaskPage, or the Task as it is, or last was.

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
    ) -> str:
        """Newest first."""
        pattern = _contains(search) if search else None
        found = await self._rows(
            PAGE, wanted_done=done, pattern=pattern, limit=limit, offset=offset
        )
        items, total = found[0][0], found[0][1]
        if not total:
            await self.require_user()
        return f'{{"items":{items},"total":{total}}}'

    async def get(self, task_id: UUID) -> str:
        return await self._one(GET, task_id)

    async def create(self, task_id: UUID, new: TaskCreate) -> str:
        values = {"id": task_id, "owner_id": self._user_id, **new.model_dump()}
        try:
            created = await self._database.rows(CREATE, values)
        except IntegrityError as error:  # the owner is its only reference
            raise UnknownUserError from error
        return str(created[0][0])

    async def update(self, task_id: UUID, changes: TaskUpdate) -> str:
        return await self._one(UPDATE.values(changes.model_dump(exclude_unset=True)), task_id)

    async def delete(self, task_id: UUID) -> str:
        return await self._one(DELETE, task_id)

    async def _one(self, statement: sa.Executable, task_id: UUID) -> str:
        rows = await self._rows(statement, task_id=task_id)
        if not rows:
            await self.require_user()
            raise TaskNotFoundError
        return str(rows[0][0])

    async def _rows(self, statement: sa.Executable, **values: object) -> Rows:
        return await self._database.rows(statement, {"owner": self._user_id, **values})


def _contains(text: str) -> str:
    """The pattern that finds the text literally, whatever it contains."""
    literal = re.sub(r"([%_\\])", r"\\\1", text)
    return f"%{literal}%"
