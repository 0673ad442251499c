"""Pods of a release: which are ready, and why the others are not."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.kubectl import Kubectl, Manifest

LOG_LINES = 12
ROLLOUT_SECONDS = 120
"""Longer than the default deadline after which Kubernetes gives a rollout up."""
GONE_SECONDS = 30
"""After the grace period: the kubelet kills what is left, and reports it."""
NOT_YET = "running, its readiness probe has not passed yet"
FIRST = "waits for its container {} to end first"


@dataclass(frozen=True)
class Pod:
    name: str
    component: str
    ready: bool
    restarts: int
    started: str
    reason: str
    """Why it is not ready, or how its container ended before; empty where all is well."""
    warning: str = ""
    """Its latest event of type Warning."""


def pods(found: Sequence[Manifest], kubectl: Kubectl) -> list[Pod]:
    """The pods among these objects, without those that have done their work, are being deleted or were replaced.

    Asks for events only if a pod needs them.

    Raises:
        OpsError: if the cluster does not answer.
    """
    here = [
        item
        for item in found
        if item["kind"] == "Pod"
        and item["status"].get("phase") != "Succeeded"
        and not (_leaving(item) or _replaced(item))
    ]
    # Probe failures and volumes that cannot be mounted appear only in events.
    silent = any(not ready(item) for item in here)
    warnings = kubectl.objects("events", "--field-selector=type=Warning") if silent else []
    warnings.sort(key=lambda event: str(event.get("lastTimestamp")))
    return [_pod(item, warnings) for item in here]


def last_words(stack: StackFile, env: Mapping[str, str]) -> str:
    """Reason and last log lines of one pod of each component that has pods that are not ready.

    Empty if all are ready, or the cluster does not answer.
    """
    kubectl = Kubectl(stack.context, env, stack.namespace)
    try:
        # Skip pods that have only the release's label.
        items = kubectl.objects("pods", f"--selector=app={stack.release},component")
        found = sorted(pods(items, kubectl), key=lambda pod: pod.started)
    except OpsError:
        return ""
    # The newest is one of the new revision; the others in trouble say the same.
    troubled = {pod.component: pod for pod in found if not pod.ready}
    manifests = {item["metadata"]["name"]: item for item in items}
    lines = []
    for pod in troubled.values():
        lines.append(f"pod {pod.name} is not ready: {pod.reason}")
        if pod.warning and pod.warning not in pod.reason:
            lines.append(f"    {pod.warning}")
        lines += _logs(manifests[pod.name], kubectl)
    return "".join(f"{line}\n" for line in lines)


def require_rolled_out(stack: StackFile, env: Mapping[str, str]) -> None:
    """Wait until every pod of the release is of its workload's current template.

    The provider stops waiting at once where its first look at a Deployment shows the one before the update.

    Raises:
        OpsError: if a rollout gets stuck; what its pods say is printed.
    """
    kubectl = Kubectl(stack.context, env, stack.namespace)
    seconds = max(ROLLOUT_SECONDS, stack.rollout_seconds)
    for kind in ("deployment", "statefulset"):
        selector = f"--selector=app={stack.release}"
        answer = kubectl.wait(seconds, "rollout", "status", kind, selector)
        if answer.code != 0:
            words = last_words(stack, env)
            print(words, end="", flush=True)
            raise OpsError(
                "the new pods do not become ready; those of the previous update still serve",
                where=words.partition("\n")[0] or answer.output.strip(),
                fix=f"correct the cause, then make up STACK={stack.name}; or make history STACK={stack.name}, and "
                f"make rollback STACK={stack.name} TO=N",
            )


def await_former(stack: StackFile, env: Mapping[str, str]) -> None:
    """Wait for the end of the release's pods that are being deleted: until then they serve, as they were started.

    Raises:
        OpsError: if the cluster does not answer, or a pod outlives its grace period.
    """
    kubectl = Kubectl(stack.context, env, stack.namespace)
    items = kubectl.objects("pods", f"--selector=app={stack.release},component")
    leaving = [item["metadata"] for item in items if _leaving(item)]
    if not leaving:
        return
    seconds = GONE_SECONDS + max(pod.get("deletionGracePeriodSeconds") or 0 for pod in leaving)
    names = [str(pod["name"]) for pod in leaving]
    answer = kubectl.wait(seconds, "wait", "pod", *names, "--for=delete")
    if answer.code != 0:
        remove = shlex.join(kubectl.command(["delete", "pod", "--force", *names]))
        raise OpsError(
            "pods of the previous update do not end",
            where=answer.output.strip().splitlines()[-1],
            fix=f"see why: kubectl --context {shlex.quote(stack.context)} get nodes; if their node is gone: {remove}",
        )


def roles(stack: StackFile, env: Mapping[str, str]) -> list[str]:
    """The services' database roles, with a warning about one that may do more than it needs.

    From the status of the newest backend pod, whose first container checked them. Empty if there is one role for all,
    or the cluster does not answer.
    """
    kubectl = Kubectl(stack.context, env, stack.namespace)
    try:
        items = kubectl.objects("pods", f"--selector=app={stack.release},component=backend")
    except OpsError:
        return []
    items.sort(key=lambda item: str(item["metadata"]["creationTimestamp"]))
    ended = [
        status["state"].get("terminated") or {}
        for item in items[-1:]
        for status in item["status"].get("initContainerStatuses", [])
    ]
    return [line for state in ended for line in state.get("message", "").splitlines()]


def ready(item: Manifest) -> bool:
    """Whether a pod, or a node, has the condition Ready."""
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _pod(item: Manifest, warnings: Sequence[Manifest]) -> Pod:
    uid = item["metadata"]["uid"]
    # A back-off does not say what caused it.
    about = [
        " ".join(event["message"].split())
        for event in warnings
        if event["involvedObject"].get("uid") == uid and event.get("reason") != "BackOff"
    ]
    warning = about[-1] if about else ""
    return Pod(
        name=item["metadata"]["name"],
        component=item["metadata"]["labels"].get("component", ""),
        ready=ready(item),
        restarts=sum(status["restartCount"] for status in _containers(item)),
        started=item["metadata"]["creationTimestamp"],
        reason=_reason(item, warning),
        warning=warning,
    )


def _reason(pod: Manifest, warning: str) -> str:
    for condition in pod["status"].get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return _joined(condition.get("reason"), condition.get("message"))
    for status in _containers(pod):
        ended = _ended(status.get("lastState") or {})
        for state in ("waiting", "terminated"):
            now = (status.get("state") or {}).get(state)
            if now:
                # The end of the last run says more than the wait for the next one.
                said = None if ended else now.get("message") or warning
                words = _ended(status["state"]) or _joined(now.get("reason"), said)
                # The kubelet names the image in its next message, when it backs off.
                image = f'"{status["image"]}"' if "image" in status else ""
                if "Image" in str(now.get("reason")) and image not in words:
                    words = f"{words} (image {image})"
                return "; before that: ".join(filter(None, [words, ended]))
        if not status["ready"]:
            first = status in pod["status"].get("initContainerStatuses", [])
            yet = FIRST.format(status["name"]) if first else warning or NOT_YET
            return "; ".join(filter(None, [yet, ended and f"before that: {ended}"]))
        if ended:
            return f"was started again: {ended}"
    return "" if ready(pod) else pod["status"].get("reason") or pod["status"]["phase"]


def _ended(state: Manifest) -> str:
    """How a container ended, and its last line: `Error (exit code 2): no such file`."""
    ended = state.get("terminated")
    if not ended:
        return ""
    how = f"{ended.get('reason', 'ended')} (exit code {ended['exitCode']})"
    lines = (ended.get("message") or "").strip().splitlines()
    return _joined(how, _message(lines[-1]) if lines else None)


def _message(line: str) -> str:
    """The message of a log line, also where logs are JSON."""
    try:
        return str(json.loads(line)["message"])
    except (ValueError, TypeError, KeyError):
        return line


def _logs(pod: Manifest, kubectl: Kubectl) -> list[str]:
    """The last lines of each container that is not ready; of its previous run, if it waits for the next."""
    lines = []
    for status in _containers(pod):
        runs, ran = "running" in status["state"], bool(status["lastState"])
        if status["ready"] or not (runs or ran):
            continue
        name, container = pod["metadata"]["name"], status["name"]
        previous = [] if runs else ["--previous"]
        log = kubectl.run(
            "logs", name, "--container", container, f"--tail={LOG_LINES}", *previous, timeout=15
        )
        lines.append(f"pod {name}, container {container}, last log lines:")
        lines += [f"    {line}" for line in log.output.splitlines()]
    return lines


def _joined(reason: str | None, message: str | None) -> str:
    return ": ".join(" ".join(part.split()) for part in (reason, message) if part)


def _containers(pod: Manifest) -> list[Any]:
    """Init containers that have not succeeded yet, then the others."""
    status = pod["status"]
    first = [found for found in status.get("initContainerStatuses", []) if not found["ready"]]
    return [*first, *status.get("containerStatuses", [])]


def _leaving(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _replaced(pod: Manifest) -> bool:
    """Whether it failed as a whole, as by an eviction: its ReplicaSet has made another, and nobody deletes this one."""
    owners = pod["metadata"].get("ownerReferences", [])
    return pod["status"].get("phase") == "Failed" and any(
        owner["kind"] == "ReplicaSet" for owner in owners
    )
