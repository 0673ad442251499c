"""More load than the pods can serve: they refuse quickly, survive, and serve as before afterwards."""

import time

import pytest

from tests.live_release import LiveRelease
from tests.load import Load, Page, capacity, under
from tests.reliability.conftest import Record
from tests.reliability.person import Person

# More would take from the pods what they may use, where the load comes from a machine of two cores that they share.
TIMES_CAPACITY = 1.5
P99_SECONDS = 5.0  # As long as a liveness probe waits.
AFTERWARDS_SECONDS = 5


def target(person: Person, component: str) -> Page:
    if component == "frontend":
        return Page(f"{person.frontend}/tasks", lambda: {"Cookie": person.cookie})
    return Page(f"{person.backend}/api/tasks", lambda: person.authorization)


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_a_load_beyond_the_limits_is_survived(
    release: LiveRelease, person: Person, full: bool, record: Record, component: str
) -> None:
    # Three failures of a liveness probe take 30 s, so only the full run can show that none restarts a pod.
    seconds = 60 if full else 15
    page = target(person, component)
    restarts = release.kubectl.restarts()
    capacity(page, seconds=3)  # To warm up.
    can = capacity(page, seconds=5)
    assert can > 0, "a capacity of zero would be no load"
    rate = round(TIMES_CAPACITY * can)
    with under(Load(component, [page], rate, keepalive=True)) as results:
        time.sleep(seconds)
    (result,) = results
    with under(Load("afterwards", [page], 2, keepalive=False)) as afterwards:
        time.sleep(AFTERWARDS_SECONDS)
    answered = (result.requests - result.failed) / seconds
    restarted = release.kubectl.restarts_since(restarts)
    record(
        f"{rate} requests/s for {seconds} s to the {component}, whose two pods can do {can:.0f}",
        [f"{answered:.0f} answered each second", result, *afterwards, f"{restarted} restarts"],
    )
    assert restarted == 0
    assert answered > 0
    assert set(result.failures) <= {"503 Service Unavailable"}
    assert result.percentile(99) <= P99_SECONDS
    assert afterwards[0].failed == 0
