"""What a release may find in a cluster: a namespace made by hand, with an external Postgres."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.live_release import Kubectl

DATABASE, CERTIFICATE = "database", "database-tls"
# A managed server's user may create roles, but owns neither the database nor the schema `public`.
# The second role has the same rights, as `make rotate` wants it.
ROLE = """
create role {name} login createrole password '{password}';
create database {name};
\\connect {name}
grant create on schema public to {name};
create role {name}_next login password '{password}' in role {name};
"""
PORT = 5432
LABELS = {"app": "outside"}


def address(
    namespace: str, password: str, user: str = DATABASE, *, ssl_mode: str = "disable"
) -> str:
    """The address of the Postgres in a namespace, for releases."""
    who = f"{user}:{quote(password, safe='')}"
    return f"postgresql://{who}@{DATABASE}.{namespace}:{PORT}/{DATABASE}?sslmode={ssl_mode}"


def certificate(folder: Path, *names: str) -> dict[str, str]:
    """A certificate for these host names that is its own authority; its files are in the folder, too."""
    files = {"tls.crt": folder / "tls.crt", "tls.key": folder / "tls.key"}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    alternatives = ",".join(f"DNS:{name}" for name in names)
    command += ["-subj", "/CN=tests", "-addext", f"subjectAltName={alternatives}"]
    command += ["-out", str(files["tls.crt"]), "-keyout", str(files["tls.key"])]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return {name: path.read_text() for name, path in files.items()}


def apply(namespace: str, *objects: Mapping[str, Any]) -> None:
    """Make or change objects as a person would."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    Kubectl(namespace)("apply", "-f", "-", stdin=text)


def secret(name: str, data: Mapping[str, str]) -> dict[str, Any]:
    """A Secret object."""
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(data)}


@contextmanager
def new_namespace(name: str) -> Iterator[Kubectl]:
    """An empty namespace, whatever an earlier run left of that name; it is deleted at the end."""
    kubectl = Kubectl(name)
    kubectl.delete_namespace(wait=True)
    kubectl("create", "namespace", name)
    try:
        yield kubectl
    finally:
        kubectl.delete_namespace(wait=False)


@contextmanager
def namespace_with_postgres(
    namespace: str, password: str, certificate: Mapping[str, str] | None = None
) -> Iterator[Kubectl]:
    """The same, with a Postgres in it that accepts connections.

    Args:
        certificate: `tls.crt` and `tls.key` of a server that offers TLS.
    """
    with new_namespace(namespace) as kubectl:
        if certificate:
            apply(namespace, secret(CERTIFICATE, certificate))
        apply(namespace, *_postgres(password, with_tls=bool(certificate)))
        kubectl("wait", f"pod/{DATABASE}", "--for=condition=Ready", "--timeout=90s")
        role = ROLE.format(name=DATABASE, password=password.replace("'", "''"))
        psql = ("psql", "--quiet", "--username=postgres", "--set=ON_ERROR_STOP=1")
        kubectl("exec", "--stdin", DATABASE, "--", *psql, stdin=role)
        yield kubectl


def _postgres(password: str, *, with_tls: bool) -> Iterator[dict[str, Any]]:
    access = f"{DATABASE}-access"
    yield secret(access, {"POSTGRES_PASSWORD": password})
    asks = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]
    container = {
        "name": "postgres",
        "image": "postgres:17",
        "imagePullPolicy": "IfNotPresent",
        "envFrom": [{"secretRef": {"name": access}}],
        "readinessProbe": {"exec": {"command": asks}, "periodSeconds": 1},
        # Without a request it would get no time beside busy pods that have one.
        "resources": {"requests": {"cpu": "100m", "memory": "96Mi"}},
    }
    metadata = {"name": DATABASE, "labels": LABELS}
    spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 2}
    if with_tls:
        files = {"ssl_cert_file": "/tls/tls.crt", "ssl_key_file": "/tls/tls.key", "ssl": "on"}
        container["args"] = ["postgres", *(f"-c{name}={value}" for name, value in files.items())]
        container["volumeMounts"] = [{"name": "tls", "mountPath": "/tls"}]
        # A key of root is accepted if at most its group may read it: 999 is the images' postgres.
        spec["securityContext"] = {"fsGroup": 999}
        volume = {"secretName": CERTIFICATE, "defaultMode": 0o640}
        spec["volumes"] = [{"name": "tls", "secret": volume}]
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    ports = [{"port": PORT}]
    service = {"selector": LABELS, "ports": ports}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service}
