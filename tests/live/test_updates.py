"""What an update without a change does, and what destroy leaves."""

import pytest

from tests.live.conftest import CONTEXT, RELEASE, LiveRelease


def test_an_update_without_a_change_touches_nothing(release: LiveRelease) -> None:
    before = release.generations()
    release.stack.up("--expect-no-changes")
    assert release.generations() == before


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
