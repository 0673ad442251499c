"""The releases that are edited, with everything that their edits refer to."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests import live_release
from tests.edits.edits import (
    EDGE,
    HOST,
    LIVE,
    NAMES_OF_SECRETS,
    OTHER_CLASS,
    OTHER_GATEWAY,
    OTHER_LISTENER,
    OTHER_PORT,
    OUTSIDE,
    OUTSIDE_VALUES,
    PRIORITY_CLASS,
    RELEASE,
    SERVICES,
    VALUES,
    Edit,
    Edited,
)
from tests.live import outside
from tests.live_release import LiveRelease, LiveStack, deployed, docker, pulled
from tests.reliability import controller
from tests.reliability.controller import CLASS, GATEWAY, PORTS


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """A release for this suite only, with everything that its edits refer to."""
    cluster = live_release.Kubectl("default")
    cluster("delete", "priorityclass", PRIORITY_CLASS, "--ignore-not-found")
    cluster("create", "priorityclass", PRIORITY_CLASS, "--value=1000")
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
    address = outside.address(OUTSIDE, password, ssl_mode="verify-full")
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


@pytest.fixture
def edited(request: pytest.FixtureRequest, edit: Edit) -> Edited:
    """The release of this edit, ready for it."""
    edited: Edited = request.getfixturevalue("of_outside" if edit.outside else "own")
    if edit.needs_routes:
        request.getfixturevalue("routes")
    if not edited.is_ready_for(edit):
        edited.begin(edit)
    return edited
