"""One database, one model provider and one backend for the tests that do not break them."""

from collections.abc import Iterator

import httpx2
import pytest
from tests.support.database import add_user, new_database
from tests.support.openai import KEY, Provider
from tests.support.server import Backend


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    with new_database() as url:
        yield url


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def backend(database_url: str, provider: Provider) -> Iterator[Backend]:
    with Backend(
        database_url,
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL=provider.url,
        OPENAI_MODEL="test-model",
        ASSISTANT_TIMEOUT="2",
        LOG_LEVEL="debug",
    ) as backend:
        yield backend


@pytest.fixture
def user_id(database_url: str, backend: Backend) -> str:
    """A new user; `backend` has made the tables."""
    return add_user(database_url)


@pytest.fixture
def api(backend: Backend, user_id: str) -> Iterator[httpx2.Client]:
    with backend.as_user(user_id) as client:
        yield client


@pytest.fixture
def stranger(backend: Backend, database_url: str) -> Iterator[httpx2.Client]:
    """Another user of the same backend."""
    with backend.as_user(add_user(database_url)) as client:
        yield client
