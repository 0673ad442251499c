"""A status on a terminal: one screen."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ops.release.history import changes
from ops.release.status import Status, age


def status_screen(status: Status) -> RenderableType:
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
    head, last = _table(), status.last
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
    table = _table("workload", "ready", "image", "endpoints")
    services = {at.service: f"{at.ready} of {at.total}" for at in status.endpoints}
    for workload in status.workloads:
        colour = "green" if workload.ready >= workload.wanted else "red"
        images = ", ".join(workload.images)
        ready = f"[{colour}]{workload.ready} of {workload.wanted}[/]"
        table.add_row(workload.name, ready, images, services.get(workload.name, "-"))
    return table


def _pods(status: Status) -> Table:
    table = _table("pod", "ready", "restarts", "age", "reason")
    for pod in sorted(status.pods, key=lambda pod: pod.name):
        ready = "[green]yes[/]" if pod.ready else "[red]no[/]"
        table.add_row(pod.name, ready, str(pod.restarts), age(pod.started), escape(pod.reason))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=bool(headings))
    for heading in headings or ("", ""):
        table.add_column(heading, overflow="fold")
    return table
