"""Around every request: its id, its figures, one log line, and `Connection: close` while draining.

The promises: every response has the id of its log line, no cache keeps an answer, and a rollout fails no request:
while the pod terminates, every response asks its client to use another connection.
"""

import asyncio
import logging
import re
import uuid
from functools import cache
from time import perf_counter

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taskflow_api.logs import request_id
from taskflow_api.problems import SOON, problem

logger = logging.getLogger(__name__)

REQUESTS = Counter(
    "taskflow_http_requests_total", "Requests answered.", ["method", "route", "status"]
)
SECONDS = Histogram(
    "taskflow_http_request_seconds",
    "Time from the request to the end of its response.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
# As many as there are time series: labels() would look at each label again for every request.
requests_of, seconds_of = cache(REQUESTS.labels), cache(SECONDS.labels)
# Anything may be sent in these two places; labels and logs contain only what is harmless.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# The platform asks every few seconds: a line only at level debug.
QUIET_ROUTES = {"/health", "/health/live", "/metrics"}


class Observe:
    """Plain ASGI: Starlette's BaseHTTPMiddleware would cost a task and a stream per request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        status, has_begun = 500, False
        identity = _request_id(scope)
        token = request_id.set(identity)

        async def send_observed(message: Message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
                message["headers"] += [
                    (b"x-request-id", identity.encode()),
                    (b"cache-control", b"no-store"),
                ]
                if self.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        except asyncio.CancelledError:
            # Draining cuts what does not end. Without an answer, uvicorn would send a bare 500.
            if has_begun:
                raise
            await problem(503, "this pod is ending", SOON)(scope, receive, send_observed)
        except Exception:
            # Starlette has answered 500 by now; logged here, where the request's id is known.
            logger.exception("unexpected error")
        finally:
            _record(scope, status, perf_counter() - started)
            request_id.reset(token)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and ACCEPTED_ID.fullmatch(value):
            return str(value, "ascii")
    return uuid.uuid4().hex


def _record(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    # The template, not the path: ids would make a new time series for every task.
    route = getattr(scope.get("route"), "path", "unmatched")
    requests_of(method, route, status).inc()
    seconds_of(method, route).observe(seconds)
    level = logging.DEBUG if route in QUIET_ROUTES else logging.INFO
    logger.log(
        level,
        "%s %s %d",
        method,
        route,
        status,
        extra={
            "fields": {
                "method": method,
                "path": scope["path"],
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
        },
    )
