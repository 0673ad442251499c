"""Two releases in one namespace: they share nothing, and deleting one does not affect the other."""

import secrets
from collections.abc import Iterator

import httpx
import pytest

from tests import live_release
from tests.live.conftest import RELEASE, LiveRelease

BLUE = "blue"
FRONTEND_PORT, BACKEND_PORT = 30089, 30090
# The namespace is the other release's: in another one, names could not collide.
VALUES = live_release.changed(
    live_release.values(BLUE, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)
    | {"namespace": RELEASE, "createNamespace": False},
    backend=live_release.SINGLE,
    frontend=live_release.SINGLE,
)
PERSON = {
    "name": "Ada",
    "email": f"{secrets.token_hex(6)}@example.com",
    "password": secrets.token_urlsafe(12),
}
KINDS = "deployments,statefulsets,services,pods,configmaps,secrets,persistentvolumeclaims,networkpolicies"


@pytest.fixture(scope="module")
def blue(release: LiveRelease, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRelease]:
    """A second release beside the suite's own."""
    stack = live_release.LiveStack.create(BLUE, tmp_path_factory.mktemp(BLUE), VALUES)
    try:
        stack.up()
        second = LiveRelease(stack, release.kubectl)
        live_release.wait_until_it_serves(VALUES)
        yield second
    finally:
        stack.destroy()


def status(release: LiveRelease, path: str, person: dict[str, str]) -> int:
    """What a release's sign-in or sign-up answers."""
    headers = {"Origin": release.url}
    return httpx.post(f"{release.url}{path}", json=person, headers=headers, timeout=20).status_code


def signed_in(release: LiveRelease) -> int:
    return status(release, "/api/auth/sign-in/email", PERSON)


def owned(release: LiveRelease, name: str) -> dict[str, str]:
    """The uid of each object of the release of that name."""
    found = release.kubectl.get(KINDS, "", "--selector", f"app={name}")["items"]
    return {f"{item['kind']} {item['metadata']['name']}": item["metadata"]["uid"] for item in found}


def test_a_person_of_one_release_does_not_exist_in_the_other(
    release: LiveRelease, blue: LiveRelease
) -> None:
    assert status(release, "/api/auth/sign-up/email", PERSON) == 200
    assert signed_in(release) == 200
    assert signed_in(blue) == 401
    assert status(blue, "/api/auth/sign-up/email", PERSON) == 200, "and the name is free there"


@pytest.mark.parametrize("name", [RELEASE, BLUE], ids=["first", "second"])
def test_the_services_of_a_release_lead_to_its_own_pods_alone(
    release: LiveRelease, blue: LiveRelease, name: str
) -> None:
    assert blue.stack.outputs()["namespace"] == RELEASE
    for component in ("backend", "frontend", "postgres"):
        slices = release.kubectl.get(
            "endpointslices", "", "-l", f"kubernetes.io/service-name={name}-{component}"
        )["items"]
        reached = {
            entry["targetRef"]["name"] for piece in slices for entry in piece["endpoints"] or ()
        }
        assert reached, f"{name}-{component} has endpoints"
        assert {pod.rpartition(f"-{component}-")[0] for pod in reached} == {name}


def test_the_end_of_one_leaves_the_other_as_it_is(release: LiveRelease, blue: LiveRelease) -> None:
    status(release, "/api/auth/sign-up/email", PERSON)
    before = owned(release, RELEASE)
    assert owned(release, BLUE)
    blue.stack.destroy()
    assert owned(release, BLUE) == {}
    assert owned(release, RELEASE) == before
    assert signed_in(release) == 200
