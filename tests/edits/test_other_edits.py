"""All other keys on a running release: `make diff` predicts what happens."""

import pytest

from tests.edits.edits import OTHER_EDITS, Edit, Edited


@pytest.mark.parametrize("edit", OTHER_EDITS, ids=lambda edit: edit.name)
def test_what_diff_says_of_an_edit_is_what_happens(edited: Edited, edit: Edit) -> None:
    said, happened = edited.made(edit)
    assert happened == said, f"make diff says: {said}; what happens: {happened}"
