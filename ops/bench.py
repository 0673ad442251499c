"""Figures of a deployed stack: how soon its pods were ready, and how many reads its backend answers.

Load goes to a node port on 127.0.0.1 alone, and is bounded in requests and time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from rich.table import Table

from ops.errors import OpsError
from ops.processes import ask
from ops.tools import provide_extra

TASKS = 20
SECONDS = 15
STEADY_RATE = 100
"""Requests a second that one pod of 500m answers with room to spare."""
CONNECTIONS = 16


@dataclass(frozen=True)
class Deployed:
    """A release on the cluster, as the measurements need it."""

    release: str
    namespace: str
    context: str
    env: Mapping[str, str]

    def get(self, *what: str) -> dict[str, Any]:
        command = ["kubectl", "--context", self.context, "--namespace", self.namespace]
        result = ask([*command, "get", *what, "--output=json"], env=self.env)
        if result.code != 0:
            raise OpsError(f"kubectl get {' '.join(what)} failed: {result.output.strip()}")
        found: dict[str, Any] = json.loads(result.output)
        return found

    def backend_address(self) -> str:
        """The backend's node port on this machine."""
        service = self.get("service", f"{self.release}-backend")["spec"]
        if service["type"] != "NodePort":
            raise OpsError(
                f"the backend's Service is a {service['type']}: nothing outside the cluster reaches it",
                where=f"service {self.release}-backend",
                fix="for the measurement, set taskflow:backend: {replicas: 1, service: {type: NodePort}}, make up",
            )
        return f"http://127.0.0.1:{service['ports'][0]['nodePort']}"

    def signing_key(self) -> bytes:
        """The key that the frontend signs its tokens with."""
        deployment = self.get("deployment", f"{self.release}-backend")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        name = next(
            entry["valueFrom"]["secretKeyRef"]["name"]
            for entry in container["env"]
            if entry["name"] == "BETTER_AUTH_SECRET"
        )
        return base64.b64decode(self.get("secret", name)["data"]["better-auth-secret"])


def start_to_ready(deployed: Deployed) -> Table:
    """Seconds from a container's start to its pod's readiness, as the API server notes them (whole seconds)."""
    table = Table(
        "component", "pods", "container start to Ready, s", box=None, title_justify="left"
    )
    for component in ("backend", "frontend"):
        selector = f"app={deployed.release},component={component}"
        spans = sorted(
            _ready_after(pod) for pod in deployed.get("pods", "--selector", selector)["items"]
        )
        table.add_row(component, str(len(spans)), ", ".join(f"{span:.0f}" for span in spans))
    return table


def reads(deployed: Deployed, frontend_url: str) -> Table:
    """GET /api/tasks with a token and 20 tasks in the database: at a steady rate, then as fast as it goes."""
    table = Table("requests/s", "answered 200", "p50", "p99", "throughput", box=None)
    origin = {"Origin": frontend_url.rstrip("/")}
    password = secrets.token_urlsafe(16)
    person = {
        "name": "Bench",
        "email": f"bench-{secrets.token_hex(6)}@example.com",
        "password": password,
    }
    with httpx.Client(base_url=frontend_url, timeout=10) as browser:
        signed_up = browser.post("/api/auth/sign-up/email", json=person, headers=origin)
        signed_up.raise_for_status()
        try:
            header = f"Bearer {_token(str(signed_up.json()['user']['id']), deployed.signing_key())}"
            address = f"{deployed.backend_address()}/api/tasks"
            for number in range(TASKS):
                task = {"title": f"Task {number}"}
                httpx.post(address, json=task, headers={"Authorization": header}).raise_for_status()
            for rate in (STEADY_RATE, 0):
                table.add_row(*_row(rate, _attack(address, header, rate, deployed.env)))
        finally:
            browser.post("/api/auth/delete-user", json={"password": password}, headers=origin)
    return table


def _ready_after(pod: Mapping[str, Any]) -> float:
    (status,) = pod["status"]["containerStatuses"]
    ready = next(entry for entry in pod["status"]["conditions"] if entry["type"] == "Ready")
    started = datetime.fromisoformat(status["state"]["running"]["startedAt"])
    return (datetime.fromisoformat(ready["lastTransitionTime"]) - started).total_seconds()


def _token(subject: str, key: bytes) -> str:
    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    header = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    now = int(time.time())
    claims = part(json.dumps({"sub": subject, "iat": now, "exp": now + 600}).encode())
    signature = hmac.new(key, f"{header}.{claims}".encode(), hashlib.sha256).digest()
    return f"{header}.{claims}.{part(signature)}"


def _attack(address: str, header: str, rate: int, env: Mapping[str, str]) -> dict[str, Any]:
    """One run of vegeta; rate 0 is as fast as a few connections go."""
    command = ["vegeta", "attack", f"-rate={rate}", f"-duration={SECONDS}s", "-timeout=5s"]
    command += [f"-max-workers={CONNECTIONS}"] if rate == 0 else []
    command += ["-header", f"Authorization: {header}"]
    provide_extra("vegeta", env=env)
    attack = subprocess.run(
        command, input=f"GET {address}\n".encode(), capture_output=True, check=True, env=env
    )
    report = subprocess.run(
        ["vegeta", "report", "-type=json"],
        input=attack.stdout,
        capture_output=True,
        check=True,
        env=env,
    )
    found: dict[str, Any] = json.loads(report.stdout)
    return found


def _row(rate: int, report: Mapping[str, Any]) -> list[str]:
    latencies = report["latencies"]
    answered = f"{report['success']:.2%} of {report['requests']}"
    milliseconds = [f"{latencies[name] / 1e6:.0f} ms" for name in ("50th", "99th")]
    return [
        str(rate) if rate else f"unbounded, {CONNECTIONS} connections",
        answered,
        *milliseconds,
        f"{report['throughput']:.0f}/s",
    ]
