"""A controller for routes: Traefik on this machine, for one release's Ingress and HTTPRoute, which retries reads.

Its ports are only on 127.0.0.1. As in any cluster, the API's CRDs, the classes, the Gateway and the certificate come
before the routes.
"""

import json
import os
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.live import outside
from tests.live_release import CONTEXT, Kubectl

CLASS = "traefik-of-the-tests"
GATEWAY = "gateway-of-the-tests"
CERTIFICATE = "certificate-of-the-tests"
PORTS = {"ingress": 30152, "gateway": 30153, "gateway-tls": 30154, "own": 30155, "own-tls": 30156}
"""By what they serve: `gateway` and `gateway-tls` are the shared Gateway's, `own` and `own-tls` one of the stack's."""
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.7.0"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
START_SECONDS = 60
ATTEMPTS = 20
"""The most attempts for a read, at least a tenth of a second apart.

A killed pod stays an endpoint for a second or two, and which of two pods is asked next is chance: of five attempts all
would meet the dead one once in 32 times.
"""


@contextmanager
def running(release: str, folder: Path, hosts: Sequence[str]) -> Iterator[Path]:
    """Traefik, which serves the routes of the release's namespace at each port; removed at the end.

    Args:
        folder: where its configuration and its log go.
        hosts: names in the certificate, whose authority is in the file that this yields.
    """
    kubectl = Kubectl(release)
    files = outside.certificate(folder, *hosts)
    with _gateway_api(kubectl, folder), _classes(kubectl, files):
        command = ["traefik", f"--configfile={_configured(release, folder)}"]
        env = {**os.environ, "KUBECONFIG": str(_kubeconfig(kubectl, folder))}
        with (folder / "traefik.log").open("w") as log:
            traefik = subprocess.Popen(command, stdout=log, stderr=log, env=env)
            try:
                for port in PORTS.values():
                    _wait(port, traefik, folder)
                yield folder / "tls.crt"
            finally:
                traefik.terminate()
                traefik.wait(30)


@contextmanager
def _gateway_api(kubectl: Kubectl, folder: Path) -> Iterator[None]:
    """The CRDs of the standard channel, if the cluster has none."""
    known = kubectl("get", CRDS, "--output=name")
    if "httproutes.gateway.networking.k8s.io" in known:
        yield
        return
    file = folder / "gateway-api.yaml"
    file.write_text("\n---\n".join(_standard_channel()))
    kubectl("apply", "--server-side", f"--filename={file}")
    try:
        kubectl("wait", f"--filename={file}", "--for=condition=Established", "--timeout=60s")
        yield
    finally:
        kubectl("delete", f"--filename={file}", "--ignore-not-found")


def _standard_channel() -> list[str]:
    """From the Go module: only its archive is needed. Go also prints "Error" if it is too old to compile it."""
    command = ["go", "mod", "download", "-json", GATEWAY_API]
    answer = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=300)
    with zipfile.ZipFile(json.loads(answer.stdout)["Zip"]) as archive:
        texts = [
            archive.read(name).decode()
            for name in archive.namelist()
            if "/config/crd/standard/" in name
        ]
    return [text for text in texts if "\nkind: CustomResourceDefinition\n" in text]


@contextmanager
def _classes(kubectl: Kubectl, certificate: Mapping[str, str]) -> Iterator[None]:
    """The objects of the operators: both classes, a certificate, and a Gateway that routes may be attached to."""
    listeners = [
        {"name": "http", "port": PORTS["gateway"], "protocol": "HTTP"},
        {
            "name": "https",
            "port": PORTS["gateway-tls"],
            "protocol": "HTTPS",
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": CERTIFICATE}]},
        },
    ]
    api = "gateway.networking.k8s.io/v1"
    objects = [
        _object(
            "networking.k8s.io/v1",
            "IngressClass",
            CLASS,
            controller="traefik.io/ingress-controller",
        ),
        _object(api, "GatewayClass", CLASS, controllerName="traefik.io/gateway-controller"),
        _object(api, "Gateway", GATEWAY, gatewayClassName=CLASS, listeners=listeners),
        outside.secret(CERTIFICATE, certificate) | {"type": "kubernetes.io/tls"},
    ]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    kubectl("apply", "--filename=-", stdin=manifest)
    try:
        yield
    finally:
        kubectl("delete", "--ignore-not-found", "--filename=-", stdin=manifest)


def _object(version: str, kind: str, name: str, **spec: Any) -> Mapping[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _configured(release: str, folder: Path) -> Path:
    """The controller's own configuration. It reads no `retry` of an HTTPRoute yet, so its entry points retry."""
    again = {"attempts": ATTEMPTS, "initialInterval": "100ms", "status": ["502-504"]}
    dynamic = folder / "middlewares.yaml"
    dynamic.write_text(yaml.safe_dump({"http": {"middlewares": {"again": {"retry": again}}}}))
    static = folder / "traefik.yaml"
    entry_points = {
        name: {"address": f"127.0.0.1:{port}", "http": {"middlewares": ["again@file"]}}
        for name, port in PORTS.items()
    }
    here = {"ip": "127.0.0.1"}
    providers = {
        "file": {"filename": str(dynamic)},
        "kubernetesIngress": {
            "namespaces": [release],
            "ingressClass": CLASS,
            "ingressEndpoint": here,
        },
        "kubernetesGateway": {"namespaces": [release], "statusAddress": here},
    }
    silent = {"checkNewVersion": False, "sendAnonymousUsage": False}
    content = {"global": silent, "entryPoints": entry_points, "providers": providers}
    static.write_text(yaml.safe_dump(content))
    return static


def _kubeconfig(kubectl: Kubectl, folder: Path) -> Path:
    """A kubeconfig with only the tests' context: Traefik uses a file's current one."""
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(kubectl("config", "view", "--minify", "--flatten", f"--context={CONTEXT}"))
    return file


def _wait(port: int, traefik: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        log = (folder / "traefik.log").read_text()
        assert traefik.poll() is None, f"Traefik ended with {traefik.returncode}:\n{log}"
        try:
            httpx.get(f"http://127.0.0.1:{port}", timeout=3)
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"Traefik does not listen on {port}:\n{log}"
            time.sleep(0.2)
