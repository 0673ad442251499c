"""A bad release fails in time, with the pod's own message; the old pods serve on, and a good one repairs it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from ops.pods import last_words
from tests.engine_stack import EngineError
from tests.live_release import LiveRelease, changed
from tests.reliability.conftest import RELEASE, VALUES, Record
from tests.reliability.person import Person
from tests.reliability.traffic import traffic
from tests.unit.conftest import merged

# The deadline of a rollout is configured; a full run has the default.
DEADLINE_SECONDS, SHORT_SECONDS = 70, 25
MORE_SECONDS = 20


@dataclass(frozen=True)
class Bad:
    """Blocks of the configuration, and what `pulumi up` must print about them."""

    blocks: Mapping[str, Mapping[str, Any]]
    words: tuple[str, ...]


CASES = {
    "the image cannot start": Bad(
        {"backend": {"env": {"DRAIN_SECONDS": "never"}}},
        ("CrashLoopBackOff", "the environment variable DRAIN_SECONDS"),
    ),
    "the probe never passes": Bad(
        # It listens, but not where the kubelet asks.
        {"backend": {"env": {"HOST": "127.0.0.1"}}},
        ("connection refused", "Uvicorn running on http://127.0.0.1:8000"),
    ),
    "the tag does not exist": Bad(
        {"images": {"backend": {"ref": "taskflow-backend:no-such-tag"}}},
        ("taskflow-backend:no-such-tag", "ImagePull"),
    ),
}


@pytest.mark.parametrize(
    "case",
    [
        "the image cannot start",
        *(
            pytest.param(name, marks=pytest.mark.full_only)
            for name in ("the probe never passes", "the tag does not exist")
        ),
    ],
)
def test_a_release_that_cannot_run_fails_in_time_and_harms_nobody(
    release: LiveRelease, person: Person, full: bool, record: Record, case: str
) -> None:
    bad = CASES[case]
    deadline = DEADLINE_SECONDS if full else SHORT_SECONDS
    values = changed(VALUES, backend={} if full else {"rolloutDeadlineSeconds": deadline})
    old = set(release.kubectl.pods("backend"))
    release.stack.configure(merged(values, bad.blocks))
    with traffic(person) as results:
        began = time.monotonic()
        with pytest.raises(EngineError) as failure:
            release.stack.up()
        failed_after = time.monotonic() - began
        # As `make up` adds them: the engine shows no log.
        words = last_words(release.stack.of_ops.file, release.stack.env)
        kept = old & set(release.kubectl.pods("backend"))
        release.stack.configure(VALUES)
        release.stack.up()
    release.stack.up("--expect-no-changes")
    record(
        case,
        [f"failed after {failed_after:.0f} s", *results],
    )
    assert failed_after <= deadline + MORE_SECONDS
    for word in (f"{RELEASE}-backend", *bad.words):
        assert word in f"{failure.value}\n{words}"
    assert kept, "with maxUnavailable 1 one of two old pods stays"
    assert [result.failed for result in results] == [0, 0, 0, 0], "\n".join(map(str, results))
