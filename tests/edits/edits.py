"""One edit of every key on a running release, in two parts that two processes make side by side."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import httpx

from ops.prepare.machine import Machine
from ops.review.risk import Risk
from tests import live_release
from tests.live_release import (
    LANE,
    Kubectl,
    LiveRelease,
    node_port,
    wait_until_it_serves,
)
from tests.outcome import Outcome, Page, observed, predicted
from tests.reliability.controller import CLASS, GATEWAY, PORTS
from tests.reliability.person import Person
from tests.unit.conftest import PUBLIC_KEY, merged
from tests.unit.test_every_key import BUCKET, JUDGED, SHOWN, WORKLOAD, with_value

RELEASE = f"edits-{LANE}"
FRONTEND_PORT, BACKEND_PORT = 30190 + LANE, 30192 + LANE
VALUES = live_release.values(RELEASE, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)
SERVICES = ("backend", "frontend")
WITH_PODS = (*SERVICES, "database.embedded")
PRIORITY_CLASS = f"taskflow-{RELEASE}"

# A second release, whose namespace, database and Secret somebody else made: the keys that need those.
OUTSIDE = "edits-outside"
# With other signing keys: a preview sees that a Secret is another one, and not its values.
NAMES_OF_SECRETS = ("taskflow-secrets", "other-secrets", "secrets-of-the-other-port")
OF_OUTSIDE = ("database.external", "secrets.existing", "backup.image")
OUTSIDE_VALUES = merged(
    live_release.values(OUTSIDE, frontend_port=30194, backend_port=30195),
    {
        "createNamespace": False,
        "database": {"embedded": None, "external": {"ca": {"configMap": "authority"}}},
        "secrets": {"generate": False, "existing": NAMES_OF_SECRETS[0]},
    },
)
OTHER_PORT = 6543

# Hosts of a route that the tests' controller serves, and what it does not serve.
HOST = "tasks.localhost"
OTHER_CLASS, OTHER_GATEWAY, OTHER_LISTENER = "nobody", "gateway-of-nobody", "other"
EDGE = "edits-edge"
PATIENCE_SECONDS = 60

# Values that work on this cluster, in place of those that need no cluster.
LIVE: dict[str, Any] = {
    **{f"{part}.nodeSelector": {"kubernetes.io/os": "linux"} for part in WITH_PODS},
    **{f"{part}.priorityClass": PRIORITY_CLASS for part in WITH_PODS},
    # As if it were unset, but named: not every node has user namespaces.
    **{f"{part}.hostUsers": True for part in WITH_PODS},
    "backend.service.type": "ClusterIP",
    "frontend.service.type": "ClusterIP",
    "backend.service.nodePort": 30196,
    "frontend.service.nodePort": 30197,
    "images.backend.baseImage": "python:edits",
    "images.frontend.baseImage": "node:edits",
    "images.backend.ref": "taskflow-backend:edits",
    "images.frontend.ref": "taskflow-frontend:edits",
    "images.mirror": "mirror.example.com/library",
    "images.platform": f"linux/{Machine().platform.arch}",
    "ingress.class": OTHER_CLASS,
    "gateway.hosts": [HOST, f"*.{HOST}"],
    "gateway.parentRef.name": OTHER_GATEWAY,
    "gateway.parentRef.namespace": EDGE,
    "gateway.parentRef.sectionName": OTHER_LISTENER,
    "database.external.addresses": ["0.0.0.0/0"],
    "database.external.ca.configMap": "other-authority",
    "database.external.maxConnections": 90,
    "database.external.port": OTHER_PORT,
    "secrets.existing": NAMES_OF_SECRETS[1],
    "secrets.generate": False,
}
# What changes with a key, because one of the two would contradict the other.
TOGETHER: dict[str, dict[str, Any]] = {
    **{f"{part}.service.type": {f"{part}.service.nodePort": None} for part in SERVICES},
    "database.external.ca.secret": {"database.external.ca.configMap": None},
    "database.external.port": {"secrets.existing": NAMES_OF_SECRETS[2]},
}
SECRETS = {"secrets.generate": {"betterAuthSecret": secrets.token_urlsafe(32)}}

# The values that a key needs around it here. Every set of keys begins with the release as it was at first.
NO_BUDGET_BUT = {"disruptionBudget": {"minAvailable": 1, "maxUnavailable": None}}
AUTOSCALED = {"replicas": None, "autoscaling": {"min": 2, "max": 3}}
PARENT = {"parentRef": {"name": GATEWAY, "sectionName": "http", "tls": False}}
AROUND: dict[str, dict[str, Any]] = {
    "autoscaling": dict.fromkeys(SERVICES, AUTOSCALED),
    "disruptionBudget.minAvailable": dict.fromkeys(SERVICES, NO_BUDGET_BUT),
    "ingress": {"ingress": {"host": "taskflow.example.com", "tls": {"issuer": "letsencrypt"}}},
    "ingress.hosts": {"ingress": {"hosts": ["taskflow.example.com"]}},
    "ingress.class": {"ingress": {"host": HOST, "class": CLASS}},
    "gateway": {"gateway": {"host": HOST, **PARENT}},
    "gateway.hosts": {"gateway": {"hosts": [HOST], **PARENT}},
    # Of a Gateway that the stack makes; at its port 80 no controller listens here.
    "gateway.tls": {"gateway": {"host": HOST, "class": CLASS, "tls": {"issuer": "letsencrypt"}}},
    "networkPolicies.ingressNamespace": {"ingress": {"host": "taskflow.example.com"}},
    "monitoring": {"monitoring": {"namespace": "monitoring"}},
    "backup": {"backup": {"publicKey": PUBLIC_KEY}},
    **dict.fromkeys(
        ("backup.bucket", "backup.secretEnv"), merged({"backup": {"publicKey": PUBLIC_KEY}}, BUCKET)
    ),
    # Begins anew: beside `ref` there is nothing to build.
    **{f"images.{part}.baseImage": {"images": {}} for part in SERVICES},
}

# Keys that cannot be edited here, and why or where they are tested instead.
ELSEWHERE = {
    "gateway.class": "no controller here for the port of the stack's own Gateway: tests/ops/test_risk.py",
    "gateway.parentRef.tls": "describes the listeners and does not change them: tests/unit/test_every_key.py",
    "gateway.httpPort": "as gateway.class: tests/reliability/test_routes.py",
    "gateway.httpsPort": "as gateway.class: tests/reliability/test_routes.py",
    "gateway.parentRef.redirectSectionName": "needs a listener with TLS: tests/reliability/test_routes.py",
    "database.embedded.folder": "make up refuses it, but not the engine alone: tests/live/test_backup.py",
    "database.embedded.storageClass": "the preview fails: tests/ops/test_diagnosis.py",
    "backup.storageClass": "the preview fails: tests/ops/test_diagnosis.py",
    "cluster.context": "the tests know one cluster: tests/ops/test_cluster.py",
    "cluster.minikube": "without it images need a registry: tests/ops/test_cluster.py",
    "createNamespace": "refused, though the engine would delete it: tests/ops/test_risk.py",
    "images.registry": "no registry here",
}


@dataclass(frozen=True)
class Edit:
    """Another value for a key; keys of both services change for both at once.

    Attributes:
        secrets: secrets of the stack that are set with it.
        outside: whether it is an edit of the second release.
    """

    name: str
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    around: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    outside: bool = False

    @property
    def needs_routes(self) -> bool:
        return "gateway" in self.around or self.route is not None

    @property
    def route(self) -> Page | None:
        """A page at the public address, if the tests' controller serves it before the edit."""
        for kind, port in PORTS.items():
            block = self.around.get(kind, {})
            if "parentRef" in block or (kind == "ingress" and block.get("class") == CLASS):
                return Page(f"http://127.0.0.1:{port}/healthz", {"Host": HOST})
        return None

    def changed(self, values: dict[str, Any]) -> dict[str, Any]:
        return reduce(
            lambda found, key: with_value(found, key, self.values[key]), self.values, values
        )


