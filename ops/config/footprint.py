"""`make footprint`: what a stack requests of its cluster, and how the checkout's changes affect that."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from rich.table import Table

from components.config.capacity import PodGroup, mebibytes
from components.config.quantities import millicores
from components.config.stack import StackConfig
from ops.config.commits import unpacked


@dataclass(frozen=True)
class Amount:
    """Requests in millicores and MiB, storage in MiB."""

    pods: int = 0
    cpu: int = 0
    memory: int = 0
    storage: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Row:
    name: str
    at_rest: Amount
    """Requests with the fewest pods."""
    at_most: Amount
    """Requests with the most pods, during a rollout of all of them."""


def of_config(config: StackConfig) -> list[Row]:
    """A row for each component, one for scheduled backups, and `all` of them."""
    volumes = {"postgres": config.database.embedded, "backup": config.backup}
    rows = []
    for group in config.pod_groups:
        volume = volumes.get(group.name)
        storage = mebibytes(volume.size) if volume else 0
        rows.append(
            Row(
                group.name,
                _amount(group, group.fewest, storage),
                _amount(group, group.peak, storage),
            )
        )
    at_rest = sum((row.at_rest for row in rows), Amount())
    at_most = sum((row.at_most for row in rows), Amount())
    return [*rows, Row("all", at_rest, at_most)]


def _amount(group: PodGroup, pods: int, storage: int) -> Amount:
    return Amount(pods, pods * millicores(group.cpu), pods * mebibytes(group.memory), storage)


def at_commit(stack: str, commit: str, root: Path) -> list[Row]:
    """The rows as that commit's own program computes them; none if the stack did not exist yet.

    Raises:
        OpsError: if there is no such commit, or its program cannot do this yet.
    """
    with unpacked(commit, root) as then:
        if not then.has(stack):
            return []
        return from_json(then.output("footprint", "--stack", stack, "--json"))


def to_json(rows: list[Row]) -> str:
    return json.dumps([asdict(row) for row in rows])


def from_json(text: str) -> list[Row]:
    return [
        Row(row["name"], Amount(**row["at_rest"]), Amount(**row["at_most"]))
        for row in json.loads(text)
    ]


def table(rows: list[Row], before: list[Row] | None = None) -> Table:
    """Each row at rest and at most, with the change since `before` beside every figure that changed."""
    old = {row.name: row for row in before or []}
    names = [row.name for row in rows if row.name != "all"]
    names += [name for name in old if name not in names and name != "all"]
    new = {row.name: row for row in rows}
    shown = Table(box=None, pad_edge=False)
    for heading in ("", "", "pods", "CPU requests", "memory requests", "storage"):
        shown.add_column(heading, justify="right" if heading else "left")
    nothing = Row("", Amount(), Amount())
    for name in (*names, "all"):
        after, earlier = new.get(name, nothing), old.get(name, nothing)
        since = None if before is None else earlier.at_rest
        shown.add_row(name, "at rest", *_cells(after.at_rest, since))
        since = None if before is None else earlier.at_most
        shown.add_row("", "at most", *_cells(after.at_most, since))
    return shown


def _cells(now: Amount, before: Amount | None) -> list[str]:
    units = ("", "m", "Mi", "Mi")
    changes = [0] * 4 if before is None else _difference(now, before)
    return [
        f"{value}{unit}" + (f" ({change:+}{unit})" if change else "")
        for value, unit, change in zip(astuple(now), units, changes, strict=True)
    ]


def _difference(now: Amount, before: Amount) -> list[int]:
    return [a - b for a, b in zip(astuple(now), astuple(before), strict=True)]
