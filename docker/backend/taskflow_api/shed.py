"""Refuses requests before the process is overloaded: each kind has a number of places, all others get 503 at once.

The promise: no load fails a probe, kills a pod, or delays the requests that were admitted. Half a core answers about
1,000 reads a second. If more were admitted, all would wait for each other until none got an answer in time, not
even the probes, and Kubernetes would restart a pod that was only busy.

A body that is too large is refused here, too: FastAPI would answer plain text if the length is known beforehand.
"""

from prometheus_client import Counter
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from taskflow_api.problems import SOON, problem

# The longest conversation in plain letters; where a letter takes more bytes, fewer fit.
MAX_BODY_BYTES = 128 * 1024

REFUSED = Counter("taskflow_http_requests_refused_total", "Requests that found no place.", ["kind"])

# Probes and metrics must be answered above all under overload.
ALWAYS = {"/health", "/health/live", "/metrics"}
# A conversation waits for the model for many seconds and costs nothing meanwhile, so it has places of its own. GET on
# the same path asks whether there is an assistant: a read like any other.
CHAT = ("POST", "/api/chat")
# Two frontend pods let in 16 conversations each, and 24 pages and changes each that make 2 calls at a time: two backend
# pods have places for them all. More frontend pods can ask for more, and are refused. 64 reads are less than a tenth of
# a second's work, so every admitted request is answered in time.
PLACES = {"chat": 32, "other": 64}


class Shed:
    """Around the application, so that a refusal, with its id and its log line, costs a third of a read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._taken = dict.fromkeys(PLACES, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self.app(scope, receive, send)
            return
        kind = "chat" if (scope["method"], scope["path"]) == CHAT else "other"
        if refusal := self._refusal(kind, scope):
            await refusal(scope, receive, send)
            return
        self._taken[kind] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._taken[kind] -= 1

    def _refusal(self, kind: str, scope: Scope) -> Response | None:
        if self._taken[kind] >= PLACES[kind]:
            REFUSED.labels(kind).inc()
            return problem(503, "too many requests at once", SOON)
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            return problem(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        return None
