"""The assistant in a real browser, with a model in the cluster in place of a provider's."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.live import browsing, model, outside
from tests.live.browsing import Person, add_task, new_page, show, sign_up
from tests.live.conftest import RELEASE, VALUES, LiveRelease, changed
from tests.live.test_accessibility import violations

browser, page = browsing.browser, browsing.page  # Fixtures.
NAMESPACE = "livetest-model"
LABELS = {"app": "model"}
ADDRESS = f"http://model.{NAMESPACE}:{model.PORT}/v1"


def objects(image: str) -> Iterator[dict[str, object]]:
    """The model, in an image that has Python and is there already."""
    metadata = {"name": "model", "labels": LABELS}
    source = Path(model.__file__).read_text()
    container = {
        "name": "model",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", source],
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    service = {"selector": LABELS, "ports": [{"port": model.PORT}]}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service}


@pytest.fixture(scope="module")
def configured(release: LiveRelease) -> Iterator[None]:
    """The suite's release with an assistant; afterwards it is as it was."""
    (pod, *_) = release.kubectl.pods("backend").values()
    with outside.new_namespace(NAMESPACE):
        outside.apply(NAMESPACE, *objects(pod["spec"]["containers"][0]["image"]))
        try:
            release.stack.set_secret("openaiApiKey", "not-a-real-key")
            assert release.update(changed(assistant={"baseUrl": ADDRESS})) == {"backend"}
            yield
        finally:
            release.stack.unset("openaiApiKey")
            release.update(VALUES)


@pytest.fixture
def panel(page: Page, configured: None) -> Locator:
    """The assistant's part of a new person's page."""
    sign_up(page, Person("Ida"))
    return page.get_by_role("region", name="Assistant")


def undo(page: Page, said: str) -> Locator:
    """The button beside a notice."""
    notice = page.get_by_role("status").locator(".notice").filter(has_text=said)
    return notice.get_by_role("button", name="Undo")


def ask(panel: Locator, question: str) -> None:
    panel.get_by_label("Message").fill(question)
    panel.get_by_role("button", name="Send").click()


def test_the_panel_has_no_violation(page: Page, panel: Locator) -> None:
    expect(panel).to_be_visible()
    assert not violations(page)


def test_a_task_is_added_while_the_assistant_thinks_of_its_own(page: Page, panel: Locator) -> None:
    ask(panel, "Add: Call the bank")
    expect(panel.get_by_role("log")).to_contain_text("Add: Call the bank")
    panel.get_by_label("Message").fill("Next question")
    add_task(page, "Meanwhile")
    page.get_by_role("checkbox", name="Meanwhile").press("Space")
    expect(page.get_by_role("status")).to_contain_text("Completed")
    expect(panel.get_by_role("button", name="Thinking…")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Call the bank")).to_be_visible()
    expect(panel.get_by_role("log")).to_contain_text("It is added.")
    expect(panel.get_by_label("Message")).to_have_value("Next question")


def test_what_the_assistant_added_can_be_undone(page: Page, panel: Locator) -> None:
    ask(panel, "Add: Call the bank")
    undo(page, "Added “Call the bank”.").click()
    expect(page.get_by_role("status")).to_contain_text("Not added after all.")
    expect(page.get_by_role("checkbox", name="Call the bank")).to_have_count(0)


def test_each_of_several_changes_of_one_answer_can_be_undone(page: Page, panel: Locator) -> None:
    add_task(page, "Bread")
    page.get_by_role("checkbox", name="Bread").press("Space")
    expect(page.get_by_role("status")).to_contain_text("Completed")
    show(page, "All")
    bread = json.loads(page.locator("input[name=task]").input_value())
    milk = {**bread, "title": "Milk"}
    changes = [
        {"before": {**bread, "done": False}, "after": bread},
        {"before": milk, "after": None},
    ]
    answer = {"reply": "Both are done.", "changed": True, "changes": changes}
    page.route("**/api/assistant", lambda route: route.fulfill(json=answer))
    ask(panel, "I have been to the shop")
    undo(page, "Deleted “Milk”.").click()
    expect(page.get_by_role("checkbox", name="Milk")).to_be_visible()
    undo(page, "Completed “Bread”.").click()
    expect(page.get_by_role("checkbox", name="Bread")).not_to_be_checked()


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", "2030-05-02"), ("America/Los_Angeles", "2030-05-01")]
)
def test_the_assistant_is_sent_the_day_that_it_is_where_the_person_is(
    browser: Browser, release: LiveRelease, configured: None, zone: str, day: str
) -> None:
    with new_page(browser, release.url, zone=zone) as page:
        page.clock.set_fixed_time("2030-05-01T20:00:00Z")
        sign_up(page, Person("Ida"))
        with page.expect_request("**/api/assistant") as sent:
            ask(page.get_by_role("region", name="Assistant"), "What is due today?")
        assert json.loads(sent.value.post_data or "")["today"] == day


def test_the_conversation_outlives_an_outage_of_the_backend(
    page: Page, panel: Locator, release: LiveRelease
) -> None:
    ask(panel, "Are you there?")
    expect(panel.get_by_role("log")).to_contain_text("You said: Are you there?")
    backend = f"deployment/{RELEASE}-backend"
    release.kubectl("scale", backend, "--replicas=0")
    try:
        release.kubectl("wait", "pod", "--selector=component=backend", "--for=delete")
        show(page, "Done")
        expect(page.get_by_role("alert").filter(has_text="cannot reach")).to_be_visible()
        expect(panel.get_by_role("log")).to_contain_text("You said: Are you there?")
    finally:
        release.kubectl("scale", backend, "--replicas=2")
        release.kubectl("rollout", "status", backend, "--timeout=60s")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert").filter(has_text="cannot reach")).to_have_count(0)
    expect(panel.get_by_role("log")).to_contain_text("You said: Are you there?")


def test_what_a_conversation_did_before_it_failed_can_be_undone(page: Page, panel: Locator) -> None:
    ask(panel, "Add: Half done, then break")
    expect(panel.get_by_role("log")).to_contain_text("I could not finish")
    task = page.get_by_role("checkbox", name="Half done")
    expect(task).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(task).to_be_hidden()
