"""Each service uses the embedded database as a role of its own, which may do no more than the service needs."""

import pytest

from ops.pods import roles
from tests.live.conftest import BACKEND_PORT, FRONTEND_PORT, RELEASE, VALUES
from tests.live_release import LiveRelease, node_port
from tests.postgres import address_of, ask, users
from tests.reliability.person import Person

POD = f"{RELEASE}-postgres-0"


@pytest.fixture(scope="module")
def served(release: LiveRelease) -> LiveRelease:
    """The suite's release, as it is configured at first."""
    release.update(VALUES)
    return release


def test_each_service_is_connected_as_its_own_role(served: LiveRelease) -> None:
    owner = address_of(served.kubectl, "database-owner-url")
    person = Person.signed_up(
        node_port(FRONTEND_PORT), node_port(BACKEND_PORT), served.kubectl, "Ada"
    )
    assert users(served.kubectl, POD, owner, person.tasks_page) == {
        "taskflow-backend as taskflow_backend",
        "taskflow-frontend as taskflow_frontend",
    }
    assert roles(served.stack.of_ops.file, served.stack.env) == [
        "the backend connects as taskflow_backend",
        "the frontend connects as taskflow_frontend",
    ], "what make smoke says"


@pytest.mark.parametrize(
    ("key", "may", "may_not"),
    [
        (
            "database-url",
            ["select count(*) >= 0 from task", 'select count(id) >= 0 from "user"'],
            ["select token from session", "select password from account", 'delete from "user"'],
        ),
        (
            "frontend-database-url",
            ["select count(*) >= 0 from session", "select count(*) >= 0 from verification"],
            ["select title from task", "select 1 from alembic_version"],
        ),
    ],
)
def test_a_role_is_refused_what_its_service_must_not_touch(
    served: LiveRelease, key: str, may: list[str], may_not: list[str]
) -> None:
    address = address_of(served.kubectl, key)
    for statement in may:
        assert ask(served.kubectl, POD, address, statement) == "t", statement
    for statement in (*may_not, "create table mine (id int)", "create role mine"):
        refused = ask(served.kubectl, POD, address, statement)
        assert "permission denied" in refused, statement
    wrong = ask(served.kubectl, POD, address.replace("@", "x@"), "select 1")
    assert "password authentication failed" in wrong, "the role's password is asked for"


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_what_serves_does_not_hold_the_owners_address(served: LiveRelease, component: str) -> None:
    owner = address_of(served.kubectl, "database-owner-url")
    command = ("exec", f"deployment/{RELEASE}-{component}", "--", "cat", "/proc/1/environ")
    environment = served.kubectl(*command)
    assert f"DATABASE_URL=postgresql://taskflow_{component}:" in environment
    assert owner not in environment
