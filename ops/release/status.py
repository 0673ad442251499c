"""The deployed release and its state, from the stack's history and the cluster; as one screen, or for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ops.kubectl import Manifest
from ops.pods import Pod, pods
from ops.release import reach
from ops.release.history import Location, Revision, Update, changes, revisions
from ops.session import table

KINDS = f"{reach.KINDS},statefulsets,pods,endpointslices.discovery.k8s.io"


@dataclass(frozen=True)
class WorkloadStatus:
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
    """The engine's last run on the stack, successful or not."""
    revision: Revision | None
    workloads: tuple[WorkloadStatus, ...]
    pods: tuple[Pod, ...]
    endpoints: tuple[Endpoints, ...]
    routes: tuple[str, ...] = ()
    """Why no Gateway leads to it, as far as it has such routes."""

    @property
    def faults(self) -> list[str]:
        """The faults, in words; empty if all is well."""
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
            *self.routes,
        ]

    def as_json(self) -> dict[str, Any]:
        last = {
            "kind": self.last.kind,
            "succeeded": self.last.succeeded,
            "time": self.last.ended.isoformat(),
            "title": self.last.title,
            "by": self.last.record.by,
        }
        revision = self.revision.as_json() if self.revision else None
        return {**asdict(self), "faults": self.faults, "revision": revision, "last": last}


def look(location: Location, history: list[Update]) -> Status:
    """Ask the cluster.

    Args:
        history: of the stack, not empty.

    Raises:
        OpsError: if it does not answer.
    """
    kubectl, objects = location.kubectl, location.objects(KINDS)
    workloads = [item for item in objects if item["kind"] in {"Deployment", "StatefulSet"}]
    made = [str(item["metadata"]["creationTimestamp"]) for item in workloads]
    return Status(
        release=location.release,
        namespace=kubectl.namespace,
        context=kubectl.context,
        url=reach.url_of(objects, location),
        since=min(made, default=""),
        last=history[0],
        revision=next(reversed(revisions(history)), None),
        workloads=tuple(_workload(item) for item in workloads),
        pods=tuple(pods(objects, kubectl)),
        endpoints=tuple(_endpoints(objects)),
        routes=tuple(reach.route_faults(location)) if reach.public(objects) else (),
    )


def _workload(item: Manifest) -> WorkloadStatus:
    containers = item["spec"]["template"]["spec"]["containers"]
    return WorkloadStatus(
        name=item["metadata"]["name"],
        ready=item["status"].get("readyReplicas", 0),
        wanted=item["spec"].get("replicas", 1),
        images=tuple(container["image"] for container in containers),
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


def screen(status: Status) -> RenderableType:
    """The release, its workloads, its pods with their reasons, its endpoints, and the verdict."""
    # Without the reasons of pods, which are in the table above it.
    faults = [fault.partition(": ")[0] for fault in status.faults]
    verdict = (
        Text("all is well", style="bold green")
        if not faults
        else Text("\n".join(f"- {fault}" for fault in faults), style="bold red")
    )
    return Group(_head(status), "", _workloads(status), "", _pods(status), "", verdict)


def _head(status: Status) -> Table:
    head, last = table(), status.last
    by = f" by {last.record.name}" if last.record.by else ""
    outcome = "" if last.succeeded else "FAILED "
    what = ", ".join(filter(None, [last.title, changes(last)]))
    rows = {
        "release": f"{status.release} in namespace {status.namespace} of {status.context}",
        "URL": status.url,
        "revision": _revision(status),
        "age": age(status.since),
        "last change": f"{outcome}{last.kind} {age(last.ended.isoformat())} ago{by}: {what}",
    }
    for name, text in rows.items():
        head.add_row(f"[bold]{name}[/]", escape(text))
    return head


def _revision(status: Status) -> str:
    revision = status.revision
    if revision is None:
        return "none: no up has succeeded yet"
    recorded = revision.record
    edited = " with changes" if recorded.changed else ""
    commit = f"commit {recorded.commit[:7]}{edited}, " if recorded.commit else ""
    return f"{revision.number} ({commit}config {revision.config_hash[:7]})"


def _workloads(status: Status) -> Table:
    shown = table("workload", "ready", "image", "endpoints")
    services = {at.service: f"{at.ready} of {at.total}" for at in status.endpoints}
    for workload in status.workloads:
        colour = "green" if workload.ready >= workload.wanted else "red"
        images = ", ".join(workload.images)
        ready = f"[{colour}]{workload.ready} of {workload.wanted}[/]"
        shown.add_row(workload.name, ready, images, services.get(workload.name, "-"))
    return shown


def _pods(status: Status) -> Table:
    shown = table("pod", "ready", "restarts", "age", "reason")
    for pod in sorted(status.pods, key=lambda pod: pod.name):
        ready = "[green]yes[/]" if pod.ready else "[red]no[/]"
        shown.add_row(pod.name, ready, str(pod.restarts), age(pod.started), escape(pod.reason))
    return shown
