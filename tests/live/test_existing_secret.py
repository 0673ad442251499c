"""Secrets made by hand with kubectl: what they lack is named before anything is deployed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine_stack import EngineError, EngineStack
from tests.live.conftest import CONTEXT

NAMESPACE = "byhand"
SECRET = "taskflow-secrets"  # noqa: S105 - the name of one
VALUES = {
    "release": NAMESPACE,
    "createNamespace": False,
    "cluster": {"context": CONTEXT, "minikube": "minikube"},
    "secrets": {"existing": SECRET},
    "images": {part: {"ref": f"taskflow-{part}:any"} for part in ("backend", "frontend")},
}


def kubectl(*arguments: str) -> str:
    command = ["kubectl", "--context", CONTEXT, "--namespace", NAMESPACE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


SOUND = {
    "database-url": "postgresql://canary:canary@db.example.com/taskflow?sslmode=require",
    "better-auth-secret": "canary" * 6,
}


def make_secret(*keys: str) -> None:
    literals = [f"--from-literal={key}={SOUND[key]}" for key in keys]
    kubectl("delete", "secret", SECRET, "--ignore-not-found")
    kubectl("create", "secret", "generic", SECRET, *literals)


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    """The namespace, made by hand too."""
    kubectl("create", "namespace", NAMESPACE)
    yield
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture
def stack(tmp_path: Path) -> EngineStack:
    """A stack that reads its secrets from the cluster."""
    return EngineStack.create("byhand", tmp_path, VALUES)


def test_a_secret_that_is_not_there_is_named(stack: EngineStack) -> None:
    kubectl("delete", "secret", SECRET, "--ignore-not-found")
    with pytest.raises(EngineError, match=f"Secret {SECRET} in namespace {NAMESPACE} is not there"):
        stack.up()


def test_the_keys_that_it_lacks_are_named_and_nothing_is_deployed(stack: EngineStack) -> None:
    make_secret("database-url")
    with pytest.raises(EngineError, match="lacks better-auth-secret") as caught:
        stack.up()
    assert "Traceback" not in str(caught.value), "a person's mistake is no crash of the program"
    assert "canary" not in str(caught.value)
    objects = kubectl("get", "deployments,services,configmaps", "--selector", f"app={NAMESPACE}")
    assert "No resources found" in objects


def test_a_whole_one_is_used_and_its_values_stay_encrypted_in_the_state(stack: EngineStack) -> None:
    make_secret("database-url", "better-auth-secret")
    steps = stack.preview()
    assert not [
        step
        for step in steps
        if step["newState"]["type"].endswith(":Secret") and step["op"] == "create"
    ]
    assert "canary" not in str(steps)
