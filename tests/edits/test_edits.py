"""One edit of every key on a running release: `make diff` predicts what happens."""

import json
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import httpx
import pytest

from components.config.check import parse
from components.config.stack import StackConfig
from ops.prepare.machine import Machine
from ops.review.risk import Risk
from tests import live_release
from tests.live import outside
from tests.live_release import (
    LiveRelease,
    LiveStack,
    deployed,
    docker,
    node_port,
    pulled,
    wait_until_it_serves,
)
from tests.outcome import Page, observed, predicted
from tests.reliability import controller
from tests.reliability.controller import CLASS, GATEWAY, PORTS
from tests.reliability.person import Person
from tests.unit.conftest import PUBLIC_KEY, encrypted, merged, source_of
from tests.unit.test_every_key import BUCKET, JUDGED, SHOWN, WORKLOAD, keys_of, with_value

RELEASE = "edits"
VALUES = live_release.values(RELEASE, frontend_port=30190, backend_port=30191)
SERVICES = ("backend", "frontend")
WITH_PODS = (*SERVICES, "database.embedded")
PRIORITY_CLASS = "taskflow-edits"
ZONE = "topology.kubernetes.io/zone"

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
ROUTE_SECONDS = 60

# Values that work on this cluster, in place of those that need no cluster.
LIVE: dict[str, Any] = {
    **{f"{part}.nodeSelector": {"kubernetes.io/os": "linux"} for part in WITH_PODS},
    **{f"{part}.priorityClass": PRIORITY_CLASS for part in WITH_PODS},
    # As if it were unset, but named: not every node has user namespaces.
    **{f"{part}.hostUsers": True for part in WITH_PODS},
    "backend.service.type": "ClusterIP",
    "frontend.service.type": "ClusterIP",
    "backend.service.nodePort": 30192,
    "frontend.service.nodePort": 30193,
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


def _begins(key: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if f"{key}.".startswith(f"{name}.")]


def _edits() -> Iterator[Edit]:
    for key, other in WORKLOAD.items():
        parts = [(part,) for part in SERVICES] if key.startswith("service.") else [SERVICES]
        for together in parts:
            values: dict[str, Any] = {}
            for part in together:
                values |= _values(f"{part}.{key}", other.value)
            yield Edit(f"{' and '.join(together)}: {key}", values, _set_of(key))
    alone = {key: other.value for key, other in SHOWN.items()}
    alone |= {key: judged.accepted for key, judged in JUDGED.items()} | {"policies": "advisory"}
    for key, value in alone.items():
        if not _begins(key, ELSEWHERE):
            yield Edit(
                key,
                _values(key, value),
                _set_of(key),
                SECRETS.get(key, {}),
                outside=bool(_begins(key, OF_OUTSIDE)),
            )


def _values(key: str, value: Any) -> dict[str, Any]:
    return {key: LIVE.get(key, value), **TOGETHER.get(key, {})}


def _set_of(key: str) -> dict[str, Any]:
    """The values around a key: those of its longest listed prefix."""
    beginnings = _begins(key, AROUND)
    return AROUND[max(beginnings, key=len)] if beginnings else {}


# Nothing can follow it: `make diff` refuses the way back, which would forget the database's password.
LAST = "database.embedded.passwords"
EDITS = sorted(
    _edits(),
    key=lambda edit: (edit.name == LAST, edit.outside, json.dumps(edit.around, sort_keys=True)),
)


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
        wait_until_it_serves(self.first)
        if edit.route:
            _wait_for(edit.route)
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

    def _port(self, part: str) -> int:
        return int(self.first[part]["service"]["nodePort"])


def _wait_for(page: Page) -> None:
    deadline = time.monotonic() + ROUTE_SECONDS
    while (status := page.status()) != 200:
        assert time.monotonic() < deadline, f"{page}: {status} after {ROUTE_SECONDS} s"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """A release for this suite only, with everything that its edits refer to."""
    cluster = live_release.Kubectl("default")
    cluster("delete", "priorityclass", PRIORITY_CLASS, "--ignore-not-found")
    cluster("create", "priorityclass", PRIORITY_CLASS, "--value=1000")
    cluster("label", "nodes", "--all", f"{ZONE}=edits")
    with deployed(VALUES, tmp_path_factory.mktemp("edits")) as release:
        release.kubectl("create", "secret", "generic", "licence", "--from-literal=text=none")
        for store in ("store", "other"):
            keys = ("--from-literal=id=none", "--from-literal=key=none")
            release.kubectl("create", "secret", "generic", store, *keys)
        for component in SERVICES:
            image = str(release.stack.outputs()[f"{component}_image"])
            docker("tag", image, f"taskflow-{component}:edits")
        for base in ("python:3.13-slim", "node:20-alpine", "postgres:17"):
            docker("tag", pulled(base), f"{base.partition(':')[0]}:edits")
            docker("tag", base, f"{LIVE['images.mirror']}/{base}")
        yield Edited(release, VALUES)
    cluster("label", "nodes", "--all", f"{ZONE}-")
    cluster("delete", "priorityclass", PRIORITY_CLASS)


@pytest.fixture(scope="module")
def of_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """The second release; its first `up` is before its first edit."""
    folder = tmp_path_factory.mktemp("outside")
    password = secrets.token_urlsafe(16)
    certificate = outside.certificate(folder, f"{outside.DATABASE}.{OUTSIDE}")
    with outside.namespace_with_postgres(OUTSIDE, password, certificate) as kubectl:
        outside.apply(OUTSIDE, *_objects_of_others(password, certificate["tls.crt"]))
        stack = LiveStack.create(OUTSIDE, folder, OUTSIDE_VALUES)
        yield Edited(LiveRelease(stack, kubectl), OUTSIDE_VALUES)


def _objects_of_others(password: str, authority: str) -> Iterator[dict[str, Any]]:
    address = f"{outside.address(OUTSIDE, password)}?sslmode=verify-full"
    other = address.replace(f":{outside.PORT}/", f":{OTHER_PORT}/")
    for name, url in zip(NAMES_OF_SECRETS, (address, address, other), strict=True):
        signing_key = secrets.token_urlsafe(32)
        yield outside.secret(name, {"database-url": url, "better-auth-secret": signing_key})
    files = {"ca.crt": authority, "root.pem": authority}
    yield outside.secret("authority", files)
    for name in ("authority", LIVE["database.external.ca.configMap"]):
        yield _object("v1", "ConfigMap", name, data=files)
    ports = [
        {"name": str(port), "port": port, "targetPort": outside.PORT}
        for port in (outside.PORT, OTHER_PORT)
    ]
    service = {"selector": outside.LABELS, "ports": ports}
    yield _object("v1", "Service", outside.DATABASE, spec=service)


def _object(version: str, kind: str, name: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **content}


@pytest.fixture(scope="module")
def routes(own: Edited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A controller for the first release's routes; and a class, a listener and Gateways that it does not serve."""
    port = {"port": PORTS["gateway"], "protocol": "HTTP"}
    served = {"name": "http", **port}
    unserved = {"name": OTHER_LISTENER, "hostname": "other.localhost", **port}
    with (
        controller.running(RELEASE, tmp_path_factory.mktemp("traefik"), [HOST]),
        outside.new_namespace(EDGE),
    ):
        nobody = {"gatewayClassName": OTHER_CLASS, "listeners": [served]}
        both = {"gatewayClassName": CLASS, "listeners": [served, unserved]}
        api = "gateway.networking.k8s.io/v1"
        ingress_class = {"controller": "example.com/nobody"}
        outside.apply(
            RELEASE,
            _object("networking.k8s.io/v1", "IngressClass", OTHER_CLASS, spec=ingress_class),
            _object(api, "Gateway", OTHER_GATEWAY, spec=nobody),
            _object(api, "Gateway", GATEWAY, spec=both),
        )
        outside.apply(EDGE, _object(api, "Gateway", GATEWAY, spec=nobody))
        yield
        own.release.kubectl("delete", "ingressclass", OTHER_CLASS)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_what_diff_says_of_an_edit_is_what_happens(
    request: pytest.FixtureRequest, edit: Edit
) -> None:
    edited: Edited = request.getfixturevalue("of_outside" if edit.outside else "own")
    if edit.needs_routes:
        request.getfixturevalue("routes")
    if not edited.is_ready_for(edit):
        edited.begin(edit)
    person, edited.person = edited.person, None  # After a failure the next one begins anew.
    assert person is not None
    edited.values = edit.changed(edited.values)
    stack = edited.release.stack
    stack.configure(edited.values)
    for key, value in edit.secrets.items():
        stack.set_secret(key, value)
    said = predicted(edited.release)
    happened = observed(edited.release, person, edit.route)
    assert happened == said, f"make diff says: {said}; what happens: {happened}"
    if happened.risk <= Risk.OUTAGE:
        edited.person = person


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_every_edit_leads_from_one_valid_configuration_to_another(edit: Edit) -> None:
    values = merged(OUTSIDE_VALUES if edit.outside else VALUES, edit.around)
    before = parse(values, secrets={}, source=source_of("x"))
    after = parse(edit.changed(values), secrets=encrypted(edit.secrets), source=source_of("x"))
    assert before != after


def test_no_key_is_forgotten() -> None:
    edited = {key for edit in EDITS for key in edit.values}
    forgotten = {key for key in keys_of(StackConfig) if not _begins(key, ELSEWHERE)} - edited
    assert not forgotten
