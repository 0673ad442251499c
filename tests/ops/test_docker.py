"""Which Docker client is used, and the error on a machine without a usable engine."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from ops.errors import OpsError
from ops.prepare.docker import DOCKER_SITE, Engine, choose, hides_network, require_leave
from ops.prepare.machine import Platform
from tests.ops.machines import MadeUpMachine
from tests.ops.programs import Programs

FIRST, SECOND = Path("/usr/local/bin/docker"), Path("/usr/bin/docker")
DEAD = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock"


def test_an_engine_that_answers_is_used() -> None:
    assert choose(MadeUpMachine(installed={"docker": [FIRST]})) == Engine(FIRST)


def test_a_client_that_cannot_build_is_passed_over_for_one_that_can() -> None:
    machine = MadeUpMachine(installed={"docker": [FIRST, SECOND]}, clients_without_builder={FIRST})
    assert choose(machine).client == SECOND


ONLINE: dict[str, Any] = {"web": {DOCKER_SITE: ""}}
INSTALLED: dict[str, Any] = {"installed": {"docker": [FIRST]}}
MAC = {"platform": Platform("darwin", "arm64")}


@pytest.mark.parametrize(
    ("machine", "what", "fix"),
    [
        (ONLINE, "not installed", "docs.docker.com"),
        (ONLINE | INSTALLED | {"trouble": DEAD}, "does not answer", "systemctl start docker"),
        (MAC | INSTALLED | {"trouble": DEAD}, "does not answer", "start Docker Desktop"),
        (INSTALLED | {"trouble": "permission denied while ..."}, "may not talk", "usermod"),
    ],
    ids=["no Docker", "its daemon is down", "its daemon is down on a Mac", "no rights, anywhere"],
)
def test_where_docker_can_be_had_the_usual_way_the_error_says_how(
    machine: dict[str, Any], what: str, fix: str
) -> None:
    with pytest.raises(OpsError, match=what) as error:
        choose(MadeUpMachine(**machine))
    assert fix in error.value.fix


@pytest.mark.parametrize("trouble", [None, DEAD], ids=["cannot build", "daemon is down"])
def test_a_machine_that_cannot_download_docker_gets_it_from_packages(trouble: str | None) -> None:
    machine = MadeUpMachine(installed={"docker": [FIRST]}, trouble=trouble)
    if trouble is None:
        machine.clients_without_builder.add(FIRST)
    engine = choose(machine)
    assert engine.client is None
    assert engine.reason, "the run says why it installs packages"


def test_without_a_terminal_no_question_is_asked() -> None:
    def no_question(_: object = "") -> str:
        raise AssertionError("asked a question outside a terminal")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.input", no_question)
        require_leave(Engine(None), MadeUpMachine(interactive=False))


@pytest.mark.parametrize(("answer", "expected"), [("y", True), ("", False), ("no", False)])
def test_in_a_terminal_only_a_yes_installs_packages(
    monkeypatch: pytest.MonkeyPatch, answer: str, expected: bool
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: answer)
    refused = nullcontext() if expected else pytest.raises(OpsError, match="no Docker engine")
    with refused:
        require_leave(Engine(None), MadeUpMachine(interactive=True))


@pytest.mark.parametrize(
    ("system", "info", "hidden"),
    [
        ("linux", "Ubuntu 24.04.3 LTS [name=apparmor name=seccomp,profile=builtin]", False),
        ("linux", "Docker Desktop [name=seccomp,profile=unconfined name=cgroupns]", True),
        ("linux", "Ubuntu 24.04.3 LTS [name=seccomp,profile=builtin name=rootless]", True),
        ("linux", "", False),
        ("darwin", "", True),
    ],
    ids=["Linux", "Docker Desktop on Linux or WSL", "rootless", "no Docker", "a Mac"],
)
def test_where_docker_hides_its_network_only_published_ports_are_reached(
    system: str, info: str, hidden: bool, tmp_path: Path
) -> None:
    programs = Programs(tmp_path)
    programs.answer("docker", "info", info, code=0 if info else 1)
    assert hides_network(system, programs.env) is hidden
