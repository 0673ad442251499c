"""What each step of a preview does to the release's users: nothing, a rolling restart, an outage, a loss.

Judged by what the objects say, with neither engine nor cluster. If they do not decide it, the answer is the worse
one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from re import search
from typing import Any

from components.config.quantities import bytes_of, share
from components.config.secrets import SIGNING_KEYS, key_in_cluster
from ops.review import embedded, network
from ops.review.plan import CREATE, DELETE, REPLACE, SAME, UPDATE, Step
from ops.review.pod_changes import differing, template_changes
from policy.rule import Manifest, at, items, pod_of

# Kinds whose content cannot be made again.
HOLDS_DATA = {
    "PersistentVolumeClaim": "its volume goes with it",
    "PersistentVolume": "what is stored on it goes with it",
    "VolumeSnapshot": "what it holds goes with it",
    "Namespace": "every object in it goes with it, also those of others",
    "CustomResourceDefinition": "every object of its kind goes with it",
}
# Kinds whose absence stops no running pod and no request.
HARMLESS = ("PodDisruptionBudget", "HorizontalPodAutoscaler", "Job", "CronJob", "RandomPassword")

CONTENT = ("data", "binaryData", "stringData")
SIGNING_KEY, NEXT_KEY, FORMER_KEY = map(key_in_cluster, SIGNING_KEYS)
OTHER_SIGNING_KEY = (
    f"another {SIGNING_KEY}: every session ends, people sign in again; make rotate SECRET=betterAuthSecret replaces it "
    "without that"
)
OTHER_VALUES = "annotation taskflow/secret-version"
# All change when the key that is accepted becomes the one that signs.
ROTATED = {SIGNING_KEY, NEXT_KEY, FORMER_KEY}


class Risk(IntEnum):
    NONE = 0
    ROLLING = 1
    OUTAGE = 2
    LOSS = 3
    REFUSED = 4
    """The cluster or the database refuses it: nothing is applied."""

    def __str__(self) -> str:
        return ("none", "rolling restart", "short outage", "data loss", "refused")[self]


@dataclass(frozen=True)
class Effect:
    step: Step
    risk: Risk
    reason: str


def judge(steps: Sequence[Step], refusals: Mapping[str, str] | None = None) -> list[Effect]:
    """The effect of every step that changes something, in the order of the preview.

    Args:
        refusals: why the cluster would refuse a step, by the step's title.
    """
    plan, refused = Plan(steps), refusals or {}
    return [
        Effect(step, Risk.REFUSED, refused[step.title])
        if step.title in refused
        else Effect(step, *plan.judged(step))
        for step in steps
        if step.action != SAME
    ]


def highest(effects: Iterable[Effect]) -> Risk:
    return max((effect.risk for effect in effects), default=Risk.NONE)


def as_json(effects: Iterable[Effect]) -> list[dict[str, str]]:
    """For programs, in the order of the preview."""
    return [
        {
            "risk": str(effect.risk),
            "step": effect.step.action,
            "kind": effect.step.kind,
            "name": effect.step.name,
            "reason": effect.reason,
        }
        for effect in effects
    ]


@dataclass(frozen=True)
class Plan:
    """The whole preview, because a step's risk may lie in another: a ConfigMap's in the pods that read it."""

    steps: Sequence[Step]

    def judged(self, step: Step) -> tuple[Risk, str]:
        if step.kind == "NetworkPolicy" and (ended := network.ended(step, self.steps)):
            return Risk.OUTAGE, f"{ended}; whoever needs such a connection is cut off"
        if step.action == CREATE and self._replaces_given_key(step):
            return Risk.OUTAGE, OTHER_SIGNING_KEY
        if step.action == CREATE:
            return Risk.NONE, "new"
        if step.retained and step.action == DELETE:
            return Risk.NONE, "stays in the cluster; the stack forgets it"
        if step.protection:
            return Risk.NONE, step.protection
        match step.kind:
            case "Namespace" if step.action == DELETE and self._keeps_objects_in(step.name):
                return Risk.REFUSED, (
                    "objects that the stack keeps are in it: set taskflow:createNamespace to true, or first delete "
                    "them, too (make down)"
                )
            case kind if kind in HOLDS_DATA and step.action in (REPLACE, DELETE):
                return Risk.LOSS, _because(step, HOLDS_DATA[kind])
            case "Deployment":
                return self._rolled(step)
            case "StatefulSet":
                return self._stateful(step)
            case "Service":
                return _service(step)
            case "Ingress" | "HTTPRoute" | "Gateway":
                return _route(step)
            case "ConfigMap" | "Secret":
                return self._configuration(step)
            case "RandomPassword" if step.action == REPLACE:
                text = "another value: sessions signed with the old one end, and a database still has the old one"
                return Risk.OUTAGE, _because(step, text)
            case "RandomPassword" if embedded.locks_out(step, self.steps):
                return Risk.REFUSED, (
                    "the database's owner has this password, and no pod would know it: set "
                    "taskflow:database.embedded.passwords as the last update had it"
                )
            case "RandomPassword" if step.action == DELETE and embedded.drops_role_of(
                step, self.steps
            ):
                return Risk.OUTAGE, (
                    "pods still connect with it when its role is dropped: make rotate SECRET=databasePassword drops "
                    "the role in an update of its own"
                )
            case "RandomPassword" if step.action == DELETE and self._undoes_rotation(step):
                return Risk.REFUSED, (
                    "the last update had this newer signing key, as where somebody else rotated it: git pull, or set "
                    "taskflow:secrets.generations as the last update had it"
                )
            case "RandomPassword" if step.action == DELETE and self._gives_way(step):
                return Risk.OUTAGE, OTHER_SIGNING_KEY
            case "NetworkPolicy":
                return Risk.NONE, "every connection is still allowed; no pod is replaced"
            case "Image":
                return Risk.NONE, "pods that run it have steps of their own"
            case "PersistentVolumeClaim":
                return _resized(step)
            case "HorizontalPodAutoscaler" if step.action == DELETE:
                return Risk.NONE, (
                    "it is deleted last and may set its own replicas until then: make up REFRESH=1 sets the stack's"
                )
            case kind if kind in HARMLESS:
                return Risk.NONE, f"no pod is replaced: {_changed(step)}"
            case _ if step.action == UPDATE:
                rolls = bool(template_changes(step.old, step.new))
                return (Risk.ROLLING if rolls else Risk.NONE), f"changes in place: {_changed(step)}"
        return Risk.OUTAGE, _because(
            step, f"what uses this {step.kind} finds none{_for_how_long(step)}"
        )

    def _gives_way(self, step: Step) -> bool:
        """Whether a generated signing key goes while another is made: no pod accepts both.

        The Secret's step cannot tell: with a value that the update makes, a preview does not see which keys change.
        """
        return any(other.action == CREATE for other in self._generated_keys(step))

    def _undoes_rotation(self, step: Step) -> bool:
        """Whether the newest generated signing key goes while an older one stays or is made."""
        others = self._generated_keys(step)
        left = [_generation(other) for other in others if other.action != DELETE]
        return bool(left) and _generation(step) > max(left)

    def _replaces_given_key(self, step: Step) -> bool:
        """Whether a first generated signing key is for pods that run: they sign with one that was given."""
        keys = self._generated_keys(step)
        return (
            bool(keys)
            and all(other.action == CREATE for other in keys)
            and any(other.kind == "Deployment" and other.action == UPDATE for other in self.steps)
        )

    def _generated_keys(self, step: Step) -> list[Step]:
        """The steps of all generated signing keys, if it is one."""
        if step.kind != "RandomPassword" or SIGNING_KEY not in step.resource:
            return []
        return [
            other
            for other in self.steps
            if other.kind == step.kind and SIGNING_KEY in other.resource
        ]

    def _keeps_objects_in(self, namespace: str) -> bool:
        return any(
            step.action != DELETE and at(step.new, "metadata", "namespace") == namespace
            for step in self.steps
        )

    def _rolled(self, step: Step) -> tuple[Risk, str]:
        if step.action == DELETE:
            return Risk.OUTAGE, "its pods are deleted and not replaced"
        pods = self._pods(step)
        if step.action == REPLACE:
            if _same_name(step):
                return Risk.OUTAGE, _because(
                    step, f"{_count(pods)} before the replacement is ready"
                )
            return Risk.ROLLING, _because(step, "new pods are ready before the old ones stop")
        changes = template_changes(step.old, step.new)
        if known := _without_new_pods(step, pods, changes):
            return known
        why = f"pod template changes ({', '.join(changes)})"
        if not pods:
            return Risk.NONE, f"{why}, and there are no pods"
        if OTHER_VALUES in changes:
            return Risk.OUTAGE, (
                f"{why}: the Secret has other values, which a preview does not see: another {SIGNING_KEY} ends every "
                "session, another password fails requests until every pod has it"
            )
        strategy = at(step.new, "spec", "strategy")
        unavailable = at(strategy, "rollingUpdate", "maxUnavailable")
        away = share("25%" if unavailable is None else unavailable, pods, rounded_up=False)
        recreated = at(strategy, "type") == "Recreate"
        if recreated or away >= pods:
            cause = "strategy Recreate" if recreated else f"maxUnavailable {unavailable}"
            return Risk.OUTAGE, f"{why}: {_count(pods)} before the replacement is ready ({cause})"
        return Risk.ROLLING, f"{why}: {_in_turn(pods, away)}"

    def _stateful(self, step: Step) -> tuple[Risk, str]:
        retention = at(step.old, "spec", "persistentVolumeClaimRetentionPolicy")
        if step.action in (REPLACE, DELETE):
            if at(retention, "whenDeleted") == "Delete":
                text = "its volume claims go with it (whenDeleted: Delete)"
                return Risk.LOSS, _because(step, text)
            return Risk.OUTAGE, _because(step, "its pods stop; its volume claims stay")
        counts = [at(side, "spec", "replicas") for side in step.sides]
        before, after = (1 if count is None else count for count in counts)
        if at(retention, "whenScaled") == "Delete" and after < before:
            return Risk.LOSS, "the volume claims of removed pods go with them (whenScaled: Delete)"
        pods = self._pods(step)
        changes = template_changes(step.old, step.new)
        if known := _without_new_pods(step, pods, changes):
            return known
        if refused := embedded.without_its_data(step, self.steps):
            return Risk.REFUSED, refused
        why = f"pod template changes ({', '.join(changes)})"
        if at(step.new, "spec", "updateStrategy", "type") == "OnDelete":
            return Risk.NONE, f"{why}, used when a pod is deleted (OnDelete)"
        if pods <= 1:
            return Risk.OUTAGE, f"{why}: one pod, restarted"
        return Risk.ROLLING, f"{why}: {_in_turn(pods, 1)}"

    def _configuration(self, step: Step) -> tuple[Risk, str]:
        key = (step.kind, step.name)
        readers = [other for other in self.steps if key in _references(pod_of(other.old))]
        names = ", ".join(other.title for other in readers) or "no workload"
        if step.action == DELETE:
            # An update starts new pods, which read what the new template names.
            left = [
                other
                for other in readers
                if other.action != DELETE and key in _references(pod_of(other.new or other.old))
            ]
            if left:
                return Risk.OUTAGE, f"{left[0].title} still reads it: its next pod cannot start"
            return Risk.NONE, "no longer used"
        if step.action == UPDATE:
            # Of a Secret both sides are masked.
            changed = any(path.startswith(CONTENT) for path in step.changed)
            if not changed and all(step.old.get(key) == step.new.get(key) for key in CONTENT):
                return Risk.NONE, f"its content stays: {_changed(step)}"
            return Risk.NONE, f"read by {names} at the next start of a pod"
        if ended := _ended_sessions(step):
            return Risk.OUTAGE, f"{ended}; read by {names}"
        return Risk.NONE, f"a new one beside the old one; read by {names}"

    def _pods(self, step: Step) -> int:
        """A workload's fewest pods: the autoscaler's minimum, else the workload's replicas."""
        for other in self.steps:
            target = at(other.old, "spec", "scaleTargetRef", "name")
            if other.kind == "HorizontalPodAutoscaler" and target == step.name:
                return int(at(other.old, "spec", "minReplicas") or 1)
        counts = [at(side, "spec", "replicas") for side in step.sides]
        # Absent it is 1, and so is what only an update makes.
        return min(int(count) if isinstance(count, (int, float)) else 1 for count in counts)


