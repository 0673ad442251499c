"""Which stacks protect what holds their data."""

from typing import Any

import pytest

from components.config.stack import StackConfig
from tests.unit.conftest import DEPLOYED, LOCAL, merged


@pytest.mark.parametrize(
    ("values", "protected"),
    [
        (LOCAL, False),
        (DEPLOYED, True),
        (merged(LOCAL, {"protect": True}), True),
        (merged(DEPLOYED, {"protect": False}), False),
    ],
)
def test_what_holds_data_is_protected_except_on_minikube(
    values: dict[str, Any], protected: bool
) -> None:
    assert StackConfig.model_validate(values).protects is protected
