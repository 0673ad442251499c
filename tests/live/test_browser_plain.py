"""What a person does without scripts, in a real browser against the live release."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.live import browsing
from tests.live.browsing import (
    Person,
    add_task,
    change,
    edit,
    fill_in,
    new_page,
    show,
    sign_in,
    sign_up,
    task,
)
from tests.live.conftest import LiveRelease

browser, other = browsing.browser, browsing.other  # Fixtures.
ACTION = re.compile(rb"(?<=ACTION_ID_)[0-9a-f]{42}|(?<=\"id\":\")[0-9a-f]{42}")
PHONE = {"width": 360, "height": 740}
LINES = """element => {
  const range = document.createRange();
  range.selectNodeContents(element);
  return range.getClientRects().length;
}"""


@pytest.fixture
def page(browser: Browser, release: LiveRelease) -> Iterator[Page]:
    """A page in a new browser, which runs no scripts."""
    with new_page(browser, release.url, scripts=False) as page:
        yield page


def undo(page: Page, said: str) -> None:
    expect(page.get_by_role("status")).to_contain_text(said)
    page.get_by_role("button", name="Undo").click()


def test_everything_that_matters_works_without_scripts(page: Page) -> None:
    person = Person("Tim")
    sign_up(page, person)
    add_task(page, "Plain HTML", notes="By form alone")
    expect(page).to_have_url(re.compile("/tasks$"))
    page.reload()
    expect(task(page, "Plain HTML")).to_have_count(1)
    task(page, "Plain HTML").click()
    expect(task(page, "Plain HTML")).to_have_count(0)
    show(page, "Done")
    expect(task(page, "Plain HTML")).to_be_checked()
    page.get_by_role("button", name="Delete Plain HTML").click()
    expect(task(page, "Plain HTML")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, person)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_what_was_completed_or_deleted_without_scripts_comes_back_in_its_place(page: Page) -> None:
    sign_up(page, Person("Tim"))
    for title in ("Oldest", "Middle", "Newest"):
        add_task(page, title, notes=f"Notes of {title}", due="2030-05-01", priority="high")
    page.goto("/tasks?show=all")
    before = page.get_by_role("list", name="Tasks").all_inner_texts()
    page.get_by_role("button", name="Delete Middle").click()
    expect(task(page, "Middle")).to_have_count(0)
    undo(page, "Deleted “Middle”.")
    expect(page.get_by_role("status")).to_contain_text("Restored “Middle”.")
    assert page.get_by_role("list", name="Tasks").all_inner_texts() == before
    page.reload()
    assert page.get_by_role("list", name="Tasks").all_inner_texts() == before
    task(page, "Middle").click()
    undo(page, "Completed “Middle”.")
    expect(task(page, "Middle")).not_to_be_checked()
    undo(page, "Reopened “Middle”.")
    expect(task(page, "Middle")).to_be_checked()
    expect(page).to_have_url(re.compile(r"/tasks\?show=all$"))


def test_a_deletion_that_is_sent_again_without_scripts_keeps_its_undo(page: Page) -> None:
    sign_up(page, Person("Tim"))
    add_task(page, "Keep me")
    page.get_by_role("button", name="Delete Keep me").click()
    expect(task(page, "Keep me")).to_have_count(0)
    page.reload()
    undo(page, "Deleted “Keep me”.")
    expect(task(page, "Keep me")).to_be_visible()


@pytest.mark.parametrize("choice", ["Keep it", "Delete it"])
def test_a_deletion_without_scripts_shows_both_versions_of_a_task_that_was_changed_elsewhere(
    page: Page, other: Page, choice: str
) -> None:
    add_task(page, "Plan the trip")
    page.reload()
    other.reload()
    form = edit(other, "Plan the trip")
    form.get_by_label("Title").fill("Plan the flight")
    form.get_by_label("Notes").fill("An hour's work")
    form.get_by_role("button", name="Save").click()
    expect(other.get_by_role("status")).to_contain_text("Saved")
    page.get_by_role("button", name="Delete Plan the trip").click()
    expect(page.get_by_role("alert")).to_contain_text("changed elsewhere")
    conflict = page.get_by_role("region", name="Delete “Plan the flight” as it is now?")
    expect(conflict.get_by_role("cell")).to_have_text(
        ["", "Plan the trip", "Plan the flight", "none", "An hour's work"]
    )
    conflict.get_by_text(choice, exact=True).click()
    expect(conflict).to_have_count(0)
    if choice == "Delete it":
        expect(task(page, "Plan the flight")).to_have_count(0)
        undo(page, "Deleted “Plan the flight”.")
    expect(task(page, "Plan the flight")).to_be_visible()
    expect(page.get_by_text("An hour's work")).to_be_visible()


def save(form: Locator) -> None:
    form.get_by_role("button", name="Save").click()


def test_a_task_is_edited_without_scripts_and_changed_back(page: Page) -> None:
    sign_up(page, Person("Tim"))
    add_task(page, "Bread", notes="Rye", due="2030-05-01", priority="high")
    page.goto("/tasks?show=all&search=bre")
    form = edit(page, "Bread")
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/tasks\?show=all&search=bre$"))
    form = edit(page, "Bread")
    expect(form.get_by_label("Title")).to_be_focused()
    form.get_by_label("Title").fill("Breakfast")
    form.get_by_label("Notes").fill("One line\nand another")
    form.get_by_label("Due").fill("")
    form.get_by_label("Priority").select_option("low")
    form.get_by_label("Title").press("Enter")
    item = page.get_by_role("listitem").filter(has_text="Breakfast")
    expect(item).to_contain_text("One line and another")
    expect(item).to_contain_text("Low priority")
    expect(item.get_by_text("Due")).to_have_count(0)
    undo(page, "Saved “Breakfast”.")
    item = page.get_by_role("listitem").filter(has_text="Bread")
    expect(item).to_contain_text("Rye")
    expect(item).to_contain_text("Due May 1, 2030")
    expect(item).to_contain_text("High priority")


@pytest.mark.parametrize("choice", ["Keep mine", "Keep the other"])
def test_an_edit_without_scripts_shows_both_versions_of_a_task_that_was_changed_elsewhere(
    page: Page, other: Page, choice: str
) -> None:
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Title").fill("Plan the journey")
    change(other, "Plan the trip", "Title", "Plan the flight")
    change(other, "Plan the flight", "Notes", "Beside it")
    save(form)
    form = page.get_by_role("form", name="Edit Plan the flight")
    expect(form.get_by_role("alert")).to_contain_text("changed elsewhere")
    expect(form.get_by_role("cell")).to_have_text(["", "Plan the journey", "Plan the flight"])
    expect(form.get_by_label("Title")).to_have_value("Plan the journey")
    form.get_by_role("button", name=choice).click()
    expect(form).to_have_count(0)
    if choice == "Keep mine":
        expect(task(page, "Plan the journey")).to_be_visible()
        undo(page, "Saved")
    expect(task(page, "Plan the flight")).to_be_visible()
    expect(page.get_by_text("Beside it")).to_be_visible()


def test_an_edit_without_scripts_of_a_task_that_was_deleted_elsewhere_can_be_added_as_a_new_one(
    page: Page, other: Page
) -> None:
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Notes").fill("An hour's work")
    other.reload()
    other.get_by_role("button", name="Delete Plan the trip").click()
    expect(other.get_by_role("status")).to_contain_text("Deleted")
    save(form)
    expect(form.get_by_role("alert")).to_contain_text("deleted elsewhere")
    expect(form.get_by_label("Notes")).to_have_value("An hour's work")
    form.get_by_role("button", name="Add as a new task").click()
    expect(page.get_by_role("listitem").filter(has_text="An hour's work")).to_be_visible()
    page.reload()
    expect(task(page, "Plan the trip")).to_have_count(1)


def test_a_form_whose_session_has_ended_is_shown_again_as_it_was_filled(page: Page) -> None:
    person = Person("Joan")
    sign_up(page, person)
    add_task(page, "Plan the trip")
    page.goto("/tasks?show=all")
    form = edit(page, "Plan the trip")
    form.get_by_label("Notes").fill("An hour's work")
    end_session_and_sign_in_again(page, person, lambda: save(form))
    expect(form.get_by_label("Notes")).to_have_value("An hour's work")
    save(form)
    expect(page.get_by_text("An hour's work")).to_be_visible()
    end_session_and_sign_in_again(page, person, lambda: undo(page, "Saved"))
    undo(page, "Saved")
    expect(page.get_by_text("An hour's work")).to_have_count(0)
    new = page.get_by_role("form", name="New task")
    new.get_by_label("Title").fill("Written for an hour")
    button = new.get_by_role("button", name="Add task")
    end_session_and_sign_in_again(page, person, button.click)
    expect(new.get_by_label("Title")).to_have_value("Written for an hour")
    button.click()
    expect(task(page, "Written for an hour")).to_be_visible()
    page.get_by_role("button", name="Delete Written for an hour").click()
    end_session_and_sign_in_again(page, person, lambda: undo(page, "Deleted"))
    undo(page, "Deleted")
    expect(task(page, "Written for an hour")).to_be_visible()


def test_a_form_of_the_account_whose_session_has_ended_is_shown_again_without_passwords(
    page: Page,
) -> None:
    person = Person("Joan")
    sign_up(page, person)
    page.goto("/account")
    name = page.get_by_role("form", name="Name")
    name.get_by_label("Name").fill("Joan Clarke")
    save_name = name.get_by_role("button", name="Save name")
    end_session_and_sign_in_again(page, person, save_name.click, path="/account")
    expect(name.get_by_label("Name")).to_have_value("Joan Clarke")
    save_name.click()
    expect(page.get_by_role("link", name="Account of Joan Clarke")).to_be_visible()
    password = page.get_by_role("form", name="Password")
    password.get_by_label("Current password").fill(person.password)
    password.get_by_label("New password").fill(f"{person.password}-new")
    change = password.get_by_role("button", name="Change password")
    end_session_and_sign_in_again(page, person, change.click, path="/account")
    assert person.password not in page.content()
    page.goto("/account")
    deletion = page.get_by_role("form", name="Delete the account")
    deletion.get_by_label("Your password").fill(person.password)
    delete = deletion.get_by_role("button", name="Delete account")
    end_session_and_sign_in_again(page, person, delete.click, path="/account")
    assert person.password not in page.content()


def end_session_and_sign_in_again(
    page: Page, person: Person, send: Callable[[], None], *, path: str = "/tasks?show=all"
) -> None:
    """Send a form after the end of its session, and do what the answer asks for, which leads back to `path`."""
    page.context.clear_cookies()
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        send()
    assert answer.value.status == 401
    expect(page.get_by_role("alert").filter(has_text="session has ended")).to_be_visible()
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Sign in").click()
    fill_in(popup.value, person)
    popup.value.get_by_role("button", name="Sign in").click()
    expect(popup.value).to_have_url(re.compile(f"{re.escape(path)}$"))
    popup.value.close()


def sign_up_as_another(page: Page, person: Person) -> Page:
    """In another tab of the same browser."""
    tab = page.context.new_page()
    tab.goto("/tasks")
    tab.get_by_role("button", name="Sign out").click()
    sign_up(tab, person)
    return tab


def test_a_form_without_scripts_changes_nothing_in_the_account_that_another_tab_has_signed_in_to(
    page: Page,
) -> None:
    sign_up(page, Person("Joan"))
    tab = sign_up_as_another(page, Person("Linus"))
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill("A private matter")
    form.get_by_role("button", name="Add task").click()
    expect(page.get_by_role("alert").filter(has_text="Another account")).to_be_visible()
    expect(form.get_by_label("Title")).to_have_value("")
    tab.reload()
    expect(tab.get_by_text("Nothing left to do")).to_be_visible()


def of_another_release(route: Route) -> None:
    """A form of a page that was loaded before an update: its action has another id."""
    body = route.request.post_data_buffer
    route.continue_(post_data=ACTION.sub(b"0" * 42, body) if body else None)


def test_a_form_of_an_older_release_is_shown_again_as_it_was_filled(page: Page) -> None:
    person = Person("Joan")
    sign_up(page, person)
    add_task(page, "Keep me")
    page.route("**/tasks", of_another_release)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.get_by_role("button", name="Delete Keep me").click()
    assert answer.value.status == 409
    expect(page.get_by_role("alert").filter(has_text="TaskFlow was updated")).to_be_visible()
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill("Written before the update")
    form.get_by_text("Notes, date, priority").click()
    form.get_by_label("Notes").fill("An hour's work")
    form.get_by_role("button", name="Add task").click()
    expect(form.get_by_role("alert")).to_contain_text("TaskFlow was updated")
    expect(form.get_by_label("Title")).to_have_value("Written before the update")
    page.unroute("**/tasks")
    form.get_by_role("button", name="Add task").click()
    expect(task(page, "Written before the update")).to_be_visible()
    expect(page.get_by_text("An hour's work")).to_be_visible()
    page.get_by_role("button", name="Delete Keep me").click()
    expect(task(page, "Keep me")).to_have_count(0)
    page.route("**/tasks", of_another_release)
    undo(page, "Deleted")
    expect(page.get_by_role("alert").filter(has_text="TaskFlow was updated")).to_be_visible()
    page.unroute("**/tasks")
    undo(page, "Deleted")
    expect(task(page, "Keep me")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.route("**/sign-in", of_another_release)
    fill_in(page, person)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("TaskFlow was updated")
    expect(page.get_by_label("Email")).to_have_value(person.email)


def test_a_form_of_an_older_release_is_not_shown_to_another_account(page: Page) -> None:
    sign_up(page, Person("Joan"))
    page.goto("/account")
    sign_up_as_another(page, Person("Linus"))
    page.route("**/account", of_another_release)
    form = page.get_by_role("form", name="Name", exact=True)
    form.get_by_label("Name").fill("A private name")
    form.get_by_role("button", name="Save name").click()
    expect(page.get_by_role("alert").filter(has_text="TaskFlow was updated")).to_be_visible()
    expect(form.get_by_label("Name")).to_have_value("Linus")


def test_a_form_sent_again_spares_what_another_tab_has_changed(page: Page, other: Page) -> None:
    add_task(page, "Bread")
    page.reload()
    added = page.locator("input[name=task]").input_value()
    change(other, "Bread", "Title", "Rye bread")
    form = page.get_by_role("form", name="New task")
    # As after the back button: the id of the task that was sent.
    put(form.locator("input[name=id]"), json.loads(added)["id"])
    form.get_by_label("Title").fill("White bread")
    form.get_by_role("button", name="Add task").click()
    expect(form.get_by_role("alert")).to_contain_text("changed elsewhere")
    expect(task(page, "Rye bread")).to_be_visible()
    form.get_by_role("button", name="Add task").click()
    expect(task(page, "White bread")).to_be_visible()
    expect(task(page, "Rye bread")).to_be_visible()


def test_whatever_a_form_carries_beside_a_task_its_page_ends(page: Page) -> None:
    sign_up(page, Person("Mallory"))
    add_task(page, "Bread")
    page.reload()
    hidden = page.locator("input[name=task]")
    deep = "[" * 20_000 + "]" * 20_000
    put(hidden, f'{hidden.input_value()[:-1]}, "tags": {deep}}}')
    page.get_by_role("button", name="Delete Bread").click()
    undo(page, "Deleted “Bread”.")
    expect(task(page, "Bread")).to_be_visible()


def put(hidden: Locator, value: str) -> None:
    hidden.evaluate("(input, value) => { input.value = value; }", value)


def test_the_notice_and_the_conflict_fit_on_a_phone(page: Page, other: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    add_task(page, "Fit on a small screen " * 4)
    page.reload()
    other.reload()
    other.get_by_role("button", name="Edit Fit").click()
    other.get_by_role("form", name="Edit Fit").get_by_label("Notes").fill("Long " * 60)
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_role("status")).to_contain_text("Saved")
    page.get_by_role("button", name="Delete Fit").click()
    expect(page.get_by_role("button", name="Delete it")).to_be_visible()
    assert overflow(page) <= 0
    for word in ("Yours", "Elsewhere", "Notes"):
        lines = page.get_by_role("table").get_by_text(word, exact=True).evaluate(LINES)
        assert lines == 1, f"{word} is in one piece"
    page.get_by_role("button", name="Delete it").click()
    box = page.get_by_role("button", name="Undo").bounding_box()
    assert box is not None
    assert box["height"] < 40, "one line"
    assert overflow(page) <= 0


def overflow(page: Page) -> int:
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(wider))
