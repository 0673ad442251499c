"""The connections, and one answer to every way in which Postgres can be away.

The driver alone: an ORM's engine above it would take two thirds of a query's CPU time, and a third of the start.
"""

import asyncio
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from taskflow_api.settings import Settings

# Known to libpq and used by hosted Postgres, but not to asyncpg, which would send them to the
# server as settings. https://www.postgresql.org/docs/current/libpq-connect.html
LIBPQ_ONLY = {"channel_binding", "connect_timeout", "gssencmode", "sslsni"}

# How SQLSTATEs begin of a database that cannot serve now: no connection, read-only after a failover,
# access refused, no such database, no room, shutting down or starting, its disk or system failing.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
OUTAGES = ("08", "25006", "28", "3D", "53", "57", "58")


class DatabaseUnavailableError(Exception):
    """The database did not answer in time, or not at all; trying again later may help."""


class SchemaMissingError(DatabaseUnavailableError):
    """The database answers, but its tables are not there yet."""


class ImpatientConnection(asyncpg.Connection):
    """Hangs up where asyncpg would say goodbye: a database that does not answer queries does not
    answer goodbyes either."""

    async def close(self, *, timeout: float | None = None) -> None:
        self.terminate()


def asyncpg_dsn(url: str) -> str:
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key not in LIBPQ_ONLY]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _is_outage(error: asyncpg.PostgresError) -> bool:
    return (error.sqlstate or "").startswith(OUTAGES)


class Database:
    """Connections are made when needed; the one used last is used first, so that idle ones stay
    idle and the server may close them.

    asyncpg's own pool does the same, but shields and resets: 14 us of CPU time more for each query,
    which itself takes 28.
    """

    def __init__(self, settings: Settings) -> None:
        self._dsn = asyncpg_dsn(settings.database_url.get_secret_value())
        self._timeout = settings.database_timeout
        # One place per connection, None where there is none yet.
        self._places: asyncio.LifoQueue[asyncpg.Connection | None] = asyncio.LifoQueue()
        for _ in range(settings.database_pool_size):
            self._places.put_nowait(None)

    async def connect(self) -> asyncpg.Connection:
        """A connection beside the pool, for whoever closes it."""
        return await asyncpg.connect(
            self._dsn,
            connection_class=ImpatientConnection,
            server_settings={"timezone": "UTC"},
        )

    async def rows(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Runs one statement and returns all its rows; raises DatabaseUnavailableError.

        A request is one statement, atomic by itself: BEGIN and COMMIT would be two more round trips.
        """
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._places.get()
                try:
                    if connection is None or connection.is_closed():
                        connection = None
                        connection = await self.connect()
                    return await connection.fetch(statement, *values)
                except BaseException as error:
                    # A statement that was refused leaves the connection as good as before. Otherwise, who knows how
                    # far it came; and after a failover another server may be at the address.
                    refused = isinstance(error, asyncpg.PostgresError) and not _is_outage(error)
                    if connection is not None and not refused:
                        connection.terminate()
                    raise
                finally:
                    self._places.put_nowait(connection)
        except TimeoutError as error:
            raise DatabaseUnavailableError(f"no answer within {self._timeout} s") from error
        except OSError as error:
            raise DatabaseUnavailableError(f"no connection: {type(error).__name__}") from error
        except asyncpg.InterfaceError as error:
            if isinstance(error, ValueError):  # a value that does not fit its parameter
                raise
            raise DatabaseUnavailableError("connection lost") from error
        except asyncpg.UndefinedTableError as error:
            raise SchemaMissingError("its tables are not migrated yet") from error
        except asyncpg.PostgresError as error:
            if _is_outage(error):
                raise DatabaseUnavailableError(f"it refused with {error.sqlstate}") from error
            raise

    async def close(self) -> None:
        while not self._places.empty():
            connection = self._places.get_nowait()
            if connection is not None:
                connection.terminate()