def begins(key: str, names: Iterable[str]) -> list[str]:
    """The names that are the key or a block around it."""
    return [name for name in names if f"{key}.".startswith(f"{name}.")]


def _edits_of_services() -> Iterator[Edit]:
    for key, other in WORKLOAD.items():
        parts = [(part,) for part in SERVICES] if key.startswith("service.") else [SERVICES]
        for together in parts:
            values: dict[str, Any] = {}
            for part in together:
                values |= _values(f"{part}.{key}", other.value)
            yield Edit(f"{' and '.join(together)}: {key}", values, _set_of(key))


def _other_edits() -> Iterator[Edit]:
    values = {key: other.value for key, other in SHOWN.items()}
    values |= {key: judged.accepted for key, judged in JUDGED.items()} | {"policies": "advisory"}
    for key, value in values.items():
        if not begins(key, ELSEWHERE):
            yield Edit(
                key,
                _values(key, value),
                _set_of(key),
                SECRETS.get(key, {}),
                outside=bool(begins(key, OF_OUTSIDE)),
            )


def _values(key: str, value: Any) -> dict[str, Any]:
    return {key: LIVE.get(key, value), **TOGETHER.get(key, {})}


def _set_of(key: str) -> dict[str, Any]:
    """The values around a key: those of its longest listed prefix."""
    beginnings = begins(key, AROUND)
    return AROUND[max(beginnings, key=len)] if beginnings else {}


