"""How this machine reaches a frontend that has no address outside its cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.engine.backend import Backend
from ops.engine.stack import Stack
from ops.engine.stack_file import StackFile
from ops.errors import OpsError
from ops.release import reach
from tests.ops.programs import Programs
from tests.ops.test_history import entry


class Deployed:
    def __init__(self, folder: Path) -> None:
        self.programs = Programs(folder)
        (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
        self.programs.answer("pulumi", "stack history", [entry(release="blue")])
        self.stack = Stack(
            StackFile.read("dev", folder), Backend("s3://team", ours=False), self.programs.env
        )

    def at(self, url: str) -> None:
        self.programs.answer("pulumi", "stack output", {"url": url, "namespace": "blue"})


@pytest.fixture
def deployed(tmp_path: Path) -> Deployed:
    return Deployed(tmp_path)


def test_an_address_is_used_as_it_is(deployed: Deployed) -> None:
    deployed.at("https://taskflow.example.com")
    with reach.way_to(deployed.stack, "linux") as way:
        assert way == reach.Way("https://taskflow.example.com")


def test_a_service_that_only_the_cluster_reaches_is_forwarded_for_as_long_as_it_is_needed(
    deployed: Deployed,
) -> None:
    deployed.at("http://blue-frontend:3000")
    deployed.programs.answer(
        "kubectl", "port-forward", "Forwarding from 127.0.0.1:4711 -> 3000", seconds=60
    )
    with reach.way_to(deployed.stack, "linux") as way:
        assert way.url == "http://127.0.0.1:4711"
        assert way.forward
        assert way.forward.poll() is None
    assert way.forward.poll() is not None
    (call,) = [call for call in deployed.programs.calls if call[0] == "kubectl"]
    assert "service/blue-frontend" in call
    assert "--namespace blue" in " ".join(call)


def test_a_port_that_cannot_be_forwarded_is_an_error(deployed: Deployed) -> None:
    deployed.at("http://blue-frontend:3000")
    deployed.programs.answer("kubectl", "port-forward", "error: unable to forward port", code=1)
    with (
        pytest.raises(OpsError, match="no port can be forwarded") as caught,
        reach.way_to(deployed.stack, "linux"),
    ):
        pass
    assert "unable to forward" in caught.value.where


def test_a_load_balancer_without_an_address_is_waited_for(deployed: Deployed) -> None:
    deployed.at("http://<pending>:80")
    with (
        pytest.raises(OpsError, match="no address yet"),
        reach.way_to(deployed.stack, "linux"),
    ):
        pass
