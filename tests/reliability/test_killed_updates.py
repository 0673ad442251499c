"""`pulumi up` ended by SIGKILL, plugins included, as by a power cut: the next one completes it."""

import random
import time
from typing import Any

from tests.live_release import LiveRelease, changed
from tests.reliability.conftest import VALUES, Record

EARLIEST_SECONDS = 0.5
LATEST_SHARE = 0.8  # Of the duration of an undisturbed update; the next may be quicker.


def edited(number: int) -> dict[str, Any]:
    """A configuration that differs from those of other numbers in what both services read."""
    return changed(
        VALUES,
        backend={"env": {"GREETING": greeting(number)}},
        # Objects that come and go, beside those that change.
        networkPolicies={"enabled": bool(number % 2)},
    ) | {"logLevel": ("debug", "info")[number % 2]}


def greeting(number: int) -> str:
    return f"after kill {number}"


def test_an_update_that_was_killed_is_completed_by_the_next(
    release: LiveRelease, full: bool, record: Record
) -> None:
    release.stack.configure(edited(0))
    began = time.monotonic()
    release.stack.up()
    latest = LATEST_SHARE * (time.monotonic() - began)
    moments = [random.uniform(EARLIEST_SECONDS, latest) for _ in range(10 if full else 2)]  # noqa: S311
    print("killed after", *(f"{moment:.2f} s" for moment in moments))
    killed: list[float] = []
    for number, moment in enumerate(moments, start=1):
        release.stack.configure(edited(number))
        if release.stack.killed_up(after_seconds=moment):
            killed.append(moment)
        release.stack.recover()
        release.stack.up()
        for pod in release.kubectl.pods("backend").values():
            (container,) = pod["spec"]["containers"]
            assert {"name": "GREETING", "value": greeting(number)} in container["env"]
        release.stack.up("--expect-no-changes")
    record(
        f"pulumi up killed {len(killed)} times",
        [f"after {min(killed):.1f} to {max(killed):.1f} s; the next up completed each"],
    )
    assert len(killed) >= len(moments) / 2, "too many updates were done before they could be killed"
    release.stack.configure(VALUES)
    release.stack.up()
