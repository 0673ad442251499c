"""The edits themselves: every key has one, and each changes something."""

import pytest

from components.config.check import parse
from components.config.stack import StackConfig
from tests.edits.edits import (
    EDITS_OF_SERVICES,
    ELSEWHERE,
    OTHER_EDITS,
    OUTSIDE_VALUES,
    VALUES,
    Edit,
    begins,
)
from tests.unit.conftest import encrypted, merged, source_of
from tests.unit.test_every_key import keys_of

EDITS = [*EDITS_OF_SERVICES, *OTHER_EDITS]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_every_edit_leads_from_one_valid_configuration_to_another(edit: Edit) -> None:
    values = merged(OUTSIDE_VALUES if edit.outside else VALUES, edit.around)
    before = parse(values, secrets={}, source=source_of("x"))
    after = parse(edit.changed(values), secrets=encrypted(edit.secrets), source=source_of("x"))
    assert before != after


def test_no_key_is_forgotten() -> None:
    edited = {key for edit in EDITS for key in edit.values}
    forgotten = {key for key in keys_of(StackConfig) if not begins(key, ELSEWHERE)} - edited
    assert not forgotten
