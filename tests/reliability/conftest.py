"""One release on the real cluster for the reliability tests: its own stack, namespace and node ports."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests import live_release
from tests.live_release import LiveRelease, deployed, node_port
from tests.load import Result, summary
from tests.reliability.person import Person

RELEASE = "reltest"
FRONTEND_PORT, BACKEND_PORT = 30083, 30084
FRONTEND, BACKEND = node_port(FRONTEND_PORT), node_port(BACKEND_PORT)
# A quarter to a half of the defaults: with a rollout's surge, what 2 CPUs have left beside the control plane, the
# metrics server and an idle dev release. With 20m the backend waited three times as long for a processor as it
# used one, and answered 503 after a second of that.
CPU = {"postgres": "60m", "backend": "60m", "frontend": "25m"}
VALUES = live_release.values(
    RELEASE, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT, cpu=CPU
)

READY_SECONDS = 120  # A pod that is started anew after a crash waits a minute at most.

Record = Callable[[str, Sequence[object]], None]


def await_ready(release: LiveRelease, component: str) -> None:
    """Wait until all of a component's pods are up to date and ready."""
    kind = "statefulset" if component == "postgres" else "deployment"
    workload = f"{kind}/{RELEASE}-{component}"
    release.kubectl(
        "rollout", "status", workload, f"--timeout={READY_SECONDS}s", timeout=READY_SECONDS + 10
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="all repetitions (make test-reliability), not a few"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A short run skips tests that stop the whole cluster or take too long; pytest reports how many.

    Tests that no other test can follow run last.
    """
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
    if config.getoption("--full", default=False):
        return
    left_out = [item for item in items if item.get_closest_marker("full_only")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether this run makes all repetitions."""
    return bool(pytestconfig.getoption("--full", default=False))


@pytest.fixture
def record(record_property: Callable[[str, Any], None]) -> Record:
    """Record what was done and measured, for the report that docs/reliability.md is made from."""

    def note(done: str, measured: Sequence[object]) -> None:
        print(done, *measured, sep="\n  ")
        record_property("done", done)
        loads = [line for line in measured if isinstance(line, Result)]
        others = [str(line) for line in measured if not isinstance(line, Result)]
        for line in others + [summary(loads)] * bool(loads):
            record_property("measured", line)

    return note


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    """The suite's release."""
    with deployed(VALUES, tmp_path_factory.mktemp("reliability")) as release:
        yield release


@pytest.fixture
def person(release: LiveRelease) -> Person:
    """Somebody with one task."""
    person = Person.signed_up(FRONTEND, BACKEND, release.kubectl)
    with person.api() as api:
        api.post("/api/tasks", json={"title": "Keep serving"}).raise_for_status()
    return person


def await_left(release: LiveRelease) -> None:
    """Terminating pods still answer for some seconds, with the former configuration and its keys."""
    deadline = time.monotonic() + READY_SECONDS
    while any(
        "deletionTimestamp" in pod["metadata"] for pod in release.kubectl.get("pods")["items"]
    ):
        assert time.monotonic() < deadline, "pods do not terminate"
        time.sleep(1)


@pytest.fixture(autouse=True)
def whole(release: LiveRelease) -> None:
    """Every test begins with the suite's own configuration, serving, whatever the test before left there."""
    if release.stack.plain_values() != VALUES:
        release.stack.recover()
        release.stack.configure(VALUES)
        release.stack.up()
    for component in ("postgres", "backend", "frontend"):
        await_ready(release, component)
    await_left(release)
    live_release.wait_until_it_serves(VALUES)
