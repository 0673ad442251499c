"""What can be said about Kubernetes objects without a cluster: names, differences, readiness."""

import hashlib
import re
from typing import Any, NamedTuple

from airgap.plugins.serve import Object

AUTONAMED = "pulumi.com/autonamed"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# The fields whose change makes the official provider replace the object (its `forceNew` lists).
FORCE_NEW = {
    "ConfigMap": "binaryData data",
    "Deployment": "spec.selector",
    "Job": "spec.completions spec.parallelism spec.selector spec.template",
    "PersistentVolumeClaim": "spec.accessModes spec.selector spec.storageClassName spec.volumeName",
    "Secret": "type stringData data",
    "Service": "spec.clusterIP",
    "StatefulSet": "spec.podManagementPolicy spec.revisionHistoryLimit spec.selector"
    " spec.serviceName spec.volumeClaimTemplates",
}
CRASHES = 2  # restarts after which a crash loop counts as one
# A container that waits for one of these reasons seldom starts.
FATAL = re.compile(
    r"InvalidImageName|Err\w*Pull|(ImagePull|CrashLoop)BackOff|CreateContainer\w*Error"
)


class Trouble(NamedTuple):
    """Why something is not ready; waiting seldom helps when it is fatal."""

    message: str
    fatal: bool = False


def dig(obj: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path, or the default."""
    for key in path.split("."):
        if not isinstance(obj, dict) or key not in obj:
            return default
        obj = obj[key]
    return obj


def annotated(obj: Object, name: str) -> bool:
    return (dig(obj, "metadata.annotations") or {}).get(name) == "true"


def without_notes(live: Object) -> Object:
    """Without what is noted of who wrote which field; kubectl repeats even a Secret's values there."""
    metadata = {key: item for key, item in live["metadata"].items() if key != "managedFields"}
    if notes := metadata.get("annotations"):
        metadata["annotations"] = {key: notes[key] for key in notes if key != LAST_APPLIED}
    return {**live, "metadata": metadata}


def identity(obj: Object) -> str:
    """The resource id: `namespace/name`, or `name` for what has no namespace."""
    return "/".join(filter(None, (dig(obj, "metadata.namespace"), dig(obj, "metadata.name"))))


def described(obj: Object) -> str:
    return f'{obj["kind"]} "{identity(obj)}"'


def named(new: Object, old: Object, resource_name: str, seed: bytes) -> Object:
    """The object with a name: its own, the automatic one it has already, or a new automatic one."""
    metadata = dict(new.get("metadata") or {})
    if metadata.get("name"):
        return new
    kept = dig(old, "metadata.name") if annotated(old, AUTONAMED) else None
    metadata["name"] = kept or f"{resource_name}-{hashlib.sha256(seed).hexdigest()[:8]}"
    metadata["annotations"] = {**(metadata.get("annotations") or {}), AUTONAMED: "true"}
    return {**new, "metadata": metadata}


def replacing(old: Object, new: Object) -> list[str]:
    """The fields that differ and cannot change in place."""
    fields = f"metadata.name metadata.namespace {FORCE_NEW.get(new['kind'], '')}".split()
    return [field for field in fields if dig(old, field) != dig(new, field)]


def as_input(live: Any, asked: Any) -> Any:
    """What the live object says where the program asks for something: drift, without defaults."""
    import kubernetes.utils  # late, because it is slow

    if isinstance(live, dict) and isinstance(asked, dict):
        # The API server takes `stringData` and gives back `data`.
        live = {"stringData": asked.get("stringData"), **live}
        return {key: as_input(live[key], asked[key]) for key in asked if key in live}
    if isinstance(live, list) and isinstance(asked, list) and len(live) == len(asked):
        return [as_input(item, wish) for item, wish in zip(live, asked, strict=True)]
    number: Any = kubernetes.utils.parse_quantity
    try:
        return asked if number(live) == number(asked) else live  # such as 0.1 and 100m
    except ValueError:
        return live


def _condition(obj: Object, kind: str, status: str) -> str:
    for entry in dig(obj, "status.conditions") or []:
        if (entry["type"], entry["status"]) == (kind, status):
            return f"{entry.get('reason', kind)}: {entry.get('message', '')}"
    return ""


def problem(obj: Object) -> Trouble | None:
    """What keeps an object from being ready; None if nothing does, or its kind is not waited for."""
    status = obj.get("status", {})
    match obj["kind"]:
        case "Deployment" | "StatefulSet":
            wanted = dig(obj, "spec.replicas", 1)
            counted = ("replicas", "updatedReplicas", "availableReplicas")
            total, updated, available = (status.get(key, 0) for key in counted)
            if status.get("observedGeneration", 0) < dig(obj, "metadata.generation", 0):
                return Trouble("the controller has not seen the change yet")
            ready = wanted <= updated <= available and total <= updated
            text = f"{updated} of {wanted} pods updated, {available} available, {total} in all"
        case "Job":
            ready = bool(_condition(obj, "Complete", "True"))
            text = f"pods: {status.get('active', 0)} active, {status.get('failed', 0)} failed"
        case "Service" if dig(obj, "spec.type") == "LoadBalancer":
            ready, text = bool(dig(status, "loadBalancer.ingress")), "it has no address yet"
        case "Namespace" | "PersistentVolumeClaim":
            ready = status.get("phase") in ("Active", "Bound")
            text = f"phase {status.get('phase', 'Pending')}"
        case _:
            return None
    bad = (("Progressing", "False"), ("ReplicaFailure", "True"), ("Failed", "True"))
    failed = next(filter(None, (_condition(obj, *entry) for entry in bad)), "")
    return None if ready else Trouble(failed or text, fatal=bool(failed))


def pod_problem(pod: Object) -> Trouble | None:
    """What keeps a pod from being ready."""
    name, status = f"pod {pod['metadata']['name']}", pod.get("status", {})
    found = []
    if unscheduled := _condition(pod, "PodScheduled", "False"):
        found.append(Trouble(f"{name}: {unscheduled}"))
    for one in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        if one["ready"]:
            continue
        where = f"{name}, container {one['name']}"
        waiting = dig(one, "state.waiting", {})
        ended = dig(one, "state.terminated") or dig(one, "lastState.terminated", {})
        if FATAL.fullmatch(reason := waiting.get("reason", "")):
            early = reason == "CrashLoopBackOff" and one["restartCount"] < CRASHES
            text = f"{where}: {reason}: {waiting.get('message', '')}".rstrip(": ")
            found.append(Trouble(text, fatal=not early))
        elif ended:
            found.append(Trouble(f"{where}: {ended['reason']}, exit code {ended['exitCode']}"))
        else:
            found.append(Trouble(f"{where}: not ready"))
    return max(found, key=lambda trouble: trouble.fatal, default=None)


def newest(pods: list[Object]) -> list[Object]:
    """The pods of the present revision: what those of an old one suffer from is over."""

    def revision(pod: Object) -> str:
        labels = dig(pod, "metadata.labels", {})
        return str(labels.get("pod-template-hash") or labels.get("controller-revision-hash"))

    living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    last = max(living, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    return [pod for pod in living if last and revision(pod) == revision(last)]
