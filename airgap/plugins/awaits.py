"""When an object counts as ready, and why it does not become so."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from airgap.plugins.cluster import ApiError, Cluster, UnreachableError
from airgap.plugins.objects import annotation, described, dig, identity
from airgap.plugins.serve import Object, PluginError

INTERVAL = 0.4  # seconds between two looks
DEFAULT_TIMEOUT = 600.0
LOG_LINES = 12
# Seconds for which a reason must hold before the wait gives up: some of them heal by themselves.
GIVE_UP = {
    "InvalidImageName": 0,
    "ErrImageNeverPull": 0,
    "Failed": 0,
    "ErrImagePull": 5,
    "ImagePullBackOff": 5,
    "CreateContainerConfigError": 10,
    "CreateContainerError": 10,
    "CrashLoopBackOff": 15,
    "ReplicaFailure": 20,
    "ProgressDeadlineExceeded": 10,
}
CRASHES = 2  # restarts after which a crash loop counts as one


@dataclass(frozen=True)
class Verdict:
    state: Literal["ready", "waiting", "failed"]
    message: str = ""
    reason: str = ""  # a key of GIVE_UP, when failed


READY = Verdict("ready")


class NotReadyError(PluginError):
    """The wait ended without success. `live` is the object as last seen."""

    def __init__(self, live: Object, reasons: list[str]) -> None:
        super().__init__(reasons[0])
        self.live = live
        self.reasons = reasons


def _condition(obj: Object, kind: str) -> Object:
    conditions = dig(obj, "status.conditions") or []
    return next((c for c in conditions if c.get("type") == kind), {})


def deployment(obj: Object) -> Verdict:
    status, wanted = obj.get("status", {}), dig(obj, "spec.replicas", 1)
    if status.get("observedGeneration", 0) < dig(obj, "metadata.generation", 0):
        return Verdict("waiting", "the controller has not seen the change yet")
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    total = status.get("replicas", 0)
    if updated >= wanted and total <= updated and available >= updated:
        return READY
    for kind, broken in (("Progressing", "False"), ("ReplicaFailure", "True")):
        condition = _condition(obj, kind)
        if condition.get("status") == broken:
            reason = kind if kind == "ReplicaFailure" else condition.get("reason", "")
            return Verdict("failed", str(condition.get("message", reason)), reason)
    old = f", {total - updated} old left" if total > updated else ""
    return Verdict("waiting", f"{updated} of {wanted} pods updated, {available} available{old}")


def stateful_set(obj: Object) -> Verdict:
    status, wanted = obj.get("status", {}), dig(obj, "spec.replicas", 1)
    if status.get("observedGeneration", 0) < dig(obj, "metadata.generation", 0):
        return Verdict("waiting", "the controller has not seen the change yet")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    on_delete = dig(obj, "spec.updateStrategy.type") == "OnDelete"
    if ready >= wanted and (on_delete or updated >= wanted):
        return READY
    return Verdict("waiting", f"{updated} of {wanted} pods updated, {ready} ready")


def daemon_set(obj: Object) -> Verdict:
    status = obj.get("status", {})
    wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    seen = status.get("observedGeneration", 0) >= dig(obj, "metadata.generation", 0)
    if seen and status.get("updatedNumberScheduled", 0) >= wanted and ready >= wanted:
        return READY
    return Verdict("waiting", f"{ready} of {wanted} pods available")


def job(obj: Object) -> Verdict:
    if _condition(obj, "Complete").get("status") == "True":
        return READY
    failed = _condition(obj, "Failed")
    if failed.get("status") == "True":
        return Verdict("failed", f"{failed.get('reason')}: {failed.get('message')}", "Failed")
    status = obj.get("status", {})
    counts = f"{status.get('active', 0)} active, {status.get('failed', 0)} failed"
    return Verdict("waiting", f"pods: {counts}")


def pod(obj: Object) -> Verdict:
    phase = dig(obj, "status.phase", "Pending")
    if phase == "Succeeded" or _condition(obj, "Ready").get("status") == "True":
        return READY
    if phase == "Failed":
        return Verdict("failed", str(dig(obj, "status.message", "the pod failed")), "Failed")
    return Verdict("waiting", f"phase {phase}")


def phase(wanted: str) -> Callable[[Object], Verdict]:
    def check(obj: Object) -> Verdict:
        found = dig(obj, "status.phase", "Pending")
        return READY if found == wanted else Verdict("waiting", f"phase {found}")

    return check


def address(obj: Object) -> Verdict:
    """For Services of type LoadBalancer and Ingresses: somebody must give them an address."""
    if obj["kind"] == "Service" and dig(obj, "spec.type") != "LoadBalancer":
        return READY
    given = dig(obj, "status.loadBalancer.ingress")
    return READY if given else Verdict("waiting", "no address yet")


CHECKS: dict[str, Callable[[Object], Verdict]] = {
    "DaemonSet": daemon_set,
    "Deployment": deployment,
    "Ingress": address,
    "Job": job,
    "Namespace": phase("Active"),
    "PersistentVolumeClaim": phase("Bound"),
    "Pod": pod,
    "Service": address,
    "StatefulSet": stateful_set,
}


def pod_problem(obj: Object) -> Verdict:
    """What keeps a pod from running: `failed` with a reason, or `waiting` with an explanation."""
    where = f"pod {dig(obj, 'metadata.name')}"
    status = obj.get("status", {})
    states = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    for container in states:
        waiting = dig(container, "state.waiting") or {}
        reason = waiting.get("reason", "")
        text = f"{where}, container {container['name']}: {reason}: {waiting.get('message', '')}"
        early = reason == "CrashLoopBackOff" and container.get("restartCount", 0) < CRASHES
        if reason in GIVE_UP and not early:
            return Verdict("failed", text.rstrip(": "), reason)
    scheduled = _condition(obj, "PodScheduled")
    if scheduled.get("status") == "False":
        return Verdict("waiting", f"{where}: {scheduled.get('message', 'not scheduled')}")
    for container in states:
        ended = dig(container, "state.terminated") or dig(container, "lastState.terminated") or {}
        if ended.get("exitCode", 0):
            reason = f"{ended.get('reason')}, exit code {ended['exitCode']}"
            return Verdict("waiting", f"{where}, container {container['name']}: {reason}")
    unready = [c["name"] for c in states if not c.get("ready")]
    return Verdict("waiting", f"{where}: not ready: {', '.join(unready)}") if unready else READY


def newest(owner: Object, replica_sets: list[Object], pods: list[Object]) -> list[Object]:
    """The pods of the owner's present revision: what an old one suffers from is over."""
    label, value = "", ""
    if owner["kind"] == "Deployment":
        revision = annotation(owner, "deployment.kubernetes.io/revision")
        for candidate in replica_sets:
            if annotation(candidate, "deployment.kubernetes.io/revision") == revision:
                label, value = (
                    "pod-template-hash",
                    dig(candidate, "metadata.labels", {}).get("pod-template-hash", ""),
                )
    elif owner["kind"] == "StatefulSet":
        label, value = "controller-revision-hash", dig(owner, "status.updateRevision", "")
    living = [item for item in pods if not dig(item, "metadata.deletionTimestamp")]
    if not value:
        return living
    return [item for item in living if dig(item, "metadata.labels", {}).get(label) == value]


