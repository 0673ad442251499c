"""A preview predicts what happens to a volume; tests/live/test_config_edits.py has the pods."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ops.errors import OpsError
from ops.review import command as review
from ops.review import risk
from ops.review.risk import Effect, Risk
from tests.live.conftest import RELEASE, VALUES, LiveRelease, changed
from tests.live_release import small
from tests.outcome import effects

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


def judged(release: LiveRelease, values: Mapping[str, Any]) -> list[Effect]:
    """What `make diff` says of a configuration."""
    release.stack.configure(values)
    return effects(release)


@pytest.fixture
def external(release: LiveRelease) -> Iterator[dict[str, Any]]:
    """A configuration with an external database, and its address."""
    release.stack.set_secret(
        "databaseUrl", "postgresql://u:p@db.example.com:5432/t?sslmode=disable"
    )
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
