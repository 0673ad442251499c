"""What the engine would do, step by step, read from its own preview.

Two forms of the same: the document of `pulumi preview --json --show-sames`, and the event log of any preview
(`--event-log`, which is also what Pulumi's Automation API reads), a JSON object a line.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.errors import OpsError
from policy.rule import Manifest, at

STACK = "pulumi:pulumi:Stack"
SAME, CREATE, UPDATE, REPLACE, DELETE = "same", "create", "update", "replace", "delete"
# The engine's names for the parts of a step; those not here (reads, refreshes, imports) change no object.
# https://www.pulumi.com/docs/reference/pkg/python/pulumi/#pulumi.automation.OpType
MEANINGS = {
    "same": SAME,
    "create": CREATE,
    "update": UPDATE,
    "delete": DELETE,
    "replace": REPLACE,
    "create-replacement": REPLACE,
    "delete-replaced": REPLACE,
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource in a preview.

    Attributes:
        action: same, create, update, replace or delete.
        old: its inputs as the state holds them; empty for what is created.
        new: its inputs as the program wants them; empty for what is deleted.
        retained: the engine forgets the object instead of deleting it (`retainOnDelete`).
        forced_by: the properties that make it a replacement.
        changed: paths of the properties that differ, as the provider gives them; of secrets, too.
        protection: how its protection from deletion changes, if nothing else does; in words.
    """

    action: str
    type: str
    resource: str
    old: Manifest = field(default_factory=dict)
    new: Manifest = field(default_factory=dict)
    retained: bool = False
    forced_by: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    protection: str = ""

    @property
    def kind(self) -> str:
        return self.type.rpartition(":")[2]

    @property
    def name(self) -> str:
        """The object's own name; the resource's where it has none yet."""
        found = at(self.old or self.new, "metadata", "name")
        return found if isinstance(found, str) and found else self.resource

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def sides(self) -> tuple[Manifest, Manifest]:
        return self.old, self.new


def read(text: str) -> list[Step]:
    """The steps of a preview in either form, in the engine's order, one for each resource.

    Raises:
        OpsError: if the text is neither.
    """
    try:
        found = list(_entries(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OpsError(
            "this is not a preview of the engine",
            where=f"{type(error).__name__}: {error}",
            fix="give it the output of: pulumi preview --json --show-sames",
        ) from None
    steps: dict[str, Step] = {}
    for urn, step in found:
        known = steps.get(urn)
        # A replacement comes in up to three parts; only one has both sides.
        if known is None or (step.old and step.new and step.action == REPLACE):
            steps[urn] = step
    return list(steps.values())


def changes_anything(log: str) -> bool:
    """Whether the update that an event log previews would change anything: an object, a provider or an output.

    Args:
        log: what `--event-log` wrote, to its end.
    """
    for line in log.splitlines():
        event = json.loads(line)
        entry = event.get("resourcePreEvent") or event.get("resOutputsEvent")
        if entry and entry["metadata"]["op"] != SAME:
            return True
        if entry and entry["metadata"].get("type") == STACK and "resOutputsEvent" in event:
            old, new = entry["metadata"].get("old") or {}, entry["metadata"].get("new") or {}
            if old.get("outputs") != new.get("outputs"):
                return True
    return False


def _entries(text: str) -> Iterable[tuple[str, Step]]:
    if text.lstrip().startswith('{"sequence"'):
        for line in text.splitlines():
            event = json.loads(line)
            if "resourcePreEvent" in event:
                entry = event["resourcePreEvent"]["metadata"]
                yield from _step(entry, entry.get("old"), entry.get("new"), entry.get("keys"))
        return
    for entry in json.loads(text)["steps"]:
        reasons = entry.get("replaceReasons")
        yield from _step(entry, entry.get("oldState"), entry.get("newState"), reasons)


def _step(
    entry: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    reasons: list[str] | None,
) -> Iterable[tuple[str, Step]]:
    action = MEANINGS.get(entry["op"])
    kind = (new or old or {}).get("type", "")
    # The stack, its components and its providers are the engine's own book-keeping.
    if action is None or not (new or old or {}).get("custom") or kind.startswith("pulumi:"):
        return
    # To the engine an object is the same if its properties are.
    protection = _protection(old, new) if action == SAME and old and new else ""
    yield (
        entry["urn"],
        Step(
            action=UPDATE if protection else action,
            type=kind,
            resource=entry["urn"].rpartition("::")[2],
            old=(old or {}).get("inputs") or {},
            new=(new or {}).get("inputs") or {},
            retained=bool((old or {}).get("retainOnDelete")),
            forced_by=tuple(reasons or ()),
            changed=tuple(entry.get("detailedDiff") or ()),
            protection=protection,
        ),
    )


def _protection(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    words = {
        ("retainOnDelete", True): "stays in the cluster when the stack is destroyed",
        ("retainOnDelete", False): "is deleted with the stack",
        ("protect", True): "is protected from deletion",
        ("protect", False): "is no longer protected from deletion",
    }
    changes = [
        text
        for (key, after), text in words.items()
        if bool(new.get(key)) is after and bool(old.get(key)) is not after
    ]
    return f"from now on it {', and '.join(changes)}" if changes else ""
