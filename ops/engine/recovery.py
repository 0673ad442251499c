"""Repairs that a stack needs before its next run.

A killed run leaves a lock without its process and unfinished operations; a deleted cluster leaves a state full of
objects that no longer exist.
"""

import json
import os
import shlex
import socket
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.config.stack_file import short_name
from components.minikube import ClusterError, Minikube
from ops.config.stacks import project_name
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.kubectl import Kubectl, reference
from ops.processes import NOT_STARTED, Result, capture
from policy.rule import at

NAMESPACE = "kubernetes:core/v1:Namespace"
IMAGE = "docker:index/image:Image"
NOTES = "__inputs"


def recover(stack: Stack, *, changing: bool = True) -> str:
    """Make the stack usable again; returns what was done, if anything.

    Args:
        changing: whether the caller is going to change the stack. Where others share its backend, a reader changes
            nothing in the state: an update elsewhere may still be working on it.

    Raises:
        OpsError: if the state is another run's, or of another cluster, or cannot be mended.
    """
    _drop_torn_attributes(stack)
    done = [_release_lock(stack)]
    if changing or stack.checkpoint:
        repairs = (_settle_pending, _forget_lost, _read_again, _rebuild_images)
        done += [repair(stack) for repair in repairs]
    return ", ".join(note for note in done if note)


def _drop_torn_attributes(stack: Stack) -> None:
    """Delete incomplete attributes of a file backend's files: the engine works without them.

    They are written in place, so a kill may leave an empty file, and every later command would fail on it.
    """
    for file in stack.backend.folder.rglob("*.attrs") if stack.backend.folder else ():
        try:
            json.loads(file.read_text())
        except FileNotFoundError:
            pass  # A running engine has removed it.
        except ValueError:
            file.unlink(missing_ok=True)


def _release_lock(stack: Stack) -> str:
    folder = stack.backend.folder
    if folder is None:
        return ""
    project = folder / "locks" / "organization" / project_name()
    locks = list((project / short_name(stack.name)).glob("*.json"))
    for lock in locks:
        _fail_if_held(lock, stack)
    if not locks:
        return ""
    try:
        stack.change_state("cancel", "--yes")
    except OpsError as error:
        raise OpsError(
            f"cannot release the lock of a run that was killed: {error.where}",
            where=str(locks[0]),
            fix="delete that file if no pulumi runs any more",
        ) from None
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
        else f"wait for it; if it is gone: pulumi cancel --yes --stack {stack.name}",
    )


def _runs_pulumi(pid: int) -> bool:
    """A process id may have been given to another program since. Without `ps` the lock is believed."""
    result = capture(["ps", "-p", str(pid), "-o", "stat=,comm="], env=os.environ)
    # A killed process is a zombie (Z) until its parent collects it.
    dead = result.code != 0 or result.output.startswith("Z") or "pulumi" not in result.output
    return result.code == NOT_STARTED or not dead


