"""The keys of both services on a running release: `make diff` predicts what happens."""

from collections.abc import Iterator

import pytest

from tests import live_release
from tests.edits.edits import EDITS_OF_SERVICES, Edit, Edited

ZONE = "topology.kubernetes.io/zone"


@pytest.fixture(scope="module", autouse=True)
def zone() -> Iterator[None]:
    """Every node is in one, for `topologySpread.key`."""
    cluster = live_release.Kubectl("default")
    cluster("label", "nodes", "--all", "--overwrite", f"{ZONE}=edits")
    yield
    cluster("label", "nodes", "--all", f"{ZONE}-")


@pytest.mark.parametrize("edit", EDITS_OF_SERVICES, ids=lambda edit: edit.name)
def test_what_diff_says_of_an_edit_of_a_service_is_what_happens(edited: Edited, edit: Edit) -> None:
    said, happened = edited.made(edit)
    assert happened == said, f"make diff says: {said}; what happens: {happened}"
