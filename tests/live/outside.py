"""What a release may find in a cluster: a namespace made by hand, with a Postgres of somebody else's."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from tests.live_release import CONTEXT, Kubectl

DATABASE = "database"
PORT = 5432
LABELS = {"app": "outside"}


def address(namespace: str, password: str) -> str:
    """The address of the Postgres in a namespace, for releases."""
    user = f"{DATABASE}:{quote(password, safe='')}"
    return f"postgresql://{user}@{DATABASE}.{namespace}:{PORT}/{DATABASE}"


def apply(namespace: str, *objects: Mapping[str, Any]) -> None:
    """Make or change objects as a person would."""
    command = ["kubectl", "--context", CONTEXT, "--namespace", namespace, "apply", "-f", "-"]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def secret(name: str, data: Mapping[str, str]) -> dict[str, Any]:
    """A Secret object."""
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(data)}


@contextmanager
def new_namespace(name: str) -> Iterator[Kubectl]:
    """An empty namespace, whatever an earlier run left of that name; it is deleted at the end."""
    kubectl = Kubectl(name)
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait", timeout=180)
    kubectl("create", "namespace", name)
    try:
        yield kubectl
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def namespace_with_postgres(namespace: str, password: str) -> Iterator[Kubectl]:
    """The same, with a Postgres in it that accepts connections."""
    with new_namespace(namespace) as kubectl:
        apply(namespace, *_postgres(password))
        kubectl("wait", f"pod/{DATABASE}", "--for=condition=Ready", "--timeout=90s")
        yield kubectl


def _postgres(password: str) -> Iterator[dict[str, Any]]:
    access = f"{DATABASE}-access"
    yield secret(
        access,
        {
            "POSTGRES_USER": DATABASE,
            "POSTGRES_DB": DATABASE,
            "POSTGRES_PASSWORD": password,
        },
    )
    asks = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", DATABASE]
    container = {
        "name": "postgres",
        "image": "postgres:17",
        "imagePullPolicy": "IfNotPresent",
        "envFrom": [{"secretRef": {"name": access}}],
        "readinessProbe": {"exec": {"command": asks}, "periodSeconds": 1},
    }
    metadata = {"name": DATABASE, "labels": LABELS}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 2}
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    ports = [{"port": PORT}]
    service = {"selector": LABELS, "ports": ports}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service}
