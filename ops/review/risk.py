"""What each step of a preview does to those who use the release: nothing, a rolling restart, an outage, a loss.

Judged by what the objects say, with neither engine nor cluster. Where the text of an object cannot tell, the answer
is the worse one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ops.review.plan import CREATE, DELETE, REPLACE, SAME, UPDATE, Step
from ops.review.pod_changes import template_changes
from policy.rule import Manifest, at, items, pod_of

# What goes with these cannot be made again.
HOLDS_DATA = {
    "PersistentVolumeClaim": "its volume goes with it",
    "PersistentVolume": "what is stored on it goes with it",
    "Namespace": "every object in it goes with it, also those of others",
    "CustomResourceDefinition": "every object of its kind goes with it",
}
# Kinds whose absence stops no running pod and no request.
HARMLESS = ("PodDisruptionBudget", "HorizontalPodAutoscaler", "Job", "RandomPassword")

CONTENT = ("data", "binaryData", "stringData")


class Risk(IntEnum):
    NONE = 0
    ROLLING = 1
    OUTAGE = 2
    LOSS = 3

    def __str__(self) -> str:
        return ("none", "rolling restart", "short outage", "data loss")[self]


@dataclass(frozen=True)
class Verdict:
    step: Step
    risk: Risk
    reason: str


def judge(steps: Sequence[Step]) -> list[Verdict]:
    """A verdict on every step that changes something, in the order of the preview."""
    plan = Plan(steps)
    return [Verdict(step, *plan.judged(step)) for step in steps if step.action != SAME]


def highest(verdicts: Iterable[Verdict]) -> Risk:
    return max((verdict.risk for verdict in verdicts), default=Risk.NONE)


def as_json(verdicts: Iterable[Verdict]) -> list[dict[str, str]]:
    """For programs, in the order of the preview."""
    return [
        {
            "risk": str(verdict.risk),
            "step": verdict.step.action,
            "kind": verdict.step.kind,
            "name": verdict.step.name,
            "reason": verdict.reason,
        }
        for verdict in verdicts
    ]


@dataclass(frozen=True)
class Plan:
    """The whole preview, because a step's risk may lie in another: a ConfigMap's in the pods that read it."""

    steps: Sequence[Step]

    def judged(self, step: Step) -> tuple[Risk, str]:
        if step.action == CREATE:
            return Risk.NONE, "new"
        if step.retained and step.action == DELETE:
            return Risk.NONE, "stays in the cluster; the stack forgets it"
        match step.kind:
            case kind if kind in HOLDS_DATA and step.action in (REPLACE, DELETE):
                return Risk.LOSS, _because(step, HOLDS_DATA[kind])
            case "Deployment":
                return self._rolled(step)
            case "StatefulSet":
                return self._stateful(step)
            case "Service":
                return _service(step)
            case "Ingress":
                return _ingress(step)
            case "ConfigMap" | "Secret":
                return self._configuration(step)
            case "RandomPassword" if step.action == REPLACE:
                text = "another value: sessions signed with the old one end, a database keeps the old one"
                return Risk.OUTAGE, _because(step, text)
            case "NetworkPolicy":
                return Risk.NONE, "other ways are open or closed; no pod is replaced"
            case "Image":
                return Risk.NONE, "pods that run it have steps of their own"
            case "PersistentVolumeClaim":
                sizes = [
                    at(side, "spec", "resources", "requests", "storage") for side in _sides(step)
                ]
                grows = f"the volume grows in place ({sizes[0]} to {sizes[1]})"
                return Risk.NONE, grows if sizes[0] != sizes[1] else f"it stays: {_changed(step)}"
            case kind if kind in HARMLESS:
                return Risk.NONE, f"no pod is replaced: {_changed(step)}"
            case _ if step.action == UPDATE:
                rolls = bool(template_changes(step.old, step.new))
                return (Risk.ROLLING if rolls else Risk.NONE), f"changes in place: {_changed(step)}"
        return Risk.OUTAGE, _because(step, f"what uses this {step.kind} finds none meanwhile")

    def _rolled(self, step: Step) -> tuple[Risk, str]:
        # Here, because the models behind it take half a second to load, and most commands do without.
        from components.quantities import share

        if step.action == DELETE:
            return Risk.OUTAGE, "its pods end, and none follow"
        pods = self._pods(step)
        if step.action == REPLACE:
            if _same_name(step):
                return Risk.OUTAGE, _because(step, f"{_count(pods)} before the new start")
            return Risk.ROLLING, _because(step, "new pods start before the old end")
        changes = template_changes(step.old, step.new)
        if known := _without_new_pods(step, pods, changes):
            return known
        why = f"pod template changes ({', '.join(changes)})"
        if not pods:
            return Risk.NONE, f"{why}, and there are no pods"
        unavailable = at(step.new, "spec", "strategy", "rollingUpdate", "maxUnavailable")
        if at(step.new, "spec", "strategy", "type") == "Recreate":
            return Risk.OUTAGE, f"{why}: by strategy Recreate {_count(pods)} before the new start"
        away = share("25%" if unavailable is None else unavailable, pods, rounded_up=False)
        if away >= pods:
            return (
                Risk.OUTAGE,
                f"{why}: by maxUnavailable {unavailable} {_count(pods)} before the new start",
            )
        return Risk.ROLLING, f"{why}: {_in_turn(pods, away)}"

    def _stateful(self, step: Step) -> tuple[Risk, str]:
        if step.action in (REPLACE, DELETE):
            if (
                at(step.old, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted")
                == "Delete"
            ):
                return Risk.LOSS, _because(
                    step, "its volume claims go with it (whenDeleted: Delete)"
                )
            return Risk.OUTAGE, _because(
                step, "its pods end; volume claims are not deleted with it"
            )
        pods = self._pods(step)
        changes = template_changes(step.old, step.new)
        if known := _without_new_pods(step, pods, changes):
            return known
        why = f"pod template changes ({', '.join(changes)})"
        if at(step.new, "spec", "updateStrategy", "type") == "OnDelete":
            return Risk.NONE, f"{why}, taken up when a pod is deleted (OnDelete)"
        if pods <= 1:
            return Risk.OUTAGE, f"{why}: one pod, restarted"
        return Risk.ROLLING, f"{why}: {_in_turn(pods, 1)}"

    def _configuration(self, step: Step) -> tuple[Risk, str]:
        readers = [other for other in self.steps if self._reads(other, step)]
        names = ", ".join(other.title for other in readers) or "no workload"
        if step.action == DELETE:
            left = [other for other in readers if other.action == SAME]
            if left:
                return Risk.OUTAGE, f"{left[0].title} still reads it: its next pod cannot start"
            return Risk.NONE, "nothing reads it any more"
        if step.action == UPDATE:
            if all(step.old.get(key) == step.new.get(key) for key in CONTENT):
                return Risk.NONE, f"its content stays: {_changed(step)}"
            return Risk.NONE, f"read by {names} at the next start of a pod"
        return Risk.NONE, f"a new one beside the old; read by {names}"

    @staticmethod
    def _reads(reader: Step, read: Step) -> bool:
        """Whether a workload's pods, as they are now, name a ConfigMap or Secret."""
        return (read.kind, read.name) in set(_references(pod_of(reader.old)))

    def _pods(self, step: Step) -> int:
        """How many pods of a workload there are at least: the autoscaler's word, else the workload's own."""
        for other in self.steps:
            target = at(other.old, "spec", "scaleTargetRef", "name")
            if other.kind == "HorizontalPodAutoscaler" and target == step.name:
                return int(at(other.old, "spec", "minReplicas") or 1)
        counts = [at(side, "spec", "replicas") for side in _sides(step)]
        return min(1 if count is None else int(count) for count in counts)


