"""The smoke check against a small application that breaks in one place at a time."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath

import pytest

from ops.errors import OpsError
from ops.release import smoke

TASK = "0191f6a2-7c1e-7b6e-9d53-2f7b1c0a9e11"
SCRIPT = "/_next/static/chunks/tasks.js"
ACTIONS = "".join(
    f'(0,a.createServerReference)("{action}",a.callServer,void 0,a.findSourceMapURL,"{name}");'
    for name, action in {"addTask": "40add", "deleteTask": "40de1e7e"}.items()
)


@dataclass
class Application:
    """Keeps one task; what is in `broken` does not work."""

    broken: str = ""
    away: int = 0
    """So many times more the page says that the backends are away."""
    old: int = 0
    """So many times more an action is unknown, because the page came from an old pod."""
    person: str = "ada-1"
    """Of whose page an action must say that it is; empty in a release whose pages do not say it."""
    url: str = ""
    title: str = ""
    calls: list[str] = field(default_factory=list)

    def get(self, path: str) -> tuple[int, str]:
        if path == SCRIPT:
            return 200, "" if self.broken == "no action" else ACTIONS
        if path == "/tasks" and self.away > 0:
            self.away -= 1
            return 200, "TaskFlow cannot reach its server right now."
        row = f'<input id="done-{TASK}"/>{self.title}' if self.title else ""
        whose = f'<input type="hidden" name="user" value="{self.person}"/>' if self.person else ""
        return 200, f'<script src="{SCRIPT}"></script>{whose}{row}'

    def post(self, path: str, action: str, body: str) -> tuple[int, str]:
        self.calls.append(action or PurePosixPath(path).name)
        if action and self.old > 0:
            self.old -= 1
            return 409, "Server Action unavailable."
        if action and self.person not in body:
            return 200, '1:{"ok":false,"message":"Another account is signed in."}'
        if action == "40add":
            if self.broken == "refused":
                return 200, '1:{"ok":false,"message":"The backend is away."}'
            if self.broken != "lost":
                part = body.partition('name="_1_title"')[2]
                self.title = part.strip().splitlines()[0]
        arguments = [*filter(None, [self.person]), TASK]
        if action == "40de1e7e" and body == json.dumps(arguments) and self.broken != "kept":
            self.title = ""
        return 200, '1:{"ok":true}'


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    monkeypatch.setattr(smoke, "PAUSE_SECONDS", 0.01)
    served = Application()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*served.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            action = self.headers.get("Next-Action", "")
            if action and served.broken == "cut":
                return
            if action and served.broken == "hangs":
                ended.wait(10)
            self._answer(*served.post(self.path, action, body))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield served
        ended.set()
        server.shutdown()


@pytest.mark.parametrize("person", ["ada-1", ""], ids=["this release", "the one before"])
def test_a_task_is_added_read_back_and_deleted_with_its_person(
    application: Application, person: str
) -> None:
    application.person = person
    said: list[str] = []
    smoke.check(application.url, "blue", said.append)
    assert application.calls == ["email", "40add", "40de1e7e", "delete-user"]
    assert "task added and read back" in said


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("no action", "offer no addTask"),
        ("refused", "an action on /tasks failed"),
        ("lost", "was added, but is not listed"),
        ("kept", "cannot be deleted"),
    ],
)
def test_what_is_broken_is_said_and_the_person_is_deleted_all_the_same(
    application: Application, broken: str, message: str
) -> None:
    application.broken = broken
    with pytest.raises(OpsError, match=message) as failure:
        smoke.check(application.url, "blue", lambda line: None)
    assert failure.value.fix.startswith("make logs STACK=blue shows")
    assert application.calls[-1] == "delete-user"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("hangs", "POST /tasks got no answer: timed out"),
        ("cut", "POST /tasks got no answer: Server disconnected"),
    ],
)
def test_an_answer_that_never_comes_is_a_failure_like_any_other_so_that_it_is_rolled_back(
    application: Application, monkeypatch: pytest.MonkeyPatch, broken: str, message: str
) -> None:
    monkeypatch.setattr(smoke, "ANSWER_SECONDS", 0.5)
    application.broken = broken
    with pytest.raises(OpsError, match=message) as error:
        smoke.check(application.url, "blue", lambda line: None)
    assert error.value.where.startswith(application.url)
    assert application.calls[-1] == "delete-user"


def test_a_proxy_of_the_environment_is_not_asked_for_an_address_of_this_machine(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    smoke.check(application.url, "blue", lambda line: None)
    assert application.calls[-1] == "delete-user"


def test_backends_that_are_known_a_moment_later_than_the_frontend_are_waited_for(
    application: Application,
) -> None:
    application.away = 2
    smoke.check(application.url, "blue", lambda line: None)
    assert application.calls[1] == "40add"


def test_a_page_of_the_old_build_at_the_end_of_a_rollout_is_asked_for_again(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    application.old = 2
    smoke.check(application.url, "blue", lambda line: None)
    assert application.calls[1:4] == ["40add"] * 3
    monkeypatch.setattr(smoke, "READY_SECONDS", 0.1)
    application.old = 1000
    with pytest.raises(OpsError, match=r"an action on /tasks failed \(409\)"):
        smoke.check(application.url, "blue", lambda line: None)


def test_backends_that_stay_away_are_a_failure(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "READY_SECONDS", 0.1)
    application.away = 1000
    with pytest.raises(OpsError, match="the frontend cannot reach"):
        smoke.check(application.url, "blue", lambda line: None)
    assert application.calls == ["email", "delete-user"], (
        "an absent application gets no further requests"
    )
