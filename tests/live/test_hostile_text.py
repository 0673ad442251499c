"""Hostile text in every field that people fill in, in a real browser: it is shown as text, and none of it runs."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.hostile import HOSTILE
from tests.live import browsing
from tests.live.browsing import Person, add_task, search, sign_up

# A sentence around a title leaves these out: one alone could turn the sentence.
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
browser, page = browsing.browser, browsing.page  # Fixtures; the page's policy is watched.


@pytest.fixture
def quiet_page(page: Page) -> Iterator[Page]:
    """A page; at the end, it has opened no dialog, and no script has failed."""
    seen: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        seen.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: seen.append(f"an error: {error}"))
    yield page
    assert not seen


# Without the space at its end, which the pages cut off.
@pytest.mark.parametrize("text", [text.rstrip("\u2028\ufeff") for text in HOSTILE])
def test_hostile_text_is_shown_as_text_and_none_of_it_runs(quiet_page: Page, text: str) -> None:
    page = quiet_page
    task, notes = page.get_by_role("checkbox", name=text), page.get_by_text(f"Notes: {text}")
    sign_up(page, Person(text))
    expect(page.get_by_role("link", name=f"Account of {text}")).to_be_visible()
    add_task(page, text, notes=f"Notes: {text}")
    expect(notes).to_be_visible()

    search(page, text)
    expect(page).to_have_url(re.compile("search="))
    page.reload()  # What scripts have drawn so far, the server draws now.
    expect(page.get_by_role("link", name=f"Account of {text}")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value(text)
    expect(task).to_be_visible()
    expect(notes).to_be_visible()

    page.get_by_role("button", name=f"Edit {text}").click()
    form = page.get_by_role("form", name=f"Edit {text}")
    expect(form.get_by_label("Title")).to_have_value(text)
    expect(form.get_by_label("Notes")).to_have_value(f"Notes: {text}")
    form.get_by_label("Title").fill(f"{text}!")
    form.get_by_role("button", name="Save").click()
    page.get_by_role("button", name=f"Delete {text}!").click()
    expect(page.get_by_role("status")).to_contain_text(f"{TURNING.sub('', text)}!")
    expect(page.get_by_text(f"No task matches “{text}”")).to_be_visible()

    page.goto("/account")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value(text)
