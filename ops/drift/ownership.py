"""Who wrote which field of a live object, from the record that the API server keeps in `metadata.managedFields`.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policy.rule import Manifest, at, items

Path = tuple[str, ...]
OURS = "pulumi-kubernetes"
# Parts of the cluster itself: they complete every object.
SYSTEM = ("kube-", "kubelet", "cloud-controller-manager", "storage-provisioner")
# Keys that distinguish the members of a list.
KEYS = ("name", "mountPath", "containerPort", "port", "topologyKey", "type")
# The provider's own notes, and kubectl's record of its last apply.
NOTES = ("pulumi.com/", "kubectl.kubernetes.io/last-applied-configuration")


def foreign_fields(live: Manifest, expected: Manifest) -> Iterable[tuple[Path, Any]]:
    """Fields that somebody else added: neither deployed nor set by the cluster itself."""
    for entry in items(live, "metadata", "managedFields"):
        if _is_foreign(entry) and "subresource" not in entry:
            yield from _added(entry.get("fieldsV1") or {}, live, expected, ())


def owner(live: Manifest, path: Path) -> str:
    """Who wrote a field last; if nobody owns it any more, who wrote to the object last."""
    entries = sorted(
        items(live, "metadata", "managedFields"), key=lambda entry: str(entry.get("time"))
    )
    foreign = [entry for entry in reversed(entries) if _is_foreign(entry)]
    for entry in foreign:
        if _holds(entry.get("fieldsV1") or {}, live, path):
            return _named(entry)
    others = [_named(entry) for entry in foreign if "subresource" not in entry]
    return f"nobody; last write by {others[0]}" if others else "unknown"


def member_key(*lists: Sequence[Any]) -> str | None:
    """The key that distinguishes the members of these lists, None if none does."""
    for key in KEYS:
        marks = [[at(item, key) for item in members] for members in lists]
        if all(None not in found and len(set(found)) == len(found) for found in marks):
            return key
    return None


def member(values: Sequence[Any], place: str, key: str | None) -> Any:
    """The member of a list at `[index]`, or at `[value of the key]`."""
    mark = place[1:-1]
    if key is None:
        return values[int(mark)]
    return next((item for item in values if str(item[key]) == mark), None)


def _is_foreign(entry: Mapping[str, Any]) -> bool:
    manager = str(entry.get("manager", ""))
    return not manager.startswith((OURS, *SYSTEM))


def _named(entry: Mapping[str, Any]) -> str:
    """The API server records no time for writes through a subresource such as `scale`."""
    manager, time = str(entry.get("manager") or "unknown"), entry.get("time")
    return f"{manager} at {time}" if time else manager


def _added(
    fields: Mapping[str, Any], live: Any, expected: Any, path: Path
) -> Iterable[tuple[Path, Any]]:
    for mark, below in fields.items():
        if mark == ".":
            continue
        step, value, wish = _child(mark, live, expected)
        if value is None or step.startswith(NOTES):
            continue
        if wish is None:
            yield (*path, step), value
        else:
            yield from _added(below, value, wish, (*path, step))


def _holds(fields: Mapping[str, Any], live: Any, path: Path) -> bool:
    """Whether a record covers a path, or a value around it that is written as one."""
    if not path or not fields:
        return True
    for mark, below in fields.items():
        if mark == ".":
            continue
        step, value, _ = _child(mark, live, None)
        if step == path[0]:
            return _holds(below, value, path[1:])
    return False


def _child(mark: str, live: Any, expected: Any) -> tuple[str, Any, Any]:
    """Resolve a record's mark: its step in a path, the live value there, and the expected one."""
    kind, _, text = mark.partition(":")
    if kind == "f":
        return text, at(live, text), at(expected, text)
    if kind == "k":
        keys = json.loads(text)
        item, wish = (
            next((item for item in side or () if _matches(item, keys)), None)
            for side in (live, expected)
        )
        shared = member_key(live or ())
        place = at(item, shared) if shared else next(iter(keys.values()))
        return f"[{place}]", item, wish
    value = json.loads(text) if kind == "v" else None
    there = value if value in (live or ()) else None
    return f"[{value}]", there, value if value in (expected or ()) else None


def _matches(item: Any, keys: Mapping[str, Any]) -> bool:
    # A key that the program leaves to the cluster's default (a port's protocol) cannot distinguish members.
    return all(at(item, key) in (value, None) for key, value in keys.items())
