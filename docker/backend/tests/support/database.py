"""Throw-away databases on the Postgres that TEST_DATABASE_URL names."""

import asyncio
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest


@cache
def server_url() -> str:
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        pytest.exit(
            "TEST_DATABASE_URL is not set. It names a Postgres whose user may create databases, "
            "e.g. postgresql://postgres:secret@127.0.0.1:5432/postgres",
            returncode=2,
        )
    try:
        query(url, "select 1")
    except (OSError, asyncpg.PostgresError) as error:
        pytest.exit(f"TEST_DATABASE_URL leads to no usable Postgres: {error}", returncode=2)
    return url


def query(url: str, statement: str, *values: object) -> list[Any]:
    async def run() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(run())


@contextmanager
def new_database() -> Iterator[str]:
    name = f"taskflow_test_{uuid.uuid4().hex[:12]}"
    query(server_url(), f"create database {name}")
    # Far from UTC, so that a time that depends on the server's zone is seen.
    query(server_url(), f"alter database {name} set timezone to 'Pacific/Auckland'")
    try:
        yield urlunsplit(urlsplit(server_url())._replace(path=f"/{name}"))
    finally:
        query(server_url(), f"drop database {name} with (force)")


def add_user(url: str) -> str:
    user_id = f"user-{uuid.uuid4().hex}"
    query(
        url,
        'insert into "user" (id, name, email, "emailVerified") values ($1, $1, $1, false)',
        user_id,
    )
    return user_id


def add_tasks(url: str, user_id: str, count: int) -> None:
    query(
        url,
        """insert into task (id, owner_id, title, notes, done)
        select gen_random_uuid(), $1, 'task ' || number, '', false from generate_series(1, $2) number""",
        user_id,
        count,
    )


def make_inserts_fail(database_url: str, text: str) -> None:
    """Every new task fails with an error of the server that nobody expects, and that has this text."""
    body = f"begin raise ''{text}''; end"
    query(database_url, f"create function fails() returns trigger language plpgsql as '{body}'")
    query(database_url, "create trigger fails before insert on task execute function fails()")
