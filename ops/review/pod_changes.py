"""Differences between two pod templates, in the words of someone who edits them."""

from collections.abc import Iterable, Mapping
from typing import Any

from policy.rule import Manifest, at, items, pod_of

LISTS = ("containers", "initContainers")


def template_changes(old: Manifest, new: Manifest) -> list[str]:
    """Why a workload's pods are replaced: `image`, `env LOG_LEVEL`, `ConfigMap`; empty if they are not."""
    return list(dict.fromkeys(_changes(old, new)))


def _changes(old: Manifest, new: Manifest) -> Iterable[str]:
    for part in ("labels", "annotations"):
        sides = [at(side, "spec", "template", "metadata", part) for side in (old, new)]
        yield from (f"{part[:-1]} {key}" for key in differing(*sides))
    before, after = pod_of(old), pod_of(new)
    for key in differing(before, after):
        if key in LISTS:
            yield from list(_containers(items(before, key), items(after, key))) or [key]
        else:
            yield key


def _containers(before: Iterable[Manifest], after: Iterable[Manifest]) -> Iterable[str]:
    old, new = _named(before), _named(after)
    for name in differing(old, new):
        if name not in old or name not in new:
            yield f"container {name}"
            continue
        for key in differing(old[name], new[name]):
            if key == "env":
                variables = differing(_named(old[name].get(key)), _named(new[name].get(key)))
                # Another order starts new pods, too.
                yield from [f"env {variable}" for variable in variables] or [key]
            elif key == "envFrom":
                yield "its ConfigMap"
            else:
                yield key


def _named(entries: Iterable[Manifest] | None) -> dict[str, Manifest]:
    # A list that only an update makes is a text here.
    return {str(entry["name"]): entry for entry in entries or () if isinstance(entry, Mapping)}


def differing(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """The keys whose values differ."""
    old, new = before or {}, after or {}
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
