"""One edit of every key on a running release: `make diff` predicts what happens."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import httpx
import pytest

from components.config.stack import StackConfig
from ops.review.risk import Risk
from tests import live_release
from tests.live_release import (
    LiveRelease,
    deployed,
    docker,
    node_port,
    wait_until_it_answers,
)
from tests.outcome import observed, predicted
from tests.reliability.person import Person
from tests.unit.conftest import merged
from tests.unit.test_every_key import JUDGED, SHOWN, WORKLOAD, Other, keys_of, with_value

RELEASE = "edits"
FRONTEND_PORT, BACKEND_PORT = 30190, 30191
VALUES = live_release.values(RELEASE, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)
SERVICES = ("backend", "frontend")
PRIORITY_CLASS = "taskflow-edits"

# Values that work on this cluster, in place of those that need no cluster.
LIVE: dict[str, Any] = {
    **{
        f"{part}.nodeSelector": {"kubernetes.io/os": "linux"}
        for part in (*SERVICES, "database.embedded")
    },
    **{f"{part}.topologySpread.key": "kubernetes.io/os" for part in SERVICES},
    **{f"{part}.priorityClass": PRIORITY_CLASS for part in (*SERVICES, "database.embedded")},
    "backend.service.type": "ClusterIP",
    "frontend.service.type": "ClusterIP",
    "backend.service.nodePort": 30192,
    "frontend.service.nodePort": 30193,
    "images.backend.baseImage": "python:edits",
    "images.frontend.baseImage": "node:edits",
    "images.backend.ref": "taskflow-backend:edits",
    "images.frontend.ref": "taskflow-frontend:edits",
}

# The values that a key needs around it here. Every set of keys begins with the release as it was at first.
NO_BUDGET_BUT = {"disruptionBudget": {"minAvailable": 1, "maxUnavailable": None}}
AUTOSCALED = {"replicas": None, "autoscaling": {"min": 2, "max": 3}}
AROUND: dict[str, dict[str, Any]] = {
    "autoscaling": dict.fromkeys(SERVICES, AUTOSCALED),
    "disruptionBudget.minAvailable": dict.fromkeys(SERVICES, NO_BUDGET_BUT),
    "ingress": {"ingress": {"host": "taskflow.example.com", "tls": {"issuer": "letsencrypt"}}},
    "ingress.hosts": {"ingress": {"hosts": ["taskflow.example.com"]}},
    "networkPolicies.ingressNamespace": {"ingress": {"host": "taskflow.example.com"}},
    "monitoring": {"monitoring": {"namespace": "monitoring"}},
    # Begins anew: beside `ref` there is nothing to build.
    **{f"images.{part}.baseImage": {"images": {}} for part in SERVICES},
}

# Keys without a visible effect on this cluster, and where they are tested instead.
ELSEWHERE = {
    "gateway": "tests/reliability/test_routes.py",
    "ingress.class": "no controller here, whose address could fail",
    "backup": "tests/live/test_backup.py",
    "database.embedded.folder": "tests/live/test_backup.py",
    "database.embedded.storageClass": "the preview fails: tests/ops/test_diagnosis.py",
    "database.external": "tests/live/test_risk.py",
    "secrets": "tests/live/test_existing_secret.py",
    "cluster.context": "tests/ops/test_cluster.py",
    "cluster.minikube": "tests/ops/test_cluster.py",
    "createNamespace": "refused, though the engine would delete it: tests/ops/test_risk.py",
    "policies": "tests/ops/test_stack.py",
    **dict.fromkeys(
        (f"{part}.hostUsers" for part in (*SERVICES, "database.embedded")),
        "not every node has user namespaces; tests/unit/test_every_key.py",
    ),
    "images.registry": "no registry here",
    "images.mirror": "no registry here",
    "images.platform": "one platform here",
}


@dataclass(frozen=True)
class Edit:
    """Another value for a key; keys of both services change for both at once."""

    name: str
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    around: dict[str, Any] = field(default_factory=dict)


def _set_of(key: str) -> dict[str, Any]:
    """The values around a key: those of its longest listed prefix."""
    beginnings = [name for name in AROUND if f"{key}.".startswith(f"{name}.")]
    return AROUND[max(beginnings, key=len)] if beginnings else {}


def _edits() -> Iterator[Edit]:
    for key, other in WORKLOAD.items():
        parts = [(part,) for part in SERVICES] if key.startswith("service.") else [SERVICES]
        for together in parts:
            values = {f"{part}.{key}": _value(f"{part}.{key}", other) for part in together}
            if key == "service.type":  # This release's node ports would contradict it.
                values |= {f"{part}.service.nodePort": None for part in together}
            yield Edit(f"{' and '.join(together)}: {key}", values, _set_of(key))
    for key, other in SHOWN.items():
        if not _is_elsewhere(key):
            yield Edit(key, {key: _value(key, other)}, _set_of(key))
    for key, judged in JUDGED.items():
        if not _is_elsewhere(key):
            yield Edit(key, {key: judged.accepted}, _set_of(key))


def _value(key: str, other: Other) -> Any:
    return LIVE.get(key, other.value)


def _is_elsewhere(key: str) -> bool:
    return any(f"{key}.".startswith(f"{name}.") for name in ELSEWHERE)


# Nothing can follow it: `make diff` refuses the way back, which would forget the database's password.
LAST = "database.embedded.passwords"
EDITS = sorted(
    _edits(), key=lambda edit: (edit.name == LAST, json.dumps(edit.around, sort_keys=True))
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    """A release for this suite only, with everything that its edits refer to."""
    cluster = live_release.Kubectl("default")
    cluster("delete", "priorityclass", PRIORITY_CLASS, "--ignore-not-found")
    cluster("create", "priorityclass", PRIORITY_CLASS, "--value=1000")
    with deployed(VALUES, tmp_path_factory.mktemp("edits")) as release:
        release.kubectl("create", "secret", "generic", "licence", "--from-literal=text=none")
        for component in SERVICES:
            image = str(release.stack.outputs()[f"{component}_image"])
            docker("tag", image, f"taskflow-{component}:edits")
        for base in ("python:3.13-slim", "node:20-alpine"):
            docker("tag", base, f"{base.partition(':')[0]}:edits")
        yield release
    cluster("delete", "priorityclass", PRIORITY_CLASS)


@dataclass
class State:
    """The release's configuration now, and who is signed in to it."""

    values: dict[str, Any]
    around: dict[str, Any] = field(default_factory=dict)
    person: Person | None = None


