"""A release with the queue worker of CONTRIBUTING.md: deployed, seen by every command, and destroyed."""

import json
from collections.abc import Iterator

import pytest

from tests import live_release
from tests.live_release import LiveRelease
from tests.one_more_component import ops, program_with_a_worker

RELEASE = "liveworker"
WORKER = f"deployment/{RELEASE}-worker"
VALUES = {
    **live_release.values(RELEASE, frontend_port=30170, backend_port=30171),
    "worker": {
        "resources": live_release.small("10m", "48Mi", {"cpu": "250m", "memory": "256Mi"}),
    },
}
# What the recipe leaves to the application.
APPLICATION = '''\
"""Looks for work in the database, and says when it did so last."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import asyncpg


async def main() -> None:
    database = await asyncpg.connect(os.environ["DATABASE_URL"])
    Path("/tmp/connected").touch()
    print("connected", flush=True)
    while True:
        await database.fetchval("SELECT 1")
        Path("/tmp/working").touch()
        await asyncio.sleep(1)


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
asyncio.run(main())
'''


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    program = program_with_a_worker(tmp_path_factory.mktemp("program"))
    (program / "docker/backend/taskflow_api/worker.py").write_text(APPLICATION)
    with live_release.deployed(VALUES, program, program) as release:
        yield release


def command(release: LiveRelease, *arguments: str, code: int = 0) -> str:
    """What the copy's own command prints about the stack."""
    stack = release.stack
    return ops(stack.program, *arguments, "--stack", stack.name, env=stack.env, code=code)


def test_status_shows_it(release: LiveRelease) -> None:
    status = json.loads(command(release, "status", "--json"))
    (worker,) = (item for item in status["workloads"] if item["name"] == f"{RELEASE}-worker")
    assert (worker["ready"], worker["wanted"]) == (2, 2), "by its own probes"
    assert [pod["component"] for pod in status["pods"]].count("worker") == 2
    assert status["faults"] == []


def test_logs_are_its_own(release: LiveRelease) -> None:
    lines = command(release, "logs", "--component", "worker", "--no-follow").splitlines()
    assert [line for line in lines if "connected" in line]
    assert [line for line in lines if f"{RELEASE}-worker-" not in line] == []


def test_drift_of_it_is_found(release: LiveRelease) -> None:
    command(release, "drift")
    release.kubectl("rollout", "pause", WORKER)  # So that the edit replaces no pod.
    release.kubectl("set", "env", WORKER, "ADDED=yes")
    found = json.loads(command(release, "drift", "--json", code=2))
    assert {drift["object"] for drift in found} == {f"Deployment {RELEASE}-worker"}
    release.kubectl("set", "env", WORKER, "ADDED-")
    release.kubectl("rollout", "resume", WORKER)
    command(release, "drift")


def test_an_edit_of_its_block_rolls_it_alone(release: LiveRelease) -> None:
    before = set(release.kubectl.pods("worker"))
    edited = live_release.changed(VALUES, worker={"env": {"GREETING": "hello"}})
    assert release.update(edited) == set(), "the other components' pods"
    assert before.isdisjoint(release.kubectl.pods("worker"))


def test_destroy_leaves_nothing_behind(release: LiveRelease) -> None:
    """The last one here: this release serves no other module."""
    release.stack.destroy()
    namespaces = release.kubectl("get", "namespaces", "-o", "name").splitlines()
    assert f"namespace/{RELEASE}" not in namespaces
    claims = release.kubectl("get", "persistentvolumes", "-o", "jsonpath={..claimRef.name}")
    assert f"{RELEASE}-postgres-data" not in claims.split(), "its volume is still claimed"
