"""One release on the real cluster for each process that runs live tests: its own stack, namespace and node ports."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import live_release
from tests.live_release import CONTEXT, LANE, LiveRelease, deployed

__all__ = [
    "BACKEND_PORT",
    "CONTEXT",
    "FRONTEND_PORT",
    "RELEASE",
    "VALUES",
    "LiveRelease",
    "changed",
]

RELEASE = f"livetest-{LANE}"
FRONTEND_PORT, BACKEND_PORT = 30060 + LANE, 30070 + LANE
VALUES = live_release.values(RELEASE, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)


def changed(**blocks: dict[str, Any]) -> dict[str, Any]:
    """The suite's configuration with keys of some blocks replaced."""
    return live_release.changed(VALUES, **blocks)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    """The release of this process."""
    with deployed(VALUES, tmp_path_factory.mktemp("live")) as release:
        yield release
