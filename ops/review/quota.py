"""Whether the namespace's quotas have room for all pods of a plan: the API server is asked for one pod at a time."""

from collections import Counter
from collections.abc import Sequence

from components.config.quantities import amount
from ops.kubectl import Kubectl, NoAnswerError
from ops.review.needs import Unmet
from ops.review.plan import SAME, Step
from policy.rule import Manifest, at, items, pod_of

COUNTED = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""Keys of a quota that are also the paths of a container's resources."""


def overdrawn(steps: Sequence[Step], kubectl: Kubectl) -> Unmet:
    """For workloads that need more than before: the quota without room for all their pods, by the step's title.

    Pods of a rollout's surge are not counted: where a quota refuses them, the rollout waits until old ones are gone.
    """
    before = {step.title: _of(step.old, steps) for step in steps if pod_of(step.old)}
    after = {step.title: _of(step.new, steps) for step in steps if pod_of(step.new)}
    none: Counter[str] = Counter()
    growing = [
        step.title
        for step in steps
        if step.action != SAME and after.get(step.title, none) - before.get(step.title, none)
    ]
    found = Unmet()
    if not growing:
        return found
    try:
        quotas = kubectl.objects("resourcequotas")
    except NoAnswerError as error:
        found.not_checked("the quotas have room for all pods", error.where)
        return found
    more = Counter(sum(after.values(), none))
    more.subtract(sum(before.values(), none))
    for quota in quotas:
        if at(quota, "spec", "scopes") or at(quota, "spec", "scopeSelector"):
            continue  # It counts some pods only.
        for key, hard in (at(quota, "status", "hard") or {}).items():
            used = at(quota, "status", "used", key) or "0"
            new = more[f"requests.{key}" if key in ("cpu", "memory") else key]
            if new > 0 and _thousandths(used) + new > _thousandths(hard):
                name = quota["metadata"]["name"]
                text = f"quota {name} limits {key} to {hard}, {used} of it used, which is too little for all pods"
                found.refusals |= dict.fromkeys(growing, text)
    return found


def _of(workload: Manifest, steps: Sequence[Step]) -> Counter[str]:
    """What all pods of a workload request, by the quota's key, in thousandths."""
    pods = at(workload, "spec", "replicas")
    for other in steps:
        scaled = at(other.new, "spec", "scaleTargetRef", "name")
        if pods is None and scaled == at(workload, "metadata", "name"):
            pods = at(other.new, "spec", "minReplicas")
    count = int(1 if pods is None else pods)
    found = Counter({"pods": count * _thousandths("1")})
    for container in items(pod_of(workload), "containers"):
        for key in COUNTED:
            said = at(container, "resources", *key.split(".")) or "0"
            found[key] += count * _thousandths(said)
    return found


def _thousandths(quantity: object) -> int:
    return int(amount(str(quantity)) * 1000)
