"""The risk that a preview gets beforehand is what then happens to the pods."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ops.errors import OpsError
from ops.review import command as review
from ops.review import plan, risk
from ops.review.risk import Risk, Verdict
from tests.live.conftest import RELEASE, VALUES, LiveRelease, changed
from tests.live_release import small

WORKLOADS = ("Deployment", "StatefulSet")
EXTERNAL: dict[str, Any] = {"database": {"external": {"tls": False}}}
KEPT = changed(
    backend={"env": {"GREETING": "hello"}},
    database={
        "embedded": {
            "keep": True,
            "resources": small("21m", "96Mi", {"cpu": "500m", "memory": "384Mi"}),
        }
    },
)


@pytest.fixture(scope="module", autouse=True)
def as_it_was(release: LiveRelease) -> Iterator[None]:
    """The shared release, without what these tests configure."""
    yield
    release.update(VALUES)


def judged(release: LiveRelease, values: Mapping[str, Any]) -> list[Verdict]:
    """What the engine's preview of a configuration comes to."""
    release.stack.configure(values)
    return risk.judge(plan.read(json.dumps({"steps": release.stack.preview()})))


@pytest.mark.parametrize(
    ("values", "expected", "replaced"),
    [
        pytest.param(
            changed(frontend={"replicas": 3}, backend={"strategy": {"maxUnavailable": 0}}),
            {"backend": Risk.NONE, "frontend": Risk.NONE},
            set(),
            id="more replicas, another strategy",
        ),
        pytest.param(
            changed(backend={"env": {"GREETING": "hello"}}),
            {"backend": Risk.ROLLING, "frontend": Risk.NONE},
            {"backend"},
            id="a variable",
        ),
        pytest.param(
            KEPT,
            {"postgres": Risk.OUTAGE},
            {"postgres"},
            id="the database's resources",
        ),
    ],
)
def test_pods_are_replaced_where_the_risk_says_so_and_nowhere_else(
    release: LiveRelease, values: dict[str, Any], expected: dict[str, Risk], replaced: set[str]
) -> None:
    workloads = {
        verdict.step.name.removeprefix(f"{RELEASE}-"): verdict.risk
        for verdict in judged(release, values)
        if verdict.step.kind in WORKLOADS
    }
    assert workloads == expected
    before = release.generations()
    release.stack.up()
    after = release.generations()
    assert {name for name in after if not before[name] & after[name]} == replaced


@pytest.fixture
def external(release: LiveRelease) -> Iterator[dict[str, Any]]:
    """A configuration with a database elsewhere, and its address."""
    release.stack.set_secret("databaseUrl", "postgresql://u:p@db.example.com:5432/t")
    yield {key: value for key, value in VALUES.items() if key != "database"} | EXTERNAL
    release.stack.unset("databaseUrl")


def test_the_volume_of_a_kept_database_is_no_loss_and_any_other_is_refused(
    release: LiveRelease, external: dict[str, Any]
) -> None:
    release.update(KEPT)
    assert risk.highest(judged(release, external)) is Risk.OUTAGE

    release.update(VALUES)
    lost = judged(release, external)
    with pytest.raises(OpsError, match="data would be lost") as refused:
        review.refuse_loss(lost, "", release.stack.name)
    assert f"PersistentVolumeClaim {RELEASE}-postgres-data" in refused.value.where
