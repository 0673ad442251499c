"""What an update without a change does, what an outage of the database does, and what destroy leaves."""

import time

import pytest

from tests.live.conftest import CONTEXT, RELEASE, LiveRelease

HEALTH = (
    "import urllib.request as r, urllib.error as e, time\n"
    "start = time.monotonic()\n"
    "try: status = r.urlopen('http://127.0.0.1:8000{path}', timeout=5).status\n"
    "except e.HTTPError as error: status = error.code\n"
    "print(status, time.monotonic() - start)"
)


def ask(release: LiveRelease, path: str) -> tuple[int, float]:
    """Ask one backend pod from within: when it is not ready, its Service does not lead to it."""
    code = HEALTH.format(path=path)
    answer = release.kubectl("exec", f"deployment/{RELEASE}-backend", "--", "python", "-c", code)
    status, seconds = answer.split()
    return int(status), float(seconds)


def test_an_update_without_a_change_touches_nothing(release: LiveRelease) -> None:
    before = release.generations()
    release.stack.up("--expect-no-changes")
    assert release.generations() == before


def test_an_outage_of_the_database_makes_pods_unready_and_restarts_none(
    release: LiveRelease,
) -> None:
    kubectl = release.kubectl
    before = release.kubectl.restarts()
    kubectl("scale", f"statefulset/{RELEASE}-postgres", "--replicas=0")
    try:
        kubectl("wait", "pod", "-l", "component=postgres", "--for=delete", "--timeout=90s")
        status, seconds = ask(release, "/health")
        assert status == 503
        assert seconds < 2, "a pod must say so at once, not hang"
        assert ask(release, "/health/live")[0] == 200
        time.sleep(35)  # Longer than three failures of a liveness probe take.
        assert release.kubectl.restarts() == before
    finally:
        kubectl("scale", f"statefulset/{RELEASE}-postgres", "--replicas=1")
    kubectl("rollout", "status", f"statefulset/{RELEASE}-postgres", "--timeout=90s")
    kubectl("rollout", "status", f"deployment/{RELEASE}-backend", "--timeout=60s")
    assert ask(release, "/health")[0] == 200
    assert release.kubectl.restarts() == before


@pytest.mark.last
def test_destroy_leaves_nothing_behind(release: LiveRelease) -> None:
    volume = release.kubectl.get("persistentvolumeclaim", f"{RELEASE}-postgres-data")["spec"][
        "volumeName"
    ]
    release.stack.destroy()
    namespaces = release.kubectl("get", "namespaces", "-o", "name")
    assert f"namespace/{RELEASE}\n" not in namespaces
    claims = release.kubectl(
        "--context", CONTEXT, "get", "persistentvolumes", "-o", "jsonpath={..claimRef.name}"
    )
    assert f"{RELEASE}-postgres-data" not in claims.split(), f"volume {volume} is still claimed"
