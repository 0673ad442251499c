"""The public address by Ingress and by HTTPRoute, behind a real controller: people sign in, and nothing is lost."""

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from ops.release import history, reach
from ops.review import live, needs, plan
from ops.review.plan import CREATE
from tests.live.browsing import Person as Visitor
from tests.live.browsing import browser, new_page, sign_in, sign_up
from tests.live_release import LiveRelease
from tests.load import Load, Page, Result, under
from tests.reliability import controller, node
from tests.reliability.conftest import RELEASE, VALUES, Record, await_ready
from tests.reliability.controller import CERTIFICATE, CLASS, GATEWAY, PORTS
from tests.reliability.person import Person
from tests.reliability.traffic import FILES_PER_PAGE, FRONTEND_RATE

__all__ = ["browser"]

ROUTE_SECONDS = 60
WATCHED_SECONDS = 15
"""After a container was killed: it is ready again within six."""
SCRIPTS = re.compile(r'/_next/static/[^"\\]+\.(?:js|css)')
# A browser finds this machine by any name that ends so, without asking a name server.
HOSTS = ["tasks.localhost", "*.tasks.localhost"]
ROUTES: dict[str, dict[str, Any]] = {
    "ingress": {"hosts": HOSTS, "class": CLASS},
    "gateway": {
        "hosts": HOSTS,
        "parentRef": {"name": GATEWAY, "sectionName": "http", "tls": False},
        "timeoutSeconds": 30,
        "retries": 3,
    },
}
# Both in the block `gateway`: one of the stack's own, and the same shared one by its listener with TLS.
SECURED: dict[str, dict[str, Any]] = {
    "own": {
        "hosts": HOSTS,
        "class": CLASS,
        "tls": {"secret": CERTIFICATE},
        "httpPort": PORTS["own"],
        "httpsPort": PORTS["own-tls"],
    },
    "gateway-tls": {
        "hosts": HOSTS,
        "parentRef": {"name": GATEWAY, "sectionName": "https", "redirectSectionName": "http"},
    },
}
PLAIN_AND_TLS = {"own": ("own", "own-tls"), "gateway-tls": ("gateway", "gateway-tls")}


