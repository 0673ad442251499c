"""One release on the real cluster, shared by all live tests: its own stack, namespace and node ports."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import live_release
from tests.live_release import CONTEXT, LiveRelease, deployed

__all__ = [
    "BACKEND_PORT",
    "CONTEXT",
    "FRONTEND_PORT",
    "RELEASE",
    "VALUES",
    "LiveRelease",
    "changed",
]

RELEASE = "livetest"
FRONTEND_PORT, BACKEND_PORT = 30081, 30082
VALUES = live_release.values(RELEASE, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)


def changed(**blocks: dict[str, Any]) -> dict[str, Any]:
    """The suite's configuration with keys of some blocks replaced."""
    return live_release.changed(VALUES, **blocks)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    """The suite's release."""
    with deployed(VALUES, tmp_path_factory.mktemp("live")) as release:
        yield release


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test that destroys the shared release runs when all others are done."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
