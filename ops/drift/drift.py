"""Differences between the cluster and the last deployment, field by field, and who made them.

The state's own inputs are compared with the live objects, because the provider's refresh cannot be relied on here: it
looks at the fields that Pulumi manages only and misses others (pulumi-kubernetes issues 1525, 2404 and 3697). Who
wrote a field is in the object's managed fields.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components.config.quantities import amount
from ops.drift.ownership import NOTES, Path, foreign_fields, member, member_key, owner
from policy.rule import Manifest, at, items

# How the engine marks a secret: this key beside it; in the state also beside its value as JSON.
SIGNATURE, PLAIN = "4dabf18193072939515e22adb298388d", "plaintext"
ABSENT = "(absent)"
HIDDEN = "(hidden)"
SHOWN = 100
REPLICAS: Path = ("spec", "replicas")
QUANTITIES = {"requests", "limits", "sizeLimit"}
"""Fields that are, or hold, quantities. Elsewhere 1 and 1.0 are two texts."""


@dataclass(frozen=True)
class Drift:
    object: str
    field: str
    """Empty where the whole object is gone."""
    expected: str
    found: str
    owner: str


@dataclass(frozen=True)
class Expected:
    """An object as the stack last deployed it."""

    manifest: Manifest
    namespace: str
    name: str

    @property
    def title(self) -> str:
        return f"{self.manifest['kind']} {self.name}"


def expected_objects(state: Mapping[str, Any]) -> list[Expected]:
    """The Kubernetes objects of an exported state, secrets in plain text. Those that it only reads are not its own."""
    found = []
    for resource in items(state, "deployment", "resources"):
        ours = (
            resource.get("custom") and not resource.get("external") and not resource.get("delete")
        )
        if not ours or not str(resource["type"]).startswith("kubernetes:"):
            continue
        namespace, _, name = str(resource["id"]).rpartition("/")
        found.append(Expected(_as_stored(_revealed(resource["inputs"])), namespace, name))
    return found


def context(state: Mapping[str, Any]) -> str:
    """The kubeconfig context that the objects of an exported state were deployed to."""
    providers = [
        resource
        for resource in items(state, "deployment", "resources")
        if resource["type"] == "pulumi:providers:kubernetes" and not resource.get("delete")
    ]
    return str(at(providers[-1], "inputs", "context"))


def compare(
    wanted: Iterable[Expected], live: Iterable[Manifest], autoscalers: Iterable[Manifest]
) -> list[Drift]:
    """Every field that is not as deployed. What an autoscaler sets does not count."""
    there = {
        (item["kind"], at(item, "metadata", "namespace") or "", at(item, "metadata", "name")): item
        for item in live
    }
    scaled = {
        (at(target, "kind"), at(item, "metadata", "namespace"), at(target, "name"))
        for item in autoscalers
        for target in [at(item, "spec", "scaleTargetRef")]
    }
    found: list[Drift] = []
    for expected in wanted:
        key = (expected.manifest["kind"], expected.namespace, expected.name)
        if key not in there:
            found.append(Drift(expected.title, "", "present", ABSENT, "unknown: it was deleted"))
            continue
        excused = {REPLICAS} if key in scaled else set()
        found += _of_object(expected, there[key], excused)
    return found


def _of_object(expected: Expected, live: Manifest, excused: set[Path]) -> Iterable[Drift]:
    differing = {**dict(_differences(expected.manifest, live, ()))}
    for path, value in foreign_fields(live, expected.manifest):
        differing.setdefault(path, (None, value))
    for path, (wish, value) in sorted(differing.items()):
        if path not in excused:
            hidden = expected.manifest["kind"] == "Secret" and path[0] == "data"
            yield Drift(
                object=expected.title,
                field=".".join(path).replace(".[", "["),
                expected=_shown(wish, hidden),
                found=_shown(value, hidden),
                owner=owner(live, path),
            )


def _differences(wish: Any, value: Any, path: Path) -> Iterable[tuple[Path, tuple[Any, Any]]]:
    """Differences of a live value from the deployed one; the cluster may choose what was not deployed."""
    if isinstance(wish, Mapping) and isinstance(value, Mapping):
        for key, inner in wish.items():
            if not key.startswith(NOTES):
                yield from _differences(inner, value.get(key), (*path, key))
        return
    if isinstance(wish, list) and isinstance(value, list):
        key = member_key(wish, value)
        if key or len(wish) == len(value):
            for index, inner in enumerate(wish):
                place = f"[{inner[key] if key else index}]"
                yield from _differences(inner, member(value, place, key), (*path, place))
            return
    if not _alike(wish, value, path):
        yield path, (wish, value)


def _alike(wish: Any, value: Any, path: Path) -> bool:
    """Whether two values are the same to the API server, which drops zeros and empties and shortens quantities."""
    if value is None and not wish:
        return True
    if isinstance(wish, bool) is isinstance(value, bool) and wish == value:
        return True
    if wish is None or value is None or QUANTITIES.isdisjoint(path):
        return False
    try:
        return amount(str(wish)) == amount(str(value))
    except ValueError:  # One of them is no quantity.
        return False


def _revealed(value: Any) -> Any:
    """The value without the state's marks around secrets."""
    if isinstance(value, dict):
        if SIGNATURE in value and PLAIN in value:
            return _revealed(json.loads(value[PLAIN]))
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revealed(item) for item in value]
    return value


def _as_stored(manifest: dict[str, Any]) -> dict[str, Any]:
    """A Secret as the API server keeps it: everything in `data`, encoded."""
    if "stringData" not in manifest:
        return manifest
    encoded = {
        key: base64.b64encode(str(text).encode()).decode()
        for key, text in manifest["stringData"].items()
    }
    rest = {key: item for key, item in manifest.items() if key != "stringData"}
    return rest | {"data": (manifest.get("data") or {}) | encoded}


def _shown(value: Any, hidden: bool) -> str:
    if value is None:
        return ABSENT
    text = HIDDEN if hidden else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
