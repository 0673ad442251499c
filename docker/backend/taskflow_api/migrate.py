"""Migrates the database as its owner, then sets up the services' roles: `python -m taskflow_api.migrate`.

Runs in an init container of the backend's pods, so that what serves requests never holds the owner's address.
Waits for a database that does not answer. Without DATABASE_OWNER_URL the backend's own role is the owner, and without
FRONTEND_DATABASE_URL the frontend's sessions use the backend's role.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from taskflow_api.address import AddressError, DatabaseAddress, read_address
from taskflow_api.logs import configure_logging
from taskflow_api.roles import (
    BACKEND,
    FRONTEND,
    REFUSED,
    Login,
    RoleError,
    as_owner,
    connect,
    drop,
    ensure,
    excess,
)
from taskflow_api.schema import (
    FIRST_RETRY_SECONDS,
    HEAD,
    LOCK_KEY,
    LONGEST_RETRY_SECONDS,
    REVISION,
    upgrade,
)

logger = logging.getLogger("taskflow_api.migrate")

# The kubelet puts it into the pod's status, where `make smoke` finds it.
# https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
TERMINATION_MESSAGE = Path("/dev/termination-log")
# Addresses with former passwords of the owner; tried after the address itself.
FORMER_OWNERS = ("DATABASE_OWNER_URL_1", "DATABASE_OWNER_URL_2")
FIX = "give it a role with fewer rights"


def main() -> int:
    configure_logging(os.environ.get("LOG_LEVEL") or "info")
    # As process 1 it would ignore the signal otherwise.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        owners, logins = addresses(os.environ)
    except AddressError as error:
        logger.error("%s", error)
        return 2
    dropped = os.environ.get("DATABASE_DROPPED_ROLES", "").split()
    lines = asyncio.run(until_done(owners, logins, dropped))
    if TERMINATION_MESSAGE.exists():
        TERMINATION_MESSAGE.write_text("\n".join(lines))
    return 0


def addresses(environment: Mapping[str, str]) -> tuple[list[DatabaseAddress], list[Login]]:
    """The owner's address, with those by former passwords after it, and the services'.

    Raises:
        AddressError: with the variable's name, and nothing of its value.
    """

    def read(*names: str) -> tuple[str, DatabaseAddress]:
        variable = next((name for name in names if environment.get(name)), names[-1])
        ca_file = environment.get("DATABASE_CA_FILE")
        try:
            url = environment.get(variable, "")
            return variable, read_address(url, Path(ca_file) if ca_file else None)
        except AddressError as error:
            raise AddressError(f"the environment variable {variable}: {error}") from None

    former = [name for name in FORMER_OWNERS if environment.get(name)]
    owners = [read("DATABASE_OWNER_URL", "DATABASE_URL")[1], *(read(name)[1] for name in former)]
    logins = []
    for service, names, rights in (
        ("backend", ("DATABASE_URL",), BACKEND),
        ("frontend", ("FRONTEND_DATABASE_URL", "DATABASE_URL"), FRONTEND),
    ):
        variable, address = read(*names)
        logins.append(Login(service=service, variable=variable, address=address, rights=rights))
    return owners, logins


async def until_done(
    owners: list[DatabaseAddress], logins: list[Login], dropped: list[str]
) -> list[str]:
    """Tries again until it works; returns lines about the roles."""
    pause = FIRST_RETRY_SECONDS
    while True:
        try:
            return await migrate(owners, logins, dropped)
        except Exception as error:
            logger.warning("the database is not ready, trying again: %s", error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_RETRY_SECONDS)


async def migrate(
    owners: list[DatabaseAddress], logins: list[Login], dropped: list[str]
) -> list[str]:
    owner, *_ = owners
    connection = await as_owner(*owners)
    try:
        if not await _is_current(connection):
            await upgrade(lambda: connect(owner))
        try:
            async with connection.transaction():
                # The pods that start together take turns.
                await connection.execute(f"select pg_advisory_xact_lock({LOCK_KEY})")
                for login in logins:
                    if login.address.user != owner.user:
                        await ensure(connection, login)
                await drop(connection, dropped)
        except REFUSED as error:
            fix = "Run the SQL of docs/database-roles.md as an administrator."
            raise RoleError(f"the services' roles were refused: {error}. {fix}") from error
    finally:
        await connection.close()
    if all(login.address.user == owner.user for login in logins):
        return []
    return [await _said(login) for login in logins]


async def _is_current(connection: asyncpg.Connection) -> bool:
    try:
        revision: str | None = await connection.fetchval(REVISION)
    except asyncpg.UndefinedTableError:
        return False
    return revision is not None and revision >= HEAD


async def _said(login: Login) -> str:
    line = f"the {login.service} connects as {login.address.user}"
    more = await excess(login)
    if not more:
        logger.info("%s", line)
        return line
    line = f"warning: {line}, which may also use {', '.join(more)}: {FIX}"
    logger.warning("%s", line)
    return line


if __name__ == "__main__":
    sys.exit(main())
