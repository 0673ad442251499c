"""People can sign in at every address of the release, through the real pages; all other requests are refused."""

import html
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.live.conftest import FRONTEND_PORT, RELEASE, LiveRelease
from tests.live_release import Kubectl, node_port

NODE_PORT = node_port(FRONTEND_PORT)
QUESTIONS_PER_MINUTE = 20
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?/>')
FORWARDING = re.compile(r"^Forwarding from (127\.0\.0\.1:\d+) ")


@dataclass(frozen=True)
class Way:
    """The address that a browser uses, and the headers that proxies make of it."""

    origin: str
    headers: Mapping[str, str] = field(default_factory=dict)


WAYS = {
    "an Ingress": Way(
        "https://tasks.example.com",
        {"X-Forwarded-Host": "tasks.example.com", "X-Forwarded-Proto": "https"},
    ),
    "a proxy that hides the host, in front of FRONTEND_URL": Way(
        NODE_PORT, {"Host": "taskflow-frontend:3000"}
    ),
}


def sign_up(url: str, way: Way) -> httpx.Response:
    """Send the form of the page as a browser without scripts does; returns the page that it leads to."""
    with httpx.Client(base_url=url, headers=way.headers, timeout=15) as browser:
        hidden = HIDDEN.findall(browser.get("/sign-up").text)
        form = {name: html.unescape(value) for name, value in hidden}
        form |= {"name": "Ada", "email": f"{secrets.token_hex(6)}@example.com"}
        form |= {"password": secrets.token_urlsafe(12)}
        parts = {name: (None, value) for name, value in form.items()}
        answer = browser.post("/sign-up", files=parts, headers={"Origin": way.origin})
        if answer.status_code != 303:
            return answer
        # By hand: for httpx this is plain HTTP, so it sends no Secure cookie.
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert cookie.startswith("__Secure-") is way.origin.startswith("https:")
        return browser.get(answer.headers["Location"], headers={"Cookie": cookie})


@pytest.mark.parametrize("name", WAYS)
def test_a_person_signs_up_through(release: LiveRelease, name: str) -> None:
    page = sign_up(NODE_PORT, WAYS[name])
    assert page.status_code == 200
    assert "Sign out" in page.text
    secure = WAYS[name].origin.startswith("https:")
    assert ("strict-transport-security" in page.headers) is secure


def test_a_person_signs_up_through_a_forwarded_port(release: LiveRelease) -> None:
    with forwarded_port() as url:
        assert "Sign out" in sign_up(url, Way(url)).text


@contextmanager
def forwarded_port() -> Iterator[str]:
    flags = ("--address=127.0.0.1", f"service/{RELEASE}-frontend", ":http")
    command = Kubectl(RELEASE).command("port-forward", *flags)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout is not None
        found = FORWARDING.match(forward.stdout.readline())
        try:
            assert found is not None
            yield f"http://{found[1]}"
        finally:
            forward.terminate()


def test_the_form_of_another_site_is_refused(release: LiveRelease) -> None:
    assert sign_up(NODE_PORT, Way("http://evil.example")).status_code == 403


def test_a_question_is_taken_from_the_page_of_a_person_who_does_not_ask_too_often(
    release: LiveRelease,
) -> None:
    account = {
        "name": "Ada",
        "email": f"{secrets.token_hex(6)}@example.com",
        "password": "long enough to do",
    }
    # All pods count together.
    with httpx.Client(base_url=NODE_PORT, headers={"Origin": NODE_PORT}, timeout=15) as browser:

        def ask(question: str, **headers: str) -> httpx.Response:
            return browser.post("/api/assistant", content=question, headers=headers)

        assert ask("{}").status_code == 401
        browser.post("/api/auth/sign-up/email", json=account).raise_for_status()
        assert ask("{}", Origin="http://evil.example").status_code == 403
        assert ask("x" * 140_000).status_code == 413
        answer = ask("{}")
        assert answer.status_code == 503
        assert "not configured" in answer.json()["message"]
        assert {ask("no JSON").status_code for _ in range(QUESTIONS_PER_MINUTE - 1)} == {400}
        assert ask("{}").status_code == 429


JSON = {"Content-Type": "application/json"}
PERSON = f'"email": "{secrets.token_hex(6)}@example.com", "password": "long enough"'
BAD: dict[str, tuple[str, Mapping[str, str], bytes]] = {
    "no JSON": ("sign-up/email", JSON, b'{"name": '),
    "not UTF-8": ("sign-up/email", JSON, b'{"name": "\xff"}'),
    "a list": ("sign-in/email", JSON, b"[1]"),
    "a number": ("sign-in/email", JSON, b"1"),
    "null": ("sign-in/email", JSON, b"null"),
    "numbers for texts": ("sign-in/email", JSON, b'{"email": 1, "password": 2}'),
    "NUL in a name": ("sign-up/email", JSON, f'{{"name": "\\u0000", {PERSON}}}'.encode()),
    "too large": ("sign-up/email", JSON, b'{"name": "' + b"n" * 20_000 + b'"}'),
    "deep": ("sign-in/email", JSON, b"[" * 10_000),
    "another type": ("sign-out", {"Content-Type": "multipart/form-data"}, b"x"),
    "no type": ("delete-user", {}, b"x"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_client_is_at_fault_for_sending(release: LiveRelease, name: str) -> None:
    path, headers, body = BAD[name]
    url = f"{NODE_PORT}/api/auth/{path}"
    answer = httpx.post(url, headers={"Origin": NODE_PORT, **headers}, content=body, timeout=15)
    assert answer.status_code in (400, 401, 413, 415)
