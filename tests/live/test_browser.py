"""What a person does, in a real browser against the live release."""

import json
import re
import secrets

import pytest
from playwright.sync_api import Browser, FormData, Page, Route, expect

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
from tests.live.conftest import FRONTEND_PORT, LiveRelease

browser, page = browsing.browser, browsing.page  # Fixtures.
TYPING_PAUSE_MS = 500  # Longer than a search waits for the next letter.


def test_a_person_signs_up_keeps_tasks_and_finds_them_again(page: Page) -> None:
    person = Person("Ada")
    sign_up(page, person)
    add_task(page, "Water the plants", notes="The fern twice", due="2030-05-01")
    add_task(page, "Write a letter")
    page.get_by_role("checkbox", name="Water the plants").press("Space")
    expect(page.get_by_role("status")).to_contain_text("Completed")
    show(page, "All")
    expect(page.get_by_role("checkbox", name="Water the plants")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Write a letter")).not_to_be_checked()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_in(page, person)
    expect(page.get_by_role("checkbox", name="Write a letter")).to_be_visible()
    show(page, "Done")
    expect(page.get_by_role("checkbox", name="Water the plants")).to_be_checked()


def test_a_second_user_sees_nothing_of_the_first(
    page: Page, browser: Browser, release: LiveRelease
) -> None:
    sign_up(page, Person("First"))
    add_task(page, "A private matter")
    with new_page(browser, release.url) as stranger:
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
    page.get_by_role("checkbox", name="Buy rye bread").press("Space")
    show(page, "Done")
    expect(page.get_by_role("checkbox", name="Buy rye bread")).to_be_checked()
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
    show(page, "All")
    expect(page).to_have_url(re.compile(r"/tasks\?show=all&search=bread$"))
    page.wait_for_timeout(TYPING_PAUSE_MS)
    expect(page).to_have_url(re.compile(r"/tasks\?show=all&search=bread$"))


def test_the_search_field_follows_the_address_back(page: Page) -> None:
    sign_up(page, Person("Tim"))
    search(page, "milk")
    expect(page).to_have_url(re.compile(r"search=milk$"))
    show(page, "Done")
    search(page, "bread")
    expect(page).to_have_url(re.compile(r"/tasks\?show=done&search=bread$"))
    page.get_by_role("searchbox").blur()
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("milk")


def test_a_page_beyond_the_last_one_is_the_last_one(page: Page) -> None:
    sign_up(page, Person("Edith"))
    add_task(page, "The only one")
    page.goto("/tasks?page=99999")
    expect(page.get_by_role("checkbox", name="The only one")).to_be_visible()


def test_a_deleted_task_comes_back_however_long_somebody_thinks(page: Page) -> None:
    page.clock.install()
    sign_up(page, Person("Hedy"))
    add_task(page, "Keep me", notes="With all that I am", due="2030-05-01")
    page.get_by_role("button", name="Delete Keep me").press("Enter")
    heading = page.get_by_role("heading", name="Tasks")
    expect(heading).to_be_focused()
    page.clock.fast_forward("05:00")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(heading).to_be_focused()
    task = page.get_by_role("listitem").filter(has_text="Keep me")
    expect(task).to_contain_text("With all that I am")
    expect(task).to_contain_text("May 1, 2030")


def test_the_keyboard_goes_on_at_the_list_when_a_task_leaves_it(page: Page) -> None:
    sign_up(page, Person("Radia"))
    add_task(page, "Soon done")
    page.get_by_role("checkbox", name="Soon done").press("Space")
    expect(page.get_by_role("checkbox", name="Soon done")).to_have_count(0)
    expect(page.get_by_role("heading", name="Tasks")).to_be_focused()


def test_a_notice_whose_buttons_have_the_keyboard_stays(page: Page) -> None:
    page.clock.install()
    sign_up(page, Person("Radia"))
    add_task(page, "Soon done")
    checkbox = page.get_by_role("checkbox", name="Soon done")
    checkbox.press("Space")
    expect(page.get_by_role("status")).to_contain_text("Completed")
    undo = page.get_by_role("button", name="Undo")
    undo.focus()
    page.clock.fast_forward("05:00")
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(checkbox).to_be_visible()
    expect(page.get_by_role("heading", name="Tasks")).to_be_focused()


def test_signing_in_offline_keeps_what_was_typed(page: Page) -> None:
    person = Person("Frances")
    sign_up(page, person)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.context.set_offline(True)
    fill_in(page, person)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="did not reach TaskFlow")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_the_next_task_can_be_written_while_one_is_being_added(page: Page) -> None:
    sign_up(page, Person("Karen"))
    form = page.get_by_role("form", name="New task")
    adding = begin_to_add(page, "First")
    form.get_by_label("Title").fill("Second")
    adding.continue_()
    expect(page.get_by_role("checkbox", name="First")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Added")
    expect(form.get_by_label("Title")).to_have_value("Second")


def test_a_task_that_was_not_taken_leaves_the_next_ones_date_alone(page: Page) -> None:
    sign_up(page, Person("Lise"))
    form = page.get_by_role("form", name="New task")
    adding = begin_to_add(page, "First", due="2030-05-01")
    form.get_by_label("Title").fill("Second")
    show_details(form)
    form.get_by_label("Due").fill("2030-06-01")
    adding.abort()
    expect(form.get_by_role("alert")).to_be_visible()
    expect(form.get_by_label("Title")).to_have_value("First Second")
    expect(form.get_by_label("Due")).to_have_value("2030-06-01")


def begin_to_add(page: Page, title: str, due: str = "") -> Route:
    """Send a new task; its request waits for what the test does with it."""
    held: list[Route] = []
    page.route("**/tasks", lambda route: held.append(route))
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill(title)
    show_details(form)
    form.get_by_label("Due").fill(due)
    with page.expect_request("**/tasks"):
        form.get_by_role("button", name="Add task").click()
    (adding,) = held
    return adding


def test_a_page_of_an_older_release_says_so_and_keeps_what_was_written(page: Page) -> None:
    sign_up(page, Person("Joan"))
    page.route("**/tasks", with_an_action_of_another_release)
    form = page.get_by_role("form", name="New task")
    form.get_by_label("Title").fill("Written before the update")
    form.get_by_role("button", name="Add task").click()
    expect(form.get_by_role("alert")).to_contain_text("TaskFlow was updated")
    expect(form.get_by_label("Title")).to_have_value("Written before the update")
    page.unroute("**/tasks")
    form.get_by_role("button", name="Reload").click()
    add_task(page, "Written after the update")


def with_an_action_of_another_release(route: Route) -> None:
    """Every action fails like this for an open page when the frontend's code changes."""
    headers = route.request.headers
    if "next-action" in headers:
        headers |= {"next-action": "0" * len(headers["next-action"])}
    route.continue_(headers=headers)


@pytest.mark.parametrize("action", ["0" * 42, "no id"])
def test_an_unknown_action_is_a_warning_of_one_line_in_the_log(
    page: Page, release: LiveRelease, action: str
) -> None:
    request = secrets.token_hex(16)
    headers = {"Next-Action": action, "Content-Type": "text/plain", "X-Request-ID": request}
    answer = page.request.post("/sign-in", data="[]", headers=headers)
    assert answer.status in (400, 409)
    log = release.kubectl("logs", "--selector=component=frontend", "--tail=-1", "--since=5m")
    lines = [json.loads(line) for line in log.splitlines() if request in line]
    assert [line["level"] for line in lines] == ["warn", "info"]
    assert lines[1]["message"] == f"POST {answer.status}"
    assert "    at " not in lines[0]["message"], "no stack trace"


ACTION_ID = re.compile(r"\$ACTION_ID_[0-9a-f]{42}")
FORGED = [
    '["$F1"]',
    '["$h1"]',
    '["$@9"]',
    '["$B1"]',
    '["$Kzz"]',
    '["$0:0"]',
    '["$Q1"]',
    '["$x1"]',
    "[" * 9_000 + "]" * 9_000,
]
# Next reads an action's arguments at any path, also where there is no page.
PATHS = ("/tasks", "/healthzfoo", "/iconfsvg", "/_next/foo", "/_next/data/foo")


@pytest.mark.parametrize("arguments", FORGED, ids=[arguments[:8] for arguments in FORGED])
def test_arguments_that_no_page_sends_are_refused_however_they_are_sent(
    page: Page, arguments: str
) -> None:
    sign_up(page, Person("Mallory"))
    (name, *_) = ACTION_ID.findall(page.request.get("/tasks").text())
    action = name.removeprefix("$ACTION_ID_")
    call = {"Next-Action": action}
    bound = FormData()
    bound.set("$ACTION_REF_1", "")
    bound.set("$ACTION_1:0", f'{{"id":"{action}","bound":"$@1"}}')
    bound.set("$ACTION_1:1", arguments)
    for path in PATHS:
        for answer in (
            page.request.post(path, headers=call | {"Content-Type": "text/plain"}, data=arguments),
            page.request.post(path, headers=call, multipart={"0": arguments}),
            page.request.post(path, multipart=bound),
        ):
            assert answer.status == 400, path
            assert answer.text() == "This form cannot be read."


def test_a_person_signs_up_at_another_address_of_the_release(browser: Browser) -> None:
    with new_page(browser, f"http://localhost:{FRONTEND_PORT}") as page:
        sign_up(page, Person("Elsewhere"))
        add_task(page, "Reached by another name")


def test_a_wrong_password_is_explained(page: Page) -> None:
    person = Person("Linus")
    sign_up(page, person)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_in(page, Person("Linus", email=person.email, password="not the password"))  # noqa: S106
    expect(
        page.get_by_role("alert").filter(has_text=re.compile("password", re.IGNORECASE))
    ).to_be_visible()


def test_signing_in_leads_to_the_requested_page(page: Page) -> None:
    person = Person("Sophie")
    sign_up(page, person)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/tasks?show=done&search=milk")
    expect(page).to_have_url(re.compile("/sign-in"))
    fill_in(page, person)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/tasks\?show=done&search=milk$"))
    page.goto("/sign-in?next=%2Faccount")  # Signed in already.
    expect(page).to_have_url(re.compile("/account$"))


def test_an_assistant_that_is_not_configured_takes_one_line_of_the_account_page(page: Page) -> None:
    sign_up(page, Person("Alan"))
    expect(page.get_by_role("region", name="Assistant")).to_have_count(0)
    page.get_by_role("link", name="Alan").click()
    expect(page.get_by_text("The assistant is not configured")).to_be_visible()


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
    expect(page.get_by_role("checkbox", name="Press no mouse button")).to_be_visible()
    page.goto("/tasks?show=all")
    task = page.get_by_role("checkbox", name="Press no mouse button")
    expect(task).not_to_be_checked()
    task.focus()
    keys.press("Space")
    expect(task).to_be_checked()
    keys.press("Tab")
    expect(page.get_by_role("button", name="Edit Press no mouse button")).to_be_focused()


@pytest.mark.parametrize("path", ["/sign-in", "/tasks", "/account"])
def test_pages_carry_the_security_headers(page: Page, path: str) -> None:
    if path != "/sign-in":
        sign_up(page, Person("Whitfield"))
    response = page.goto(path)
    assert response is not None
    assert page.url.endswith(path)
    headers = response.headers
    assert "script-src" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "referrer-policy" in headers
    assert "x-powered-by" not in headers


@pytest.mark.parametrize("path", ["/api", "/api/nowhere", "/api/auth"])
def test_an_unknown_address_of_the_api_is_a_problem_and_no_page(page: Page, path: str) -> None:
    for answer in (page.request.get(path), page.request.post(path)):
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/robots.txt", "GET, HEAD"),
        ("OPTIONS", "/icon.svg", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/tasks", "GET, HEAD, POST"),
        ("GET", "/api/assistant", "POST"),
        ("GET", "/api/auth/sign-in/email", "POST"),
    ],
)
def test_what_a_path_does_not_answer_is_refused_with_what_it_does(
    page: Page, method: str, path: str, allowed: str
) -> None:
    answer = page.request.fetch(path, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


def test_a_session_is_answered_to_head_and_no_cache_keeps_it(page: Page) -> None:
    for answer in (
        page.request.head("/api/auth/get-session"),
        page.request.get("/api/auth/get-session"),
    ):
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