def _generation(password: Step) -> int:
    found = search(r"-(\d+)$", password.resource)
    return int(found[1]) if found else 1


def _ended_sessions(step: Step) -> str:
    """Whose sessions a new Secret or ConfigMap ends; empty if nobody's.

    Of a Secret a preview shows which keys change, not their values.
    """
    before, after = (str(at(side, "data", "FRONTEND_URL")) for side in step.sides)
    if before != after and before.startswith("http") and after.startswith("http"):
        return f"the session cookie's name is made of FRONTEND_URL, which becomes {after}: people sign in again"
    changed = {path.rpartition(".")[2] for path in step.changed}
    if SIGNING_KEY in changed and not changed >= ROTATED:
        return OTHER_SIGNING_KEY
    if SIGNING_KEY not in changed and FORMER_KEY in changed:
        return f"{FORMER_KEY} is no longer accepted: sessions end in browsers that made no request meanwhile"
    return ""


def _resized(step: Step) -> tuple[Risk, str]:
    before, after = (at(side, "spec", "resources", "requests", "storage") for side in step.sides)
    try:
        was, will_be = (bytes_of(str(size or 0)) for size in (before, after))
    except ValueError:  # Only an update makes one of them.
        return Risk.REFUSED, "its size is not known before the update, and a volume cannot shrink"
    if was == will_be:
        return Risk.NONE, f"it stays: {_changed(step)}"
    if will_be < was:
        return Risk.REFUSED, f"a volume cannot shrink ({before} to {after}): revert the edit"
    return Risk.NONE, f"the volume grows in place ({before} to {after})"


