"""Brings the database's schema to this version's head, safely from several pods at once.

The backend does it in the background where its own role is the owner; else taskflow_api.migrate has done it before.

The promise behind the late imports: a pod is ready within 2.5 s, and only the one that migrates needs Alembic.
"""

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from taskflow_api.database import Database, SchemaMissingError

if TYPE_CHECKING:
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
# Revisions are numbered and named like their files, so the newest is known, and compared, without
# Alembic, whose import would be a third of the start.
HEAD = max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
LOCK_KEY = 0x7461736B  # "task": any number, the same in every pod

# Requests queue behind a migration that waits for a table, for instance until pg_dump has read it. So it soon gives
# up, far within database_timeout, and its callers try again.
LOCK_TIMEOUT = "300ms"

FIRST_RETRY_SECONDS = 0.25
LONGEST_RETRY_SECONDS = 3.0

REVISION = "select version_num from alembic_version"


class Schema:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None

    async def is_current(self) -> bool:
        """Whether this version can work with the present schema; raises DatabaseUnavailableError.

        A newer schema counts: after a rollback the older pods must still start.
        """
        try:
            rows = await self._database.read(REVISION)
        except SchemaMissingError:
            return False
        return bool(rows) and rows[0]["version_num"] >= HEAD

    def start(self) -> None:
        """Migrates in the background until it is done; does nothing while that runs."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._migrate())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _migrate(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                if not await self.is_current():
                    await upgrade(self._database.connect)
                return
            except Exception as error:
                logger.warning("the schema is not ready, trying again: %s", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_SECONDS)


async def upgrade(connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
    """Applies the migrations that are missing, if there are any, over one connection of their owner."""
    # In a thread: the import takes long enough to make the event loop miss probes.
    await asyncio.to_thread(importlib.import_module, "alembic.command")
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=NullPool,
        hide_parameters=True,
    )
    async with engine.begin() as connection:
        # Behind PgBouncer the services' limit may be left on the connection.
        await connection.exec_driver_sql("set local statement_timeout = 0")
        # Held to the end of the transaction: the others wait, then find the work done.
        await connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK_KEY})")
        # After it, which may take as long as it must: see LOCK_TIMEOUT.
        await connection.exec_driver_sql(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        await connection.run_sync(_upgrade_to_head)
    logger.info("the schema is at %s", HEAD)


def _upgrade_to_head(connection: "Connection") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
