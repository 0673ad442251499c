"""axe finds nothing to correct on any page: light and dark, on a desktop and on a phone."""

import re
from importlib.resources import files

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.live import browsing
from tests.live.browsing import Person, add_task, sign_up

browser, page = browsing.browser, browsing.page  # Fixtures.
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 900},
    "phone": {"width": 360, "height": 740},
}


def violations(page: Page) -> list[str]:
    """What axe reports, and where."""
    expect(page).to_have_title(re.compile(r"\S"))  # Next.js streams it, after a change again.
    # The package is a wrapper around this script; nothing else of it is needed.
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [f"{rule['help']}: {[node['target'] for node in rule['nodes']]}" for rule in found]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_violation(page: Page, scheme: str, size: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(SIZES[size])
    for path in ("/sign-in", "/sign-up", "/nowhere"):
        page.goto(path)
        assert not violations(page), path
    sign_up(page, Person("Louis"))
    assert not violations(page), "no task yet"
    add_task(page, "Overdue", due="2020-01-01", priority="high")
    add_task(page, "Long notes", notes="See https://example.com/ and more. " * 20, priority="low")
    assert not violations(page), "tasks"
    page.get_by_role("button", name="Edit Overdue").click()
    assert not violations(page), "a task that is being edited"
    conflict(page)
    assert not violations(page), "two versions of a task"
    page.get_by_role("button", name="Keep the other").click()
    page.get_by_role("button", name="Delete Long notes").click()
    expect(page.get_by_role("button", name="Dismiss")).to_be_visible()
    assert not violations(page), "a notice with Undo"
    page.get_by_role("checkbox", name="Overdue").click()
    expect(page.get_by_role("checkbox", name="Overdue")).to_have_count(0)
    page.goto("/tasks?show=done")
    expect(page.get_by_role("checkbox", name="Overdue")).to_be_checked()
    assert not violations(page), "a task that is done"
    page.goto("/tasks?search=nothing")
    assert not violations(page), "no task that matches"
    page.goto("/account")
    assert not violations(page), "account"
    form = page.get_by_role("form", name="Delete the account")
    form.get_by_label("Your password").fill("not the password")
    form.get_by_role("button", name="Delete account").click()
    expect(form.get_by_role("alert")).to_contain_text("not your password")
    assert not violations(page), "a form that was refused"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/tasks", "/account"])
def test_the_page_of_a_form_whose_session_has_ended_has_no_violation(
    page: Page, path: str, scheme: str, size: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(SIZES[size])
    sign_up(page, Person("Joan"))
    page.goto(path)
    page.context.clear_cookies()
    field, text = {"/tasks": ("title", "Bread"), "/account": ("name", "Joan Clarke")}[path]
    page.locator(f"input[name={field}]").fill(text)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        # As a browser without scripts sends it; axe itself needs them.
        page.locator(f"form:has(input[name={field}])").evaluate(
            "form => HTMLFormElement.prototype.submit.call(form)"
        )
    assert answer.value.status == 401
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    expect(page.locator(f"input[name={field}]")).to_have_value(text)
    assert not violations(page)


def conflict(page: Page) -> None:
    """Save the task that is being edited, after another tab has changed it."""
    other = page.context.new_page()
    other.goto("/tasks")
    other.get_by_role("button", name="Edit Overdue").click()
    for tab, answer in ((other, "Saved"), (page, "Keep mine")):
        form = tab.get_by_role("form", name="Edit Overdue")
        form.get_by_label("Notes").fill(f"Until {answer}")
        form.get_by_role("button", name="Save").click()
        expect(tab.get_by_text(answer).first).to_be_visible()
    other.close()
