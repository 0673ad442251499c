"""The embedded database fails: nobody waits long, no pod is restarted, and what was acknowledged stays."""

import re
import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest

from ops.config.stacks import StackFile
from ops.prepare import cluster, setup
from ops.processes import stream
from tests.live_release import LiveRelease, changed
from tests.reliability import node
from tests.reliability.conftest import CPU, RELEASE, VALUES, Record, await_ready
from tests.reliability.person import DIRECT, Person

POSTGRES = f"statefulset/{RELEASE}-postgres"
ANSWER_SECONDS = 1.0
KIND_PAGE_SECONDS = 3.0
SERVING_AGAIN_SECONDS = 5.0
BACK_SECONDS = 15.0
PAGE = 100  # The most tasks that the API lists at once.
# Asked from within a pod, because one that is not ready gets no requests from outside.
ASK = """
import sys, time, urllib.error, urllib.request
for path in ("/health", "/api/tasks"):
    request = urllib.request.Request("http://127.0.0.1:8000" + path, headers={"Authorization": sys.argv[1]})
    start = time.monotonic()
    try:
        status = urllib.request.urlopen(request, timeout=30).status
    except urllib.error.HTTPError as error:
        status = error.code
    print(status, time.monotonic() - start)
"""


@dataclass
class Writer:
    """Adds tasks one after the other, and remembers which were acknowledged, and when."""

    person: Person
    acknowledged: dict[str, float] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Writer":
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()
        self.await_next(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(30)

    def await_next(self, limit: float) -> float:
        """Seconds until a task is acknowledged that was sent from now on."""
        began, before = time.monotonic(), len(self.acknowledged)
        while time.monotonic() - began < limit:
            newer = list(self.acknowledged.values())[before:]
            if any(sent > began for sent in newer):
                return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(f"no task was acknowledged in {limit} s")

    def _write(self) -> None:
        with self.person.api() as api:
            while not self._stopped.is_set():
                sent = time.monotonic()
                try:
                    answer = api.post("/api/tasks", json={"title": "Written"}, timeout=5)
                    if answer.status_code == 201:
                        self.acknowledged[answer.json()["id"]] = sent
                except httpx.TransportError:
                    pass  # refused or cut: not acknowledged
                time.sleep(0.02)  # One person may have 10,000 tasks.


def stored(person: Person) -> set[str]:
    """The ids of all of the person's tasks."""
    found: set[str] = set()
    with person.api() as api:
        while True:
            answer = api.get("/api/tasks", params={"limit": PAGE, "offset": len(found)})
            answer.raise_for_status()
            page = {task["id"] for task in answer.json()["items"]}
            found |= page
            if len(page) < PAGE:
                return found


def until_served(person: Person, limit: float = 60) -> float:
    """Seconds until the backend's Service answers a read."""
    began = time.monotonic()
    with person.api() as api:
        while time.monotonic() - began < limit:
            try:
                if api.get("/api/tasks", timeout=2).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                pass  # no pod is ready yet
            time.sleep(0.05)
    raise AssertionError(f"the backend does not serve after {limit} s")


def new_task_form(person: Person) -> dict[str, str]:
    """The fields of the form for a new task, as a browser finds them in the page."""
    page = person.tasks_page()
    page.raise_for_status()
    (form,) = re.findall(r'<form[^>]*aria-label="New task".*?</form>', page.text, re.DOTALL)
    hidden = re.findall(r'<input type="hidden" name="([^"]*)"(?: value="([^"]*)")?', form)
    assert any(name.startswith("$ACTION_ID_") for name, _ in hidden), "the form names its action"
    return dict(hidden)


def send_form(person: Person, fields: dict[str, str]) -> httpx.Response:
    """Send a form as a browser without scripts does."""
    return httpx.post(
        f"{person.frontend}/tasks",
        files={name: (None, value) for name, value in fields.items()},
        headers={"Cookie": person.cookie, "Origin": person.frontend},
        **DIRECT,
    )


def test_an_outage_is_reported_at_once_and_ends_by_itself(
    release: LiveRelease, person: Person, full: bool, record: Record
) -> None:
    # Three failures of a liveness probe take 30 s: a shorter outage could not show that none restarts a pod.
    away = 60 if full else 35
    kubectl, restarts = release.kubectl, release.kubectl.restarts()
    pods = [pod["metadata"]["name"] for pod in kubectl.pods("backend").values()]
    waits, pages, forms = [], [], []
    fields = new_task_form(person)
    kubectl("scale", POSTGRES, "--replicas=0")
    try:
        kubectl("wait", "pod", "-l", "component=postgres", "--for=delete", "--timeout=90s")
        gone = time.monotonic()
        while time.monotonic() - gone < away:
            page = person.tasks_page()
            pages.append(page.elapsed.total_seconds())
            assert "cannot reach its database right now. Your tasks are safe." in page.text
            sent = send_form(person, fields | {"title": "Written in the outage"})
            forms.append(sent.elapsed.total_seconds())
            assert sent.status_code == 503
            assert 'value="Written in the outage"' in sent.text, "it can be sent again"
            for pod in pods:
                token = person.authorization["Authorization"]
                answers = kubectl("exec", pod, "--", "python", "-c", ASK, token).splitlines()
                for status, seconds in map(str.split, answers):
                    assert status == "503"
                    waits.append(float(seconds))
    finally:
        kubectl("scale", POSTGRES, "--replicas=1")
    await_ready(release, "postgres")
    again = until_served(person)
    restarted = kubectl.restarts_since(restarts)
    record(
        f"Postgres away for {away} s",
        [
            f"{len(waits)} requests to the backend, each answered 503 within {max(waits):.2f} s",
            f"{len(pages)} pages that explain it, each within {max(pages):.1f} s",
            f"{len(forms)} forms without scripts, each answered 503 within {max(forms):.1f} s",
            f"serving again {again:.1f} s after Postgres was ready",
            f"{restarted} restarts",
        ],
    )
    assert max(waits) <= ANSWER_SECONDS
    assert max(pages) <= KIND_PAGE_SECONDS
    assert max(forms) <= KIND_PAGE_SECONDS
    assert again <= SERVING_AGAIN_SECONDS
    assert restarted == 0


def test_a_form_waits_no_longer_than_a_page_for_a_database_that_hangs(
    release: LiveRelease, person: Person
) -> None:
    fields = new_task_form(person) | {"title": "Written while it hangs"}
    (postgres,) = release.kubectl.pods("postgres").values()
    with node.halted(postgres):
        page = person.tasks_page()
        form = send_form(person, fields)
    assert form.status_code == 503
    waited, most = form.elapsed.total_seconds(), 1.5 * page.elapsed.total_seconds()
    assert waited <= most, "the action and the page that answers it asked one after the other"


def test_what_was_acknowledged_survives_every_kill(
    release: LiveRelease, person: Person, full: bool, record: Record
) -> None:
    """Each kill is followed by the pod's deletion.

    That shows that the data outlives the pod too; and it gives the next kill a new pod, because Kubernetes lets a
    container that fails again wait 10 s, 20 s, 40 s and so on, whatever is in it.
    """
    kills = 20 if full else 2
    backs: dict[str, list[float]] = {"killed": [], "deleted": []}
    with Writer(person) as writer:
        for _ in range(kills):
            (pod,) = release.kubectl.pods("postgres").values()
            node.kill(pod)
            backs["killed"].append(writer.await_next(60))
            release.kubectl("delete", "pod", pod["metadata"]["name"])
            backs["deleted"].append(writer.await_next(60))
            await_ready(release, "postgres")
    until_served(person)
    lost = writer.acknowledged.keys() - stored(person)
    record(
        f"{kills} x Postgres killed and then its pod deleted, while tasks are written",
        [
            f"{len(lost)} of {len(writer.acknowledged):,} tasks lost",
            *(
                f"{how}: written again after {max(times):.1f} s at most"
                for how, times in backs.items()
            ),
        ],
    )
    assert not lost
    assert max(backs["killed"]) <= BACK_SECONDS


def test_an_update_of_the_database_keeps_the_data(
    release: LiveRelease, person: Person, record: Record
) -> None:
    before = stored(person)
    assert before, "there is something to lose"
    memory = {
        "requests": {"cpu": CPU["postgres"], "memory": "112Mi"},
        "limits": {"cpu": "500m", "memory": "400Mi"},
    }
    assert "postgres" in release.update(
        changed(VALUES, database={"embedded": {"resources": memory}})
    )
    until_served(person)
    assert stored(person) == before
    release.update(VALUES)
    until_served(person)
    record("pulumi up with other resources for Postgres, and back", [f"{len(before)} tasks kept"])
    assert stored(person) == before


@pytest.mark.full_only
def test_a_restart_of_the_node_keeps_the_data(
    release: LiveRelease, person: Person, record: Record
) -> None:
    """Only in full runs, because everything else on the cluster stops with it."""
    before = stored(person)
    chosen = setup.choose()
    assert stream(["minikube", "stop", "--profile", "minikube"], env=chosen.env).code == 0
    began = time.monotonic()
    cluster.ensure(StackFile.read("dev"), chosen.minikube, env=chosen.env)
    for component in ("postgres", "backend", "frontend"):
        await_ready(release, component)
    until_served(person)
    back = time.monotonic() - began
    record(
        "minikube stop, then what `make up` does",
        [f"serving again after {back:.0f} s, {len(before)} tasks kept"],
    )
    assert stored(person) == before
