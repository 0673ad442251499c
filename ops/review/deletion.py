"""What `make down` would delete, and whether the stack file says the same.

The engine destroys by the state: `keep` and `protect` count as the last `make up` had them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from components.config.stack import StackConfig
from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.review import embedded, risk
from ops.review.command import REFUSED, refuse_loss
from ops.review.plan import DELETE, Step
from policy.rule import items

CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
NAMESPACE = "kubernetes:core/v1:Namespace"


def require_leave(
    file: StackFile, config: StackConfig, state: Mapping[str, Any], confirm: str
) -> bool:
    """Fail if `make down` would treat a volume otherwise than the stack file says, or delete data without consent.

    On Minikube what is not kept is deleted without a question: such a stack is disposable.

    Args:
        state: as the engine exports it.

    Returns:
        Whether the database's volume is deleted.

    Raises:
        OpsError: before anything is deleted.
    """
    holders = [
        resource
        for resource in items(state, "deployment", "resources")
        if resource["type"] in (CLAIM, NAMESPACE) and not resource.get("delete")
    ]
    for claim in (holder for holder in holders if holder["type"] == CLAIM):
        differing = list(_differences(claim, config))
        if differing:
            raise OpsError(
                f"nothing was deleted: {file.path.name} and the last update of stack {file.name} differ about the "
                "database's volume",
                where="; ".join(differing),
                fix=f"make down follows the last update: run make up STACK={file.name} first, then make down "
                f"STACK={file.name}; or revert the edit",
                code=REFUSED,
            )
    steps = [
        Step(
            action=DELETE,
            type=holder["type"],
            resource=holder["urn"].rpartition("::")[2],
            old=holder["inputs"],
            retained=bool(holder.get("retainOnDelete")),
        )
        for holder in holders
    ]
    if file.profile is None:
        refuse_loss(risk.judge(steps), confirm, file.name, "make down")
    return any(embedded.is_its_volume(step) and not step.retained for step in steps)


def _differences(claim: Mapping[str, Any], config: StackConfig) -> Iterable[str]:
    embedded = config.database.embedded
    pairs = {"taskflow:protect": (config.protects, bool(claim.get("protect")))}
    if embedded:
        kept = bool(claim.get("retainOnDelete"))
        pairs["taskflow:database.embedded.keep"] = (embedded.keep, kept)
    for key, (wanted, known) in pairs.items():
        if wanted is not known:
            yield f"{key}: the file says {str(wanted).lower()}, the last update had {str(known).lower()}"
