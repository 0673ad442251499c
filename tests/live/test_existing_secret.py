"""Secrets made by hand: missing keys are named before anything is deployed, and a change rolls their readers."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import live_release
from tests.engine_stack import EngineError
from tests.live import outside
from tests.live_release import SINGLE, Kubectl, LiveRelease, LiveStack

NAMESPACE = "byhand"
SECRET = "taskflow-secrets"  # noqa: S105 - the name of one
PASSWORD = f"canary{secrets.token_hex(8)}"
FRONTEND_PORT, BACKEND_PORT = 30087, 30088


def values() -> dict[str, Any]:
    """One pod of each service, with a database and a Secret that somebody else made."""
    ported = live_release.values(NAMESPACE, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)
    ported |= {
        "createNamespace": False,
        "database": {"external": {"tls": False}},
        "secrets": {"existing": SECRET},
    }
    return live_release.changed(ported, backend=SINGLE, frontend=SINGLE)


def valid(**changes: str) -> dict[str, str]:
    """What such a Secret must hold."""
    return {
        "database-url": outside.address(NAMESPACE, PASSWORD),
        "better-auth-secret": "canary" * 6,
    } | changes


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    """The namespace, made by hand too."""
    with outside.namespace_with_postgres(NAMESPACE, PASSWORD) as kubectl:
        yield kubectl


@pytest.fixture
def stack(kubectl: Kubectl, tmp_path: Path) -> LiveStack:
    """A stack that reads its secrets from the cluster."""
    kubectl("delete", "secret", SECRET, "--ignore-not-found")
    return LiveStack.create(NAMESPACE, tmp_path, values())


def refused(stack: LiveStack, kubectl: Kubectl) -> str:
    """The output of an update that must not deploy anything."""
    with pytest.raises(EngineError) as caught:
        stack.up()
    message = str(caught.value)
    assert "Traceback" not in message, "a person's mistake is no crash of the program"
    assert "canary" not in message
    owned = kubectl("get", "deployments,services,configmaps", "--selector", f"app={NAMESPACE}")
    assert owned == ""
    return message


def test_a_secret_that_is_not_there_is_named(stack: LiveStack, kubectl: Kubectl) -> None:
    assert f"resource '{NAMESPACE}/{SECRET}' does not exist" in refused(stack, kubectl)


def test_the_keys_that_it_lacks_are_named(stack: LiveStack, kubectl: Kubectl) -> None:
    address = valid()["database-url"]
    outside.apply(NAMESPACE, outside.secret(SECRET, {"database-url": address}))
    assert "lacks better-auth-secret" in refused(stack, kubectl)


def test_values_that_break_a_rule_are_named(stack: LiveStack, kubectl: Kubectl) -> None:
    outside.apply(NAMESPACE, outside.secret(SECRET, valid(**{"better-auth-secret": "canary"})))
    assert "its better-auth-secret has 6 characters" in refused(stack, kubectl)


def test_its_change_is_seen_by_the_next_preview_and_rolls_its_readers_alone(
    stack: LiveStack, kubectl: Kubectl
) -> None:
    outside.apply(NAMESPACE, outside.secret(SECRET, valid()))
    stack.up()
    release = LiveRelease(stack, kubectl)
    try:
        assert "canary" not in stack.export(), "what was read is encrypted in the state"
        stack.up("--expect-no-changes")
        before = release.generations()
        assert all(before[component] for component in ("backend", "frontend"))

        outside.apply(NAMESPACE, outside.secret(SECRET, valid(**{"better-auth-secret": "c" * 40})))
        steps = stack.preview()
        assert "canary" not in str(steps)
        changes = {
            step["urn"].rpartition("::")[2]: step["op"]
            for step in steps
            if step["op"] not in ("same", "read")
        }
        assert changes == {
            f"{NAMESPACE}-{component}-deployment": "update" for component in ("backend", "frontend")
        }
        assert release.update(values()) == {"backend", "frontend"}
        stack.up("--expect-no-changes")
    finally:
        stack.destroy()
    for kind, name in (("secret", SECRET), ("pod", outside.DATABASE)):
        assert "deletionTimestamp" not in kubectl.get(kind, name)["metadata"], (
            "what the stack did not make, it leaves alone"
        )
