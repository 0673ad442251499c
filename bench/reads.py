"""Reads of one backend pod: GET /api/tasks with a token, 20 tasks in the database, load from the same machine.

Load goes to a node port of this machine's cluster alone, and is bounded in requests and time.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from bench.deployed import Deployed
from bench.figures import Figure, Goal, Section
from ops.errors import OpsError

TASKS = 20
SECONDS = 10
ROUNDS = 3
STEADY_RATE = 300
CONNECTIONS = 16
PATH = "/api/tasks"
CPU, MEMORY = "process_cpu_seconds_total", "process_resident_memory_bytes"
MEMORY_LIMIT = 512 * 2**20
REQUESTS_PER_CPU_SECOND = 2_000
P99_MILLISECONDS = 100
MEMORY_PERCENT = 60


@dataclass(frozen=True)
class Load:
    """One run of vegeta, and what the pod spent on it."""

    requests: int
    answered: int
    p99_milliseconds: float
    throughput: float
    cpu_seconds: float
    """CPU of the backend's process, the only one in the pod."""

    @classmethod
    def of_report(cls, report: Mapping[str, object], cpu_seconds: float) -> Load:
        """From vegeta's JSON, whose latencies are nanoseconds."""
        latencies, codes = report["latencies"], report["status_codes"]
        assert isinstance(latencies, dict)
        assert isinstance(codes, dict)
        return cls(
            requests=int(str(report["requests"])),
            answered=int(codes.get("200", 0)),
            p99_milliseconds=latencies["99th"] / 1e6,
            throughput=float(str(report["throughput"])),
            cpu_seconds=cpu_seconds,
        )


def measure(deployed: Deployed, frontend_url: str, backend_url: str) -> Section:
    """Needs one backend pod, reachable at `backend_url`."""
    deployed.pod("backend")
    steady, full = [], []
    with _person(frontend_url) as user:
        token = f"Bearer {deployed.token(user)}"
        for number in range(TASKS):
            task = {"title": f"Task {number}"}
            headers = {"Authorization": token}
            httpx.post(
                f"{backend_url}{PATH}", json=task, headers=headers, trust_env=False
            ).raise_for_status()
        for _ in range(ROUNDS):
            token = f"Bearer {deployed.token(user)}"  # None lives as long as all rounds take.
            steady.append(_run(backend_url, token, STEADY_RATE, deployed.env))
            full.append(_run(backend_url, token, 0, deployed.env))
    memory = _sample(backend_url, MEMORY)
    return section(steady, full, 100 * memory / MEMORY_LIMIT)


def section(steady: list[Load], full: list[Load], memory_percent: float) -> Section:
    failed = sum(load.requests - load.answered for load in (*steady, *full))
    sent = sum(load.requests for load in (*steady, *full))
    return Section(
        "Backend: reads",
        f"`GET /api/tasks` with a token and {TASKS} tasks, one pod held to 500m, vegeta on the same machine for "
        f"{SECONDS} s at {STEADY_RATE} requests/s, then as fast as {CONNECTIONS} connections go. CPU and memory are "
        "the process's own /metrics.",
        (
            Figure(
                "requests per CPU second",
                tuple(load.answered / load.cpu_seconds for load in full),
                "/s",
                Goal(REQUESTS_PER_CPU_SECOND, at_least=True),
            ),
            Figure("throughput at 500m", tuple(load.throughput for load in full), "/s"),
            Figure(
                f"p99 at {STEADY_RATE} requests/s",
                tuple(load.p99_milliseconds for load in steady),
                "ms",
                Goal(P99_MILLISECONDS),
            ),
            Figure("memory after it, of the limit", (memory_percent,), "%", Goal(MEMORY_PERCENT)),
        ),
        (f"{sent - failed:,} of {sent:,} requests were answered with 200.",),
    )


@contextmanager
def _person(frontend_url: str) -> Iterator[str]:
    """The id of a new user; the account is deleted when the block ends."""
    origin = {"Origin": frontend_url.rstrip("/")}
    password = secrets.token_urlsafe(16)
    person = {
        "name": "Bench",
        "email": f"bench-{secrets.token_hex(6)}@example.com",
        "password": password,
    }
    with httpx.Client(base_url=frontend_url, timeout=10, trust_env=False) as browser:
        signed_up = browser.post("/api/auth/sign-up/email", json=person, headers=origin)
        signed_up.raise_for_status()
        try:
            yield str(signed_up.json()["user"]["id"])
        finally:
            browser.post("/api/auth/delete-user", json={"password": password}, headers=origin)


def _run(backend_url: str, token: str, rate: int, env: Mapping[str, str]) -> Load:
    before = _sample(backend_url, CPU)
    report = _attack(f"{backend_url}{PATH}", token, rate, env)
    return Load.of_report(report, _sample(backend_url, CPU) - before)


def _attack(address: str, token: str, rate: int, env: Mapping[str, str]) -> dict[str, object]:
    """One run of vegeta; rate 0 is as fast as a few connections go."""
    command = ["vegeta", "attack", f"-rate={rate}", f"-duration={SECONDS}s", "-timeout=5s"]
    command += [f"-max-workers={CONNECTIONS}"] if rate == 0 else []
    attack = _piped(
        [*command, "-header", f"Authorization: {token}"], f"GET {address}\n".encode(), env
    )
    report: dict[str, object] = json.loads(_piped(["vegeta", "report", "-type=json"], attack, env))
    return report


def _piped(command: list[str], stdin: bytes, env: Mapping[str, str]) -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, env=dict(env))
    if done.returncode != 0:
        raise OpsError(f"{' '.join(command[:2])} failed: {done.stderr.decode().strip()}")
    return done.stdout


def sample_of(metrics: str, name: str) -> float:
    """One sample without labels of a page of Prometheus metrics."""
    for line in metrics.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise OpsError(f"the backend's metrics have no {name}")


def _sample(backend_url: str, name: str) -> float:
    return sample_of(httpx.get(f"{backend_url}/metrics", timeout=10, trust_env=False).text, name)
