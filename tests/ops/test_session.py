"""The way to a stack on a cluster that answers: what is provided for which stack, and in which order."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ops import session
from ops.config.stacks import StackFile
from ops.engine import backend, recovery
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.prepare import setup
from ops.steps import Steps

PROVIDERS = ("provide_docker", "provide_cluster", "enable_metrics")


@pytest.fixture
def provided(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that are taken; none does anything."""
    taken: list[str] = []
    for name in PROVIDERS:
        monkeypatch.setattr(setup, name, lambda *_, name=name: taken.append(name))
    monkeypatch.setattr(session, "selected_stack", lambda *_: taken.append("stack"))
    return taken


def steps_of(provided: list[str], **file: Any) -> list[str]:
    known = {"context": "x", "profile": "minikube", "node_port": None, "builds_images": True}
    stack = StackFile("x", Path("Pulumi.x.yaml"), **{**known, **file})
    chosen: Any = None
    session.ready_stack(chosen, stack, Steps("", Console()))
    return provided


def test_a_minikube_gets_what_the_stack_builds_on(provided: list[str]) -> None:
    assert steps_of(provided) == ["provide_docker", "provide_cluster", "stack"]


def test_an_autoscaler_on_minikube_gets_a_metrics_server(provided: list[str]) -> None:
    assert "enable_metrics" in steps_of(provided, autoscales=True)


def test_the_metrics_server_of_another_cluster_is_left_alone(provided: list[str]) -> None:
    assert steps_of(provided, autoscales=True, profile=None, builds_images=False) == [
        "provide_cluster",
        "stack",
    ]


@pytest.mark.parametrize(
    ("variables", "profile", "changing", "goes_on"),
    [
        ({"CI": "true"}, None, True, False),
        ({"CI": "true"}, None, False, True),
        ({"CI": "true"}, "minikube", True, True),
        ({"CI": "true", "PULUMI_BACKEND_URL": "s3://state"}, None, True, True),
        ({}, None, True, True),
    ],
    ids=["lost", "only read", "minikube's go with it", "shared", "no pipeline"],
)
def test_a_pipeline_changes_no_cluster_with_a_state_that_goes_with_its_machine(
    variables: dict[str, str],
    profile: str | None,
    changing: bool,
    goes_on: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(session, "prepare", lambda _: None)
    monkeypatch.setattr(Stack, "select", lambda _: False)
    monkeypatch.setattr(recovery, "recover", lambda *_, **__: "")
    chosen: Any = SimpleNamespace(backend=backend.find(variables, tmp_path), env={})
    file = StackFile("x", Path("Pulumi.x.yaml"), "x", profile, None, builds_images=False)
    steps = Steps("", Console(quiet=True))
    if goes_on:
        assert session.selected_stack(chosen, file, steps, changing=changing).name == "x"
        return
    with pytest.raises(OpsError, match="nothing was changed: CI is set") as failure:
        session.selected_stack(chosen, file, steps, changing=changing)
    assert "PULUMI_BACKEND_URL" in failure.value.fix


def test_a_secret_on_stdin_is_taken_as_it_is_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine would keep a question mark for each byte that is no text."""

    def answer(given: bytes) -> str:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given), "latin-1"))
        return session.hidden_answer("")

    assert answer("Grüße\r\n".encode()) == "Grüße"
    with pytest.raises(OpsError, match=r"not UTF-8 \(byte 4\)"):
        answer(b"caf\xe9-pass")
