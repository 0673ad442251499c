"""Checks of a plan in the cluster: whether it answers, which names are taken, what admission forbids.

The provider's own preview is a dry run on the API server (`enable_server_side_apply`), so an invalid object fails it.
The rest is asked here.
"""

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.kubectl import Kubectl, reference
from ops.review import quota
from ops.review.needs import NO_RIGHT, Unmet
from ops.review.plan import CREATE, REPLACE, UPDATE, Step
from policy.rule import Manifest, at, items, pod_of

NAMESPACE_FIX = (
    "set taskflow:createNamespace to false to deploy into it, or taskflow:release to another name"
)
RELEASE_FIX = "set taskflow:release to another name"
FIELD_MANAGER = "taskflow-dry-run"
# Invalid is what a policy of the cluster answers.
FORBIDDEN = re.compile(r'\((?:Forbidden|Invalid)\): (?:[^:]*: )?\S+ "([^"]+)" is forbidden: (.*)')
# Names no object.
WEBHOOK = re.compile(r'admission webhook "[^"]+" denied the request.*')
TRIAL = "-trial"
"""Ends the name of a pod that is never made."""
QUOTA = "exceeded quota"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's mark of a value that only an update makes."""


def require_namespace(file: StackFile, env: Mapping[str, str]) -> None:
    """Fail if the namespace of the release is being deleted: nothing can be made in it.

    Raises:
        OpsError: also if the cluster does not answer.
    """
    kubectl = Kubectl(file.context, env)
    for found in kubectl.objects("namespace", file.namespace, "--ignore-not-found"):
        if at(found, "status", "phase") == "Terminating":
            raise OpsError(
                f"namespace {file.namespace} is being deleted",
                where=_held_by(found) or f"context {file.context}",
                fix="wait until it is gone, or remove what blocks it, then run the same command again: "
                f"kubectl --context {shlex.quote(file.context)} get namespace {file.namespace} --output yaml",
            )


def unmet(
    steps: Sequence[Step],
    file: StackFile,
    env: Mapping[str, str],
    state: Callable[[], Mapping[str, Any]] = dict,
) -> Unmet:
    """Why the cluster would refuse a step, by the step's title, and what it could not be asked.

    Args:
        state: exports the stack's; read where a name is taken.

    Raises:
        OpsError: if the cluster does not answer.
    """
    asked = [*_in_what_exists(steps)]
    kubectl = Kubectl(file.context, env)
    found = quota.overdrawn(asked, replace(kubectl, namespace=file.namespace))
    found.refusals |= _taken(steps, kubectl, state)
    _forbidden(asked, kubectl, found)
    _pods_forbidden(asked, kubectl, found)
    return found


def _taken(
    steps: Sequence[Step], kubectl: Kubectl, state: Callable[[], Mapping[str, Any]]
) -> dict[str, str]:
    """Refusals of steps that make an object, here or in another namespace, whose name is taken in the cluster."""
    wanted: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if at(step.new, "metadata", "name") and (step.action == CREATE or _moves(step)):
            wanted[str(at(step.new, "metadata", "namespace") or "")].append(step)
    taken: list[Step] = []
    for namespace, new in wanted.items():
        names = [reference(step.new, step.new["metadata"]["name"]) for step in new]
        objects = replace(kubectl, namespace=namespace).objects(*names, "--ignore-not-found")
        there = {(item["kind"], item["metadata"]["name"]) for item in objects}
        taken += [step for step in new if (step.new["kind"], step.new["metadata"]["name"]) in there]
    own = _not_yet_deleted(state()) if taken else ()
    return {
        step.title: (f"moves to namespace {_place(step.new)}: " if _moves(step) else "")
        + "it exists and is not this stack's: "
        + (NAMESPACE_FIX if step.kind == "Namespace" else RELEASE_FIX)
        for step in taken
        if _identity(step.new) not in own
    }


def _moves(step: Step) -> bool:
    """Whether it is replaced by one in another namespace, or by another namespace."""
    return step.action == REPLACE and _place(step.old) != _place(step.new)


def _place(manifest: Manifest) -> Any:
    return at(manifest, "metadata", "name" if manifest.get("kind") == "Namespace" else "namespace")


def _not_yet_deleted(state: Mapping[str, Any]) -> Collection[tuple[str, ...]]:
    """The objects that the stack replaced by an update that failed or was killed before it deleted them."""
    resources = items(state, "deployment", "resources")
    return {_identity(found["inputs"]) for found in resources if found.get("delete")}