@pytest.fixture(scope="module")
def state() -> State:
    """Shared by all edits: each builds on the one before."""
    return State(VALUES)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_what_diff_says_of_an_edit_is_what_happens(
    release: LiveRelease, state: State, edit: Edit
) -> None:
    if state.around != edit.around or not _usable(state.person):
        state.values, state.around = merged(VALUES, edit.around), edit.around
        bring_up(release, state.values)
        state.person = Person.signed_up(
            node_port(FRONTEND_PORT), node_port(BACKEND_PORT), release.kubectl
        )
    person, state.person = state.person, None  # After a failure the next one begins anew.
    assert person is not None
    before = state.values
    state.values = reduce(
        lambda values, key: with_value(values, key, edit.values[key]), edit.values, before
    )
    release.stack.configure(state.values)
    said = predicted(release)
    happened = observed(release, person)
    assert happened == said, f"make diff says: {said}; what happens: {happened}"
    if happened.risk <= Risk.OUTAGE:
        state.person = person


def bring_up(release: LiveRelease, values: dict[str, Any]) -> None:
    """Return to the first configuration, whatever an edit has left."""
    release.stack.configure(values)
    release.stack.up()
    wait_until_it_answers(
        f"{node_port(FRONTEND_PORT)}/healthz", f"{node_port(BACKEND_PORT)}/health"
    )


def _usable(person: Person | None) -> bool:
    try:
        return person is not None and person.tasks_page().status_code == 200
    except httpx.TransportError:
        return False


def test_no_key_is_forgotten() -> None:
    edited = {key for edit in EDITS for key in edit.values}
    forgotten = {key for key in keys_of(StackConfig) if not _is_elsewhere(key)} - edited
    assert not forgotten
