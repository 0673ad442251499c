"""The steps between two sets of rendered objects: what a change of the checkout means, without engine or cluster.

Two things it cannot know: secret values, which are masked, and volumes that the engine would keep (`keep`), which
count as lost.
"""

import re
from collections.abc import Mapping, Sequence

from ops.review.plan import CREATE, DELETE, REPLACE, SAME, UPDATE, Step
from policy.rule import Manifest, at

# Names that the engine makes up end in a checksum of the content here (ops/config/render.py).
CHECKSUM = re.compile(r"-[0-9a-f]{8}$")
# Fields that the API server refuses to change, by kind: changing one is a replacement.
FIXED = {
    "Deployment": ("spec.selector",),
    "StatefulSet": (
        "spec.podManagementPolicy",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.selector", "spec.storageClassName"),
    "Job": ("spec.completions", "spec.selector", "spec.template"),
    "Service": ("spec.clusterIP",),
}
ALWAYS_FIXED = ("metadata.name", "metadata.namespace")


def steps(before: Sequence[Manifest], after: Sequence[Manifest]) -> list[Step]:
    """A step for every object of either side, those that stay as they are included."""
    old, new = _by_identity(before), _by_identity(after)
    return [_step(*key, old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new])]


def _by_identity(manifests: Sequence[Manifest]) -> Mapping[tuple[str, str], Manifest]:
    return {
        (f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}", _stem(manifest)): manifest
        for manifest in manifests
    }


def _stem(manifest: Manifest) -> str:
    name = str(at(manifest, "metadata", "name"))
    return CHECKSUM.sub("", name) if manifest.get("immutable") else name


def _step(kind: str, resource: str, old: Manifest | None, new: Manifest | None) -> Step:
    forced: tuple[str, ...] = ()
    if old is None or new is None:
        action = CREATE if old is None else DELETE
    elif old == new:
        action = SAME
    else:
        fixed = (*ALWAYS_FIXED, *FIXED.get(kind.rpartition(":")[2], ()))
        paths = [path.split(".") for path in fixed]
        forced = tuple(".".join(path) for path in paths if at(old, *path) != at(new, *path))
        action = REPLACE if forced else UPDATE
    return Step(
        action=action, type=kind, resource=resource, old=old or {}, new=new or {}, forced_by=forced
    )
