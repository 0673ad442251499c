"""Open-model load by vegeta: requests leave at a fixed rate, however slow the answers, so that stalls count.

It goes only to a node port of this machine, and ends by itself after `LONGEST_SECONDS` at the latest.
"""

import contextlib
import csv
import itertools
import json
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LONGEST_SECONDS = 900
CLIENTS = 8  # As many as the backend's database connections, or the frontend's places for pages.
PATIENCE_SECONDS = 10  # Of a client: an answer that takes longer has failed.
BEAT_SECONDS = 0.02
ANSWERS = (f"-timeout={PATIENCE_SECONDS}s", "-redirects=0", "-max-body=0")

# `vegeta encode --to csv`: the columns that are read here.
CODE, LATENCY, ERROR = 1, 2, 5


@dataclass(frozen=True)
class Page:
    """What is asked for. Only status 200 counts as an answer; a redirect, as to a sign-in page, does not."""

    url: str
    headers: Callable[[], Mapping[str, str]] = dict
    """Called for each request: the backend accepts no token that lasts as long as a load."""

    def __post_init__(self) -> None:
        assert urlsplit(self.url).hostname == "127.0.0.1", (
            f"no load to {self.url}: it goes to this machine alone, which has to be the node (Minikube driver none)"
        )

    def __str__(self) -> str:
        return "\n".join(
            [f"GET {self.url}", *(f"{name}: {value}" for name, value in self.headers().items())]
        )


@dataclass(frozen=True)
class Result:
    """How one load was answered."""

    name: str
    requests: int
    failures: Counter[str]
    latencies: Sequence[float]
    """Seconds, sorted."""

    @property
    def failed(self) -> int:
        return self.failures.total()

    def percentile(self, percent: float) -> float:
        """The latency in seconds that so many percent of the requests kept below."""
        return self.latencies[
            min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))
        ]

    def __str__(self) -> str:
        reasons = "; ".join(f"{count} x {reason}" for reason, count in self.failures.most_common(5))
        return (
            f"{self.name}: {self.failed} of {self.requests:,} failed, "
            f"p99 {self.percentile(99) * 1000:.0f} ms, longest {self.latencies[-1] * 1000:.0f} ms"
            + (f" ({reasons})" if reasons else "")
        )


def summary(results: Sequence[Result]) -> str:
    """Loads that ran beside each other, in a line: what failed, and the slowest 1 % of each service."""
    failures = sum((result.failures for result in results), Counter[str]())
    slowest: dict[str, float] = {}
    for result in results:
        service = result.name.partition(",")[0]
        slowest[service] = max(slowest.get(service, 0), result.percentile(99))
    asked = sum(result.requests for result in results)
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in failures.most_common(3))
    return (
        f"{failures.total():,} of {asked:,} failed{reasons and f' ({reasons})'}, p99 "
        + ", ".join(f"{seconds * 1000:.0f} ms ({name})" for name, seconds in slowest.items())
    )


class Load:
    """A load that runs until it is stopped."""

    def __init__(self, name: str, pages: Sequence[Page], rate: int, *, keepalive: bool) -> None:
        self.name = f"{name}, {'keep-alive' if keepalive else 'new connections'}"
        self._folder = tempfile.TemporaryDirectory(prefix="load-")
        self._results = Path(self._folder.name) / "results"
        self._process = subprocess.Popen(
            [
                "vegeta",
                "attack",
                f"-rate={rate}",
                f"-duration={LONGEST_SECONDS}s",
                f"-keepalive={str(keepalive).lower()}",
                *ANSWERS,
                "-lazy",
                f"-output={self._results}",
            ],
            stdin=subprocess.PIPE,
            bufsize=0,
        )
        threading.Thread(target=self._feed, args=(pages,), daemon=True).start()

    def _feed(self, pages: Sequence[Page]) -> None:
        """The requests, in turn, until vegeta stops reading."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError), self._process.stdin as targets:
            for page in itertools.cycle(pages):
                targets.write(f"{page}\n\n".encode())

    def stop(self) -> Result:
        """Send no more requests; wait for those in flight."""
        assert self._process.poll() is None, f"{self.name}: the load ended before it was stopped"
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(PATIENCE_SECONDS + 10) == 0, f"{self.name}: vegeta failed"
        table = subprocess.run(
            ["vegeta", "encode", "--to", "csv", str(self._results)],
            capture_output=True,
            text=True,
            check=True,
        )
        self._folder.cleanup()
        return _result(self.name, table.stdout.splitlines())

    def kill(self) -> None:
        """End it without a result."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def capacity(page: Page, *, seconds: int) -> float:
    """Requests/s that are answered while a few clients each ask again as soon as they have an answer."""
    report = attack(page, "-rate=0", f"-max-workers={CLIENTS}", seconds=seconds)
    return float(report["throughput"])


def attack(page: Page, *flags: str, seconds: int) -> dict[str, Any]:
    """vegeta's report on requests that were made for so many seconds, all with the same headers."""
    command = ["vegeta", "attack", *ANSWERS, f"-duration={seconds}s", *flags]
    limit = seconds + PATIENCE_SECONDS + 10
    made = subprocess.run(
        command, input=str(page).encode(), capture_output=True, check=True, timeout=limit
    )
    report = subprocess.run(
        ["vegeta", "report", "-type=json"], input=made.stdout, capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(report.stdout)
    return found


@contextmanager
def longest_pause() -> Iterator[list[float]]:
    """The longest time, in seconds, for which this process was not run while the block ran.

    It sleeps and asks nobody: what pauses it, pauses the pods, too, and is no fault of theirs.
    """
    pauses = [0.0]
    ended = threading.Event()

    def watch() -> None:
        began = time.monotonic()
        while not ended.wait(BEAT_SECONDS):
            pauses[0] = max(pauses[0], time.monotonic() - began - BEAT_SECONDS)
            began = time.monotonic()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield pauses
    finally:
        ended.set()
        watcher.join()


@contextmanager
def under(*loads: Load) -> Iterator[list[Result]]:
    """Do what the block does under these loads; the list has their results when it has ended."""
    results: list[Result] = []
    try:
        with longest_pause() as pauses:
            yield results
        print(f"this machine paused for {pauses[0] * 1000:.0f} ms at most")
        results += [load.stop() for load in loads]
    finally:
        for load in loads:
            load.kill()


def _result(name: str, lines: Sequence[str]) -> Result:
    rows = list(csv.reader(lines))
    assert rows, f"{name}: no request was made"
    # Of `Get "http://...": dial tcp ...: connect: connection refused` only the end is the reason.
    failures = Counter(
        row[ERROR].rpartition(": ")[2] or f"status {row[CODE]}"
        for row in rows
        if row[CODE] != "200" or row[ERROR]
    )
    return Result(name, len(rows), failures, sorted(int(row[LATENCY]) / 1e9 for row in rows))
