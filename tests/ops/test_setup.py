"""The steps from a bare machine to one that is ready, and how they are reported."""

import errno
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from rich.console import Console

from ops import cli, main, session
from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare import docker, setup, tools
from ops.prepare.tools import Choice, Origin
from ops.release import record, rollback
from ops.release.record import Record
from ops.review import command
from ops.steps import Steps, clock
from tests.machinery import checks, everything, extras, suites
from tests.machinery.suites import Outcome, Suite
from tests.ops.machines import minikube_profile, set_up
from tests.ops.programs import Programs

Ops = Callable[..., tuple[int, str]]


@pytest.fixture
def ops(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Ops]:
    """Run the command line, which must fail: its exit code, and what it prints on stderr."""
    before = {sent: signal.getsignal(sent) for sent in (signal.SIGTERM, signal.SIGHUP)}

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ops", *words])
        with pytest.raises(SystemExit) as left:
            main.main()
        return int(str(left.value.code)), capsys.readouterr().err

    yield run
    for sent, handler in before.items():
        signal.signal(sent, handler)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_more(*_: object) -> NoReturn:
        raise AssertionError("the disk is looked at first")

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    monkeypatch.setattr(setup, "choose", nothing_more)


def test_a_full_disk_is_found_before_anything_is_written(tmp_path: Path) -> None:
    setup.require_space(tmp_path, needed=1)
    with pytest.raises(OpsError, match="the disk is almost full") as error:
        setup.require_space(tmp_path, needed=10**18)
    assert error.value.where == str(tmp_path)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("command", ["up", "bench", "test-reliability"])
def test_a_command_that_fills_the_disk_begins_with_a_look_at_it(ops: Ops, command: str) -> None:
    code, said = ops(command)
    assert code == 1
    assert said.startswith("error: the disk is almost full: 0.0 GB free, 2.0 GB needed\n")
    assert "fix: make room" in said


@pytest.mark.usefixtures("full_disk")
def test_make_test_says_of_each_suite_that_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(suite: Suite, console: Console) -> Outcome:
        return suites.run(suite, console) if suite.name == "live and browser" else Outcome("", *ran)

    ran = suites.Count(passed=1), 1.0
    monkeypatch.setattr(everything, "run", run)
    monkeypatch.setattr(checks, "outcomes", lambda _, **_more: [])
    outcomes = everything.outcomes(Console(quiet=True))
    (live,) = (outcome for outcome in outcomes if outcome.count.failed)
    assert live.reason.startswith("could not run: the disk is almost full")


