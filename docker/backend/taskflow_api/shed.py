"""Says no before the process drowns: each kind of request has so many places, and then it is 503 at once.

Half a core answers about 1,000 reads a second. If more were let in, all would wait for each other until nobody got an
answer in time, the probes neither, and Kubernetes would restart a pod that only had too much to do.
"""

from prometheus_client import Counter
from starlette.types import ASGIApp, Receive, Scope, Send

REFUSED = Counter("taskflow_http_requests_refused_total", "Requests that found no place.", ["kind"])

# What is asked in order to know how it goes must be answered above all when it goes badly.
ALWAYS = {"/health", "/health/live", "/metrics"}
# A conversation waits for the model for many seconds and costs nothing meanwhile, so it has places of its own.
CHAT = "/api/chat"
# The frontend's two pods let in 8 pages and 16 changes each, which make 2 or 3 calls: never more than these for one pod
# of two. 64 reads are less than a tenth of a second's work.
PLACES = {"chat": 32, "other": 64}

START = {
    "type": "http.response.start",
    "status": 503,
    "headers": [(b"content-type", b"application/json"), (b"retry-after", b"1")],
}
BODY = {"type": "http.response.body", "body": b'{"detail":"too many requests at once"}'}


class Shed:
    """Outside of everything else, because a refusal has to cost next to nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._taken = dict.fromkeys(PLACES, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self.app(scope, receive, send)
            return
        kind = "chat" if scope["path"] == CHAT else "other"
        if self._taken[kind] >= PLACES[kind]:
            REFUSED.labels(kind).inc()
            await send(START)
            await send(BODY)
            return
        self._taken[kind] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._taken[kind] -= 1
