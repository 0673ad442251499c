"""A person at the release, in a real browser. Needs Chromium on PATH."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.live.conftest import LiveRelease

# Pods are held to a quarter of a core, and several share two cores with the browser.
PATIENCE_MS = 15_000
POLICY = "Content Security Policy"
QUIET = (  # No traffic of the browser's own: it would leave the machine.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Person:
    """A person with an account."""

    name: str
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.com")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    assert executable, "no chromium on PATH; `make test` installs it, or: apt-get install chromium"
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=list(QUIET)) as chromium,
    ):
        yield chromium


@pytest.fixture
def page(browser: Browser, release: LiveRelease) -> Iterator[Page]:
    """A page in a new browser; at the end, none broke the pages' policy."""
    with new_page(browser, release.url) as page:
        yield page


@pytest.fixture
def other(page: Page, browser: Browser, release: LiveRelease) -> Iterator[Page]:
    """Another tab of the same person, who has signed up in `page`."""
    person = Person("Ada")
    sign_up(page, person)
    with new_page(browser, release.url) as other:
        sign_in(other, person)
        expect(other.get_by_role("button", name="Sign out")).to_be_visible()
        yield other


@contextmanager
def new_page(
    browser: Browser, url: str, *, scripts: bool = True, zone: str | None = None
) -> Iterator[Page]:
    """The same, at any address, in any time zone."""
    expect.set_options(timeout=PATIENCE_MS)
    refused: list[str] = []
    with browser.new_context(
        base_url=url,
        viewport={"width": 1280, "height": 900},
        java_script_enabled=scripts,
        timezone_id=zone,
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        context.on(
            "console", lambda said: refused.append(said.text) if POLICY in said.text else None
        )
        yield context.new_page()
    assert not refused, "what the content security policy refused"


def sign_up(page: Page, person: Person) -> None:
    page.goto("/sign-up")
    page.get_by_label("Name").fill(person.name)
    fill_in(page, person)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def sign_in(page: Page, person: Person) -> None:
    page.goto("/sign-in")
    fill_in(page, person)
    page.get_by_role("button", name="Sign in").click()


def fill_in(page: Page, person: Person) -> None:
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)


def add_task(page: Page, title: str, notes: str = "", due: str = "", priority: str = "") -> None:
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill(title)
    if notes or due or priority:
        show_details(form)
    if notes:
        form.get_by_label("Notes").fill(notes)
    if due:
        form.get_by_label("Due").fill(due)
    if priority:
        form.get_by_label("Priority").select_option(priority)
    form.get_by_role("button", name="Add task").click()
    expect(page.get_by_role("checkbox", name=title)).to_be_visible()


def show_details(form: Locator) -> None:
    """Open what a new task can have beside its title."""
    if not form.get_by_label("Notes").is_visible():
        form.get_by_text("Notes, date, priority").click()


def show(page: Page, which: str) -> None:
    page.get_by_role("navigation", name="Filter tasks").get_by_role("link", name=which).click()


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox", name="Search tasks").fill(text)


def task(page: Page, title: str) -> Locator:
    return page.get_by_role("checkbox", name=title, exact=True)


def edit(page: Page, title: str) -> Locator:
    """The form for editing a task, opened."""
    page.get_by_role("button", name=f"Edit {title}", exact=True).click()
    return page.get_by_role("form", name=f"Edit {title}", exact=True)


def change(page: Page, title: str, field: str, text: str) -> None:
    """Edit a field of a task, in a page that shows the tasks as they are now."""
    page.reload()
    form = edit(page, title)
    form.get_by_label(field).fill(text)
    form.get_by_role("button", name="Save").click()
    # A notice would not do: that of a change before outlives the reload.
    expect(form).to_have_count(0)
