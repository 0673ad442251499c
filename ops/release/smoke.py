"""Whether the deployed application works, asked as a browser would: over HTTP at the stack's URL."""

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from ops.errors import OpsError
from ops.release import server_actions

READY_SECONDS = 60
"""Endpoints and kube-proxy follow a rollout within seconds; more is a fault."""

ANSWER_SECONDS = 10.0
PAUSE_SECONDS = 0.5

AWAY = "TaskFlow cannot reach "
"""On pages whose server does not reach the backend or the database."""

PERSON = re.compile(r'name="user" value="([^"]*)"')
"""Whose page it is. Those of a release before, which a rollback brings back, do not say it."""
TASK_ROW = re.compile(r'id="done-([0-9a-f-]{36})"')
"""The checkbox of a task, whose id carries the task's."""

LOGS = "make logs STACK={stack} shows what the frontend's and backend's pods say"


class _NotYetError(OpsError):
    """A failure only if it lasts."""


def check(url: str, stack: str, say: Callable[[str], None]) -> None:
    """Sign up a throw-away person at `url`, add a task, read it back, and delete both again.

    Raises:
        OpsError: whatever does not work; its fix names the stack.
    """
    with _naming(stack):
        try:
            _check(url, say)
        except httpx.HTTPError as error:
            request = error.request
            raise OpsError(
                f"{request.method} {request.url.path} got no answer: {str(error) or type(error).__name__}",
                where=str(request.url),
                fix=LOGS,
            ) from error


def require_healthy(url: str, stack: str) -> None:
    """Wait until the frontend and what it needs answer at `url`; asks nothing else of it.

    Raises:
        OpsError: if they do not within READY_SECONDS.
    """
    with _naming(stack), _browser(url) as browser:
        _eventually(_require_health, browser)


@contextmanager
def _naming(stack: str) -> Iterator[None]:
    """Put the stack's name into the fix of an error."""
    try:
        yield
    except OpsError as error:
        error.fix = error.fix.format(stack=stack)
        raise


def _check(url: str, say: Callable[[str], None]) -> None:
    with _browser(url) as browser:
        _eventually(_require_health, browser)
        say("GET /healthz 200")
        for page in ("/sign-in", "/sign-up"):
            _expect_success(browser.get(page), say)
        password = secrets.token_urlsafe(24)
        person = {
            "name": "Smoke check",
            "email": f"smoke-{secrets.token_hex(6)}@example.com",
            "password": password,
        }
        origin = {"Origin": url.rstrip("/")}
        signed_up = browser.post("/api/auth/sign-up/email", json=person, headers=origin)
        _expect_success(signed_up, say)
        try:
            _eventually(_keep_a_task, browser, say)
        finally:
            proof = {"password": password}
            deleted = browser.post("/api/auth/delete-user", json=proof, headers=origin)
            _expect_success(deleted, say)


def _browser(url: str) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        timeout=ANSWER_SECONDS,
        follow_redirects=True,
        trust_env=not _is_local(url),
    )


def _is_local(url: str) -> bool:
    """Whether an address is on this machine or its network, which the environment's proxies do not reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost"


def _eventually(attempt: Callable[..., None], *arguments: Any) -> None:
    """Repeat what is not yet possible for READY_SECONDS."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return attempt(*arguments)
        except _NotYetError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)


def _require_health(browser: httpx.Client) -> None:
    try:
        response = browser.get("/healthz", timeout=3)
        if response.status_code == 200:
            return
        found = f"status {response.status_code}"
    except httpx.HTTPError as error:
        found = str(error) or type(error).__name__
    raise _NotYetError(
        f"the application did not answer within {READY_SECONDS} s: {found}",
        where=f"{browser.base_url}healthz",
        fix="make status STACK={stack} shows which pod is not ready, and why",
    )


def _keep_a_task(browser: httpx.Client, say: Callable[[str], None]) -> None:
    """Through the frontend and the backend into the database, and back."""
    empty = browser.get("/tasks")
    # After a first deployment kube-proxy may know the frontend a moment before the backends.
    away = "the frontend cannot reach the backend or the database"
    _require(AWAY not in empty.text, away, browser, _NotYetError)
    _expect_success(empty, say)
    names = ("addTask", "deleteTask")
    actions = server_actions.find(browser, empty.text, *names)
    for name in names:
        _require(name in actions, f"the page's scripts offer no {name}", browser)
    title = f"Smoke check {secrets.token_hex(4)}"

    whose = PERSON.findall(empty.text)[:1]
    form = {"title": title, "notes": "", "due": "", **({"user": whose[0]} if whose else {})}
    added = server_actions.call_with_form(browser, "/tasks", actions["addTask"], form)
    _succeed(added)
    tasks = browser.get("/tasks").text
    row = TASK_ROW.search(tasks)
    _require(
        title in tasks and row is not None,
        f"the task {title!r} was added, but is not listed",
        browser,
    )
    say("task added and read back")

    _succeed(
        server_actions.call(browser, "/tasks", actions["deleteTask"], *whose, row[1] if row else "")
    )
    _require(
        title not in browser.get("/tasks").text, f"the task {title!r} cannot be deleted", browser
    )
    say("task deleted")


def _expect_success(response: httpx.Response, say: Callable[[str], None]) -> None:
    request = response.request
    if response.status_code != 200:
        raise OpsError(
            f"{request.method} {request.url.path} answered {response.status_code}, not 200",
            where=f"{response.url}: {' '.join(response.text.split())[:200]}",
            fix=LOGS,
        )
    say(f"{request.method} {request.url.path} 200")


def _succeed(answer: httpx.Response) -> None:
    """An action that fails answers 200 with its reason; one that this build does not know, 409.

    At the end of a rollout a pod of the old build may serve the page, whose actions the new ones do not know.
    """
    if answer.status_code != 200 or '"ok":true' not in answer.text:
        kind = _NotYetError if answer.status_code == httpx.codes.CONFLICT else OpsError
        what = f"an action on /tasks failed ({answer.status_code})"
        raise kind(what, where=" ".join(answer.text.split())[:200], fix=LOGS)


def _require(
    holds: bool, what: str, browser: httpx.Client, kind: type[OpsError] = OpsError
) -> None:
    if not holds:
        raise kind(what, where=f"{browser.base_url}tasks", fix=LOGS)
