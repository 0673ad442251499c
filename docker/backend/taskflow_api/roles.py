"""The services' login roles: made where they are missing, with rights on the tables that a service needs and no others.

Rights are only added. Revoking what this version does not need would fail the requests of a newer one's pods during
a rollback; a role that may do more is reported instead.
"""

import base64
import hashlib
import hmac
import os
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import asyncpg

from taskflow_api.address import DatabaseAddress
from taskflow_api.database import server_of

READ_AND_WRITE = "select, insert, update, delete"
# In "user" the backend checks whether an id exists. Foreign keys check and delete as the tables' owner.
BACKEND = {"task": READ_AND_WRITE, "user": "select (id)", "alembic_version": "select"}
# Better Auth's, with the attempts at passwords in "verification", and the files of the pages.
FRONTEND = dict.fromkeys(
    ("user", "session", "account", "verification", "page_file"), READ_AND_WRITE
)

# After which Postgres itself ends a statement: just above the services' own limits (database_timeout of the backend,
# TIMEOUT_MS of docker/frontend/lib/database.ts), after which nobody waits for it. On the roles, because PgBouncer
# refuses it as a parameter of a connection, and may give what a connection sets later to another one. Where one role
# does everything the services set it nevertheless: STATEMENT_TIMEOUT of taskflow_api.database.
STATEMENT_TIMEOUTS = {"backend": "1s", "frontend": "2s"}

NAME = "taskflow-migrate"
# On roles that were made here: only they may be altered, because only the program sets their passwords.
MARK = "made by taskflow_api.roles"
REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.InternalServerError)
"""What a server says that lets its owner make no roles, or none without a plain password; Neon does at the commit."""
SCRAM_ITERATIONS = 4096  # Postgres' own default
CONNECT_SECONDS = 10

DROPPED = "select rolname from pg_roles where rolname = any($1) and shobj_description(oid, 'pg_authid') = $2"
FIND = "select shobj_description(oid, 'pg_authid') from pg_roles where rolname = $1"
WHERE = "select current_schema() as schema, current_database() as database"
EXCESS = """
    select relname from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    and relname <> all($1) and has_table_privilege(
        current_user, oid, 'select, insert, update, delete, truncate, references, trigger')
    order by 1
"""


class RoleError(Exception):
    """A role that cannot be used as it is, and that cannot be made or changed here."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """One service's login to the database.

    Args:
        variable: the environment variable that has the address.
        rights: privileges by the names of tables.
    """

    service: str
    variable: str
    address: DatabaseAddress
    rights: Mapping[str, str]


async def connect(address: DatabaseAddress) -> asyncpg.Connection:
    connection: asyncpg.Connection = await asyncpg.connect(
        **server_of(address, NAME), timeout=CONNECT_SECONDS
    )
    return connection


async def ensure(owner: asyncpg.Connection, login: Login) -> None:
    """Makes the role if it is not there, and grants it what its service needs; within the caller's transaction.

    Raises:
        RoleError: if the role is somebody else's, and its password another one.
    """
    user = login.address.user
    found = await owner.fetchrow(FIND, user)
    is_ours = found is None or found[0] == MARK
    if not await _gets_in(login.address):
        if not is_ours:
            raise RoleError(f"the role {user} refuses the password of {login.variable}")
        verb = "create" if found is None else "alter"
        password = f"login password '{_verifier(login.address.password or '')}'"
        await owner.execute(f"{verb} role {_quoted(user)} {password}")
        if found is None:
            await owner.execute(f"comment on role {_quoted(user)} is '{MARK}'")
    if is_ours:
        limit = f"statement_timeout = '{STATEMENT_TIMEOUTS[login.service]}'"
        # An owner that has lost the right to alter roles must not keep the pods from starting.
        with suppress(asyncpg.InsufficientPrivilegeError):
            async with owner.transaction():
                await owner.execute(f"alter role {_quoted(user)} set {limit}")
    (place,) = await owner.fetch(WHERE)
    schema, database = _quoted(place["schema"]), _quoted(place["database"])
    statements = [
        f"revoke create on schema {schema} from public",
        f"grant usage on schema {schema} to {_quoted(user)}",
        f"grant connect on database {database} to {_quoted(user)}",
    ]
    for table, privileges in login.rights.items():
        name = f"{schema}.{_quoted(table)}"
        statements.append(f"revoke all on table {name} from public")
        statements.append(f"grant {privileges} on table {name} to {_quoted(user)}")
    await owner.execute("; ".join(statements))


async def as_owner(address: DatabaseAddress, *former: DatabaseAddress) -> asyncpg.Connection:
    """Connects as the owner. If the database lets it in by a former password alone, that is replaced."""
    try:
        return await connect(address)
    except asyncpg.InvalidAuthorizationSpecificationError:
        for other in former:
            with suppress(asyncpg.InvalidAuthorizationSpecificationError):
                connection = await connect(other)
                password = f"password '{_verifier(address.password or '')}'"
                await connection.execute(f"alter role {_quoted(address.user)} {password}")
                return connection
        raise


async def drop(owner: asyncpg.Connection, roles: Sequence[str]) -> None:
    """Drops those of these roles that were made here."""
    for row in await owner.fetch(DROPPED, roles, MARK):
        role = _quoted(row["rolname"])
        await owner.execute(f"drop owned by {role}; drop role {role}")


async def excess(login: Login) -> list[str]:
    """The tables that the role may use and its service does not need: all the others, if it is their owner."""
    needed = [name for name, privileges in login.rights.items() if "(" not in privileges]
    connection = await connect(login.address)
    try:
        return [row["relname"] for row in await connection.fetch(EXCESS, needed)]
    finally:
        await connection.close()


async def _gets_in(address: DatabaseAddress) -> bool:
    try:
        connection = await connect(address)
    except asyncpg.InvalidAuthorizationSpecificationError:
        return False
    except (
        asyncpg.InsufficientPrivilegeError
    ):  # The password is right; `ensure` grants what is missing.
        return True
    await connection.close()
    return True


def _verifier(password: str) -> str:
    """What Postgres stores of a password: so no statement, which Postgres may log, contains the password.

    https://www.postgresql.org/docs/current/catalog-pg-authid.html
    """
    # All that SASLprep does to passwords that people choose.
    text = unicodedata.normalize("NFKC", password).encode()
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", text, salt, SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (
        base64.b64encode(part).decode() for part in (salt, stored, server)
    )
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{salt64}${stored64}:{server64}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
