"""Failed updates: a clear error, the old pods serve on, and the next run repairs it."""

import httpx
import pytest

from ops.engine.diagnosis import explain
from tests.engine_stack import EngineError
from tests.live.conftest import VALUES, LiveRelease, changed

NO_IMAGE = "taskflow.invalid/no-such-image:1"


def serves(release: LiveRelease) -> bool:
    return httpx.get(f"{release.url}/healthz", timeout=5).status_code == 200


def test_a_base_image_that_does_not_exist_is_named_and_the_old_pods_serve_on(
    release: LiveRelease,
) -> None:
    before = release.generations()
    release.stack.configure(changed(images={"backend": {"baseImage": NO_IMAGE}}))
    with pytest.raises(EngineError) as failure:
        release.stack.up()
    error = explain(str(failure.value), doing="pulumi up", stack=release.stack.of_ops.file)
    assert error.what == f"image {NO_IMAGE} cannot be found or pulled", "as `make up` ends"
    assert "Traceback" not in str(failure.value)
    assert release.generations() == before
    assert serves(release)
    release.stack.configure(VALUES)
    release.stack.up("--expect-no-changes")
