"""The keys of both services on a running release: `make diff` predicts what happens."""

import pytest

from tests.edits.edits import EDITS_OF_SERVICES, Edit, Edited


@pytest.mark.parametrize("edit", EDITS_OF_SERVICES, ids=lambda edit: edit.name)
def test_what_diff_says_of_an_edit_of_a_service_is_what_happens(edited: Edited, edit: Edit) -> None:
    said, happened = edited.made(edit)
    assert happened == said, f"make diff says: {said}; what happens: {happened}"
