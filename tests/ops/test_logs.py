"""Which containers' logs are read, and from where on."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.errors import OpsError
from ops.release import logs
from tests.ops.programs import Programs


def pod(name: str, restarts: int = 0, **state: Any) -> dict[str, Any]:
    status = {
        "name": "backend",
        "restartCount": restarts,
        "state": state or {"running": {}},
        "lastState": {},
    }
    return {"metadata": {"name": name}, "status": {"containerStatuses": [status]}}


class Cluster:
    """Pods come and go; each writes one line."""

    def __init__(self, folder: Path) -> None:
        self.programs = Programs(folder)
        self.lines: list[tuple[str, str]] = []
        self.programs.answer("kubectl", "logs", "a line", seconds=0.1)

    def has(self, *pods: dict[str, Any]) -> None:
        self.programs.answer("kubectl", "get", {"items": list(pods)})

    @property
    def follower(self) -> logs.Follower:
        def say(pod: str, line: str) -> None:
            self.lines.append((pod, line))

        return logs.Follower(["kubectl"], "app=taskflow", 5, self.programs.env, say)

    @property
    def read(self) -> list[list[str]]:
        return [call[1:-1] for call in self.programs.calls if "logs" in call]

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.read) < count:
            assert time.monotonic() < deadline, f"{count} logs should be read, not {self.read}"
            time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(logs, "LOOK_SECONDS", 0.05)
    return Cluster(tmp_path)


def test_every_started_container_is_shown_once(cluster: Cluster) -> None:
    cluster.has(pod("one"), pod("two"), pod("three", waiting={"reason": "ContainerCreating"}))
    cluster.follower.show()
    assert sorted(cluster.lines) == [("one", "a line"), ("two", "a line")]
    assert sorted(cluster.read) == [
        ["logs", name, "--container", "backend", "--tail=5"] for name in ("one", "two")
    ]


def test_new_pods_and_restarts_join_with_their_whole_log(cluster: Cluster) -> None:
    cluster.programs.answer("kubectl", "logs", "a line", seconds=30)
    cluster.has(pod("old"))
    stop = threading.Event()
    following = threading.Thread(target=cluster.follower.follow, args=(stop,))
    following.start()
    try:
        cluster.wait_for(1)
        cluster.has(pod("old", restarts=1), pod("new"))
        cluster.wait_for(3)
        time.sleep(0.25)
    finally:
        stop.set()
        following.join()
    first, *later = cluster.read
    assert first == ["logs", "old", "--container", "backend", "--follow", "--tail=5"]
    assert sorted(later) == [
        ["logs", name, "--container", "backend", "--follow", "--tail=-1"] for name in ("new", "old")
    ], "each start of a container is read once, and from its first line"


def test_a_stream_that_was_cut_off_goes_on_where_it_ended_and_a_cluster_may_be_away_meanwhile(
    cluster: Cluster,
) -> None:
    cluster.has(pod("one"))
    stop = threading.Event()
    following = threading.Thread(target=cluster.follower.follow, args=(stop,))
    following.start()
    try:
        cluster.wait_for(1)
        cluster.programs.answer("kubectl", "get", "connection refused", code=1)
        time.sleep(0.3)
        cluster.has(pod("one"))
        cluster.wait_for(2)
    finally:
        stop.set()
        following.join()
    again = cluster.read[1]
    assert again[:-1] == ["logs", "one", "--container", "backend", "--follow"]
    assert again[-1].startswith("--since-time=20")


def test_each_pod_keeps_a_colour_of_its_own() -> None:
    console = Console(record=True, force_terminal=True, file=io.StringIO(), width=80)
    say = logs.Coloured(console)
    for name in ("one", "two", "one"):
        say(name, "a line [of text]")
    shown = console.export_text(styles=True).splitlines()
    first, second, again = (line.split(" ")[0] for line in shown)
    assert first == again
    assert first.replace("one", "two") != second, "another pod, another colour"
    assert all(line.endswith("a line [of text]") for line in shown)


def test_no_pod_at_all_is_an_error(cluster: Cluster) -> None:
    cluster.has()
    with pytest.raises(OpsError, match="no pod with app=taskflow"):
        cluster.follower.show()
