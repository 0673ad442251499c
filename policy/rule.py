"""A rule about one Kubernetes object, and ways to look into an object without stumbling over what is absent."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What objects of some kinds must be like.

    Attributes:
        kinds: the kinds it looks at; it never sees others.
        violations: what an object breaks, in words; nothing if it is as it should be.
    """

    name: str
    description: str
    kinds: frozenset[str]
    violations: Callable[[Manifest], Iterable[str]]


WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job"})
SERVING = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


def at(value: Any, *path: str) -> Any:
    """What stands at a path of keys, None where it breaks off."""
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def items(value: Any, *path: str) -> Sequence[Any]:
    """A list at a path, empty where there is none."""
    return at(value, *path) or ()


def pod_of(manifest: Manifest) -> Manifest:
    """The pod specification of a workload."""
    return at(manifest, "spec", "template", "spec") or {}


def containers_of(manifest: Manifest) -> list[Manifest]:
    """All containers of a workload's pods, those that run before the others included."""
    pod = pod_of(manifest)
    return [*items(pod, "initContainers"), *items(pod, "containers")]


def plain(value: Any) -> Any:
    """A copy that can be compared: the engine hands objects over in wrappers that cannot."""
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
