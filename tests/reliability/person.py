"""Somebody who uses the release: a session at the frontend, a token for the backend, tasks of their own."""

import base64
import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from tests.live_release import Kubectl

PATIENCE_SECONDS = 10
TOKEN_SECONDS = 3600  # Longer than the whole suite.


@dataclass(frozen=True)
class Person:
    """Signed up at the frontend."""

    frontend: str
    backend: str
    cookie: str
    token: str

    @classmethod
    def signed_up(cls, frontend: str, backend: str, kubectl: Kubectl) -> "Person":
        """A new person; their token is made as the frontend makes one, but lasts."""
        with httpx.Client(base_url=frontend, timeout=PATIENCE_SECONDS) as browser:
            account = {
                "name": "Steady Load",
                "email": f"{secrets.token_hex(6)}@example.com",
                "password": secrets.token_urlsafe(16),
            }
            answer = browser.post(
                "/api/auth/sign-up/email", json=account, headers={"Origin": frontend}
            )
            answer.raise_for_status()
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        claims = {"sub": answer.json()["user"]["id"], "exp": int(time.time()) + TOKEN_SECONDS}
        token = jwt.encode(claims, signing_key(kubectl), "HS256")
        return cls(frontend=frontend, backend=backend, cookie=cookie, token=token)

    @property
    def authorization(self) -> dict[str, str]:
        """The header that the backend wants."""
        return {"Authorization": f"Bearer {self.token}"}

    def api(self) -> httpx.Client:
        """The backend's API in this person's name."""
        return httpx.Client(
            base_url=self.backend, headers=self.authorization, timeout=PATIENCE_SECONDS
        )

    def tasks_page(self) -> httpx.Response:
        """The page with this person's tasks."""
        return httpx.get(
            f"{self.frontend}/tasks", headers={"Cookie": self.cookie}, timeout=PATIENCE_SECONDS
        )


def signing_key(kubectl: Kubectl) -> bytes:
    """The key that frontend and backend share."""
    (pod, *_) = kubectl.pods("backend").values()
    (container,) = pod["spec"]["containers"]
    variables: list[dict[str, Any]] = container["env"]
    (key,) = (
        variable["valueFrom"]["secretKeyRef"]
        for variable in variables
        if variable["name"] == "BETTER_AUTH_SECRET"
    )
    return base64.b64decode(kubectl.get("secret", key["name"])["data"][key["key"]])
