"""What goes wrong on the way: a clear error, the old pods serve on, and the next run repairs it."""

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
