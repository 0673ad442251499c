"""What a person does, in a real browser against the live release. Needs Chromium on PATH."""

import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.live.conftest import LiveRelease

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = (
    15_000  # Pods are held to a quarter of a core, and several share two cores with the browser.
)
TYPING_PAUSE_MS = 500  # Longer than a search waits for the next letter.
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
    """Somebody with an account of their own."""

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
    """A page of a browser that has never been here before."""
    expect.set_options(timeout=PATIENCE_MS)
    with browser.new_context(
        base_url=release.url, viewport={"width": 1280, "height": 900}
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


def sign_up(page: Page, person: Person) -> None:
    page.goto("/sign-up")
    page.get_by_label("Name").fill(person.name)
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def sign_in(page: Page, person: Person) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()


def add_task(page: Page, title: str, notes: str = "", due: str = "") -> None:
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill(title)
    if notes:
        form.get_by_label("Notes").fill(notes)
    if due:
        form.get_by_label("Due").fill(due)
    form.get_by_role("button", name="Add task").click()
    expect(page.get_by_role("checkbox", name=title)).to_be_visible()


def show(page: Page, which: str) -> None:
    page.get_by_role("navigation", name="Filter tasks").get_by_role("link", name=which).click()


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox", name="Search tasks").fill(text)


def test_a_person_signs_up_keeps_tasks_and_finds_them_again(page: Page) -> None:
    person = Person("Ada")
    sign_up(page, person)
    add_task(page, "Water the plants", notes="The fern twice", due="2030-05-01")
    add_task(page, "Write a letter")
    page.get_by_role("checkbox", name="Water the plants").check()
    page.reload()
    expect(page.get_by_role("checkbox", name="Water the plants")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Write a letter")).not_to_be_checked()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_in(page, person)
    expect(page.get_by_role("checkbox", name="Water the plants")).to_be_checked()


def test_a_second_user_sees_nothing_of_the_first(
    page: Page, browser: Browser, release: LiveRelease
) -> None:
    sign_up(page, Person("First"))
    add_task(page, "A private matter")
    with browser.new_context(base_url=release.url) as other:
        stranger = other.new_page()
        stranger.set_default_timeout(PATIENCE_MS)
        sign_up(stranger, Person("Second"))
        expect(stranger.get_by_text("A private matter")).to_have_count(0)


def test_a_task_can_be_edited_filtered_searched_and_deleted(page: Page) -> None:
    sign_up(page, Person("Grace"))
    add_task(page, "Buy bread")
    add_task(page, "Buy milk")
    page.get_by_role("button", name="Edit Buy bread").click()
    form = page.get_by_role("form", name="Edit Buy bread")
    form.get_by_label("Title").fill("Buy rye bread")
    form.get_by_role("button", name="Save").click()
    page.get_by_role("checkbox", name="Buy rye bread").check()
    show(page, "Done")
    expect(page.get_by_role("checkbox", name="Buy milk")).to_have_count(0)
    show(page, "All")
    search(page, "milk")
    expect(page.get_by_role("checkbox", name="Buy rye bread")).to_have_count(0)
    page.get_by_role("button", name="Delete Buy milk").click()
    expect(page.get_by_role("checkbox", name="Buy milk")).to_have_count(0)


def test_a_filter_and_a_search_that_follow_each_other_at_once_both_count(page: Page) -> None:
    sign_up(page, Person("Margaret"))
    page.route(re.compile(r"show=done(?!.*search)"), lambda route: None)  # This page never comes.
    show(page, "Done")
    search(page, "milk")
    expect(page).to_have_url(re.compile(r"/tasks\?show=done&search=milk$"))
    search(page, "bread")
    show(page, "Open")
    expect(page).to_have_url(re.compile(r"/tasks\?show=open&search=bread$"))
    page.wait_for_timeout(TYPING_PAUSE_MS)
    expect(page).to_have_url(re.compile(r"/tasks\?show=open&search=bread$"))


def test_a_wrong_password_is_explained(page: Page) -> None:
    person = Person("Linus")
    sign_up(page, person)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_in(page, Person("Linus", email=person.email, password="not the password"))  # noqa: S106
    expect(
        page.get_by_role("alert").filter(has_text=re.compile("password", re.IGNORECASE))
    ).to_be_visible()


def test_a_stranger_is_led_to_the_sign_in_page(page: Page) -> None:
    page.goto("/tasks")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_the_assistant_says_that_it_is_not_configured(page: Page) -> None:
    sign_up(page, Person("Alan"))
    expect(page.get_by_text(re.compile("not configured|not set up", re.IGNORECASE))).to_be_visible()


def test_the_page_works_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    sign_up(page, Person("Edsger"))
    add_task(page, "Fit on a small screen")
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0, f"the page is {overflow} px wider than a phone"


def test_signing_up_and_keeping_a_task_need_no_mouse(page: Page) -> None:
    person = Person("Barbara")
    page.goto("/sign-up")
    keys = page.keyboard
    page.get_by_label("Name").focus()
    for text in (person.name, person.email, person.password):
        keys.type(text)
        keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.get_by_role("form", name="New task").get_by_label("Title").focus()
    keys.type("Press no mouse button")
    keys.press("Enter")
    task = page.get_by_role("checkbox", name="Press no mouse button")
    expect(task).not_to_be_checked()
    task.focus()
    keys.press("Space")
    expect(task).to_be_checked()
    keys.press("Tab")
    expect(page.get_by_role("button", name="Edit Press no mouse button")).to_be_focused()


def test_pages_carry_the_security_headers(page: Page) -> None:
    response = page.goto("/sign-in")
    assert response is not None
    headers = response.headers
    assert "script-src" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "referrer-policy" in headers
    assert "x-powered-by" not in headers
