"""`pulumi up` ended by SIGKILL, plugins included, as by a power cut: the next one completes it."""

import random

from tests.live_release import LiveRelease, changed
from tests.reliability.conftest import VALUES, Record

# An update of both services takes longer than this on any machine: a pod needs that long to leave.
LATEST_SECONDS = 8.0
EARLIEST_SECONDS = 0.5


def test_an_update_that_was_killed_is_completed_by_the_next(
    release: LiveRelease, full: bool, record: Record
) -> None:
    moments = [random.uniform(EARLIEST_SECONDS, LATEST_SECONDS) for _ in range(10 if full else 2)]  # noqa: S311
    print("killed after", *(f"{moment:.2f} s" for moment in moments))
    for number, moment in enumerate(moments):
        greeting = f"after kill {number}"
        values = changed(
            VALUES,
            backend={"env": {"GREETING": greeting}},
            # Objects that come and go, beside those that change.
            networkPolicies={"enabled": bool(number % 2)},
        ) | {"logLevel": ("debug", "info")[number % 2]}
        release.stack.configure(values)
        release.stack.killed_up(after_seconds=moment)
        release.stack.recover()
        release.stack.up()
        for pod in release.kubectl.pods("backend").values():
            (container,) = pod["spec"]["containers"]
            assert {"name": "GREETING", "value": greeting} in container["env"]
        release.stack.up("--expect-no-changes")
    record(
        f"pulumi up killed {len(moments)} times",
        [
            f"after {', '.join(f'{moment:.1f}' for moment in sorted(moments))} s; the next up completed each"
        ],
    )
    release.stack.configure(VALUES)
    release.stack.up()
