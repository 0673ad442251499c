"""Nothing that a person wrote is lost, whatever other tabs, sessions and networks do; in a real browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.live import browsing
from tests.live.browsing import Person, add_task, change, edit, fill_in, show, sign_up, task

browser, page, other = browsing.browser, browsing.page, browsing.other  # Fixtures.

STORED = "JSON.stringify(sessionStorage)"


def delete(page: Page, title: str) -> None:
    page.get_by_role("button", name=f"Delete {title}", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text(f"Deleted “{title}”")


def undo(page: Page, said: str) -> Locator:
    """The button beside a notice."""
    notice = page.get_by_role("status").locator(".notice").filter(has_text=said)
    return notice.get_by_role("button", name="Undo")


def hold(page: Page, send: Callable[[], None]) -> Route:
    """The request that `send` makes; it waits for what the test does with it."""
    held: list[Route] = []

    def first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/tasks", first)
    send()
    for _ in range(500):  # The page says that it asks before the route gets the request.
        if held:
            break
        page.wait_for_timeout(20)
    (request,) = held
    return request


def alert(page: Page, text: str) -> Locator:
    return page.get_by_role("alert").filter(has_text=text)


def test_an_edit_of_a_task_that_was_deleted_elsewhere_can_be_added_as_a_new_task(
    page: Page, other: Page
) -> None:
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Notes").fill("An hour's work")
    other.reload()
    delete(other, "Plan the trip")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("deleted elsewhere")
    expect(form.get_by_label("Notes")).to_have_value("An hour's work")
    form.get_by_role("button", name="Add as a new task").click()
    expect(task(page, "Plan the trip")).to_be_visible()
    page.reload()
    expect(page.get_by_text("An hour's work")).to_be_visible()


def test_what_is_written_after_a_lost_answer_is_in_the_task_that_was_added_instead(
    page: Page, other: Page
) -> None:
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Notes").fill("An hour's work")
    other.reload()
    delete(other, "Plan the trip")
    form.get_by_role("button", name="Save").click()
    # The request arrives; its answer does not.
    page.route("**/tasks", lambda route: (route.fetch(), route.abort()))
    form.get_by_role("button", name="Add as a new task").click()
    expect(form.get_by_role("alert")).to_contain_text("did not reach")
    page.unroute("**/tasks")
    form.get_by_label("Notes").fill("Two hours' work")
    form.get_by_role("button", name="Add as a new task").click()
    expect(form).to_have_count(0)
    page.reload()
    expect(page.get_by_text("Two hours' work")).to_be_visible()
    expect(task(page, "Plan the trip")).to_have_count(1)


def test_an_open_editor_keeps_its_text_when_its_task_is_completed_or_moved_elsewhere(
    page: Page, other: Page
) -> None:
    for title in ("Completed", "Moved", "Not edited"):
        add_task(page, title)
    editors = [edit(page, title) for title in ("Completed", "Moved")]
    for form in editors:
        form.get_by_label("Notes").fill("Half a thought")
    change(other, "Moved", "Due", "2030-05-01")
    task(other, "Completed").press("Space")
    expect(task(other, "Completed")).to_have_count(0)
    task(page, "Not edited").press("Space")
    expect(task(page, "Not edited")).to_have_count(0)
    for form in editors:
        expect(form.get_by_label("Notes")).to_have_value("Half a thought")
        form.get_by_role("button", name="Save").click()
        expect(form).to_have_count(0)
    expect(page.get_by_role("list", name="Later")).to_contain_text("Half a thought")
    show(page, "Done")
    expect(task(page, "Completed")).to_be_checked()
    expect(page.get_by_text("Half a thought")).to_be_visible()


def test_a_deletion_spares_what_another_tab_has_changed(page: Page, other: Page) -> None:
    add_task(page, "Plan the trip")
    change(other, "Plan the trip", "Notes", "An hour's work")
    page.get_by_role("button", name="Delete Plan the trip").click()
    expect(alert(page, "changed elsewhere")).to_be_visible()
    expect(page.get_by_text("An hour's work")).to_be_visible()


def test_undo_of_an_edit_spares_what_another_tab_has_changed(page: Page, other: Page) -> None:
    add_task(page, "One")
    change(page, "One", "Title", "Two")
    change(other, "Two", "Notes", "Beside it")
    undo(page, "Saved").click()
    expect(page.get_by_role("status")).to_contain_text("Changed back")
    expect(task(page, "One")).to_be_visible()
    expect(page.get_by_text("Beside it")).to_be_visible()
    change(page, "One", "Title", "Three")
    change(other, "Three", "Title", "Four")
    undo(page, "Saved").click()
    expect(alert(page, "changed elsewhere")).to_be_visible()
    expect(task(page, "Four")).to_be_visible()


def test_undo_of_keeping_mine_brings_the_other_version_back(page: Page, other: Page) -> None:
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Title").fill("Plan the journey")
    change(other, "Plan the trip", "Title", "Plan the flight")
    form.get_by_role("button", name="Save").click()
    form.get_by_role("button", name="Keep mine").click()
    expect(task(page, "Plan the journey")).to_be_visible()
    undo(page, "Saved").click()
    expect(task(page, "Plan the flight")).to_be_visible()


@pytest.mark.parametrize("title", ["Plan the journey", "Plan the trip"])
def test_keeping_mine_spares_what_was_changed_elsewhere_beside_it(
    page: Page, other: Page, title: str
) -> None:
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Title").fill("Plan the journey")
    change(other, "Plan the trip", "Title", "Plan the flight")
    change(other, "Plan the flight", "Notes", "Beside it")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("cell")).to_have_text(["", "Plan the journey", "Plan the flight"])
    expect(form.get_by_label("Title")).to_have_value("Plan the journey")
    expect(form.get_by_label("Notes")).to_have_value("Beside it")
    form.get_by_label("Title").fill(title)
    form.get_by_label("Due").fill("2030-05-01")
    form.get_by_role("button", name="Keep mine").click()
    expect(form).to_have_count(0)
    page.reload()
    expect(task(page, title)).to_be_visible()
    expect(page.get_by_text("Beside it")).to_be_visible()


def test_what_is_written_while_an_edit_is_saved_stays_in_its_editor(page: Page) -> None:
    sign_up(page, Person("Joan"))
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Title").fill("Plan the journey")
    saving = hold(page, form.get_by_role("button", name="Save").click)
    form.get_by_label("Notes").fill("Written meanwhile")
    saving.continue_()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(form.get_by_label("Notes")).to_have_value("Written meanwhile")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    expect(task(page, "Plan the journey")).to_be_visible()
    expect(page.get_by_text("Written meanwhile")).to_be_visible()


def test_a_restored_task_has_its_place_and_is_not_the_one_that_another_tab_edits(
    page: Page, other: Page
) -> None:
    for title in ("Oldest", "Middle", "Newest"):
        add_task(page, title)
    change(other, "Middle", "Notes", "A second version")
    form = edit(other, "Middle")
    form.get_by_label("Notes").fill("A third version")
    page.goto("/tasks?show=all")
    delete(page, "Middle")
    undo(page, "Middle").click()
    expect(page.get_by_role("listitem").get_by_role("checkbox")).to_have_count(3)
    expect(page.get_by_role("listitem").nth(1)).to_contain_text("A second version")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("deleted elsewhere")
    expect(form.get_by_label("Notes")).to_have_value("A third version")


def test_each_deletion_keeps_its_undo_while_other_things_happen(page: Page) -> None:
    sign_up(page, Person("Hedy"))
    for title in ("One", "Two", "Three"):
        add_task(page, title)
    delete(page, "One")
    delete(page, "Two")
    task(page, "Three").press("Space")
    expect(page.get_by_role("status")).to_contain_text("Completed “Three”")
    undo(page, "One").click()
    expect(task(page, "One")).to_be_visible()
    undo(page, "Two").click()
    expect(task(page, "Two")).to_be_visible()


def test_a_restoration_that_fails_can_be_tried_again(page: Page) -> None:
    sign_up(page, Person("Radia"))
    add_task(page, "Keep me")
    delete(page, "Keep me")
    page.context.set_offline(True)
    undo(page, "Keep me").click()
    expect(alert(page, "did not reach")).to_be_visible()
    page.context.set_offline(False)
    undo(page, "Keep me").click()
    expect(task(page, "Keep me")).to_be_visible()


def test_every_undo_that_fails_can_be_tried_again(page: Page) -> None:
    sign_up(page, Person("Radia"))
    add_task(page, "Soon done")
    task(page, "Soon done").press("Space")
    expect(page.get_by_role("status")).to_contain_text("Completed")
    page.context.set_offline(True)
    undo(page, "Completed").click()
    expect(alert(page, "did not reach")).to_be_visible()
    page.context.set_offline(False)
    undo(page, "Completed").click()
    expect(task(page, "Soon done")).to_be_visible()
    expect(undo(page, "Completed")).to_have_count(0)


def undo_and_leave(page: Page) -> Route:
    """The request that undoes a change; it waits while the account page is shown."""
    sign_up(page, Person("Radia"))
    add_task(page, "Soon done")
    task(page, "Soon done").press("Space")
    undoing = hold(page, undo(page, "Completed").click)
    page.get_by_role("link", name="Radia").click()
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    return undoing


def test_a_change_that_is_answered_on_another_page_can_be_undone(page: Page) -> None:
    undoing = undo_and_leave(page)
    with page.expect_response(lambda response: response.request.method == "POST"):
        undoing.continue_()
    page.wait_for_timeout(500)
    page.get_by_role("link", name="TaskFlow").click()
    expect(undo(page, "Completed")).to_have_count(0)
    undo(page, "Reopened").click()
    expect(task(page, "Soon done")).to_have_count(0)


def test_a_change_that_is_answered_when_its_page_is_shown_again_can_be_undone(page: Page) -> None:
    undoing = undo_and_leave(page)
    page.get_by_role("link", name="TaskFlow").click()
    expect(undo(page, "Completed")).to_be_visible()
    undoing.continue_()
    expect(undo(page, "Completed")).to_have_count(0)
    undo(page, "Reopened").click()
    expect(task(page, "Soon done")).to_have_count(0)


def test_the_undo_of_a_deletion_outlives_its_session(page: Page) -> None:
    person = Person("Radia")
    sign_up(page, person)
    add_task(page, "Keep me")
    delete(page, "Keep me")
    page.context.clear_cookies()
    undo(page, "Keep me").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    fill_in(page, person)
    page.get_by_role("button", name="Sign in").click()
    undo(page, "Keep me").click()
    expect(task(page, "Keep me")).to_be_visible()


def test_each_change_can_be_undone_after_a_reload_and_another_page(page: Page) -> None:
    sign_up(page, Person("Hedy"))
    for title in ("Deleted", "Completed", "Edited"):
        add_task(page, title, notes=f"Notes of {title}")
    delete(page, "Deleted")
    task(page, "Completed").press("Space")
    expect(page.get_by_role("status")).to_contain_text("Completed “Completed”")
    page.reload()
    undo(page, "Completed").click()
    expect(task(page, "Completed")).to_be_visible()
    change(page, "Edited", "Title", "Another title")
    page.get_by_role("link", name="Hedy").click()
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    page.get_by_role("link", name="TaskFlow").click()
    undo(page, "Saved").click()
    expect(task(page, "Edited")).to_be_visible()
    page.reload()
    undo(page, "Deleted").click()
    expect(task(page, "Deleted")).to_be_visible()
    expect(page.get_by_text("Notes of Deleted")).to_be_visible()
    page.reload()
    expect(task(page, "Deleted")).to_be_visible()
    expect(page.get_by_role("status").locator(".notice")).to_have_count(0)


def test_an_undo_after_a_reload_is_offered_no_longer_than_without_one(page: Page) -> None:
    page.clock.install()
    sign_up(page, Person("Hedy"))
    add_task(page, "Soon done")
    task(page, "Soon done").press("Space")
    expect(page.get_by_role("status")).to_contain_text("Completed")
    page.clock.fast_forward("00:08")
    page.reload()
    expect(undo(page, "Completed")).to_be_visible()
    page.clock.fast_forward("00:08")
    expect(undo(page, "Completed")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    expect(undo(page, "Completed")).to_have_count(0)


def test_a_draft_outlives_its_session_and_leads_back_to_the_list_that_was_shown(page: Page) -> None:
    person = Person("Joan")
    sign_up(page, person)
    page.goto("/tasks?show=all")
    form = page.get_by_role("form", name="New task")
    page.context.clear_cookies()
    form.get_by_label("Title").fill("Written for an hour")
    form.get_by_role("button", name="Add task").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    fill_in(page, person)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/tasks\?show=all$"))
    expect(form.get_by_label("Title")).to_have_value("Written for an hour")


def test_escape_closes_an_editor_only_as_long_as_nothing_was_written(page: Page) -> None:
    sign_up(page, Person("Joan"))
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Notes").press("Escape")
    expect(form).to_have_count(0)
    edit(page, "Plan the trip").get_by_label("Notes").fill("An hour's work")
    form.get_by_label("Notes").press("Escape")
    page.wait_for_timeout(500)
    expect(form.get_by_label("Notes")).to_have_value("An hour's work")


def test_an_edit_outlives_a_reload_another_filter_and_its_session(page: Page) -> None:
    person = Person("Joan")
    sign_up(page, person)
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    notes = form.get_by_label("Notes")
    notes.fill("An hour's work")
    page.reload()
    expect(notes).to_have_value("An hour's work")
    show(page, "All")
    expect(page).to_have_url(re.compile("show=all"))
    expect(notes).to_have_value("An hour's work")
    page.context.clear_cookies()
    form.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    fill_in(page, person)
    page.get_by_role("button", name="Sign in").click()
    expect(notes).to_have_value("An hour's work")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("listitem")).to_contain_text("An hour's work")
    page.reload()
    expect(page.get_by_role("button", name="Edit Plan the trip")).to_be_visible()


def test_a_conflict_is_seen_after_a_reload_too(page: Page, other: Page) -> None:
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Title").fill("Plan the journey")
    change(other, "Plan the trip", "Title", "Plan the flight")
    page.reload()
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("cell")).to_have_text(["", "Plan the journey", "Plan the flight"])
    form.get_by_role("button", name="Keep the other").click()
    page.reload()
    expect(task(page, "Plan the flight")).to_be_visible()
    expect(form).to_have_count(0)


def test_an_edit_of_a_task_that_has_left_the_list_is_shown_after_a_reload_too(
    page: Page, other: Page
) -> None:
    add_task(page, "Plan the trip")
    form = edit(page, "Plan the trip")
    form.get_by_label("Notes").fill("An hour's work")
    other.reload()
    delete(other, "Plan the trip")
    page.reload()
    expect(form.get_by_label("Notes")).to_have_value("An hour's work")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("deleted elsewhere")
    form.get_by_role("button", name="Add as a new task").click()
    expect(page.get_by_text("An hour's work")).to_be_visible()
    page.reload()
    expect(form).to_have_count(0)


def test_the_next_person_in_a_tab_does_not_see_the_draft_of_the_one_before(page: Page) -> None:
    sign_up(page, Person("Joan"))
    title = page.get_by_role("form", name="New task").get_by_label("Title")
    title.fill("A private matter")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_up(page, Person("Linus"))
    expect(title).to_have_value("")
    page.reload()
    expect(title).to_have_value("")


def test_the_next_person_in_a_tab_is_not_offered_the_undo_of_the_one_before(page: Page) -> None:
    sign_up(page, Person("Joan"))
    add_task(page, "A private matter")
    delete(page, "A private matter")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_up(page, Person("Linus"))
    page.reload()
    expect(page.get_by_role("form", name="New task")).to_be_visible()
    expect(page.get_by_text("A private matter")).to_have_count(0)


def sign_in_as_another(page: Page, person: Person) -> Page:
    """Another tab of the same browser, where another person has signed up since."""
    tab = page.context.new_page()
    tab.goto("/tasks")
    sign_out(tab, person)
    sign_up(tab, person)
    return tab


def test_a_page_changes_nothing_in_the_account_that_another_tab_has_signed_in_to(
    page: Page,
) -> None:
    sign_up(page, Person("Joan"))
    for title in ("Deleted", "Completed", "Edited"):
        add_task(page, title)
    delete(page, "Deleted")
    tab = sign_in_as_another(page, Person("Linus"))
    undo(page, "Deleted").click()
    expect(alert(page, "Another account")).to_be_visible()
    task(page, "Completed").press("Space")
    expect(task(page, "Completed")).not_to_be_checked()
    page.get_by_role("button", name="Delete Completed").click()
    expect(page.get_by_role("status")).not_to_contain_text("Deleted “Completed”")
    form = edit(page, "Edited")
    form.get_by_label("Notes").fill("An hour's work")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("Another account")
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill("Added")
    form.get_by_role("button", name="Add task").click()
    expect(form.get_by_role("alert")).to_contain_text("Another account")
    tab.goto("/tasks?show=all")
    expect(tab.get_by_text("No tasks yet")).to_be_visible()


def test_the_account_page_changes_nothing_in_the_account_that_another_tab_has_signed_in_to(
    page: Page,
) -> None:
    sign_up(page, Person("Joan"))
    page.get_by_role("link", name="Joan").click()
    form = page.get_by_role("form", name="Name", exact=True)
    form.get_by_label("Name").fill("Joan Clarke")
    tab = sign_in_as_another(page, Person("Linus"))
    form.get_by_role("button", name="Save name").click()
    expect(form.get_by_role("alert")).to_contain_text("Another account")
    tab.reload()
    expect(tab.get_by_role("link", name="Account of Linus")).to_be_visible()


def test_a_page_that_is_refreshed_for_another_account_shows_nothing_of_the_one_before(
    page: Page,
) -> None:
    sign_up(page, Person("Joan"))
    add_task(page, "A private matter")
    delete(page, "A private matter")
    title = page.get_by_role("form", name="New task").get_by_label("Title")
    title.fill("A private draft")
    sign_in_as_another(page, Person("Linus"))
    page.context.set_offline(True)
    page.context.set_offline(False)
    expect(page.get_by_role("link", name="Account of Linus")).to_be_visible()
    expect(title).to_have_value("")
    expect(page.get_by_role("status").locator(".notice")).to_have_count(0)


def sign_out(page: Page, person: Person) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def delete_account(page: Page, person: Person) -> None:
    page.get_by_role("link", name=person.name).click()
    form = page.get_by_role("form", name="Delete the account")
    form.get_by_label("Your password").fill("not the password")
    form.get_by_role("button", name="Delete account").click()
    expect(form.get_by_role("alert")).to_contain_text("not your password")
    assert "private" in page.evaluate(STORED), "it is still the person's account"
    form.get_by_label("Your password").fill(person.password)
    form.get_by_role("button", name="Delete account").click()
    expect(page.get_by_role("button", name="Sign up")).to_be_visible()


@pytest.mark.parametrize("leave", [sign_out, delete_account])
def test_who_ends_a_session_leaves_nothing_in_the_tab(
    page: Page, leave: Callable[[Page, Person], None]
) -> None:
    person = Person("Joan")
    sign_up(page, person)
    for title in ("One private matter", "Another private matter"):
        add_task(page, title)
    delete(page, "One private matter")
    edit(page, "Another private matter").get_by_label("Notes").fill("A private note")
    page.get_by_role("form", name="New task").get_by_label("Title").fill("A private draft")
    assert page.evaluate(STORED).count("private") >= 3, "a deletion, an edit and a draft"
    leave(page, person)
    assert page.evaluate(STORED) == "{}"


def test_signing_out_offline_is_explained_and_forgets_nothing(page: Page) -> None:
    sign_up(page, Person("Joan"))
    title = page.get_by_role("form", name="New task").get_by_label("Title")
    title.fill("Half a thought")
    page.context.set_offline(True)
    page.get_by_role("button", name="Sign out").click()
    expect(alert(page, "did not reach")).to_be_visible()
    page.context.set_offline(False)
    page.reload()
    expect(title).to_have_value("Half a thought")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate(STORED) == "{}"


def test_what_is_added_while_somebody_signs_out_leaves_nothing_in_the_tab(page: Page) -> None:
    sign_up(page, Person("Joan"))
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill("A private matter")
    adding = hold(page, form.get_by_role("button", name="Add task").click)
    page.get_by_role("button", name="Sign out").click()
    adding.continue_()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate(STORED) == "{}"


@pytest.mark.parametrize("reload", [False, True], ids=["at once", "after a reload"])
def test_a_task_whose_answer_was_lost_is_not_added_twice(page: Page, *, reload: bool) -> None:
    sign_up(page, Person("Karen"))
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill("Only once")
    # The request arrives; its answer does not.
    page.route("**/tasks", lambda route: (route.fetch(), route.abort()))
    form.get_by_role("button", name="Add task").click()
    expect(form.get_by_role("alert")).to_contain_text("did not reach")
    page.unroute("**/tasks")
    if reload:
        page.reload()
        expect(form.get_by_label("Title")).to_have_value("Only once")
    form.get_by_role("button", name="Add task").click()
    expect(form.get_by_label("Title")).to_have_value("")
    page.reload()
    expect(task(page, "Only once")).to_have_count(1)


def test_a_deletion_whose_answer_was_lost_keeps_its_undo(page: Page) -> None:
    sign_up(page, Person("Karen"))
    add_task(page, "Keep me")
    # The request arrives; its answer does not.
    page.route("**/tasks", lambda route: (route.fetch(), route.abort()))
    page.get_by_role("button", name="Delete Keep me").click()
    expect(alert(page, "did not reach")).to_be_visible()
    page.unroute("**/tasks")
    delete(page, "Keep me")
    undo(page, "Keep me").click()
    expect(task(page, "Keep me")).to_be_visible()


def test_a_second_try_spares_what_another_tab_has_changed(page: Page, other: Page) -> None:
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill("Bread")
    page.route("**/tasks", lambda route: (route.fetch(), route.abort()))
    form.get_by_role("button", name="Add task").click()
    expect(form.get_by_role("alert")).to_contain_text("did not reach")
    page.unroute("**/tasks")
    change(other, "Bread", "Title", "Rye bread")
    form.get_by_label("Title").fill("White bread")
    form.get_by_role("button", name="Add task").click()
    expect(form.get_by_role("alert")).to_contain_text("changed elsewhere")
    expect(form.get_by_label("Title")).to_have_value("White bread")
    expect(task(page, "Rye bread")).to_be_visible()
    form.get_by_role("button", name="Add task").click()
    expect(task(page, "White bread")).to_be_visible()
    expect(task(page, "Rye bread")).to_be_visible()


def test_an_action_with_arguments_of_a_wrong_type_is_refused_like_other_bad_input(
    page: Page,
) -> None:
    sign_up(page, Person("Grace"))
    add_task(page, "Keep me")
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill("Whatever")
    send_instead(page, '["x"]', form.get_by_role("button", name="Add task"))
    expect(form.get_by_role("alert")).to_contain_text("Give the task a title")
    form = edit(page, "Keep me")
    form.get_by_label("Title").fill("Whatever")
    some_id = "00000000-0000-4000-a000-000000000000"
    for arguments in ("[1,1,{}]", f'["{some_id}",1,null]', f'["{some_id}","x",{{}}]', "[]"):
        send_instead(page, arguments, form.get_by_role("button", name="Save"))
        expect(form.get_by_role("alert")).to_contain_text("not accepted")
    page.get_by_role("button", name="Cancel").click()
    send_instead(page, '[{"id":1},"1"]', page.get_by_role("button", name="Delete Keep me"))
    expect(alert(page, "not accepted")).to_be_visible()
    expect(task(page, "Keep me")).to_be_visible()


def send_instead(page: Page, arguments: str, button: Locator) -> None:
    """Press a button whose action reaches the server with these arguments."""

    def replaced(route: Route) -> None:
        headers = route.request.headers | {"content-type": "text/plain;charset=UTF-8"}
        route.continue_(headers=headers, post_data=arguments)

    page.route("**/tasks", replaced)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        button.click()
    assert answer.value.status == 200, f"the action's answer to {arguments}"
    page.unroute("**/tasks")
