"""The commands about what is deployed: what they print for programs, and their exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops import pods
from ops.errors import OpsError
from ops.main import app
from ops.prepare import setup
from ops.prepare.setup import Setup
from ops.release import smoke
from tests.ops.conftest import Cluster
from tests.ops.machines import set_up
from tests.ops.programs import Programs
from tests.ops.test_history import BUILT, entry
from tests.ops.test_pods import pod
from tests.ops.test_reach import node_port
from tests.ops.test_status import WELL, deployment, service

OUTPUTS = {"url": "http://127.0.0.1:30099", "namespace": "taskflow"}
URL = "http://127.0.0.1:30080"


class Machine:
    """A machine whose engine and cluster have prepared answers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs = Programs(folder)
        self.programs.answer("pulumi", "stack history", [entry(), entry()])
        self.programs.answer("pulumi", "stack output", OUTPUTS)
        chosen = set_up(self.programs.env)
        self.choices = 0

        def choose() -> Setup:
            self.choices += 1
            return chosen

        monkeypatch.setattr(setup, "choose", choose)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    def json(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_history_is_printed_for_people_and_for_programs(machine: Machine) -> None:
    revisions = machine.json("history")
    assert [one["revision"] for one in revisions] == [1, 2]
    assert revisions[0]["images"] == BUILT
    shown = machine.run("history")
    assert shown.exit_code == 0
    assert "0123456789ab" in shown.stdout


def test_a_stack_without_a_revision_is_no_error(machine: Machine) -> None:
    machine.programs.answer("pulumi", "stack history", [])
    assert "no revision yet" in machine.run("history").stdout
    assert machine.json("history") == []


def test_status_exits_with_1_if_something_is_wrong(machine: Machine, cluster: Cluster) -> None:
    cluster.has(*WELL)
    assert machine.json("status")["faults"] == []
    assert "all is well" in machine.run("status").stdout
    broken = [
        deployment(1),
        pod(container={"state": {"waiting": {"reason": "ErrImagePull"}}}),
        *service(True),
    ]
    cluster.has(*broken)
    cluster.answer("events", {"items": []})
    result = machine.run("status")
    assert result.exit_code == 1
    assert "ErrImagePull" in result.stdout


def test_the_status_of_a_stack_that_is_down_is_an_error(machine: Machine) -> None:
    machine.programs.answer("pulumi", "stack output", {})
    result = machine.run("status")
    assert isinstance(result.exception, OpsError)
    assert "is not up" in str(result.exception)


def test_open_prints_the_address(machine: Machine, cluster: Cluster) -> None:
    cluster.has(node_port(30080))
    assert machine.json("open") == {"url": URL, "forwarded": False}
    assert machine.run("open").stdout == f"{URL}\n"
    assert machine.choices == 2, "one per command: each may ask vendors' sites for seconds"


def test_smoke_checks_the_address_of_the_live_service_not_of_the_last_update(
    machine: Machine, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.has(node_port(30080))
    checked: list[str] = []
    monkeypatch.setattr(smoke, "check", lambda url, *_: checked.append(url))
    monkeypatch.setattr(pods, "roles", lambda *_: [])
    assert machine.json("smoke") == {"url": URL, "passed": []}
    assert f"{URL} works" in machine.run("smoke").stdout
    assert checked == [URL, URL]


def test_logs_are_kubectls_own_of_all_pods_of_a_component(
    machine: Machine, cluster: Cluster
) -> None:
    cluster.answer("logs", "")
    machine.run("logs", "--component", "backend", "--tail", "3")
    machine.run("logs", "--no-follow")
    followed, once = cluster.calls
    assert followed.startswith("logs --prefix")
    assert followed.endswith("--selector=app=taskflow,component=backend --tail=3 --follow")
    assert once.endswith("--selector=app=taskflow --tail=10")
    assert cluster.asked[0].namespace == "taskflow"
