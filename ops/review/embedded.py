"""What a step of a preview does to the embedded database: data that is not found, a password that nobody has."""

from collections.abc import Sequence
from re import match, search

from ops.review.plan import CREATE, DELETE, REPLACE, UPDATE, Step
from policy.rule import Manifest, at, containers_of, items, pod_of

UPGRADE = "make upgrade-postgres"
DROPPED_ROLES = "DATABASE_DROPPED_ROLES"
OPENS_A_ROLE = r"-postgres-[a-z]+-password(?:-\d+)?$"
OPENS_THE_OWNER = r"-postgres-password(?:-(\d+))?$"
VOLUME = "-postgres-data"


def is_its_volume(step: Step) -> bool:
    """Whether it is the claim of the database's data; scheduled backups have one of their own."""
    return step.kind == "PersistentVolumeClaim" and step.resource.endswith(VOLUME)


def folder(workload: Manifest) -> str | None:
    """The database's folder on its volume; None if the workload is another."""
    return _variable(workload, "PGDATA") if _is_it(workload) else None


def moves_data(step: Step) -> bool:
    """Whether an update has the database start in another folder of its volume."""
    before, after = map(folder, step.sides)
    return step.action == UPDATE and None not in (before, after) and before != after


def without_its_data(step: Step, steps: Sequence[Step]) -> str:
    """Why an updated database would not find its data; empty if it would, or if that is unknown."""
    if any(is_its_volume(other) and other.action in (CREATE, REPLACE) for other in steps):
        return ""
    if moves_data(step):
        return f"another folder is empty: {UPGRADE} brings the data there"
    owner, user = (at(pod_of(side), "securityContext", "runAsUser") for side in step.sides)
    if owner is not None and user != owner:
        return (
            f"the files on its volume belong to user {owner:g}: set taskflow:database.embedded.user to that, or "
            "move the data: make backup, make down, make up, make restore"
        )
    before, after = (_major(side) for side in step.sides)
    if before is None or after is None or before == after:
        return ""
    return (
        f"Postgres {after} does not open the data of Postgres {before}: give taskflow:database.embedded.folder "
        f"another name too (pgdata-{after}), then {UPGRADE}"
    )


def locks_out(step: Step, steps: Sequence[Step]) -> bool:
    """Whether the newest password of the database's owner is deleted while the database stays."""
    stays = any(is_its_volume(other) and other.action not in (DELETE, REPLACE) for other in steps)
    newest = max((_owner_password(other) for other in steps if other.action != CREATE), default=0)
    return stays and step.action == DELETE and _owner_password(step) == newest > 0


def drops_role_of(password: Step, steps: Sequence[Step]) -> bool:
    """Whether a service's password goes in the same update as the database role that it opens."""
    if not search(OPENS_A_ROLE, password.resource):
        return False
    return any(
        _variable(other.new, DROPPED_ROLES) not in (None, _variable(other.old, DROPPED_ROLES))
        for other in steps
        if other.action == UPDATE
    )


def _is_it(workload: Manifest) -> bool:
    return bool(at(workload, "metadata", "labels", "component") == "postgres")


def _owner_password(step: Step) -> int:
    """Which password of the database's owner it is, counted from 1; 0 for everything else."""
    found = search(OPENS_THE_OWNER, step.resource)
    return int(found[1] or 1) if found and step.kind == "RandomPassword" else 0


def _variable(workload: Manifest, name: str) -> str | None:
    """The value of an environment variable in one of a workload's containers."""
    entries = (entry for one in containers_of(workload) for entry in items(one, "env"))
    return next((entry.get("value") for entry in entries if entry["name"] == name), None)


def _major(workload: Manifest) -> str | None:
    """The major version that a database's image names by its tag: `17` of `postgres:17.5` and of `pgvector:pg17`."""
    if not _is_it(workload):
        return None
    containers = items(pod_of(workload), "containers")
    tag = str(at(containers[0], "image")).rpartition("/")[2].partition("@")[0].partition(":")[2]
    found = search(r"pg(\d+)", tag) or match(r"(\d+)", tag)
    return found[1] if found else None
