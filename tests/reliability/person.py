"""Somebody who uses the release: a session at the frontend, a token for the backend, tasks of their own."""

import secrets
from dataclasses import dataclass

import httpx

from tests.live_release import Kubectl
from tests.tokens import signing_key, token_for

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
    def signed_up(
        cls, frontend: str, backend: str, kubectl: Kubectl, name: str = "Steady Load"
    ) -> "Person":
        """A new person; their token is made as the frontend makes one, but lasts."""
        with httpx.Client(base_url=frontend, timeout=PATIENCE_SECONDS) as browser:
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
        token = token_for(user, signing_key(kubectl), seconds=TOKEN_SECONDS)
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
