"""What the list of tasks promises to a person, in a real browser against the live release."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from playwright.sync_api import Browser, Locator, Page, expect

from tests.live import browsing
from tests.live.browsing import (
    Person,
    add_task,
    fill_in,
    new_page,
    search,
    show,
    show_details,
    sign_in,
    sign_up,
)
from tests.live.conftest import LiveRelease

browser, page = browsing.browser, browsing.page  # Fixtures.
PHONE = {"width": 360, "height": 740}
PAGE_SIZE = 50
HEBREW = "\u05e2\u05d3\u05d4"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def day(days: int) -> str:
    """So many days from today, for a browser in UTC."""
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def test_open_tasks_are_grouped_by_due_date_the_urgent_ones_first(page: Page) -> None:
    sign_up(page, Person("Grace"))
    add_task(page, "Someday")
    add_task(page, "Book a train", due=day(0))
    add_task(page, "Answer the bank", due=day(0), priority="high")
    add_task(page, "Return the book", due=day(-1))
    expect(page.get_by_role("heading", level=2)).to_have_text(
        ["Overdue", "Today", "Without a date"]
    )
    today = page.get_by_role("list", name="Today").get_by_role("listitem")
    expect(today.get_by_role("checkbox").nth(0)).to_have_accessible_name("Answer the bank")
    expect(today.get_by_role("checkbox").nth(1)).to_have_accessible_name("Book a train")
    filters = page.get_by_role("navigation", name="Filter tasks")
    expect(filters.get_by_role("link")).to_have_text(["Open 4", "Done 0", "All 4"])


def test_what_was_completed_edited_or_deleted_comes_back_in_its_place(page: Page) -> None:
    sign_up(page, Person("Hedy"))
    for title in ("One", "Three", "Two"):
        add_task(page, title)
    tasks = page.get_by_role("checkbox")
    order = ["One", "Three", "Two"]

    def in_place() -> None:
        for place, title in enumerate(order):
            expect(tasks.nth(place)).to_have_accessible_name(title)

    in_place()
    page.get_by_role("checkbox", name="Three").press("Space")
    expect(tasks).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    in_place()
    page.get_by_role("button", name="Delete Three").click()
    expect(tasks).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    in_place()
    page.get_by_role("button", name="Edit Three").click()
    page.get_by_role("form", name="Edit Three").get_by_label("Title").fill("Zzz")
    page.get_by_role("button", name="Save").click()
    expect(tasks.nth(2)).to_have_accessible_name("Zzz")
    page.get_by_role("button", name="Undo").click()
    in_place()


def test_two_tabs_that_change_other_fields_of_a_task_lose_nothing(
    page: Page, browser: Browser, release: LiveRelease
) -> None:
    person = Person("Ada")
    sign_up(page, person)
    add_task(page, "Plan the trip")
    with new_page(browser, release.url) as other:
        sign_in(other, person)
        for tab in (page, other):
            tab.get_by_role("button", name="Edit Plan the trip").click()
        page.get_by_label("Notes").last.fill("By train")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Saved")
        form = other.get_by_role("form", name="Edit Plan the trip")
        form.get_by_label("Title").fill("Plan the journey")
        form.get_by_role("button", name="Save").click()
        expect(other.get_by_role("checkbox", name="Plan the journey")).to_be_visible()
        expect(other.get_by_text("By train")).to_be_visible()


def test_two_tabs_that_change_one_field_see_both_versions_before_one_is_kept(
    page: Page, browser: Browser, release: LiveRelease
) -> None:
    person = Person("Ada")
    sign_up(page, person)
    add_task(page, "Plan the trip")
    with new_page(browser, release.url) as other:
        sign_in(other, person)
        for tab in (page, other):
            tab.get_by_role("button", name="Edit Plan the trip").click()
        page.get_by_role("form", name="Edit Plan").get_by_label("Title").fill("Plan the flight")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("checkbox", name="Plan the flight")).to_be_visible()
        form = other.get_by_role("form", name="Edit Plan the trip")
        form.get_by_label("Title").fill("Plan the journey")
        form.get_by_role("button", name="Save").press("Enter")
        expect(form.get_by_role("alert")).to_contain_text("changed elsewhere")
        expect(form.get_by_role("button", name="Keep mine")).to_be_focused()
        expect(form.get_by_role("cell")).to_have_text(["", "Plan the journey", "Plan the flight"])
        form.get_by_role("button", name="Keep mine").click()
        expect(other.get_by_role("checkbox", name="Plan the journey")).to_be_visible()


def test_a_task_that_another_tab_deleted_leaves_the_list_when_it_is_used(
    page: Page, browser: Browser, release: LiveRelease
) -> None:
    person = Person("Edsger")
    sign_up(page, person)
    add_task(page, "Soon gone")
    with new_page(browser, release.url) as other:
        sign_in(other, person)
        other.get_by_role("button", name="Delete Soon gone").click()
        expect(other.get_by_role("status")).to_contain_text("Deleted")
    page.get_by_role("checkbox", name="Soon gone").press("Space")
    expect(page.get_by_role("alert").filter(has_text="no longer exists")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Soon gone")).to_have_count(0)


def test_the_list_is_fresh_when_its_tab_comes_back(
    page: Page, browser: Browser, release: LiveRelease
) -> None:
    person = Person("Barbara")
    sign_up(page, person)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    with new_page(browser, release.url) as other:
        sign_in(other, person)
        add_task(other, "Written elsewhere")
    page.wait_for_timeout(5_000)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("checkbox", name="Written elsewhere")).to_be_visible()


def test_the_list_is_fresh_after_the_back_button(page: Page) -> None:
    sign_up(page, Person("Barbara"))
    page.get_by_role("link", name="Barbara").click()
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    other = page.context.new_page()
    other.goto("/tasks")
    add_task(other, "Written elsewhere")
    page.go_back()
    expect(page.get_by_role("checkbox", name="Written elsewhere")).to_be_visible()


def test_what_a_person_writes_from_right_to_left_is_shown_so(page: Page) -> None:
    page.goto("/sign-up")
    page.get_by_label("Name").fill(HEBREW)
    assert is_right_to_left(page.get_by_label("Name"))
    sign_up(page, Person(HEBREW))
    assert is_right_to_left(page.get_by_role("link", name=HEBREW).get_by_text(HEBREW))
    add_task(page, HEBREW, notes=HEBREW)
    for text in page.get_by_role("listitem").get_by_text(HEBREW).all():
        assert is_right_to_left(text)
    search(page, HEBREW[::-1])
    assert is_right_to_left(page.get_by_role("searchbox"))
    assert is_right_to_left(page.get_by_text(HEBREW[::-1]))


def is_right_to_left(text: Locator) -> bool:
    return bool(text.evaluate("element => element.matches(':dir(rtl)')"))


def test_the_characters_of_a_title_turn_no_sentence_around(page: Page) -> None:
    sign_up(page, Person("Ada"))
    for controls, words in (("\u202e", "overridden"), ("", HEBREW), ("\u2069\u202e", "escaped")):
        add_task(page, controls + words)
        page.get_by_role("button", name="Delete").click()
        sentence = page.get_by_role("status").get_by_text("Deleted").first
        expect(sentence).to_have_text(f"Deleted “{words}”.")
        assert sentence.evaluate(ENDS_WITH_FULL_STOP), f"where the full stop after {words} stands"


ENDS_WITH_FULL_STOP = """sentence => {
  const last = sentence.lastChild;
  const range = document.createRange();
  range.selectNodeContents(sentence);
  const end = range.getBoundingClientRect().right;
  range.setStart(last, last.length - 1);
  return Math.abs(range.getBoundingClientRect().right - end) < 1;
}"""


def test_links_in_notes_lead_away_safely_and_long_notes_are_folded(page: Page) -> None:
    sign_up(page, Person("Vint"))
    add_task(
        page, "Read", notes="See https://example.com/a. Not javascript:alert(1)\n" + "Long. " * 90
    )
    page.get_by_text("Show all").click()
    links = page.get_by_role("listitem").get_by_role("link")
    expect(links).to_have_text(["https://example.com/a"])
    expect(links).to_have_attribute("rel", re.compile("noopener"))


def test_a_list_that_is_open_at_midnight_shows_the_new_day(page: Page) -> None:
    page.clock.install(time=datetime(2030, 5, 1, 23, 50, tzinfo=UTC))
    sign_up(page, Person("Barbara"))
    add_task(page, "Book a train", due="2030-05-02")
    page.clock.fast_forward("01:00")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    expect(page.get_by_role("list", name="Tomorrow")).to_be_visible()
    page.clock.fast_forward("10:00")
    expect(page.get_by_role("list", name="Today")).to_contain_text("Due today")


def test_enter_in_the_search_field_does_not_leave_the_page(page: Page) -> None:
    sign_up(page, Person("Radia"))
    for title in ("Stay here", "Another"):
        add_task(page, title)
    field = page.get_by_role("searchbox", name="Search tasks")
    page.context.set_offline(True)
    field.fill("stay")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="offline")).to_be_visible()
    page.context.set_offline(False)
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"/tasks\?search=stay$"))
    expect(page.get_by_role("checkbox")).to_have_count(1)
    expect(page.get_by_text("1 found")).to_be_attached()
    expect(field).to_be_focused()


def test_a_filter_that_is_chosen_offline_is_explained_and_the_list_stays(page: Page) -> None:
    sign_up(page, Person("Radia"))
    add_task(page, "Stay here")
    page.context.set_offline(True)
    show(page, "Done")
    expect(page.get_by_role("alert").filter(has_text="offline")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Stay here")).to_be_visible()
    page.context.set_offline(False)


def test_a_page_that_is_chosen_offline_is_explained_and_the_list_stays(page: Page) -> None:
    sign_up(page, Person("Radia"))
    add_many(page, PAGE_SIZE + 1)
    page.reload()
    page.context.set_offline(True)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("alert").filter(has_text="offline")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("link", name="Next").press("Enter")
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    expect(page.get_by_role("heading", name="Tasks")).to_be_focused()


def add_many(page: Page, count: int) -> None:
    """One task as a person adds it, then the same request with other ids."""
    with page.expect_request(lambda request: request.method == "POST") as sent:
        add_task(page, "One of many")
    body = sent.value.post_data or ""
    (first,) = set(UUID.findall(body))
    headers = {name: sent.value.headers[name] for name in ("content-type", "next-action")}
    headers["origin"] = sent.value.url.removesuffix("/tasks")
    for _ in range(count - 1):
        data = body.replace(first, str(uuid4()))
        page.request.post("/tasks", headers=headers, data=data)


def test_a_date_that_does_not_fit_is_shown_also_in_folded_details(page: Page) -> None:
    sign_up(page, Person("Joan"))
    form = page.get_by_role("form", name="New task")
    show_details(form)
    form.get_by_label("Due").fill("0026-01-02")
    form.get_by_text("Notes, date, priority").click()
    form.get_by_label("Title").fill("Plan the trip")
    form.get_by_label("Title").press("Enter")
    expect(form.get_by_label("Due")).to_be_focused()


def test_a_draft_survives_a_reload(page: Page) -> None:
    sign_up(page, Person("Joan"))
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").press_sequentially("Half a thought")
    page.reload()
    expect(form.get_by_label("Title")).to_have_value("Half a thought")


def test_a_phone_shows_the_first_task_at_once_and_undo_in_one_piece(page: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_up(page, Person("Edith"))
    add_task(page, "Fit on a small screen " * 4)
    box = page.get_by_role("checkbox").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < PHONE["height"]
    page.get_by_role("button", name="Delete Fit").click()
    expect(page.get_by_role("status")).to_contain_text("Deleted")
    undo = page.get_by_role("button", name="Undo").bounding_box()
    assert undo is not None
    assert undo["height"] < 40, "one line"
    assert overflow(page) <= 0


def test_at_twice_the_size_of_text_nothing_leaves_the_page(page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 450})
    sign_up(page, Person("Lise"))
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    add_task(page, "Large", notes="With notes", due="2030-05-01")
    assert overflow(page) <= 0


def overflow(page: Page) -> int:
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(wider))


def test_changing_the_password_ends_the_other_sessions(
    page: Page, browser: Browser, release: LiveRelease
) -> None:
    person = Person("Linus")
    sign_up(page, person)
    with new_page(browser, release.url) as other:
        sign_in(other, person)
        expect(other.get_by_role("button", name="Sign out")).to_be_visible()
        page.get_by_role("link", name="Linus").click()
        expect(page.get_by_role("list", name="Sessions").get_by_role("listitem")).to_have_count(2)
        form = page.get_by_role("form", name="Password")
        form.get_by_label("Current password").fill(person.password)
        form.get_by_label("New password").fill(person.password[::-1])
        form.get_by_role("button", name="Change password").click()
        expect(form.get_by_role("status")).to_contain_text("changed")
        other.goto("/tasks")
        expect(other).to_have_url(re.compile("/sign-in"))
    page.goto("/tasks")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_session_elsewhere_can_be_ended(
    page: Page, browser: Browser, release: LiveRelease
) -> None:
    person = Person("Linus")
    sign_up(page, person)
    with new_page(browser, release.url) as other:
        sign_in(other, person)
        expect(other.get_by_role("button", name="Sign out")).to_be_visible()
        page.goto("/account")
        sessions = page.get_by_role("list", name="Sessions").get_by_role("listitem")
        expect(sessions).to_have_count(2)
        page.get_by_role("button", name="End session").click()
        expect(sessions.get_by_role("status")).to_have_text("That session has ended.")
        other.goto("/tasks")
        expect(other).to_have_url(re.compile("/sign-in"))
    page.reload()
    expect(sessions).to_have_count(1)
    expect(sessions).to_contain_text("This one")


def test_an_account_is_renamed_and_deleted_with_its_password_alone(page: Page) -> None:
    person = Person("Alan")
    sign_up(page, person)
    page.get_by_role("link", name="Alan").click()
    form = page.get_by_role("form", name="Name", exact=True)
    form.get_by_label("Name").fill("Alan T.")
    form.get_by_role("button", name="Save name").click()
    expect(page.get_by_role("link", name="Account of Alan T.")).to_be_visible()
    form = page.get_by_role("form", name="Delete the account")
    form.get_by_label("Your password").fill("not the password")
    form.get_by_role("button", name="Delete account").click()
    expect(form.get_by_role("alert")).to_contain_text("not your password")
    form.get_by_label("Your password").fill(person.password)
    form.get_by_role("button", name="Delete account").click()
    expect(page).to_have_url(re.compile("/sign-up"))
    page.goto("/sign-in")
    fill_in(page, person)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="do not match")).to_be_visible()


def test_a_password_that_anybody_would_guess_is_refused(page: Page) -> None:
    page.goto("/sign-up")
    page.get_by_label("Name").fill("Grace")
    fill_in(page, Person("Grace", password="password"))  # noqa: S106
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("alert").filter(has_text="easy to guess")).to_be_visible()
