"""Somebody who uses the release: a session at the frontend, a token for the backend, tasks of their own."""

import secrets
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx

from tests.live_release import Kubectl
from tests.tokens import signing_key, token_for

PATIENCE_SECONDS = 10
# A proxy of the environment does not reach this machine.
DIRECT: dict[str, Any] = {"timeout": PATIENCE_SECONDS, "trust_env": False}
TOKEN_SECONDS = 110  # The backend refuses more than 120.
SAME_TOKEN_SECONDS = 20


@dataclass(frozen=True)
class Person:
    """Signed up at the frontend."""

    frontend: str
    backend: str
    cookie: str
    user: str
    key: bytes = field(repr=False)

    @classmethod
    def signed_up(
        cls, frontend: str, backend: str, kubectl: Kubectl, name: str = "Steady Load"
    ) -> "Person":
        """A new person."""
        with httpx.Client(base_url=frontend, **DIRECT) as browser:
            account = {
                "name": name,
                "email": f"{secrets.token_hex(6)}@example.com",
                "password": secrets.token_urlsafe(16),
            }
            answer = browser.post(
                "/api/auth/sign-up/email", json=account, headers={"Origin": frontend}
            )
            answer.raise_for_status()
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        user = answer.json()["user"]["id"]
        key = signing_key(kubectl)
        return cls(frontend=frontend, backend=backend, cookie=cookie, user=user, key=key)

    @property
    def token(self) -> str:
        """A token as the frontend makes one for each call; a new one every few seconds."""
        return _token(self.user, self.key, int(time.time() / SAME_TOKEN_SECONDS))

    @property
    def authorization(self) -> dict[str, str]:
        """The header that the backend wants."""
        return {"Authorization": f"Bearer {self.token}"}

    def api(self) -> httpx.Client:
        """The backend's API in this person's name."""

        def authorized(request: httpx.Request) -> httpx.Request:
            request.headers.update(self.authorization)
            return request

        return httpx.Client(base_url=self.backend, auth=authorized, **DIRECT)

    def tasks_page(self) -> httpx.Response:
        """The page with this person's tasks."""
        return httpx.get(f"{self.frontend}/tasks", headers={"Cookie": self.cookie}, **DIRECT)


@lru_cache(maxsize=8)
def _token(user: str, key: bytes, _moment: int) -> str:
    return token_for(user, key, seconds=TOKEN_SECONDS)
