"""`make footprint`: what a stack requests of its cluster, and how the checkout's changes affect that."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass

from rich.table import Table

from components.config.capacity import PodGroup, mebibytes
from components.config.quantities import millicores
from components.config.stack import StackConfig
from ops.config.commits import Commit

UNITS = {"pods": "", "CPU requests": "m", "memory requests": "Mi", "storage": "Mi"}


@dataclass(frozen=True)
class Amount:
    """Requests in millicores and MiB, storage in MiB."""

    pods: int = 0
    cpu: int = 0
    memory: int = 0
    storage: int = 0

    def __add__(self, other: "Amount") -> "Amount":
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


def of_commit(stack: str, commit: Commit) -> list[Row]:
    """The rows as that commit's own program computes them; none if the stack did not exist yet.

    Raises:
        OpsError: if its program cannot do this yet.
    """
    if not commit.has(stack):
        return []
    rows = json.loads(commit.output("footprint", "--stack", stack, "--json"))
    return [Row(row["name"], Amount(**row["at_rest"]), Amount(**row["at_most"])) for row in rows]


def to_json(rows: list[Row]) -> str:
    return json.dumps([asdict(row) for row in rows])


def compared(
    rows: Sequence[Row], before: Sequence[Row]
) -> Iterator[tuple[str, str, Amount, Amount]]:
    """Each name's amount at rest and at most, as it was and as it is, those that are gone included; `all` last."""
    old, new = ({row.name: row for row in side} for side in (before, rows))
    nothing = Row("", Amount(), Amount())
    for name in sorted(dict.fromkeys([*new, *old]), key=lambda name: name == "all"):
        was, is_now = old.get(name, nothing), new.get(name, nothing)
        yield name, "at rest", was.at_rest, is_now.at_rest
        yield name, "at most", was.at_most, is_now.at_most


def table(rows: list[Row], before: list[Row] | None = None) -> Table:
    """Each row at rest and at most, with the change since `before` beside every figure that changed."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("", "", *UNITS):
        shown.add_column(heading, justify="right" if heading else "left")
    for name, when, was, is_now in compared(rows, rows if before is None else before):
        cells = []
        for unit, old, new in zip(UNITS.values(), astuple(was), astuple(is_now), strict=True):
            change = f" ({new - old:+}{unit})" if new != old else ""
            cells.append(f"{new}{unit}{change}")
        shown.add_row(name if when == "at rest" else "", when, *cells)
    return shown
