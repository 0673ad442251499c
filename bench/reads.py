"""Reads of one backend pod: GET /api/tasks with a token, 20 tasks in the database, load from the same machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bench.figures import Figure, Goal, Section
from ops.errors import OpsError
from tests.live_release import Kubectl
from tests.load import Page, attack
from tests.reliability.person import Person

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
    def of_report(cls, report: Mapping[str, Any], cpu_seconds: float) -> Load:
        """From vegeta's JSON, whose latencies are nanoseconds."""
        return cls(
            requests=report["requests"],
            answered=report["status_codes"].get("200", 0),
            p99_milliseconds=report["latencies"]["99th"] / 1e6,
            throughput=report["throughput"],
            cpu_seconds=cpu_seconds,
        )


def measure(kubectl: Kubectl, frontend_url: str, backend_url: str) -> Section:
    """Needs one backend pod, reachable at `backend_url`."""
    assert len(kubectl.pods("backend")) == 1, "what one pod can do is measured"
    person = Person.signed_up(frontend_url, backend_url, kubectl)
    with person.api() as api:
        for number in range(TASKS):
            api.post(PATH, json={"title": f"Task {number}"}).raise_for_status()
    steady, full = [], []
    for _ in range(ROUNDS):
        steady.append(_run(person, f"-rate={STEADY_RATE}"))
        full.append(_run(person, "-rate=0", f"-max-workers={CONNECTIONS}"))
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


def _run(person: Person, *flags: str) -> Load:
    before = _sample(person.backend, CPU)
    page = Page(f"{person.backend}{PATH}", lambda: person.authorization)
    report = attack(page, *flags, seconds=SECONDS)
    return Load.of_report(report, _sample(person.backend, CPU) - before)


def sample_of(metrics: str, name: str) -> float:
    """One sample without labels of a page of Prometheus metrics."""
    for line in metrics.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise OpsError(f"the backend's metrics have no {name}")


def _sample(backend_url: str, name: str) -> float:
    return sample_of(httpx.get(f"{backend_url}/metrics", timeout=10, trust_env=False).text, name)
