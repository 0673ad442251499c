"""What goes wrong on the way: a clear error, the old pods serve on, and the next run repairs it."""

import time

import httpx
import pytest

from tests.engine_stack import EngineError
from tests.live.conftest import FRONTEND_PORT, VALUES, LiveRelease, changed


def serves(release: LiveRelease) -> bool:
    return httpx.get(f"http://127.0.0.1:{FRONTEND_PORT}/healthz", timeout=5).status_code == 200


def test_a_base_image_that_does_not_exist_is_named_and_the_old_pods_serve_on(
    release: LiveRelease,
) -> None:
    before = release.generations()
    release.stack.configure(
        changed(images={"backend": {"baseImage": "taskflow.invalid/no-such-image:1"}})
    )
    with pytest.raises(EngineError) as failure:
        release.stack.up()
    assert "taskflow.invalid/no-such-image:1" in str(failure.value)
    assert "Traceback" not in str(failure.value)
    assert release.generations() == before
    assert serves(release)
    release.stack.configure(VALUES)
    release.stack.up("--expect-no-changes")


def test_a_release_that_cannot_start_fails_with_its_own_words_and_the_old_pods_serve_on(
    release: LiveRelease,
) -> None:
    old = release.generations()["backend"]
    wrong = {"env": {"DRAIN_SECONDS": "never"}, "rolloutDeadlineSeconds": 30}
    release.stack.configure(changed(backend=wrong))
    began = time.monotonic()
    with pytest.raises(EngineError) as failure:
        release.stack.up()
    assert time.monotonic() - began < 90
    assert "livetest-backend" in str(failure.value)
    assert "the environment variable DRAIN_SECONDS" in str(failure.value), (
        "the pod's last log lines say why"
    )
    assert old & release.generations()["backend"], "with maxUnavailable 1 one of two old pods stays"
    assert serves(release)
    release.stack.configure(VALUES)
    release.stack.up()
    release.stack.up("--expect-no-changes")


def test_an_update_that_was_killed_is_completed_by_the_next(release: LiveRelease) -> None:
    values = changed(backend={"env": {"GREETING": "after the kill"}})
    release.stack.configure(values)
    release.stack.killed_up(after_seconds=2.5)
    release.stack.recover()
    release.stack.up()
    for pod in release.kubectl.pods("backend").values():
        (container,) = pod["spec"]["containers"]
        assert {"name": "GREETING", "value": "after the kill"} in container["env"]
    release.stack.up("--expect-no-changes")
    release.stack.configure(VALUES)
    release.stack.up()