def _service(step: Step) -> tuple[Risk, str]:
    if step.action in (REPLACE, DELETE):
        return Risk.OUTAGE, _because(step, f"its address does not answer{_for_how_long(step)}")
    before, after = (dict(at(side, "spec") or {}) for side in step.sides)
    if before.get("type", "ClusterIP") == "ClusterIP" != after.get("type", "ClusterIP"):
        # One more way in; a node port is part of it.
        for spec in (before, after):
            spec["type"] = None
            spec["ports"] = [{**port, "nodePort": None} for port in spec.get("ports") or ()]
    moved = [key for key in ("type", "ports", "selector") if before.get(key) != after.get(key)]
    if not moved and after.get("type") == "LoadBalancer" and _is_rebuilt(step):
        return Risk.OUTAGE, (
            f"a cloud may make its load balancer anew, with another address: {_changed(step)}"
        )
    if not moved:
        return Risk.NONE, f"its address stays: {_changed(step)}"
    return Risk.OUTAGE, f"its {', '.join(moved)} change: the old address no longer works"


def _is_rebuilt(step: Step) -> bool:
    """Whether what a load balancer is made from changes."""
    return any(
        at(step.old, *path) != at(step.new, *path)
        for path in (("metadata", "annotations"), ("spec", "loadBalancerClass"))
    )


