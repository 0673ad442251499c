"""What pods say that are not ready: the engine tells their reasons, but shows no log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ops.engine.stack_file import StackFile
from ops.processes import ask

LINES, EVENTS = 12, 3
SECONDS = 15
Manifest = dict[str, Any]


def last_words(stack: StackFile, env: Mapping[str, str]) -> str:
    """Warnings and last log lines of one pod of each component that has one in trouble.

    Nothing where all are ready, or the cluster does not tell.
    """
    kubectl = ["kubectl", "--context", stack.context, "--namespace", stack.namespace]
    # Not of a pod that somebody gave the release's label alone.
    selector = f"app={stack.release},component"
    found = _items([*kubectl, "get", "pods", "--selector", selector], env)
    found.sort(key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    # The newest is one of the new revision, and its siblings in trouble say the same.
    troubled = {pod["metadata"]["labels"]["component"]: pod for pod in found if _unready(pod)}
    words = [
        line
        for pod in troubled.values()
        for line in (*_warnings(kubectl, pod, env), *_logs(kubectl, pod, env))
    ]
    return "".join(f"{word}\n" for word in words)


def _warnings(kubectl: list[str], pod: Manifest, env: Mapping[str, str]) -> list[str]:
    field = f"type=Warning,involvedObject.uid={pod['metadata']['uid']}"
    events = _items([*kubectl, "get", "events", "--field-selector", field], env)
    return [f"pod {pod['metadata']['name']}: {event['message']}" for event in events[-EVENTS:]]


def _logs(kubectl: list[str], pod: Manifest, env: Mapping[str, str]) -> list[str]:
    """Of each container in trouble that ever ran; of its last run, where it waits for the next."""
    words = []
    for status in pod["status"].get("containerStatuses", []):
        runs, ran = "running" in status["state"], bool(status["lastState"])
        if status["ready"] or not (runs or ran):
            continue
        pod_name, container = pod["metadata"]["name"], status["name"]
        command = [*kubectl, "logs", pod_name, "--container", container, f"--tail={LINES}"]
        log = ask([*command, *([] if runs else ["--previous"])], env=env, timeout=SECONDS)
        words.append(f"pod {pod_name}, container {container}, last log lines:")
        words += [f"    {line}" for line in log.output.splitlines()]
    return words


def _unready(pod: Manifest) -> bool:
    statuses = pod["status"].get("containerStatuses", [])
    leaving = "deletionTimestamp" in pod["metadata"]
    return not leaving and not (statuses and all(status["ready"] for status in statuses))


def _items(command: list[str], env: Mapping[str, str]) -> list[Manifest]:
    answer = ask([*command, "--output=json"], env=env, timeout=SECONDS)
    try:
        found: list[Manifest] = json.loads(answer.output)["items"] if answer.code == 0 else []
    except (ValueError, KeyError):
        found = []
    return found