@pytest.fixture(scope="module")
def traefik(release: LiveRelease, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The controller; the release's routes go before it does. Its value is the certificate of the hosts' authority."""
    with controller.running(RELEASE, tmp_path_factory.mktemp("traefik"), HOSTS) as authority:
        try:
            yield authority
        finally:
            release.stack.configure(VALUES)
            release.stack.up()


@pytest.fixture(scope="module", params=ROUTES)
def kind(request: pytest.FixtureRequest, release: LiveRelease, traefik: Path) -> str:
    """The kind of the release's working route."""
    found = str(request.param)
    block = {"gateway": SECURED[found]} if found in SECURED else {found: ROUTES[found]}
    release.stack.configure(VALUES | block)
    release.stack.up()
    deadline = time.monotonic() + ROUTE_SECONDS
    while (status := reached(found, traefik)) != "200":
        assert time.monotonic() < deadline, f"{found}: {status} after {ROUTE_SECONDS} s"
        time.sleep(0.5)
    return found


@pytest.fixture(autouse=True)
def whole(release: LiveRelease, kind: str) -> None:
    """Replaces the suite's fixture: every test begins with a serving release and its route."""
    for component in ("postgres", "backend", "frontend"):
        await_ready(release, component)


def answer(port: str, path: str, host: str = HOSTS[0]) -> httpx.Response:
    """What comes through the route in plain HTTP."""
    return httpx.get(f"http://127.0.0.1:{PORTS[port]}{path}", headers={"Host": host}, timeout=10)


def answer_by_tls(port: str, path: str, authority: Path, host: str = HOSTS[0]) -> httpx.Response:
    """The same by TLS, with a certificate for this host that the authority has signed."""
    context = ssl.create_default_context(cafile=str(authority))
    address, asked = f"https://127.0.0.1:{PORTS[port]}{path}", {"sni_hostname": host}
    with httpx.Client(verify=context, timeout=10) as client:
        return client.get(address, headers={"Host": host}, extensions=asked)


def reached(kind: str, authority: Path) -> str:
    """The status of a page's check through the route, or why there is none yet: Traefik reads a certificate later."""
    try:
        if kind in SECURED:
            plain, tls = PLAIN_AND_TLS[kind]
            if answer(plain, "/healthz").status_code == 404:
                return "no redirect"  # It is a route of its own, which Traefik may read later.
            return str(answer_by_tls(tls, "/healthz", authority).status_code)
        return str(answer(kind, "/healthz").status_code)
    except httpx.TransportError as error:
        return str(error)


@contextmanager
def traffic(person: Person, kind: str) -> Iterator[list[Result]]:
    """A browser's visits through the route, on old connections and on new ones."""
    files = sorted(set(SCRIPTS.findall(person.tasks_page().text)))[:FILES_PER_PAGE]
    assert len(files) == FILES_PER_PAGE, "the task page names fewer files"
    address, host = f"http://127.0.0.1:{PORTS[kind]}", {"Host": HOSTS[0]}
    pages = [Page(f"{address}/tasks", lambda: {**host, "Cookie": person.cookie})]
    pages += [Page(f"{address}{file}", lambda: host) for file in files]
    modes = (True, False)
    loads = [Load(kind, pages, FRONTEND_RATE, keepalive=mode) for mode in modes]
    with under(*loads) as results:
        yield results


def test_a_person_signs_in_at_every_host_of_a_route(kind: str, browser: Browser) -> None:
    visitor = Visitor("Ada")
    with new_page(browser, f"http://{HOSTS[0]}:{PORTS[kind]}") as page:
        sign_up(page, visitor)
    other = HOSTS[1].replace("*", "team")
    with new_page(browser, f"http://{other}:{PORTS[kind]}") as page:
        sign_in(page, visitor)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_no_request_is_lost_by_rollouts_behind_a_route(
    release: LiveRelease, person: Person, full: bool, record: Record, kind: str
) -> None:
    rollouts, components = 20 if full else 1, ("frontend", "backend")
    with traffic(person, kind) as results:
        for _ in range(rollouts):
            deployments = [f"deployment/{RELEASE}-{component}" for component in components]
            release.kubectl("rollout", "restart", *deployments)
            for component in components:
                await_ready(release, component)
    record(f"{kind}, {rollouts} rollouts of both services", results)
    assert [result.failed for result in results] == [0, 0], "\n".join(map(str, results))


# Nothing can resend a response that is cut in its middle. That is rare, and so for a longer run.
@pytest.mark.full_only
def test_no_request_is_lost_by_a_killed_container_behind_a_route(
    release: LiveRelease, person: Person, record: Record, kind: str
) -> None:
    with traffic(person, kind) as results:
        time.sleep(1)
        (pod, *_) = release.kubectl.pods("frontend").values()
        node.kill(pod)
        time.sleep(WATCHED_SECONDS)
        await_ready(release, "frontend")
    record(f"{kind}, a frontend container", results)
    assert [result.failed for result in results] == [0, 0], "\n".join(map(str, results))


def test_the_status_of_a_route_says_that_it_leads_to_the_release(
    release: LiveRelease, kind: str
) -> None:
    assert reach.against(history.location(release.stack.of_ops)) == []
    if kind == "gateway":
        rule, _ = release.kubectl.get("httproute", f"{RELEASE}-frontend")["spec"]["rules"]
        assert (rule["retry"]["attempts"], rule["timeouts"]["request"]) == (3, "30s")


@pytest.mark.parametrize("kind", ["gateway"], indirect=True)
def test_a_gateway_of_the_stack_is_taken_as_it_is_written(release: LiveRelease, kind: str) -> None:
    own = {"hosts": HOSTS, "class": CLASS, "timeoutSeconds": 30, "retries": 3}
    own["tls"] = {"issuer": "letsencrypt"}
    release.stack.configure({**VALUES, "gateway": own, "policies": "advisory"})
    try:
        stack = release.stack.of_ops
        # The provider's preview is a dry run against the CRDs' own schema.
        steps = plan.read(stack.preview(quiet=True))
    finally:
        release.stack.configure(VALUES | {kind: ROUTES[kind]})
    made = {step.title for step in steps if step.action == CREATE}
    assert {f"Gateway {RELEASE}-frontend", f"HTTPRoute {RELEASE}-frontend-redirect"} <= made
    assert live.unmet(steps, stack.file, stack.env).refusals == {}, "no name is taken"
    assert needs.unmet(steps, stack.file, stack.env).refusals == {}, "the class is there"


@pytest.mark.parametrize("kind", SECURED, indirect=True)
def test_https_has_the_certificate_of_the_host_and_plain_http_is_redirected_to_it(
    release: LiveRelease, kind: str, traefik: Path
) -> None:
    plain, tls = PLAIN_AND_TLS[kind]
    for host in (HOSTS[0], HOSTS[1].replace("*", "team")):
        assert answer_by_tls(tls, "/healthz", traefik, host).status_code == 200
        redirect = answer(plain, "/tasks?filter=open", host)
        assert redirect.status_code == 301
        assert redirect.headers["location"] == f"https://{host}/tasks?filter=open"
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        answer_by_tls(tls, "/healthz", traefik, "elsewhere.localhost")
    assert answer(plain, "/healthz", "elsewhere.localhost").status_code == 404
    assert reach.against(history.location(release.stack.of_ops)) == [], (
        "as make smoke judges the routes' status"
    )