def _settle_pending(stack: Stack) -> str:
    """Settle unfinished operations: objects that were created join the state, `up` begins the rest again.

    The engine itself can only forget an interrupted create (`refresh --clear-pending-creates`; in
    3.220 `--import-pending-creates` dropped those given to it as well), and then `up` fails on the
    forgotten object.
    """
    if not _latest(stack).get("pending_operations"):
        return ""
    state = stack.export()
    pending = state["deployment"].pop("pending_operations", [])
    adopted = [resource for operation in pending if (resource := _adopted(stack, operation))]
    joined = _joined(state["deployment"]["resources"], adopted)
    state["deployment"]["resources"] = joined
    # Reading the objects takes seconds; what an update elsewhere wrote meanwhile must not be lost.
    if stack.export()["deployment"].get("manifest") != state["deployment"].get("manifest"):
        raise OpsError(
            f"stack {stack.name} is being changed by another update",
            where=stack.backend.url,
            fix="wait for it to end, then run the same command again",
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.json"
        file.write_text(json.dumps(state))
        stack.change_state("stack", "import", "--file", str(file))
    present = [resource for resource in adopted if resource in joined]
    if present:
        _refresh(stack, present)
    return (
        f"settled {len(pending)} operations of a run that was killed, {len(adopted)} of them done"
    )


def _joined(
    known: Sequence[dict[str, Any]], adopted: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The state's resources with those adopted, some of them replacements of resources in it.

    Where the old object is still there, the new one is marked for deletion: the next `up` replaces the old one again.
    """
    present = {found["urn"]: found for found in known if not found.get("delete")}
    joined = list(known)
    for resource in adopted:
        old = present.get(resource["urn"])
        if old and old.get("pendingReplacement"):  # It was deleted first.
            joined[joined.index(old)] = resource
        else:
            joined.append({**resource, "delete": True} if old else resource)
    return joined


def _forget_lost(stack: Stack) -> str:
    """Remove from the state what was deleted with a Minikube cluster or a namespace on one.

    On any other cluster a missing namespace may also mean that the context is the wrong one; and each machine that
    shares a state may have a Minikube of its own.
    """
    if stack.file.profile is None:
        return ""
    resources = _latest(stack).get("resources") or []
    objects = [found for found in resources if str(found["type"]).startswith("kubernetes:")]
    lost = [
        str(found["id"])
        for found in objects
        if found["type"] == NAMESPACE and _is_gone(stack, found["id"])
    ]
    if not lost:
        return ""
    if stack.checkpoint is None:
        raise OpsError(
            f"the shared state of stack {stack.name} has namespace {', '.join(lost)}, which this Minikube lacks: the "
            "release may run on another machine",
            where=stack.backend.url,
            fix=f"copy {stack.file.path.name} to make a stack of your own; or, if its cluster was deleted, remove the "
            f"lost objects from the state: pulumi refresh --yes --stack {stack.name}",
        )
    _refresh(stack, objects)
    return f"the cluster no longer has namespace {', '.join(lost)}: the state forgot what was in it"


def _read_again(stack: Stack) -> str:
    """Have the provider read objects whose state it did not write: it would replace them, volumes with their data, too.

    The provider compares with what it keeps in the state beside an object, under NOTES. A state from before this
    project used the official provider lacks it.

    Raises:
        OpsError: if the provider cannot read them all.
    """
    objects = _without_notes(stack)
    if not objects:
        return ""
    _refresh(stack, objects)
    # The provider can be set to skip what it cannot reach: the engine calls that a success.
    if left := _without_notes(stack):
        raise OpsError(
            f"objects whose state another provider wrote could not be read again: {len(left)}. An update would "
            "replace them, volumes with their data, too",
            where=left[0]["urn"],
            fix="when the cluster answers, run the same command again; check it with: "
            f"kubectl --context {shlex.quote(stack.file.context)} get nodes",
        )
    return f"objects that another provider had written were read again: {len(objects)}"


def _without_notes(stack: Stack) -> list[dict[str, Any]]:
    return [
        found
        for found in _latest(stack).get("resources") or []
        if str(found.get("type")).startswith("kubernetes:")
        and found.get("custom")
        and not found.get("external")
        and not found.get("delete")
        # Such an object is deleted already, and a refresh leaves it out.
        and not found.get("pendingReplacement")
        and NOTES not in (found.get("outputs") or {})
    ]


def _rebuild_images(stack: Stack) -> str:
    """Have the next `up` build what the node no longer has; the provider itself never checks."""
    minikube = Minikube.find(stack.file.profile, stack.env) if stack.file.profile else None
    if minikube is None:
        return ""
    # Pushed images can be pulled.
    images = {
        found["inputs"]["imageName"]: found["urn"]
        for found in _latest(stack).get("resources") or []
        if found.get("type") == IMAGE and found["inputs"].get("skipPush")
    }
    try:
        gone = _gone(images, minikube, stack.env)
    except ClusterError:
        return ""  # It is down: its images are unknown.
    for name in gone:
        stack.change_state("state", "taint", images[name], "--yes")
    return (
        f"the cluster's node no longer has {', '.join(gone)}: it will be built again"
        if gone
        else ""
    )


def _gone(images: Collection[str], minikube: Minikube, env: Mapping[str, str]) -> list[str]:
    """Those that the node lacks: by its own list if they are loaded into it, else by its Docker daemon."""
    if minikube.needs_loading:
        return minikube.lacks(images, env) if images else []
    daemon = {**env, **minikube.docker_environment(env)}
    return [image for image in images if _lacks(image, daemon)]


def _lacks(image: str, env: Mapping[str, str]) -> bool:
    """False if the daemon does not answer."""
    found = capture(["docker", "image", "inspect", image], env=env, timeout=15)
    return found.code != 0 and "no such image" in found.output.lower()


def _refresh(stack: Stack, resources: Sequence[Mapping[str, Any]]) -> None:
    """Have the engine read these objects as they are now; it forgets those that do not exist."""
    targets = [word for resource in resources for word in ("--target", resource["urn"])]
    if stack.engine("refresh", "--yes", "--skip-preview", *targets, quiet=True).code != 0:
        raise OpsError(
            "cannot read the objects of the stack (the engine's message is above)",
            where=f"stack {stack.name}",
            fix="run the same command again",
        )


def _adopted(stack: Stack, operation: dict[str, Any]) -> dict[str, Any] | None:
    """The resource as the state would hold it, if the interrupted create made its object."""
    resource: dict[str, Any] = operation["resource"]
    of_cluster = str(resource.get("type", "")).startswith("kubernetes:")
    if operation.get("type") != "creating" or not of_cluster:
        return None
    manifest = resource.get("inputs") or {}
    name, namespace = (at(manifest, "metadata", key) for key in ("name", "namespace"))
    if not name or _get(stack, reference(manifest, name), namespace or "").code != 0:
        return None
    # As the provider names its objects.
    identity = f"{namespace}/{name}" if namespace else name
    return {**resource, "id": identity, "outputs": manifest}


def _latest(stack: Stack) -> dict[str, Any]:
    """The state: from its file if it has one, because that is fast; else from the engine."""
    file = stack.checkpoint
    try:
        if file is None:
            return stack.export()["deployment"] or {}
        return json.loads(file.read_text())["checkpoint"]["latest"] or {} if file.exists() else {}
    except (ValueError, KeyError):
        return {}  # the engine explains a broken checkpoint better


def _is_gone(stack: Stack, namespace: str) -> bool:
    """False if the cluster does not answer."""
    found = _get(stack, f"namespace/{namespace}")
    return found.code != 0 and "(NotFound)" in found.output


def _get(stack: Stack, what: str, namespace: str = "") -> Result:
    kubectl = Kubectl(stack.file.context, stack.env, namespace)
    return kubectl.run("get", what, "--output=name", timeout=15)