# Nothing can follow it: `make diff` refuses the way back, which would forget the database's password.
LAST = "database.embedded.passwords"


def _in_order(edits: Iterable[Edit]) -> list[Edit]:
    """One set of keys around an edit after the other."""
    return sorted(
        edits,
        key=lambda edit: (
            edit.name == LAST,
            edit.outside,
            json.dumps(edit.around, sort_keys=True),
        ),
    )


EDITS_OF_SERVICES = _in_order(_edits_of_services())
OTHER_EDITS = _in_order(_other_edits())


@dataclass
class Edited:
    """A release, its configuration at first and now, and who is signed in to it; each edit builds on the one before."""

    release: LiveRelease
    first: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    around: dict[str, Any] = field(default_factory=dict)
    person: Person | None = None

    def begin(self, edit: Edit) -> None:
        """Return to the first configuration with the edit's keys around it, whatever an edit has left."""
        self.values, self.around = merged(self.first, edit.around), edit.around
        for key in {key for given in SECRETS.values() for key in given}:
            self.release.stack.unset(key)
        self.release.stack.configure(self.values)
        self.release.stack.up()
        # A pod that leaves would sign the person in with a key that leaves, too.
        _until(lambda: not _leaving(self.release.kubectl), "pods of before are still there")
        wait_until_it_serves(self.first)
        if edit.route:
            route = edit.route
            _until(lambda: route.status() == 200, f"{route} does not answer")
        frontend, backend = (node_port(self._port(part)) for part in ("frontend", "backend"))
        self.person = Person.signed_up(frontend, backend, self.release.kubectl)

    def is_ready_for(self, edit: Edit) -> bool:
        with suppress(httpx.TransportError):
            return (
                self.person is not None
                and self.around == edit.around
                and self.person.tasks_page().status_code == 200
                and (edit.route is None or edit.route.status() == 200)
            )
        return False

    def made(self, edit: Edit) -> tuple[Outcome, Outcome]:
        """What `make diff` says of the edit, and what happens; the release must be ready for it."""
        person, self.person = self.person, None  # After a failure the next one begins anew.
        assert person is not None
        self.values = edit.changed(self.values)
        self.release.stack.configure(self.values)
        for key, value in edit.secrets.items():
            self.release.stack.set_secret(key, value)
        said = predicted(self.release)
        happened = observed(self.release, person, edit.route)
        if happened == said and happened.risk <= Risk.OUTAGE:
            self.person = person
        return said, happened

    def _port(self, part: str) -> int:
        return int(self.first[part]["service"]["nodePort"])


def _leaving(kubectl: Kubectl) -> list[str]:
    pods = [pod["metadata"] for pod in kubectl.get("pods")["items"]]
    return [pod["name"] for pod in pods if "deletionTimestamp" in pod]


def _until(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, f"{otherwise} after {PATIENCE_SECONDS} s"
        time.sleep(0.5)
