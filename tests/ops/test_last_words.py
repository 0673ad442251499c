"""What pods in trouble say. kubectl is a script that answers from files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ops.engine.last_words import last_words
from ops.engine.stack_file import StackFile

DEV = StackFile("dev", Path("Pulumi.dev.yaml"), "minikube", "minikube", 30080, True)
KUBECTL = """#!/bin/sh
echo "$@" >> "{folder}/calls"
case "$*" in
*"get pods"*) cat "{folder}/pods" ;;
*"get events"*) echo '{{"items": [{{"message": "Startup probe failed"}}]}}' ;;
*logs*) echo "no such table" ;;
esac
"""


def pod(name: str, made: str, *, ready: bool = False, **status: Any) -> dict[str, Any]:
    container = {"name": "backend", "ready": ready, "state": {"running": {}}, "lastState": {}}
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": f"2026-01-01T00:00:{made}Z",
            "labels": {"component": "backend"},
        },
        "status": {"containerStatuses": [{**container, **status}]},
    }


CRASHED: dict[str, Any] = {"state": {"waiting": {}}, "lastState": {"terminated": {}}}


def said(folder: Path, *pods: dict[str, Any]) -> tuple[str, list[str]]:
    """What is told of these pods, and how kubectl was called."""
    (folder / "pods").write_text(json.dumps({"items": pods}))
    kubectl = folder / "kubectl"
    kubectl.write_text(KUBECTL.format(folder=folder))
    kubectl.chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    words = last_words(DEV, env)
    return words, (folder / "calls").read_text().splitlines()


def test_of_the_pods_in_trouble_the_newest_speaks_and_those_that_are_well_or_leave_do_not(
    tmp_path: Path,
) -> None:
    leaving = pod("leaving", "09")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:10Z"
    old, new, well = pod("old", "01"), pod("new", "02"), pod("well", "03", ready=True)
    words, _ = said(tmp_path, new, well, old, leaving)
    assert words.splitlines() == [
        "pod new: Startup probe failed",
        "pod new, container backend, last log lines:",
        "    no such table",
    ]


@pytest.mark.parametrize(
    ("status", "previous"), [(CRASHED, True), ({}, False)], ids=["crashed", "runs"]
)
def test_the_log_is_of_the_last_run_where_a_container_waits_for_the_next(
    tmp_path: Path, status: dict[str, Any], previous: bool
) -> None:
    _, calls = said(tmp_path, pod("one", "01", **status))
    (logs,) = (call for call in calls if " logs " in call)
    assert logs.startswith("--context minikube --namespace taskflow logs one --container backend")
    assert logs.endswith("--previous") is previous


def test_a_container_that_never_ran_has_no_log(tmp_path: Path) -> None:
    words, calls = said(tmp_path, pod("one", "01", state={"waiting": {}}))
    assert words == "pod one: Startup probe failed\n"
    assert not any(" logs " in call for call in calls)


def test_a_cluster_that_does_not_answer_tells_nothing(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\nexit 1\n")
    kubectl.chmod(0o755)
    assert last_words(DEV, {"PATH": str(tmp_path)}) == ""
