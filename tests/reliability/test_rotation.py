"""Keys and passwords change under live sessions: nobody is signed out, and afterwards the former are refused."""

import base64
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx
import pytest

from ops.pods import await_former
from ops.release.rotate import KEY, PASSWORDS, Stage, in_steps
from tests import live_release, tokens
from tests.live_release import LiveRelease
from tests.reliability.conftest import BACKEND, FRONTEND, RELEASE, VALUES, Record
from tests.reliability.person import PATIENCE_SECONDS, Person

BROWSERS = 4
PAUSE_SECONDS = (
    0.5  # Between a browser's requests: together they take half of what two such pods can render.
)
WINDOW_SECONDS = 5


class Browser(threading.Thread):
    """A signed-in person's browser, which stores the cookies that it gets, and notes what it was refused."""

    def __init__(self, name: str, *, keepalive: bool) -> None:
        super().__init__(name=name, daemon=True)
        connections = httpx.Limits(max_keepalive_connections=None if keepalive else 0)
        self.client = httpx.Client(
            base_url=FRONTEND,
            headers={"Origin": FRONTEND},
            timeout=PATIENCE_SECONDS,
            limits=connections,
        )
        self.ended = threading.Event()
        self.answers: Counter[str] = Counter()
        self.email = f"{secrets.token_hex(6)}@example.com"
        account = {"name": name, "email": self.email, "password": secrets.token_urlsafe(16)}
        self.client.post("/api/auth/sign-up/email", json=account).raise_for_status()

    def run(self) -> None:
        while not self.ended.wait(PAUSE_SECONDS):
            for look in (self.tasks, self.session):
                try:
                    self.answers[look()] += 1
                except httpx.HTTPError as error:
                    self.answers[type(error).__name__] += 1

    def tasks(self) -> str:
        """The page: session, database, a token for the backend."""
        answer = self.client.get("/tasks")
        if answer.status_code != 200:
            return f"page: {answer.status_code} to {answer.headers.get('location')}"
        return "ok" if "Nothing left to do" in answer.text else "page: without its tasks"

    def session(self) -> str:
        """What a program asks: the route handler of Better Auth."""
        answer = self.client.get("/api/auth/get-session")
        found = answer.json() if answer.status_code == 200 else None
        signed_in = found and found["user"]["email"] == self.email
        return "ok" if signed_in else f"session: {answer.status_code}, {found}"

    def __str__(self) -> str:
        return f"{self.name}: {dict(self.answers)}"


def judge(browsers: list[Browser], done: str, record: Record) -> None:
    """Record how many of their requests failed: none may."""
    answers = sum((browser.answers for browser in browsers), Counter[str]())
    failed = answers.total() - answers["ok"]
    record(
        done, [f"{failed} of {answers.total():,} requests of {BROWSERS} signed-in browsers failed"]
    )
    assert set(answers) == {"ok"}, [*map(str, browsers)]


@contextmanager
def browsing() -> Iterator[list[Browser]]:
    browsers = [Browser(f"browser {n}", keepalive=bool(n % 2)) for n in range(BROWSERS)]
    for browser in browsers:
        browser.start()
    try:
        yield browsers
    finally:
        for browser in browsers:
            browser.ended.set()
        for browser in browsers:
            browser.join(2 * PATIENCE_SECONDS)


def bring_up(release: LiveRelease, title: str) -> None:
    """What `make rotate` does in each step, without its smoke check."""
    release.stack.up("--message", title)
    live_release.wait_until_it_serves(VALUES)
    await_former(release.stack.of_ops.file, release.stack.env)


def page_by(cookie: str) -> int:
    answer = httpx.get(f"{FRONTEND}/tasks", headers={"Cookie": cookie}, timeout=PATIENCE_SECONDS)
    return answer.status_code


def api_by(user: str, key: bytes) -> int:
    token = tokens.token_for(user, key, seconds=60)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{BACKEND}/api/tasks", headers=headers, timeout=PATIENCE_SECONDS).status_code


def test_signing_keys_rotate_and_nobody_is_signed_out(
    release: LiveRelease, person: Person, full: bool, record: Record
) -> None:
    stack, titles = release.stack, list[str]()

    def up(title: str) -> None:
        titles.append(title)
        bring_up(release, title)

    rotations = 5 if full else 1
    started = time.monotonic()
    with browsing() as browsers:
        for _ in range(rotations):
            key = tokens.signing_key(release.kubectl)
            assert api_by(person.user, key) == 200
            assert in_steps(KEY, stack.of_ops, up) is Stage.FORMER
            assert tokens.signing_key(release.kubectl) != key
            assert api_by(person.user, key) == 200, "the former key is accepted still"
            assert in_steps(KEY, stack.of_ops, up, finish=WINDOW_SECONDS) is Stage.ONE
            assert api_by(person.user, key) == 401, "the former key is refused"
    seconds = (time.monotonic() - started) / rotations
    judge(browsers, f"{rotations} rotations of the signing key, {seconds:.0f} s each", record)
    assert page_by(person.cookie) == 307, "a browser that never came by has to sign in again"
    assert [title.partition(", ")[2][:6] for title in titles[:4]] == [
        "1 of 3",
        "2 of 3",
        "2 of 3",
        "3 of 3",
    ], "a second run first repeats a step that may have failed"


def database_addresses(release: LiveRelease) -> list[str]:
    """Those of the owner and of both services, as a backend's pod has them."""
    (pod, *_) = release.kubectl.pods("backend").values()
    (first,) = pod["spec"]["initContainers"]
    keys = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]
        for variable in first["env"]
        if "valueFrom" in variable
    }
    names = ("DATABASE_OWNER_URL", "DATABASE_URL", "FRONTEND_DATABASE_URL")
    data = release.kubectl.get("secret", keys[names[0]]["name"])["data"]
    return [base64.b64decode(data[keys[name]["key"]]).decode() for name in names]


def opens(release: LiveRelease, address: str) -> bool:
    """Whether the database lets somebody in by this address."""
    psql = ["exec", f"{RELEASE}-postgres-0", "--", "psql", address, "--command=select 1"]
    try:
        release.kubectl(*psql)
    except AssertionError as refused:
        if "authentication failed" not in str(refused):
            raise
        return False
    return True


@pytest.mark.last  # The suite's own configuration has the former passwords.
@pytest.mark.full_only
def test_the_passwords_of_the_database_rotate_and_no_request_fails(
    release: LiveRelease, full: bool, record: Record
) -> None:
    up = partial(bring_up, release)
    rotations = 5 if full else 1
    with browsing() as browsers:
        for _ in range(rotations):
            former = database_addresses(release)
            assert [opens(release, address) for address in former] == [True] * 3
            in_steps(PASSWORDS, release.stack.of_ops, up, finish=0)
            assert [opens(release, address) for address in former] == [False] * 3
            assert [opens(release, address) for address in database_addresses(release)] == [
                True
            ] * 3
    judge(browsers, f"{rotations} rotations of the embedded database's passwords", record)
