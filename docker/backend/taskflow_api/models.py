"""The shapes of the API's tasks."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)
from pydantic_core import PydanticKnownError

# Postgres' text knows every character but NUL.
NO_NUL = r"^[^\x00]*$"
# Kinds of characters that show nothing by themselves: controls, formats, marks and spaces; and letters and symbols that
# are blank. https://www.unicode.org/reports/tr44/#General_Category_Values
INVISIBLE = {"Cc", "Cf", "Me", "Mn", "Zl", "Zp", "Zs"}
BLANK = "\u115f\u1160\u2800\u3164\uffa0"


def _visible(text: str) -> str:
    """In a list, nobody sees or can click a task whose title shows nothing: it is as one without."""
    if all(unicodedata.category(letter) in INVISIBLE or letter in BLANK for letter in text):
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return text


EXAMPLE_ID = "2c6f1a52-7d3b-4f0e-9a51-0c8e4f1d2b3a"
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL),
    AfterValidator(_visible),
    Field(examples=["Call Ada"]),
]
Notes = Annotated[
    str,
    StringConstraints(max_length=10_000, pattern=NO_NUL),
    Field(examples=["about the engine"]),
]
Search = Annotated[
    str, StringConstraints(max_length=200, pattern=NO_NUL), Field(examples=["engine"])
]
Priority = Literal["low", "normal", "high"]
WRITTEN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
WRITTEN_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ].+", re.ASCII)


def _written_date(value: object) -> object:
    """By default pydantic accepts times and numbers, too, the latter as seconds since 1970."""
    if type(value) is date or (isinstance(value, str) and WRITTEN_DATE.fullmatch(value)):
        return value
    raise ValueError("a date is written like 2026-12-31")


# Later than any plan, and without the date that the driver treats as infinity (9999-12-31).
Due = Annotated[
    date,
    BeforeValidator(_written_date),
    Field(ge=date(1900, 1, 1), le=date(2999, 12, 31), examples=["2026-12-31"]),
]


def _written_time(value: object) -> object:
    """As `_written_date`."""
    if isinstance(value, str) and WRITTEN_TIME.fullmatch(value):
        return value
    raise ValueError("a time is written like 2026-12-31T10:00:00Z")


def _not_ahead(moment: datetime) -> datetime:
    """The clock of the database, which sets it otherwise, may be a little ahead of this one."""
    if moment > datetime.now(UTC) + timedelta(minutes=1):
        raise ValueError("a task cannot be created in the future")
    return moment


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CreatedAt = Annotated[
    AwareDatetime,
    BeforeValidator(_written_time),
    AfterValidator(_not_ahead),
    # No earlier one fits into a cursor.
    Field(ge=EPOCH, examples=["2026-01-31T10:00:00.123456Z"]),
]

# For one person: at most 100 million characters of notes.
MAX_TASKS = 10_000
MAX_LIMIT = 100
MAX_OFFSET = 1_000_000


class TaskFields(BaseModel):
    """What people write into a new task."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    notes: Notes = ""
    done: StrictBool = False
    due: Due | None = None
    priority: Priority = "normal"


class TaskCreate(TaskFields):
    """A new task."""

    id: Annotated[
        UUID | None,
        Field(description="chosen by the client, so that a second try finds the task of the first"),
    ] = None
    created_at: Annotated[
        CreatedAt | None,
        Field(
            description="of a deleted task that is added again, so that it returns to its place in the list; "
            "now, if absent; at most a minute ahead"
        ),
    ] = None


class TaskUpdate(BaseModel):
    """Omitted fields stay as they are (the defaults only mark them); null clears `due`."""

    model_config = ConfigDict(extra="forbid")

    title: Title = ""
    notes: Notes = ""
    done: StrictBool = False
    due: Due | None = None
    priority: Priority = "normal"


class Task(BaseModel):
    """A task as it is stored."""

    id: UUID
    title: Annotated[str, Field(examples=["Call Ada"])]
    notes: Annotated[str, Field(examples=["about the engine"])]
    done: bool
    due: date | None
    priority: Priority
    version: Annotated[int, Field(description="grows with each change", examples=[1])]
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        return f'"{self.version}"'


class Position(NamedTuple):
    """A task's place in the list, which is sorted by what never changes."""

    created_at: datetime
    id: UUID

    @classmethod
    def of(cls, task: Task) -> Self:
        return cls(task.created_at, task.id)

    @classmethod
    def read(cls, cursor: str) -> Self:
        """From a text that CURSOR matches."""
        microseconds, _, task_id = cursor.partition(".")
        return cls(EPOCH + int(microseconds) * MICROSECOND, UUID(task_id))

    def __str__(self) -> str:
        return f"{(self.created_at - EPOCH) // MICROSECOND}.{self.id}"


MICROSECOND = timedelta(microseconds=1)
# To the year 2286.
CURSOR = r"^[0-9]{1,16}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
Cursor = Annotated[
    str,
    StringConstraints(pattern=CURSOR),
    Field(examples=[f"1769853600123456.{EXAMPLE_ID}"]),
]


class TaskPage(BaseModel):
    """Some of the tasks."""

    items: list[Task]
    total: Annotated[int, Field(description="of all pages", examples=[120])]
    next: Annotated[
        str | None, Field(description="`after` of the next page; null if this is the last")
    ]