@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_on_the_way_is_one_error_that_names_the_file(
    ops: Ops, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    def app() -> NoReturn:
        raise OSError(kind, "No space left on device", "/somewhere/state.json")

    monkeypatch.setattr(main, "app", app)
    fix = "make room, then run it again"
    said = f"error: the disk is full\n  where: /somewhere/state.json\n  fix: {fix}\n"
    assert ops("up") == (1, said)


PROVIDERS = (
    "require_space",
    "provide_docker",
    "provide_cluster",
    "enable_metrics",
    "provide_images",
)


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps taken on a machine that is its own Minikube, for a stack that needs all of them."""
    taken: list[str] = []
    for name in PROVIDERS:
        monkeypatch.setattr(setup, name, lambda *_, name=name: taken.append(name))
    minikube_profile(tmp_path)
    chosen = set_up({"MINIKUBE_HOME": str(tmp_path)})
    monkeypatch.setattr(setup, "provide_tools", lambda _: chosen)
    stack: Any = SimpleNamespace(
        destroy=lambda: taken.append("destroy"), export=lambda: {"deployment": {}}
    )
    for module in (cli, session):
        monkeypatch.setattr(module, "selected_stack", lambda *_: stack)
    return taken


def reads_a_stack(monkeypatch: pytest.MonkeyPatch, port: int | None) -> None:
    path = ROOT / "Pulumi.dev.yaml"
    file = StackFile("dev", path, "minikube", "minikube", port, True, autoscales=True)
    monkeypatch.setattr(StackFile, "read", lambda *_: file)


def test_up_takes_no_port_from_another_program(
    ops: Ops, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        reads_a_stack(monkeypatch, port)
        code, said = ops("up")
    assert code == 1
    assert said.startswith(f"error: port {port} is in use by another program")
    assert taken == list(PROVIDERS[:-1]), "the cluster is there by then, and no image was asked for"


def test_up_reads_the_cluster_before_its_preview_only_on_request(
    ops: Ops, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_a_stack(monkeypatch, None)

    def preview(*_: object) -> NoReturn:
        taken.append("preview")
        raise OpsError("here it would go on")

    monkeypatch.setattr(command, "guard_up", preview)
    selected: Any = session.selected_stack
    monkeypatch.setattr(selected(), "refresh", lambda: taken.append("refresh"), raising=False)
    ops("up")
    assert taken[-2:] == ["enable_metrics", "preview"], "base images only where something changes"
    ops("up", "--refresh")
    assert taken[-2:] == ["refresh", "preview"]


def test_down_needs_the_cluster_alone(taken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs neither room on the disk, nor a free port, nor base images or metrics."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        reads_a_stack(monkeypatch, listener.getsockname()[1])
        cli.down()
    assert taken == ["provide_docker", "provide_cluster", "destroy"]


def test_down_backs_up_data_before_an_agreed_loss(
    taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_a_stack(monkeypatch, None)
    monkeypatch.setattr("ops.cli.deletion.require_leave", lambda *_: True)
    monkeypatch.setattr(cli, "before_loss", lambda *_: taken.append("backup"))
    cli.down(confirm="data-loss")
    assert taken[-2:] == ["backup", "destroy"]
    taken.clear()
    cli.down(confirm="data-loss", first=False)
    cli.down()  # Of a disposable stack.
    assert "backup" not in taken


LOSES = command.Outlook("at worst: data loss", changes=True, loses=True)


def test_up_backs_up_data_before_an_agreed_loss(
    ops: Ops, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def to_the_end(*_: object) -> NoReturn:
        raise OpsError("here it would go on")

    reads_a_stack(monkeypatch, None)
    monkeypatch.setattr(command, "guard_up", lambda *_: LOSES)
    monkeypatch.setattr(cli, "before_loss", lambda *_: taken.append("backup"))
    monkeypatch.setattr(setup, "provide_images", to_the_end)
    ops("up", "--confirm", "data-loss")
    assert taken[-2:] == ["enable_metrics", "backup"], (
        "after the preview, before anything is changed"
    )
    taken.clear()
    ops("up", "--confirm", "data-loss", "--no-backup")
    assert "backup" not in taken


def test_up_records_the_checkout_as_the_engine_reads_it(
    ops: Ops, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit made during the steps before is a part of what is deployed."""

    def up(_: str) -> NoReturn:
        taken.append("up")
        raise OpsError("here it would go on")

    def of_checkout(_: Path) -> Record:
        taken.append("record")
        return Record()

    reads_a_stack(monkeypatch, None)
    monkeypatch.setattr(command, "guard_up", lambda *_: command.Outlook("", changes=True))
    monkeypatch.setattr(record, "of_checkout", of_checkout)
    selected: Any = session.selected_stack
    monkeypatch.setattr(selected(), "up", up, raising=False)
    ops("up")
    assert taken[-3:] == ["provide_images", "record", "up"]


def test_a_rollback_backs_up_data_before_an_agreed_loss(
    taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def up(_: str) -> NoReturn:
        taken.append("up")
        raise OpsError("here it would go on")

    ready: Any = SimpleNamespace(up=up)
    target: Any = SimpleNamespace(
        file=None,
        title="rollback to revision 1",
        revision=SimpleNamespace(number=1),
        command="make rollback TO=1",
        record=SimpleNamespace(message=lambda title: title),
    )
    monkeypatch.setattr(rollback, "ready_stack", lambda *_: ready)
    monkeypatch.setattr(rollback, "require_images", lambda *_: None)
    monkeypatch.setattr(rollback, "guard_up", lambda *_: LOSES)
    monkeypatch.setattr(rollback, "before_loss", lambda *_: taken.append("backup"))
    monkeypatch.setattr(setup, "require_free_port", lambda *_: None)
    for first in (True, False):
        with pytest.raises(OpsError, match="here it would go on"):
            rollback.bring_back(target, set_up({}), Steps("", Console(quiet=True)), first=first)
    assert taken == ["backup", "up", "up"]


def test_a_new_machine_is_set_up_before_anything_is_measured(
    ops: Ops, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(*_: object, env: object) -> NoReturn:
        raise OpsError("here it would begin")

    monkeypatch.setattr(extras, "provide", begin)
    assert ops("bench") == (1, "error: here it would begin\n")
    assert taken == ["require_space", "provide_docker", "provide_cluster", "provide_images"]


def test_host_packages_and_base_images_come_while_the_tools_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Programs(tmp_path)
    programs.answer("python", "", "")
    seen: list[list[str]] = []

    def build(*_: object, **_more: object) -> None:
        deadline = time.monotonic() + 20
        while len(programs.calls) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append([words[-2] for words in programs.calls])

    chosen = {"minikube": Choice("minikube", tmp_path / "minikube", Origin.BUILT, "")}
    monkeypatch.setattr(setup, "choose", lambda: replace(set_up(programs.env), tools=chosen))
    monkeypatch.setattr(setup, "STAND_INS", tmp_path)
    monkeypatch.setattr(docker, "choose", lambda _: SimpleNamespace(client=Path("docker")))
    monkeypatch.setattr(tools, "provide", build)
    monkeypatch.setattr(sys, "executable", str(programs.folder / "python"))
    setup.provide_tools(Steps("", Console(quiet=True)))
    assert seen == [["host", "images"]], "one after the other: images need Docker"
    (tmp_path / "minikube").touch()
    setup.provide_tools(Steps("", Console(quiet=True)))
    assert len(programs.calls) == 2, "its own steps do it where nothing is built"


def test_every_step_is_listed_with_its_time_also_the_one_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = Steps("make up", Console(width=100))
    with steps.step("tools") as step:
        step.note = "all on PATH"
    with pytest.raises(OpsError), steps.step("cluster"):
        raise OpsError("no cluster")

    steps.table()

    shown = capsys.readouterr().out
    assert [step.state for step in steps.taken] == ["done", "failed"]
    assert "all on PATH" in shown
    assert "cluster" in shown


def test_times_are_given_the_way_people_say_them() -> None:
    assert [clock(3.21), clock(59.9), clock(125.4)] == ["3.2 s", "59.9 s", "2 min 05 s"]
