"""Upgrade the embedded Postgres to another major version, into another folder of its volume, by a backup.

The services are stopped from the backup to the end, so nothing is written in between. The old folder stays as it is.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from components.backup_pod import COMPONENT
from ops.backup import archive
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.release import history
from ops.release.history import Location
from ops.review import embedded, plan, risk
from ops.review.command import REFUSED
from ops.review.risk import Risk

AWAY_SECONDS = 180
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
STARTS_PODS = ("Deployment", "StatefulSet", "HorizontalPodAutoscaler")
"""Kinds whose pods would serve the empty folder, also by an edit that replaces none."""


def require_alone(stack: Stack) -> None:
    """Fail unless moving the database to another folder is the only effect that `make up` would have.

    Raises:
        OpsError: before anything is changed.
    """
    effects = risk.judge(plan.read(stack.preview(quiet=True)))
    moves = [effect for effect in effects if embedded.moves_data(effect.step)]
    others = [
        effect.step.title
        for effect in effects
        if effect not in moves and (effect.risk > Risk.NONE or effect.step.kind in STARTS_PODS)
    ]
    if not moves:
        _require_services(stack)
        raise OpsError(
            f"there is nothing to upgrade: the database of stack {stack.name} keeps its folder",
            fix="give taskflow:database.embedded.image the new version and taskflow:database.embedded.folder another "
            f"name (pgdata-18) in {stack.file.path.name}",
            code=REFUSED,
        )
    if others:
        raise OpsError(
            f"nothing was changed: {stack.file.path.name} changes more than the database",
            where=", ".join(others),
            fix=f"revert database.embedded, make up STACK={stack.name}, then edit it again and run this command",
            code=REFUSED,
        )
    if folder(history.location(stack)) not in (None, embedded.folder(moves[0].step.old)):
        raise _killed(stack, "serves its new folder")


def folder(location: Location) -> str | None:
    """The folder that the database serves, by the cluster: the state does not know of an interrupted update.

    None if the database is not there.
    """
    return next(filter(None, map(embedded.folder, location.objects("statefulsets"))), None)


def _require_services(stack: Stack) -> None:
    """Name the way on where a killed run left the services stopped, with the new folder serving."""
    location, declared = history.location(stack), _declared(stack)
    stopped = [
        name for name, count in _running(location).items() if not count and declared.get(name)
    ]
    if stopped:
        raise _killed(stack, "is in its folder, but services run no pod", ", ".join(stopped))


def _killed(stack: Stack, found: str, where: str = "") -> OpsError:
    return OpsError(
        f"the database of stack {stack.name} {found}, as after a run of this command that was killed",
        where=where,
        fix=f"make restore FROM={archive.in_shell(archive.newest(stack.name) or 'FILE')} STACK={stack.name}, then make "
        f"up STACK={stack.name} REFRESH=1",
        code=REFUSED,
    )


@contextmanager
def services_away(stack: Stack, location: Location) -> Iterator[None]:
    """No pod of a service runs inside the block; afterwards there are as many as the stack declares."""
    kubectl = location.kubectl
    declared = _declared(stack)
    # An autoscaled one declares none. None run where this command was killed before.
    replicas = {
        name: declared.get(name) or max(1, count) for name, count in _running(location).items()
    }
    try:
        _scale(kubectl, dict.fromkeys(replicas, 0))
        services = f"--selector=app={location.release},component notin (postgres,{COMPONENT})"
        _wait(
            stack,
            kubectl,
            "pods of the services do not stop",
            "wait",
            "pod",
            "--for=delete",
            services,
        )
        yield
    finally:
        _scale(kubectl, replicas)
    for name in replicas:
        rollout = ("rollout", "status", f"deployment/{name}")
        _wait(stack, kubectl, f"Deployment {name} does not become ready again", *rollout)


def _running(location: Location) -> dict[str, int]:
    """The replicas of each Deployment, by the cluster."""
    return {
        str(item["metadata"]["name"]): int(item["spec"]["replicas"])
        for item in location.objects("deployments")
    }


def _declared(stack: Stack) -> dict[str, int]:
    """The replicas of each Deployment that has no autoscaler, by the state."""
    resources = stack.export()["deployment"].get("resources") or []
    inputs = [found["inputs"] for found in resources if found["type"] == DEPLOYMENT]
    return {
        manifest["metadata"]["name"]: int(manifest["spec"]["replicas"])
        for manifest in inputs
        if "replicas" in manifest["spec"]
    }


def _scale(kubectl: Kubectl, replicas: Mapping[str, int]) -> None:
    """The autoscaler ignores a Deployment with no replicas."""
    for name, count in replicas.items():
        kubectl.output("scale", f"deployment/{name}", f"--replicas={count}")


def _wait(stack: Stack, kubectl: Kubectl, failure: str, *arguments: str) -> None:
    answer = kubectl.wait(AWAY_SECONDS, *arguments)
    if answer.code != 0:
        where, fix = answer.output.strip(), f"make status STACK={stack.name}"
        raise OpsError(f"{failure} ({AWAY_SECONDS} seconds)", where=where, fix=fix)
