"""When an object counts as ready, and why it does not become so."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from airgap.plugins.cluster import ApiError, Cluster, UnreachableError
from airgap.plugins.objects import SKIP_AWAIT, annotation, described, dig
from airgap.plugins.serve import Object, PluginError

INTERVAL = 0.4  # seconds between two looks
TIMEOUT = 600.0
LOG_LINES = 12
CRASHES = 2  # restarts after which a crash loop counts as one
# Seconds for which something fatal must hold before the wait gives up: some of it heals by itself.
PATIENCE = 10.0
FATAL = {
    "InvalidImageName",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "CrashLoopBackOff",
}


@dataclass(frozen=True)
class Trouble:
    """Why something is not ready; waiting seldom helps when it is fatal."""

    message: str
    fatal: bool = False


class NotReadyError(PluginError):
    """The wait ended without success. `live` is the object as last seen."""

    def __init__(self, live: Object, reasons: list[str]) -> None:
        super().__init__(reasons[0])
        self.live = live
        self.reasons = reasons


def _condition(obj: Object, kind: str, status: str) -> Object | None:
    conditions = dig(obj, "status.conditions") or []
    return next((c for c in conditions if (c["type"], c["status"]) == (kind, status)), None)


def deployment(obj: Object) -> Trouble | None:
    status, wanted = obj.get("status", {}), dig(obj, "spec.replicas", 1)
    if status.get("observedGeneration", 0) < dig(obj, "metadata.generation", 0):
        return Trouble("the controller has not seen the change yet")
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    total = status.get("replicas", 0)
    if updated >= wanted and total <= updated and available >= updated:
        return None
    broken = _condition(obj, "Progressing", "False") or _condition(obj, "ReplicaFailure", "True")
    if broken:
        return Trouble(broken["message"], fatal=True)
    old = f", {total - updated} old left" if total > updated else ""
    return Trouble(f"{updated} of {wanted} pods updated, {available} available{old}")


def stateful_set(obj: Object) -> Trouble | None:
    status, wanted = obj.get("status", {}), dig(obj, "spec.replicas", 1)
    if status.get("observedGeneration", 0) < dig(obj, "metadata.generation", 0):
        return Trouble("the controller has not seen the change yet")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if ready >= wanted and updated >= wanted:
        return None
    return Trouble(f"{updated} of {wanted} pods updated, {ready} ready")


def job(obj: Object) -> Trouble | None:
    if _condition(obj, "Complete", "True"):
        return None
    if failed := _condition(obj, "Failed", "True"):
        return Trouble(f"{failed['reason']}: {failed['message']}", fatal=True)
    active, failures = dig(obj, "status.active", 0), dig(obj, "status.failed", 0)
    return Trouble(f"pods: {active} active, {failures} failed")


def in_phase(wanted: str) -> Callable[[Object], Trouble | None]:
    def check(obj: Object) -> Trouble | None:
        found = dig(obj, "status.phase", "Pending")
        return None if found == wanted else Trouble(f"phase {found}")

    return check


CHECKS: dict[str, Callable[[Object], Trouble | None]] = {
    "Deployment": deployment,
    "Job": job,
    "Namespace": in_phase("Active"),
    "PersistentVolumeClaim": in_phase("Bound"),
    "StatefulSet": stateful_set,
}


def pod_trouble(pod: Object) -> Trouble | None:
    """What keeps a pod from running."""
    where = f"pod {pod['metadata']['name']}"
    status = pod.get("status", {})
    containers = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    for container in containers:
        waiting = dig(container, "state.waiting") or {}
        reason = waiting.get("reason", "")
        early = reason == "CrashLoopBackOff" and container["restartCount"] < CRASHES
        if reason in FATAL and not early:
            text = f"{where}, container {container['name']}: {reason}: {waiting.get('message', '')}"
            return Trouble(text.rstrip(": "), fatal=True)
    if unscheduled := _condition(pod, "PodScheduled", "False"):
        return Trouble(f"{where}: {unscheduled.get('message', 'not scheduled')}")
    for container in containers:
        ended = dig(container, "state.terminated") or dig(container, "lastState.terminated") or {}
        if ended.get("exitCode"):
            reason = f"{ended.get('reason')}, exit code {ended['exitCode']}"
            return Trouble(f"{where}, container {container['name']}: {reason}")
    unready = [c["name"] for c in containers if not c["ready"]]
    return Trouble(f"{where}: not ready: {', '.join(unready)}") if unready else None


def newest(pods: list[Object]) -> list[Object]:
    """The pods of the present revision: what those of an old one suffer from is over."""

    def revision(pod: Object) -> str:
        labels = dig(pod, "metadata.labels", {})
        return str(labels.get("pod-template-hash") or labels.get("controller-revision-hash"))

    living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    last = max(living, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    return [pod for pod in living if last and revision(pod) == revision(last)]


class Waiter:
    """Waits for one object, tells how it goes, and gives up when waiting cannot help."""

    def __init__(
        self, cluster: Cluster, cancelled: threading.Event, say: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._cancelled = cancelled
        self._say = say
        self._said = ""

    def ready(self, live: Object) -> Object:
        if live["kind"] not in CHECKS or annotation(live, SKIP_AWAIT) == "true":
            return live
        what, began, fatal_since = described(live), time.monotonic(), None
        while True:
            pods: list[Object] = []
            try:
                seen = self._cluster.get(live)
                if seen is None:
                    raise NotReadyError(live, [f"{what} was deleted while it was waited for"])
                live = seen
                trouble = CHECKS[live["kind"]](live)
                if trouble is None or self._binds_later(live):
                    return live
                pods = self._pods(live)
            except UnreachableError as error:
                trouble = Trouble(str(error))
            troubles = [trouble, *filter(None, map(pod_trouble, pods))]
            messages = list(dict.fromkeys(t.message for t in troubles))
            self._tell(messages)
            now = time.monotonic()
            fatal_since = (fatal_since or now) if any(t.fatal for t in troubles) else None
            ended = ""
            if fatal_since and now - fatal_since >= PATIENCE:
                ended = f"{what} did not become ready"
            elif now - began > TIMEOUT:
                ended = f"{what} did not become ready within {TIMEOUT:.0f} s"
            if ended:
                first, *others = messages + self._details(pods)
                raise NotReadyError(live, [f"{ended}: {first}", *others])
            if self._cancelled.wait(INTERVAL):
                raise NotReadyError(live, [f"the wait for {what} was interrupted"])

    def gone(self, obj: Object) -> None:
        """Waits until the object, with all that hangs on it, does not exist any more."""
        began = time.monotonic()
        while True:
            live = self._cluster.get(obj)
            if live is None or live["metadata"]["uid"] != obj["metadata"]["uid"]:
                return
            held = dig(live, "metadata.finalizers") or dig(live, "spec.finalizers") or ["none"]
            message = f"still there, finalizers: {', '.join(held)}"
            self._tell([message])
            if time.monotonic() - began > TIMEOUT:
                raise PluginError(f"{described(obj)} is {message}")
            if self._cancelled.wait(INTERVAL):
                raise PluginError(f"the wait for the end of {described(obj)} was interrupted")

    def _binds_later(self, live: Object) -> bool:
        """Whether a volume claim waits for its first pod."""
        name = dig(live, "spec.storageClassName")
        if live["kind"] != "PersistentVolumeClaim" or not name:
            return False
        storage = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"}
        found = self._cluster.get({**storage, "metadata": {"name": name}}) or {}
        return found.get("volumeBindingMode") == "WaitForFirstConsumer"

    def _pods(self, live: Object) -> list[Object]:
        labels = dig(live, "spec.selector.matchLabels")
        if not labels:
            return []
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        path = f"/api/v1/namespaces/{live['metadata']['namespace']}/pods"
        return newest(self._cluster.items(path, labelSelector=selector))

    def _tell(self, messages: list[str]) -> None:
        text = "; ".join(messages)
        if text != self._said:
            self._said = text
            self._say(text)

    def _details(self, pods: list[Object]) -> list[str]:
        """Events and last log lines of a pod in trouble; its siblings say the same."""
        pod = next(filter(pod_trouble, pods), None)
        if pod is None:
            return []
        told: list[str] = []
        name, api = pod["metadata"]["name"], f"/api/v1/namespaces/{pod['metadata']['namespace']}"
        try:
            events = self._cluster.items(
                f"{api}/events", fieldSelector=f"involvedObject.name={name}"
            )
            warnings = dict.fromkeys(e["message"] for e in events if e.get("type") == "Warning")
            told += [f"pod {name}, event: {text}" for text in [*warnings][-3:]]
            for container in dig(pod, "status.containerStatuses", []):
                ended = container["restartCount"] > 0 and not dig(container, "state.running")
                if not container["ready"] and (ended or dig(container, "state.waiting") is None):
                    text = self._cluster.text(
                        f"{api}/pods/{name}/log",
                        container=container["name"],
                        tailLines=str(LOG_LINES),
                        previous=str(ended).lower(),
                    )
                    lines = f"pod {name}, container {container['name']}, last log lines:\n{text}"
                    told += [lines] if text.strip() else []
        except (ApiError, UnreachableError):
            pass  # what is known already has to do
        return told
