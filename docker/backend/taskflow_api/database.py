"""The connection pool, and one answer to every way in which Postgres can be away."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from sqlalchemy import Executable, Row, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from taskflow_api.settings import Settings

# Known to libpq and used by hosted Postgres, but not to asyncpg, which would send them to the
# server as settings. https://www.postgresql.org/docs/current/libpq-connect.html
LIBPQ_ONLY = {"channel_binding", "connect_timeout", "gssencmode", "sslsni"}

# SQLSTATE classes of a database that cannot serve now: no connection, access refused, no such
# database, no room, shutting down or starting.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
OUTAGE_CLASSES = ("08", "28", "3D", "53", "57")
UNDEFINED_TABLE = "42P01"


Rows = Sequence[Row[*tuple[Any, ...]]]


class DatabaseUnavailableError(Exception):
    """The database did not answer in time, or not at all; trying again later may help."""


class SchemaMissingError(DatabaseUnavailableError):
    """The database answers, but its tables are not there yet."""


class ImpatientConnection(asyncpg.Connection):
    """Hangs up where asyncpg would say goodbye: SQLAlchemy waits 2 s for that when a query took
    too long, and a database that does not answer queries does not answer goodbyes either."""

    async def close(self, *, timeout: float | None = None) -> None:
        self.terminate()


def asyncpg_dsn(url: str) -> str:
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key not in LIBPQ_ONLY]
    return urlunsplit(parts._replace(query=urlencode(query)))


class Database:
    def __init__(self, settings: Settings) -> None:
        dsn = asyncpg_dsn(settings.database_url.get_secret_value())

        async def connect() -> Any:
            return await asyncpg.connect(
                dsn, connection_class=ImpatientConnection, server_settings={"timezone": "UTC"}
            )

        self._timeout = settings.database_timeout
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,  # the driver reads the URL, so no SQLAlchemy error can show it
            hide_parameters=True,
            # A request is one statement, atomic by itself: BEGIN and COMMIT would be two more
            # round trips. Migrations open their own transaction.
            isolation_level="AUTOCOMMIT",
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_timeout=settings.database_timeout,
            pool_use_lifo=True,  # idle connections stay idle, and the server may close them
        )
        event.listen(self.engine.sync_engine, "checkout", _replace_closed)

    async def rows(self, statement: Executable, values: Mapping[str, object] | None = None) -> Rows:
        """Runs one statement and returns all its rows; raises DatabaseUnavailableError."""
        try:
            async with asyncio.timeout(self._timeout):
                return await greenlet_spawn(self._run, statement, values)
        except (TimeoutError, PoolTimeout) as error:
            raise DatabaseUnavailableError(f"no answer within {self._timeout} s") from error
        except OSError as error:
            raise DatabaseUnavailableError(f"no connection: {type(error).__name__}") from error
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None) or ""
            if state == UNDEFINED_TABLE:
                raise SchemaMissingError("its tables are not migrated yet") from error
            if error.connection_invalidated or state.startswith(OUTAGE_CLASSES):
                raise DatabaseUnavailableError(f"connection lost or refused {state}") from error
            raise

    def _run(self, statement: Executable, values: Mapping[str, object] | None) -> Rows:
        # What AsyncConnection does in three greenlets, in one: a quarter of the cost of a query.
        with self.engine.sync_engine.connect() as connection:
            return connection.execute(statement, values).all()

    async def close(self) -> None:
        await self.engine.dispose()


def _replace_closed(connection: Any, _record: object, _proxy: object) -> None:
    """What pool_pre_ping does, without its round trip: asyncpg knows when the server hung up."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError
