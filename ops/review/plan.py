"""What the engine means to do, step by step, read from a preview of its own.

Two forms of the same: the document of `pulumi preview --json --show-sames`, and the event log of any preview
(`--event-log`, which is also what Pulumi's Automation API reads), a JSON object a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.errors import OpsError
from policy.rule import Manifest, at

SAME, CREATE, UPDATE, REPLACE, DELETE = "same", "create", "update", "replace", "delete"
# The engine's words for parts of one thing; what is not here (reads, refreshes, imports) changes no object.
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
    """

    action: str
    type: str
    resource: str
    old: Manifest = field(default_factory=dict)
    new: Manifest = field(default_factory=dict)
    retained: bool = False
    forced_by: tuple[str, ...] = ()

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


def read(text: str) -> list[Step]:
    """The steps of a preview in either form, in the engine's order, one for each resource.

    Raises:
        OpsError: if the text is neither.
    """
    try:
        found = list(_entries(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OpsError(
            "this is no preview of the engine",
            where=f"{type(error).__name__}: {error}",
            fix="give it the output of: pulumi preview --json --show-sames",
        ) from None
    steps: dict[str, Step] = {}
    for urn, step in found:
        known = steps.get(urn)
        # A replacement comes in up to three parts, of which only one tells both sides.
        if known is None or (step.old and step.new and step.action == REPLACE):
            steps[urn] = step
    return list(steps.values())


def _entries(text: str) -> Iterable[tuple[str, Step]]:
    if text.lstrip().startswith('{"sequence"'):
        for line in text.splitlines():
            event = json.loads(line)
            if "resourcePreEvent" in event:
                told = event["resourcePreEvent"]["metadata"]
                yield from _step(told, told.get("old"), told.get("new"), told.get("keys"))
        return
    for told in json.loads(text)["steps"]:
        reasons = told.get("replaceReasons")
        yield from _step(told, told.get("oldState"), told.get("newState"), reasons)


def _step(
    told: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    reasons: list[str] | None,
) -> Iterable[tuple[str, Step]]:
    action = MEANINGS.get(told["op"])
    kind = (new or old or {}).get("type", "")
    # The stack, its components and its providers are the engine's own book-keeping.
    if action is None or not (new or old or {}).get("custom") or kind.startswith("pulumi:"):
        return
    yield (
        told["urn"],
        Step(
            action=action,
            type=kind,
            resource=told["urn"].rpartition("::")[2],
            old=(old or {}).get("inputs") or {},
            new=(new or {}).get("inputs") or {},
            retained=bool((old or {}).get("retainOnDelete")),
            forced_by=tuple(reasons or ()),
        ),
    )
