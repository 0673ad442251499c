"""Every change of a running release: no request fails, on old connections or on new ones."""

from typing import Any

from tests.live_release import LiveRelease, changed
from tests.reliability.conftest import VALUES, Record
from tests.reliability.person import Person
from tests.reliability.traffic import traffic

KINDS = ("backend", "frontend", "both")


def revision(number: int) -> dict[str, Any]:
    """A configuration that differs from the one before it in what the kind of change in turn changes."""
    counts = [(number + len(KINDS) - place) // len(KINDS) for place in range(1, len(KINDS) + 1)]
    backend, frontend, both = counts
    return changed(
        VALUES,
        backend={"env": {"REVISION": str(backend)}},
        frontend={"env": {"REVISION": str(frontend)}},
    ) | {"logLevel": ("info", "warning")[both % 2]}


def test_no_request_fails_while_releases_follow_each_other(
    release: LiveRelease, person: Person, full: bool, record: Record
) -> None:
    release.stack.configure(revision(0))
    release.stack.up()
    rollouts = 20 if full else 3
    with traffic(person) as results:
        for number in range(1, rollouts + 1):
            kind = KINDS[(number - 1) % len(KINDS)]
            expected = {"backend", "frontend"} if kind == "both" else {kind}
            assert release.update(revision(number)) == expected
    record(f"{rollouts} rollouts in a row of backend, frontend and what both read", results)
    assert [result.failed for result in results] == [0, 0, 0, 0], "\n".join(map(str, results))
