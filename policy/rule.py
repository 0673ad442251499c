"""A rule about one Kubernetes object, and ways to read an object that may lack keys."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]
Violations = Callable[[Manifest], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule for objects of some kinds.

    Attributes:
        kinds: the kinds it looks at; it never sees others.
        violations: a text for each violation of an object.
    """

    name: str
    description: str
    kinds: Set[str]
    violations: Violations


def rule(kinds: Set[str]) -> Callable[[Violations], Rule]:
    """Make a function a rule, with its name and the first line of its docstring as the description."""

    def made(violations: Violations) -> Rule:
        name = violations.__name__.replace("_", "-")
        description = (violations.__doc__ or "").partition("\n")[0]
        return Rule(name=name, description=description, kinds=kinds, violations=violations)

    return made


WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"})
SERVING = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


def at(value: Any, *path: str) -> Any:
    """The value at a path of keys; None if a key is missing."""
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
    job = at(manifest, "spec", "jobTemplate") or manifest  # Of a CronJob.
    return at(job, "spec", "template", "spec") or {}


def containers_of(manifest: Manifest) -> list[Manifest]:
    """All containers of a workload's pods, init containers included."""
    pod = pod_of(manifest)
    return [*items(pod, "initContainers"), *items(pod, "containers")]


def plain(value: Any) -> Any:
    """A copy that can be compared: the engine hands objects over in wrappers that cannot."""
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
