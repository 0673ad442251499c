"""What can be said about Kubernetes objects without a cluster: names, differences, replacements."""

import hashlib
import re
from typing import Any

from pulumi.provider.experimental.provider import PropertyDiff, PropertyDiffKind

from airgap.plugins.serve import Object

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
FORCE = "pulumi.com/patchForce"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# The fields whose change makes the official provider replace the object (its `forceNew` lists).
FORCE_NEW: dict[str, tuple[str, ...]] = {
    "ConfigMap": ("binaryData", "data"),
    "Deployment": ("spec.selector",),
    "Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    "PersistentVolumeClaim": (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    "Secret": ("type", "stringData", "data"),
    "Service": ("spec.clusterIP",),
    "StatefulSet": (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
}
Path = tuple[str | int, ...]


def dig(obj: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path, or the default."""
    for key in path.split("."):
        if not isinstance(obj, dict) or key not in obj:
            return default
        obj = obj[key]
    return obj


def annotation(obj: Object, name: str) -> str:
    return str((dig(obj, "metadata.annotations") or {}).get(name, ""))


def without_last_applied(metadata: Object) -> Object:
    """Without the annotation in which `kubectl apply` repeats an object, a Secret's values among it."""
    kept = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    return {**metadata, "annotations": kept} if "annotations" in metadata else metadata


def identity(obj: Object) -> str:
    """The resource id: `namespace/name`, or `name` for what has no namespace."""
    name = str(dig(obj, "metadata.name"))
    namespace = dig(obj, "metadata.namespace")
    return f"{namespace}/{name}" if namespace else name


def described(obj: Object) -> str:
    return f'{obj["kind"]} "{identity(obj)}"'


def managed_by(obj: Object, manager: str) -> bool:
    entries = dig(obj, "metadata.managedFields") or []
    return any(entry.get("manager") == manager for entry in entries)


def named(new: Object, old: Object, resource_name: str, seed: bytes) -> Object:
    """The object with a name: its own, the automatic one it has already, or a new automatic one."""
    metadata = dict(new.get("metadata") or {})
    if metadata.get("name"):
        return new
    kept = dig(old, "metadata.name") if annotation(old, AUTONAMED) == "true" else None
    metadata["name"] = kept or f"{resource_name}-{hashlib.sha256(seed).hexdigest()[:8]}"
    metadata["annotations"] = {**(metadata.get("annotations") or {}), AUTONAMED: "true"}
    return {**new, "metadata": metadata}


def differences(old: Any, new: Any, path: Path = ()) -> dict[Path, PropertyDiffKind]:
    """The paths at which two values differ, each as deep as both have the same shape."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[Path, PropertyDiffKind] = {}
        for key in {**old, **new}:
            if key not in new:
                found[(*path, key)] = PropertyDiffKind.DELETE
            elif key not in old:
                found[(*path, key)] = PropertyDiffKind.ADD
            else:
                found |= differences(old[key], new[key], (*path, key))
        return found
    if isinstance(old, list) and isinstance(new, list):
        indexed = [dict(enumerate(items)) for items in (old, new)]
        return differences(indexed[0], indexed[1], path)
    return {} if old == new else {path: PropertyDiffKind.UPDATE}


def replacing(old: Object, new: Object) -> list[str]:
    """The fields that differ and cannot change in place."""
    fields = ["kind", "metadata.name", "metadata.namespace", *FORCE_NEW.get(new["kind"], ())]
    return [field for field in fields if dig(old, field) != dig(new, field)]


def detailed(old: Object, new: Object, fields: list[str]) -> dict[str, PropertyDiff]:
    """The differences by Pulumi property path, marked where one of the fields forces replacement."""
    marked = {}
    for path, kind in differences(old, new).items():
        keys = ".".join(str(part) for part in path)
        if any(f"{keys}.".startswith(f"{f}.") or f"{f}.".startswith(f"{keys}.") for f in fields):
            kind = PropertyDiffKind(kind.value + 1)  # ADD, DELETE, UPDATE precede their _REPLACE
        marked[property_path(path)] = PropertyDiff(kind, input_diff=True)
    return marked


def property_path(path: Path) -> str:
    """`spec.ports[0].port`, `metadata.annotations["pulumi.com/skipAwait"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def alike(live: Any, asked: Any) -> bool:
    """Whether two values are the same, also as quantities such as `0.1` and `100m`."""
    import kubernetes.utils  # late, because it is slow

    number: Any = kubernetes.utils.parse_quantity
    try:
        return bool(live == asked or number(live) == number(asked))
    except ValueError:
        return False


def as_input(live: Any, asked: Any) -> Any:
    """What the live object says where the program asks for something: drift, without defaults."""
    if isinstance(live, dict) and isinstance(asked, dict):
        kept = {key: as_input(live[key], asked[key]) for key in asked if key in live}
        # The API server takes `stringData` and gives back `data`.
        return kept | {key: asked[key] for key in ("stringData",) if key in asked}
    if isinstance(live, list) and isinstance(asked, list) and len(live) == len(asked):
        return [as_input(item, wish) for item, wish in zip(live, asked, strict=True)]
    return asked if alike(live, asked) else live
