"""The way to a stack on a cluster that answers: what is provided for which stack, and in which order."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops import session
from ops.config.stacks import StackFile
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