def _service(step: Step) -> tuple[Risk, str]:
    if step.action in (REPLACE, DELETE):
        return Risk.OUTAGE, _because(step, "its address answers nobody meanwhile")
    before, after = (dict(at(side, "spec") or {}) for side in _sides(step))
    if before.get("type", "ClusterIP") == "ClusterIP" != after.get("type", "ClusterIP"):
        # One more way in; a node port is part of it.
        for spec in (before, after):
            spec["type"] = None
            spec["ports"] = [{**port, "nodePort": None} for port in spec.get("ports", ())]
    moved = [key for key in ("type", "ports", "selector") if before.get(key) != after.get(key)]
    if not moved:
        return Risk.NONE, f"its address stays: {_changed(step)}"
    return Risk.OUTAGE, f"its {', '.join(moved)} change: whoever uses the old finds nobody"


def _ingress(step: Step) -> tuple[Risk, str]:
    if step.action in (REPLACE, DELETE):
        return Risk.OUTAGE, _because(step, "the public address leads nowhere meanwhile")
    before, after = (
        {at(rule, "host") for rule in items(side, "spec", "rules")} for side in _sides(step)
    )
    if before - after:
        return Risk.OUTAGE, f"{', '.join(sorted(map(str, before - after)))} leads nowhere any more"
    return Risk.NONE, f"no host goes: {_changed(step)}"


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


def _sides(step: Step) -> tuple[Manifest, Manifest]:
    return step.old, step.new


def _without_new_pods(step: Step, pods: int, changes: Sequence[str]) -> tuple[Risk, str] | None:
    """The risk of an update that starts no pod anew; None if it starts some."""
    if not pods and at(step.old, "spec", "replicas") != 0:
        return Risk.OUTAGE, "scaled to no pod at all"
    if not changes:
        return Risk.NONE, f"no pod is replaced: {_changed(step)}"
    return None


def _same_name(step: Step) -> bool:
    """Two objects of one name cannot be there at once, so the old one goes first."""
    before, after = (at(side, "metadata", "name") for side in _sides(step))
    return bool(before == after)


def _because(step: Step, consequence: str) -> str:
    if step.action == DELETE:
        return f"deleted: {consequence}"
    forced = f" ({', '.join(step.forced_by)} cannot change in place)" if step.forced_by else ""
    return f"replaced{forced}: {consequence}"


def _changed(step: Step) -> str:
    """The fields that change, as deep as the first that says something."""
    found = []
    for key in sorted({*step.old, *step.new}):
        before, after = step.old.get(key), step.new.get(key)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            found += sorted(
                part for part in {*before, *after} if before.get(part) != after.get(part)
            )
        else:
            found.append(key)
    return ", ".join(found) or "nothing of its own"


def _count(pods: int) -> str:
    return "its only pod ends" if pods == 1 else f"all {pods} pods end"


def _in_turn(pods: int, at_once: int) -> str:
    if pods == 1:
        return "one pod, the new before the old ends"
    return f"{pods} pods one by one" if at_once <= 1 else f"{pods} pods, {at_once} at a time"
