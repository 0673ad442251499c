"""Whether the deployed application works, asked as a browser would: over HTTP at the stack's URL."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import httpx

from ops.errors import OpsError

READY_SECONDS = 60
"""Endpoints and kube-proxy follow a rollout within seconds; more is a fault."""


def check(url: str, say: Callable[[str], None]) -> None:
    """Sign up a throw-away person at `url`, open their tasks, and delete them again."""
    with httpx.Client(base_url=url, timeout=10, follow_redirects=True) as browser:
        _wait_until_healthy(browser, url)
        say("GET /healthz 200")
        _expect(browser.get("/sign-up"), 200, say)
        password = secrets.token_urlsafe(24)
        person = {
            "name": "Smoke check",
            "email": f"smoke-{secrets.token_hex(6)}@example.com",
            "password": password,
        }
        origin = {"Origin": url.rstrip("/")}
        _expect(browser.post("/api/auth/sign-up/email", json=person, headers=origin), 200, say)
        try:
            _expect(browser.get("/tasks"), 200, say)
        finally:
            proof = {"password": password}
            _expect(browser.post("/api/auth/delete-user", json=proof, headers=origin), 200, say)


def _wait_until_healthy(browser: httpx.Client, url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            response = browser.get("/healthz", timeout=3)
            if response.status_code == 200:
                return
            found = f"status {response.status_code}"
        except httpx.HTTPError as error:
            found = str(error) or type(error).__name__
        if time.monotonic() > deadline:
            raise OpsError(
                f"the application did not answer within {READY_SECONDS} s: {found}",
                where=f"{url}/healthz",
                fix="kubectl get pods in the stack's namespace shows which pod is not ready",
            )
        time.sleep(0.5)


def _expect(response: httpx.Response, status: int, say: Callable[[str], None]) -> None:
    request = response.request
    if response.status_code != status:
        raise OpsError(
            f"{request.method} {request.url.path} answered {response.status_code}, not {status}",
            where=f"{response.url}: {' '.join(response.text.split())[:200]}",
            fix="kubectl logs of the frontend's and backend's pods say why",
        )
    say(f"{request.method} {request.url.path} {status}")
