"""The connections: asyncpg's own pool, and one answer to every failure of Postgres.

The promise behind the error mapping: whatever happens to the database, a request is answered within a second, with 503
if necessary, the process keeps running, and it serves again as soon as the database does.
"""

import asyncio
import ssl
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import asyncpg

from taskflow_api.address import DatabaseAddress
from taskflow_api.logs import request_id

if TYPE_CHECKING:
    from taskflow_api.settings import Settings

# First characters of the SQLSTATEs of a database that cannot serve now: no connection, read-only after a failover,
# access refused, no such database, rolled back for another transaction's sake, rights not granted, no room, locked or
# accepting nobody, shutting down or starting, its disk or system failing.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
OUTAGES = ("08", "25006", "28", "3D", "40", "42501", "53", "55", "57", "58")

NAME = "taskflow-backend"
LONGEST_NAME = (
    63  # https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-APPLICATION-NAME
)

# After which Postgres itself ends a statement, where nothing else limits the role (taskflow_api.roles). Not below the
# frontend's (docker/frontend/lib/database.ts): behind PgBouncer both services may share a connection of the server.
STATEMENT_TIMEOUT = "2s"
LIMIT = f"""
    select set_config('statement_timeout', '{STATEMENT_TIMEOUT}', false)
    where current_setting('statement_timeout') = '0'
"""


class DatabaseUnavailableError(Exception):
    """The database did not answer in time, or not at all; trying again later may help."""


class SchemaMissingError(DatabaseUnavailableError):
    """The database answers, but its tables are not this version's yet."""


class ImpatientConnection(asyncpg.Connection):
    """Drops the connection where asyncpg would close it politely: a database that does not answer
    queries does not answer that either."""

    async def close(self, *, timeout: float | None = None) -> None:
        self.terminate()


def server_of(address: DatabaseAddress, name: str) -> dict[str, Any]:
    """The arguments that asyncpg connects with.

    Args:
        name: the connection's name in Postgres' log and pg_stat_activity.
    """
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "database": address.database,
        "ssl": address.tls,
        "server_settings": {"timezone": "UTC", "application_name": name},
        "connection_class": ImpatientConnection,
    }


class Database:
    """Connections are made when needed; the server may be away when this is opened."""

    def __init__(self, settings: "Settings") -> None:
        self._timeout = settings.database_timeout
        self._server = server_of(settings.database_address, NAME)
        # One person's searches, through all of their notes, must leave places to all others and to /health.
        self._search_places = asyncio.Semaphore(max(1, settings.database_pool_size // 2))
        self._pool: asyncpg.Pool = asyncpg.create_pool(
            **self._server,
            min_size=0,
            max_size=settings.database_pool_size,
            init=self._limit,
            reset=self._name_as_before,
        )

    async def open(self) -> None:
        await self._pool

    async def close(self) -> None:
        self._pool.terminate()

    async def connect(self) -> asyncpg.Connection:
        """A connection beside the pool; the caller closes it."""
        connection: asyncpg.Connection = await asyncpg.connect(**self._server)
        return connection

    async def read(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Runs one statement and returns all its rows; raises DatabaseUnavailableError.

        One statement is atomic by itself: BEGIN and COMMIT would be two more round trips.
        """
        return await self._run(nullcontext(), None, statement, *values)

    async def search(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """As `read`, on at most half of the connections."""
        return await self._run(self._search_places, None, statement, *values)

    async def change(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """As `read`, with the request's id as the connection's name in Postgres' log and pg_stat_activity.

        That takes two more round trips, a fifth of a read's CPU time each: reads do without.
        """
        name = f"{NAME} {request_id.get() or ''}"[:LONGEST_NAME]
        # No id contains a quote (taskflow_api.observe), and SET takes no parameters.
        rename = f"set application_name = '{name}'"
        return await self._run(nullcontext(), rename, statement, *values)

    async def _run(
        self,
        place: AbstractAsyncContextManager[None],
        beforehand: str | None,
        statement: str,
        *values: object,
    ) -> list[asyncpg.Record]:
        try:
            async with (
                asyncio.timeout(self._timeout),
                place,
                self._pool.acquire() as connection,
            ):
                try:
                    if beforehand:
                        await connection.execute(beforehand)
                    return await connection.fetch(statement, *values)
                except asyncio.CancelledError:
                    # Out of time. Asking a hanging database to cancel the statement would hang, too; one that works
                    # ends it by its own limit: the role's, or STATEMENT_TIMEOUT.
                    connection.terminate()
                    raise
        except TimeoutError as error:
            raise DatabaseUnavailableError(f"no answer within {self._timeout} s") from error
        except ssl.SSLCertVerificationError as error:
            raise DatabaseUnavailableError(f"no connection: {error.verify_message}") from error
        except OSError as error:
            raise DatabaseUnavailableError(f"no connection: {type(error).__name__}") from error
        except asyncpg.InterfaceError as error:
            if isinstance(error, ValueError):  # a value that does not fit its parameter
                raise
            raise DatabaseUnavailableError("connection lost") from error
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
            raise SchemaMissingError("its tables are not migrated yet") from error
        except asyncpg.PostgresError as error:
            if (error.sqlstate or "").startswith(OUTAGES):
                # After a failover another server may be at the address.
                await self._pool.expire_connections()
                raise DatabaseUnavailableError(f"it refused with {error.sqlstate}") from error
            raise

    async def _limit(self, connection: asyncpg.Connection) -> None:
        """Without it each request on a locked table would leave a connection behind, until the server has no more."""
        await connection.execute(LIMIT)

    async def _name_as_before(self, connection: asyncpg.Connection) -> None:
        """Replaces asyncpg's own reset, which costs every read a query: only a change leaves something, its name."""
        if connection.get_settings().application_name != NAME:
            # asyncpg shields this from the request's limit; without its own a connection that hangs keeps its place.
            async with asyncio.timeout(self._timeout):
                await connection.execute(f"set application_name = '{NAME}'")
