"""What a killed run leaves in a file backend: a lock without its process, unfinished operations."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.processes import ask
from ops.stack import Stack
from ops.stack_file import project_name


def recover(stack: Stack) -> str:
    """Make the stack usable again; says what was done, or nothing."""
    done = [_release_lock(stack), _settle_pending(stack)]
    return ", ".join(note for note in done if note)


def _release_lock(stack: Stack) -> str:
    folder = stack.backend.folder
    if folder is None:
        return ""
    locks = list((folder / "locks" / "organization" / project_name() / stack.name).glob("*.json"))
    for lock in locks:
        _fail_if_held(lock, stack)
    if not locks:
        return ""
    command = ["pulumi", "cancel", "--yes", "--stack", stack.name, "--non-interactive"]
    result = ask(command, env=stack.env)
    if result.code != 0:
        raise OpsError(
            f"cannot release the lock of a run that was killed: {result.output.strip()}",
            where=str(locks[0]),
            fix="delete that file if no pulumi runs any more",
        )
    return "released the lock of a run that was killed"


def _fail_if_held(lock: Path, stack: Stack) -> None:
    try:
        owner = json.loads(lock.read_text())
    except (OSError, ValueError):
        return  # half-written by a process that was killed then
    here = owner.get("hostname") == socket.gethostname()
    if here and not _runs_pulumi(int(owner.get("pid", 0))):
        return
    raise OpsError(
        f"stack {stack.name} is being changed by process {owner.get('pid')} of "
        f"{owner.get('username')}@{owner.get('hostname')}, since {owner.get('timestamp')}",
        where=str(lock),
        fix="wait for it to end, or stop it, then run the same command again"
        if here
        else f"wait for it; if it is gone: pulumi cancel --stack {stack.name}",
    )


def _runs_pulumi(pid: int) -> bool:
    """A process id may have been given to another program since."""
    result = ask(["ps", "-p", str(pid), "-o", "comm="], env=os.environ)
    return result.code == 0 and "pulumi" in result.output


def _settle_pending(stack: Stack) -> str:
    """Ask the cluster how interrupted operations ended: `up` would repeat or forget them."""
    pending = _pending(stack.checkpoint)
    if not pending:
        return ""
    imports: list[str] = []
    for operation in pending:
        identity = _identity(operation) if operation.get("type") == "creating" else None
        if identity and _is_there(stack, operation["resource"], identity):
            imports += [operation["resource"]["urn"], identity]
    arguments = ["refresh", "--yes", "--skip-preview"]
    for word in imports:
        arguments += ["--import-pending-creates", word]
    if len(imports) // 2 < len(pending):
        arguments.append("--clear-pending-creates")
    result = stack.engine(*arguments)
    if result.code != 0:
        raise OpsError(
            f"cannot settle what a killed run left open on stack {stack.name} (message above)",
            fix=f"pulumi refresh --stack {stack.name}, which asks about each object",
        )
    return f"settled {len(pending)} operations of a run that was killed"


def _pending(checkpoint: Path | None) -> list[dict[str, Any]]:
    if checkpoint is None or not checkpoint.exists():
        return []
    try:
        latest = json.loads(checkpoint.read_text())["checkpoint"]["latest"] or {}
    except (ValueError, KeyError):
        return []  # the engine explains a broken checkpoint better
    found: list[dict[str, Any]] = latest.get("pending_operations") or []
    return found


def _identity(operation: dict[str, Any]) -> str | None:
    """`namespace/name` as the kubernetes provider names its objects, None for other kinds."""
    resource = operation["resource"]
    if not str(resource.get("type", "")).startswith("kubernetes:"):
        return None
    metadata = (resource.get("inputs") or {}).get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not name:
        return None
    return f"{namespace}/{name}" if namespace else str(name)


def _is_there(stack: Stack, resource: dict[str, Any], identity: str) -> bool:
    inputs = resource["inputs"]
    namespace, _, name = identity.rpartition("/")
    group, slash, _ = str(inputs.get("apiVersion", "")).partition("/")
    kind = f"{inputs.get('kind')}.{group}" if slash else str(inputs.get("kind"))
    command = ["kubectl", "--context", stack.file.context, "get", kind, name, "--output", "name"]
    if namespace:
        command += ["--namespace", namespace]
    return ask(command, env=stack.env, timeout=15).code == 0
