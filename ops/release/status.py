"""What is deployed and how it is: one look at the stack's history and at the cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from ops.errors import OpsError
from ops.processes import ask
from ops.release.history import Place, Revision, Update, revisions

KINDS = "deployments,statefulsets,pods,services,endpointslices.discovery.k8s.io"
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    name: str
    component: str
    ready: bool
    restarts: int
    started: str
    reason: str
    """Why it is not ready, or what ended its container before; nothing where all is well."""


@dataclass(frozen=True)
class Workload:
    name: str
    ready: int
    wanted: int
    images: tuple[str, ...]


@dataclass(frozen=True)
class Endpoints:
    service: str
    ready: int
    total: int


@dataclass(frozen=True)
class Status:
    release: str
    namespace: str
    context: str
    url: str
    since: str
    """When the oldest of its workloads was made."""
    last: Update
    """The last time that the engine ran on the stack, whatever came of it."""
    revision: Revision | None
    workloads: tuple[Workload, ...]
    pods: tuple[Pod, ...]
    endpoints: tuple[Endpoints, ...]

    @property
    def faults(self) -> list[str]:
        """What is not as it should be, in words; empty means that all is well."""
        if not self.workloads:
            return [f"no objects of release {self.release} in namespace {self.namespace}"]
        failed = [] if self.last.succeeded else [f"the last {self.last.kind} failed"]
        return [
            *failed,
            *(f"pod {pod.name} is not ready: {pod.reason}" for pod in self.pods if not pod.ready),
            *(
                f"{workload.name} has {workload.ready} of {workload.wanted} pods ready"
                for workload in self.workloads
                if workload.ready < workload.wanted
            ),
            *(f"service {at.service} has no endpoint" for at in self.endpoints if not at.ready),
        ]

    def as_json(self) -> dict[str, Any]:
        parts = ("workloads", "pods", "endpoints")
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        told |= {part: [asdict(one) for one in told[part]] for part in parts}
        told["faults"] = self.faults
        told["revision"] = self.revision.as_json() if self.revision else None
        told["last"] = {
            "kind": self.last.kind,
            "succeeded": self.last.succeeded,
            "time": self.last.ended.isoformat(),
            "title": self.last.title,
            "by": self.last.record.by,
        }
        return told


def look(place: Place, history: list[Update], env: Mapping[str, str]) -> Status:
    """Ask the cluster.

    Args:
        history: of the stack, not empty.

    Raises:
        OpsError: if it does not answer.
    """
    command = ["kubectl", "--context", place.context, "--namespace", place.namespace]
    command += ["--request-timeout=15s", "get", "--output=json"]
    objects = _items([*command, KINDS, f"--selector=app={place.release}"], env)
    pods = [item for item in objects if item["kind"] == "Pod" and not _leaving(item)]
    # That a probe fails stands nowhere but in the events.
    silent = any(not _ready(pod) and _running(pod) for pod in pods)
    events = (
        _items([*command, "events", "--field-selector=reason=Unhealthy"], env) if silent else []
    )
    workloads = [item for item in objects if item["kind"] in {"Deployment", "StatefulSet"}]
    made = [str(item["metadata"]["creationTimestamp"]) for item in workloads]
    return Status(
        release=place.release,
        namespace=place.namespace,
        context=place.context,
        url=place.url,
        since=min(made, default=""),
        last=history[0],
        revision=next(reversed(revisions(history)), None),
        workloads=tuple(_workload(item) for item in workloads),
        pods=tuple(_pod(item, events) for item in pods),
        endpoints=tuple(_endpoints(objects)),
    )


def _items(command: Sequence[str], env: Mapping[str, str]) -> list[Manifest]:
    answer = ask(command, env=env, timeout=30)
    try:
        items: list[Manifest] | None = (
            json.loads(answer.output)["items"] if answer.code == 0 else None
        )
    except (ValueError, KeyError):
        items = None
    if items is None:
        raise OpsError(
            "the cluster does not tell what runs on it",
            where=" ".join(answer.output.split())[:240],
            fix="make up starts a Minikube that is down; else look at the context's cluster",
        )
    return items


def _workload(item: Manifest) -> Workload:
    containers = item["spec"]["template"]["spec"]["containers"]
    return Workload(
        name=item["metadata"]["name"],
        ready=item["status"].get("readyReplicas", 0),
        wanted=item["spec"].get("replicas", 1),
        images=tuple(container["image"] for container in containers),
    )


def _pod(item: Manifest, events: Sequence[Manifest]) -> Pod:
    return Pod(
        name=item["metadata"]["name"],
        component=item["metadata"]["labels"].get("component", ""),
        ready=_ready(item),
        restarts=sum(status["restartCount"] for status in _containers(item)),
        started=item["metadata"]["creationTimestamp"],
        reason=_reason(item, events),
    )


def _endpoints(objects: Sequence[Manifest]) -> Iterator[Endpoints]:
    slices = [item for item in objects if item["kind"] == "EndpointSlice"]
    for service in (item for item in objects if item["kind"] == "Service"):
        name = service["metadata"]["name"]
        found = [
            endpoint["conditions"].get("ready", False)
            for item in slices
            if item["metadata"]["labels"].get("kubernetes.io/service-name") == name
            for endpoint in item["endpoints"] or []
        ]
        yield Endpoints(name, sum(found), len(found))


def _reason(pod: Manifest, events: Sequence[Manifest]) -> str:
    for condition in pod["status"].get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return _joined(condition.get("reason"), condition.get("message"))
    for status in _containers(pod):
        ended = _ended(status.get("lastState") or {})
        for state in ("waiting", "terminated"):
            now = (status.get("state") or {}).get(state)
            if now:
                # That a container is waited for says nothing, where its last run tells why.
                said = None if ended else now.get("message")
                words = _ended(status["state"]) or _joined(now.get("reason"), said)
                return "; before that: ".join(filter(None, [words, ended]))
        if not status["ready"]:
            return "; ".join(filter(None, [_probe(pod, events), ended and f"before that: {ended}"]))
        if ended:
            return f"was started again: {ended}"
    return "" if _ready(pod) else pod["status"].get("reason") or pod["status"]["phase"]


def _probe(pod: Manifest, events: Sequence[Manifest]) -> str:
    """The last thing that a failed probe said."""
    about = [event for event in events if event["involvedObject"]["uid"] == pod["metadata"]["uid"]]
    about.sort(key=lambda event: str(event.get("lastTimestamp")))
    return (
        " ".join(about[-1]["message"].split())
        if about
        else "running, its readiness probe has not passed yet"
    )


def _ended(state: Manifest) -> str:
    """How a container ended, and its last line: `Error (exit code 2): no such file`."""
    ended = state.get("terminated")
    if not ended:
        return ""
    how = f"{ended.get('reason', 'ended')} (exit code {ended['exitCode']})"
    lines = (ended.get("message") or "").strip().splitlines()
    return _joined(how, _message(lines[-1]) if lines else None)


def _message(line: str) -> str:
    """What a line of a log says, also where logs are JSON."""
    try:
        return str(json.loads(line)["message"])
    except (ValueError, TypeError, KeyError):
        return line


def _joined(reason: str | None, message: str | None) -> str:
    return ": ".join(" ".join(part.split()) for part in (reason, message) if part)


def _containers(pod: Manifest) -> list[Manifest]:
    status = pod["status"]
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _running(pod: Manifest) -> bool:
    return any("running" in (status.get("state") or {}) for status in _containers(pod))


def _leaving(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def age(moment: str, now: datetime | None = None) -> str:
    """`3 d`, `5 h`, `12 min` or `8 s` since a moment as Kubernetes writes it."""
    if not moment:
        return "-"
    then = datetime.fromisoformat(moment)
    seconds = int(((now or datetime.now(UTC)) - then).total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