class Waiter:
    """Waits for one object, tells how it goes, and gives up when waiting cannot help."""

    def __init__(
        self, cluster: Cluster, cancelled: threading.Event, say: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._cancelled = cancelled
        self._say = say
        self._said = ""

    def ready(self, obj: Object, timeout: float) -> Object:
        check = CHECKS.get(obj["kind"])
        if check is None or annotation(obj, "pulumi.com/skipAwait") == "true":
            return obj
        limit = timeout or float(annotation(obj, "pulumi.com/timeoutSeconds") or DEFAULT_TIMEOUT)
        deadline = time.monotonic() + limit
        failing: dict[str, float] = {}
        live = obj
        while True:
            try:
                seen = self._cluster.get(obj)
                if seen is None:
                    raise NotReadyError(
                        live, [f"{described(obj)} was deleted while it was waited for"]
                    )
                live = seen
                verdict = self._late(live, check(live))
                if verdict.state == "ready":
                    return live
                pods = self._pods(live)
            except UnreachableError as error:
                verdict, pods = Verdict("waiting", str(error)), []
            problems = [verdict, *map(pod_problem, pods)]
            now = time.monotonic()
            reasons = {p.reason for p in problems if p.state == "failed"}
            failing = {reason: failing.get(reason, now) for reason in reasons}
            self._tell([p.message for p in problems if p.message])
            hopeless = any(now - since >= GIVE_UP.get(r, 0) for r, since in failing.items())
            if hopeless or now > deadline:
                ended = "did not become ready" + ("" if hopeless else f" within {limit:.0f} s")
                raise NotReadyError(
                    live, self._explain(f"{described(live)} {ended}", problems, pods)
                )
            if self._cancelled.wait(INTERVAL):
                raise NotReadyError(live, [f"the wait for {described(live)} was interrupted"])

    def gone(self, obj: Object, timeout: float) -> None:
        """Waits until the object, with all that hangs on it, does not exist any more."""
        uid, deadline = dig(obj, "metadata.uid"), time.monotonic() + (timeout or DEFAULT_TIMEOUT)
        while True:
            live = self._cluster.get(obj)
            if live is None or dig(live, "metadata.uid") != uid:
                return
            held = ", ".join(dig(live, "metadata.finalizers") or dig(live, "spec.finalizers") or [])
            self._tell([f"still there, finalizers: {held or 'none'}"])
            if time.monotonic() > deadline:
                raise PluginError(f"{described(obj)} is still there; finalizers: {held or 'none'}")
            if self._cancelled.wait(INTERVAL):
                raise PluginError(f"the wait for the end of {described(obj)} was interrupted")

    def _late(self, live: Object, verdict: Verdict) -> Verdict:
        """What the object alone does not tell: binding mode of a volume, endpoints of a Service."""
        if verdict.state == "waiting" and live["kind"] == "PersistentVolumeClaim":
            name = dig(live, "spec.storageClassName")
            storage = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"}
            found = name and self._cluster.get({**storage, "metadata": {"name": name}})
            if found and found.get("volumeBindingMode") == "WaitForFirstConsumer":
                return READY
        spec = live.get("spec", {})
        if verdict.state == "ready" and live["kind"] == "Service" and spec.get("selector"):
            if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
                return verdict
            namespace, name = dig(live, "metadata.namespace"), dig(live, "metadata.name")
            path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
            slices = self._cluster.items(path, labelSelector=f"kubernetes.io/service-name={name}")
            endpoints = [e for s in slices for e in s.get("endpoints") or []]
            if not any(dig(e, "conditions.ready") for e in endpoints):
                return Verdict("waiting", "no pod answers for it yet")
        return verdict

    def _pods(self, live: Object) -> list[Object]:
        namespace, labels = dig(live, "metadata.namespace"), dig(live, "spec.selector.matchLabels")
        if live["kind"] == "Pod":
            return [live]
        if live["kind"] not in ("Deployment", "StatefulSet", "DaemonSet", "Job") or not labels:
            return []
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = self._cluster.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
        sets = []
        if live["kind"] == "Deployment":
            path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
            sets = self._cluster.items(path, labelSelector=selector)
        return newest(live, sets, pods)

    def _tell(self, messages: list[str]) -> None:
        text = "; ".join(dict.fromkeys(messages))
        if text and text != self._said:
            self._said = text
            self._say(text)

    def _explain(self, headline: str, problems: list[Verdict], pods: list[Object]) -> list[str]:
        reasons = list(dict.fromkeys(p.message for p in problems if p.message))
        for item in pods:
            if pod_problem(item).state != "ready":
                reasons += [*self._warnings(item), *self._logs(item)]
                break  # its siblings say the same
        return [f"{headline}: {reasons[0] if reasons else 'no reason given'}", *reasons[1:]]

    def _warnings(self, item: Object) -> list[str]:
        namespace, name = identity(item).split("/")
        path = f"/api/v1/namespaces/{namespace}/events"
        try:
            found = self._cluster.items(path, fieldSelector=f"involvedObject.name={name}")
        except (ApiError, UnreachableError):
            return []
        texts = [e.get("message", "") for e in found if e.get("type") == "Warning"]
        return [f"pod {name}, event: {text}" for text in dict.fromkeys(texts[-3:])]

    def _logs(self, item: Object) -> list[str]:
        namespace, name = identity(item).split("/")
        told = []
        for container in dig(item, "status.containerStatuses") or []:
            if container.get("ready"):
                continue
            ended = container.get("restartCount", 0) > 0 and not dig(container, "state.running")
            path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
            try:
                text = self._cluster.text(
                    path,
                    container=container["name"],
                    tailLines=str(LOG_LINES),
                    previous=str(ended).lower(),
                )
            except (ApiError, UnreachableError):
                continue  # it never ran
            if text.strip():
                told.append(f"pod {name}, container {container['name']}, last log lines:\n{text}")
        return told