def _route(step: Step) -> tuple[Risk, str]:
    if step.action in (REPLACE, DELETE):
        return Risk.OUTAGE, _because(
            step, f"the public address does not answer{_for_how_long(step)}"
        )
    before, after = (set(_answering(step.kind, side)) for side in step.sides)
    if before - after:
        return Risk.OUTAGE, f"{', '.join(sorted(before - after))} no longer answers"
    return Risk.NONE, f"every host stays: {_changed(step)}"


def _answering(kind: str, route: Manifest) -> Iterable[str]:
    """The hosts of an Ingress, HTTPRoute or Gateway, and who answers for them."""
    for rule in items(route, "spec", "rules"):
        if kind == "Ingress":
            yield str(at(rule, "host") or "every other host")
    for host in items(route, "spec", "hostnames"):
        yield str(host)
    if kind == "Ingress":
        yield f"class {at(route, 'spec', 'ingressClassName') or 'of the cluster'}"
    if kind == "Gateway":
        yield f"class {at(route, 'spec', 'gatewayClassName')}"
    for secured in items(route, "spec", "tls"):
        for host in items(secured, "hosts"):
            yield f"https://{host}"
    for listener in items(route, "spec", "listeners"):
        yield f"listener {listener['name']}"
        for key in ("port", "hostname"):
            if key in listener:
                yield f"{key} {listener[key]}"
    for parent in items(route, "spec", "parentRefs"):
        yield "Gateway " + " ".join(
            str(parent[key]) for key in ("namespace", "name", "sectionName") if key in parent
        )


def _references(value: Any) -> Iterable[tuple[str, str]]:
    """The ConfigMaps and Secrets that a pod names, by kind and name."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in ("configMapRef", "configMapKeyRef", "configMap"):
            yield "ConfigMap", str(at(item, "name"))
        elif key in ("secretRef", "secretKeyRef", "secret"):
            yield "Secret", str(at(item, "name") or at(item, "secretName"))
        else:
            yield from _references(item)


def _without_new_pods(step: Step, pods: int, changes: Sequence[str]) -> tuple[Risk, str] | None:
    """The risk of an update that starts no pod anew; None if it starts some."""
    if not pods and at(step.old, "spec", "replicas") != 0:
        return Risk.OUTAGE, "scaled to zero pods"
    if not changes:
        return Risk.NONE, f"no pod is replaced: {_changed(step)}"
    return None


def _same_name(step: Step) -> bool:
    """Two objects of one name cannot be there at once, so the old one goes first."""
    before, after = (at(side, "metadata", "name") for side in step.sides)
    return bool(before == after)


def _because(step: Step, consequence: str) -> str:
    if step.action == DELETE:
        return f"deleted: {consequence}"
    forced = f" ({', '.join(step.forced_by)} cannot change in place)" if step.forced_by else ""
    return f"replaced{forced}: {consequence}"


def _for_how_long(step: Step) -> str:
    return " until the new one is there" if step.action == REPLACE else ""


def _changed(step: Step) -> str:
    """The fields that change, as deep as the first that says something."""
    found = []
    for key in differing(step.old, step.new):
        before, after = step.old.get(key), step.new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += differing(before, after)
        else:
            found.append(key)
    return ", ".join(found) or "nothing in it"


def _count(pods: int) -> str:
    return "its only pod stops" if pods == 1 else f"all {pods} pods stop"


def _in_turn(pods: int, at_once: int) -> str:
    if pods == 1:
        return "one pod; the new one is ready before the old one stops"
    return f"{pods} pods one by one" if at_once <= 1 else f"{pods} pods, {at_once} at a time"
