"""Guessing passwords over HTTP. What it costs everybody else: tests/reliability/test_password_floods.py."""

import secrets
from dataclasses import dataclass, field

import httpx

from tests.live.conftest import LiveRelease

PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Account:
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.com")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def body(self, password: str = "") -> dict[str, str]:
        return {"name": "Ada", "email": self.email, "password": password or self.password}


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Origin": url}, timeout=PATIENCE_SECONDS)


def test_each_wrong_password_makes_the_next_guess_wait_in_all_pods(release: LiveRelease) -> None:
    account = Account()
    with client(release.url) as owner:
        owner.post("/api/auth/sign-up/email", json=account.body()).raise_for_status()
        answers = []
        for _ in range(12):
            # A connection of its own, so any pod.
            with client(release.url) as stranger:
                guess = account.body("not the password")
                answers.append(stranger.post("/api/auth/sign-in/email", json=guess))
        assert {answer.status_code for answer in answers} == {401, 429}
        assert all(
            int(answer.headers["Retry-After"]) >= 1
            for answer in answers
            if answer.status_code == 429
        )
        with client(release.url) as stranger:
            right = stranger.post("/api/auth/sign-in/email", json=account.body())
        assert right.status_code == 429, "also who guesses right has to wait"
        owner.post("/api/auth/sign-out", json={}).raise_for_status()
        back = owner.post("/api/auth/sign-in/email", json=account.body())
        assert back.status_code == 200, "a browser that the owner has signed in with is let in"


def test_an_easily_guessed_password_is_refused(release: LiveRelease) -> None:
    account = Account()
    with client(release.url) as browser:
        for password in ("Passwort1!", "Pa55w0rd", "qwertzui", "123123123", account.email):
            answer = browser.post("/api/auth/sign-up/email", json=account.body(password))
            assert answer.status_code == 400, password
            assert answer.json()["code"] == "PASSWORD_TOO_COMMON"


def test_the_figures_are_not_for_people_outside(release: LiveRelease) -> None:
    with client(release.url) as browser:
        assert browser.get("/metrics").status_code == 404
