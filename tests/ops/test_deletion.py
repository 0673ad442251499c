"""`make down` refuses if the stack file and the state differ about data, or nobody agreed to lose it."""

from pathlib import Path
from typing import Any

import pytest

from components.config.stack import StackConfig
from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.review.deletion import CLAIM, NAMESPACE, require_leave
from tests.ops.machines import DEV

STAGING = StackFile("staging", Path("Pulumi.staging.yaml"), "staging", None, None, True)


ELSEWHERE = {"cluster": {"context": "staging"}, "images": {"registry": "ghcr.io/acme"}}


def config(**changes: Any) -> StackConfig:
    values = {"cluster": {"context": "minikube", "minikube": "minikube"}}
    embedded = {"database": {"embedded": changes.pop("embedded", {})}}
    return StackConfig.model_validate(values | embedded | {"secrets": {"generate": True}} | changes)


def state(name: str = "taskflow-postgres-data", kind: str = CLAIM, **flags: bool) -> dict[str, Any]:
    """A state with an object that holds data, as the last update left it."""
    inputs = {"metadata": {"name": name}}
    holder = {"type": kind, "urn": f"urn::{kind}::{name}", "inputs": inputs}
    return {"deployment": {"resources": [holder | flags]}}


@pytest.mark.parametrize(
    ("wanted", "deployed", "where"),
    [
        (
            config(embedded={"keep": True}),
            state(),
            "keep: the file says true, the last update had false",
        ),
        (
            config(),
            state(retainOnDelete=True),
            "keep: the file says false, the last update had true",
        ),
        (config(protect=True), state(), "protect: the file says true, the last update had false"),
    ],
    ids=["keep, not yet up", "keep, reverted", "protect, not yet up"],
)
def test_nothing_is_deleted_while_file_and_state_differ(
    wanted: StackConfig, deployed: dict[str, Any], where: str
) -> None:
    with pytest.raises(OpsError, match="nothing was deleted") as refused:
        require_leave(DEV, wanted, deployed, "data-loss")
    assert where in refused.value.where
    assert "run make up STACK=dev first" in refused.value.fix


def test_a_disposable_stack_is_deleted_without_a_question() -> None:
    assert require_leave(DEV, config(), state(), "")


def test_a_volume_on_another_cluster_is_deleted_only_with_consent() -> None:
    elsewhere = config(**ELSEWHERE, protect=False)
    with pytest.raises(OpsError, match="data would be lost") as refused:
        require_leave(STAGING, elsewhere, state(), "")
    assert "make down STACK=staging CONFIRM=data-loss" in refused.value.fix
    require_leave(STAGING, elsewhere, state(), "data-loss")


def test_a_namespace_on_another_cluster_is_deleted_only_with_consent() -> None:
    """Others may have objects in it."""
    elsewhere = config(**ELSEWHERE, protect=False)
    with pytest.raises(OpsError, match="data would be lost") as refused:
        require_leave(STAGING, elsewhere, state("taskflow", NAMESPACE), "")
    assert "every object in it goes with it" in refused.value.where
    assert "make down STACK=staging CONFIRM=data-loss" in refused.value.fix
    assert not require_leave(STAGING, elsewhere, state("taskflow", NAMESPACE), "data-loss")
    kept = state("taskflow", NAMESPACE, retainOnDelete=True)
    assert not require_leave(STAGING, elsewhere, kept, "")
    assert not require_leave(DEV, config(), state("taskflow", NAMESPACE), "")


def test_the_volume_of_scheduled_backups_is_lost_without_a_backup_of_the_database() -> None:
    assert not require_leave(DEV, config(), state("taskflow-backups"), "data-loss")


def test_a_stack_without_a_volume_loses_none() -> None:
    assert not require_leave(STAGING, config(**ELSEWHERE), {"deployment": {}}, "")