def _identity(manifest: Manifest) -> tuple[str, ...]:
    names = (at(manifest, "metadata", key) or "" for key in ("namespace", "name"))
    return (str(manifest.get("kind")), *map(str, names))


def _forbidden(steps: Sequence[Step], kubectl: Kubectl, found: Unmet) -> None:
    """Refuse steps that admission forbids: a volume of a class that cannot grow, a quota.

    The provider's own dry run passes over these, because it takes them for missing rights.
    """
    asked = [step for step in steps if step.action in (CREATE, UPDATE) and _can_be_asked(step)]
    command = ("apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")
    refused = _dry_run([step.new for step in asked], command, kubectl, found)
    found.refusals |= {
        step.title: f"the API server refuses it: {refused[step.name]}"
        for step in asked
        if step.name in refused
    }


def _pods_forbidden(steps: Sequence[Step], kubectl: Kubectl, found: Unmet) -> None:
    """Refuse workloads whose pods admission forbids: a quota, a LimitRange, the namespace's Pod Security level.

    The API server accepts such a workload, but its pods never start: so one pod of each is asked for.
    """
    asked = [
        step
        for step in steps
        if step.action in (CREATE, UPDATE, REPLACE)
        and pod_of(step.new)
        and pod_of(step.new) != pod_of(step.old)
    ]
    refused = _dry_run([_pod(step) for step in asked], ("create",), kubectl, found)
    found.refusals |= {
        step.title: f"the API server refuses its pods: {text}"
        for step in asked
        if (text := refused.get(step.name + TRIAL))
        # If an old pod stops first, its share of the quota is free by then.
        and (QUOTA not in text or step.action == CREATE or _adds_first(step))
    }


def _in_what_exists(steps: Sequence[Step]) -> Iterable[Step]:
    """Skip objects of a namespace that does not exist yet: nothing limits them, and no dry run can make them."""
    new = {step.name for step in steps if step.kind == "Namespace" and step.action == CREATE}
    for step in steps:
        if step.action != CREATE or at(step.new, "metadata", "namespace") not in {None, *new}:
            yield step


def _pod(step: Step) -> Manifest:
    """A pod as the workload's controller would make it."""
    names = {"name": step.name + TRIAL, "namespace": at(step.new, "metadata", "namespace")}
    metadata = {**(at(step.new, "spec", "template", "metadata") or {}), **names}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_of(step.new)}


def _adds_first(step: Step) -> bool:
    return bool(at(step.new, "spec", "strategy", "rollingUpdate", "maxUnavailable") == 0)


def _dry_run(
    objects: Sequence[Manifest], command: Sequence[str], kubectl: Kubectl, found: Unmet
) -> dict[str, str]:
    """Why admission forbids objects, by their names. What this person may not create is a warning."""
    if not objects:
        return {}
    answer = kubectl.run(
        *(*command, "--dry-run=server", "--filename=-"),
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects]}),
    )
    if not answer.code:
        return {}
    if denied := WEBHOOK.search(answer.output):
        if len(objects) == 1:
            return {str(objects[0]["metadata"]["name"]): denied[0]}
        one_by_one = (_dry_run([one], command, kubectl, found) for one in objects)
        return {name: text for each in one_by_one for name, text in each.items()}
    if NO_RIGHT.search(answer.output):
        what = "pod" if objects[0]["kind"] == "Pod" else "object"
        found.not_checked(f"the cluster admits every {what}", answer.output)
    forbidden = FORBIDDEN.findall(answer.output)
    return {name: text for name, text in forbidden if not NO_RIGHT.search(text)}


def _can_be_asked(step: Step) -> bool:
    """Secrets are masked in a preview; what is not known yet has a placeholder, or no name."""
    return (
        step.type.startswith("kubernetes:")
        and step.kind != "Secret"
        and at(step.new, "metadata", "name") is not None
        and UNKNOWN not in str(step.new)
    )


def _held_by(namespace: Manifest) -> str:
    """Its remaining objects, and the finalizers that it waits for."""
    conditions = items(namespace, "status", "conditions")
    return "; ".join(
        str(entry["message"])
        for entry in conditions
        if entry["status"] == "True" and entry["type"].endswith("Remaining")
    )
