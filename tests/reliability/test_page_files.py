"""A release that changes the page: no page lacks a file, whichever pods answer for it and for its files."""

import shutil
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Request, Response

from ops.paths import ROOT
from tests.live import browsing
from tests.live.browsing import new_page
from tests.live_release import LiveRelease, changed, docker
from tests.reliability.conftest import VALUES, Record
from tests.reliability.person import Person
from tests.reliability.test_migrations import query
from tests.reliability.traffic import files_of

browser = browsing.browser  # A fixture.

COMPONENT = Path("app/tasks/add-task.tsx")
BUTTON, EDITED_BUTTON = "Add task", "Add this task"
EDITED_IMAGE = "taskflow-frontend:edited-by-the-tests"
BUILD_SECONDS = 900  # On two cores that others use it takes three minutes.
STORED_SECONDS = 90
LEAVING_SECONDS = 30  # A pod of the former build answers until its connections have moved.
# The browser runs on the node: it drops what it has asked for when interfaces of pods or containers come and go.
OWN_NETWORK = "net::ERR_NETWORK_CHANGED"
FILES = "/_next/static/"
AT_ONCE = 6  # Chromium's connections to one host, which it opens together for the files of a page.


@dataclass
class Visit:
    """What a new browser got."""

    button: str = ""
    missing: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    """Those that brought files, by Chromium's number."""

    @property
    def reloads(self) -> int:
        return len(self.documents) - 1


def test_no_page_lacks_a_file_while_a_release_that_changes_the_page_rolls_out(
    release: LiveRelease,
    person: Person,
    browser: Browser,
    full: bool,
    record: Record,
    tmp_path: Path,
) -> None:
    build_edited(tmp_path / "frontend")
    await_stored(release, contents(person))
    rollouts, fewest = (10, 40) if full else (2, 4)
    edited = changed(VALUES, images={"frontend": {"ref": EDITED_IMAGE}})
    visits: list[Visit] = []
    with ThreadPoolExecutor(1) as background:
        rolling = background.submit(roll_out, release, person, [edited, VALUES] * (rollouts // 2))
        while not rolling.done():
            visits.append(visit(browser, person))
        rolling.result()
    missing = [file for visit in visits for file in visit.missing]
    reloads = sum(visit.reloads for visit in visits)
    wide = sum(len(visit.connections) >= AT_ONCE for visit in visits)
    record(
        f"{rollouts} rollouts of an edited client component and back",
        [
            f"{len(visits)} visits by a browser, {wide} of them on {AT_ONCE} connections or more: "
            f"{len(missing)} missing files, {reloads} reloads"
        ],
    )
    assert wide >= fewest
    assert {BUTTON, EDITED_BUTTON} <= {visit.button for visit in visits}, "pages of both builds"
    assert missing == []
    assert reloads == 0


def build_edited(folder: Path) -> None:
    """The frontend's image with one client component edited."""
    ignored = shutil.ignore_patterns("node_modules", ".next", ".test")
    shutil.copytree(ROOT / "docker" / "frontend", folder, ignore=ignored)
    component = folder / COMPONENT
    edited = component.read_text().replace(BUTTON, EDITED_BUTTON)
    assert edited != component.read_text(), f"{COMPONENT} has no {BUTTON!r} to edit"
    component.write_text(edited)
    docker("build", "--tag", EDITED_IMAGE, str(folder), timeout=BUILD_SECONDS)


def await_stored(release: LiveRelease, paths: Collection[str]) -> None:
    """Pods do it before they are ready, and within a minute where a test has emptied the database since."""
    deadline = time.monotonic() + STORED_SECONDS
    while set(paths) - set(query(release, "select path from page_file").splitlines()):
        assert time.monotonic() < deadline, "the pods do not store their files"
        time.sleep(1)


def roll_out(release: LiveRelease, person: Person, revisions: list[Mapping[str, Any]]) -> None:
    """One after the other; after each, all pods have every file of the builds before."""
    known = contents(person)
    for number, revision in enumerate(revisions):
        assert release.update(revision) == {"frontend"}
        present = contents(person)
        deadline = time.monotonic() + LEAVING_SECONDS
        while number == 0 and not set(known) - set(present):
            assert time.monotonic() < deadline, "the edit changes no file: nothing would be tested"
            present = contents(person)
        known |= present
        assert contents(person, known) == known


def contents(person: Person, paths: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Files of the task page, or those given, each asked for on a connection of its own."""
    found = {}
    for path in paths or files_of(person.tasks_page().text):
        answer = httpx.get(f"{person.frontend}{path}", timeout=30)
        kind = "text/css" if path.endswith(".css") else "application/javascript"
        assert answer.status_code == 200, path
        assert answer.headers["Content-Type"].startswith(kind), path
        assert "immutable" in answer.headers["Cache-Control"], path
        found[path] = answer.content
    assert found
    return found


def visit(browser: Browser, person: Person) -> Visit:
    """A first visit of the task page: a browser opens several connections at once for its files."""
    seen = Visit()

    def on_answer(event: dict[str, Any]) -> None:
        answer = event["response"]
        if FILES in answer["url"]:
            seen.connections.add(answer["connectionId"])

    def on_request(request: Request) -> None:
        if request.is_navigation_request():
            seen.documents.append(request.url)

    def on_response(response: Response) -> None:
        if FILES in response.url and response.status != 200:
            seen.missing.append(f"{response.status} {response.url}")

    def on_failure(request: Request) -> None:
        if FILES in request.url and request.failure != OWN_NETWORK:
            seen.missing.append(f"{request.failure} {request.url}")

    with new_page(browser, person.frontend) as page:
        pairs = (pair.split("=", 1) for pair in person.cookie.split("; "))
        page.context.add_cookies(
            [{"name": name, "value": value, "url": person.frontend} for name, value in pairs]
        )
        network = page.context.new_cdp_session(page)
        network.on("Network.responseReceived", on_answer)
        network.send("Network.enable")
        page.on("request", on_request)
        page.on("response", on_response)
        page.on("requestfailed", on_failure)
        page.on("pageerror", lambda error: seen.missing.append(str(error)))
        page.goto("/tasks", wait_until="networkidle")
        # A page that could not read its session in time says so, and has its files all the same.
        for text in page.get_by_role("form", name="New task").get_by_role("button").all():
            seen.button = text.inner_text()
    return seen
