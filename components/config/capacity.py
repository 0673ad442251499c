"""Whether a stack's pods fit the nodes at their most: all replicas, a rollout's surge, and everything else there."""

from dataclasses import dataclass

from .quantities import bytes_of, millicores


@dataclass(frozen=True, kw_only=True)
class PodGroup:
    """The pods of one component at their most; a rollout of the whole release adds every group's surge at once.

    Pods on their way out are not counted: their successors wait a second or two for them to end.

    Args:
        fewest: pods without load or rollout.
        pods: pods at full scale.
        cpu: request of one pod, a Kubernetes quantity; so is memory.
    """

    name: str
    fewest: int
    pods: int
    surge: int
    cpu: str
    memory: str

    @property
    def peak(self) -> int:
        """Pods during a rollout at full scale."""
        return self.pods + self.surge

    @property
    def count(self) -> str:
        """The number of pods as a sum."""
        return f"({self.pods} + {self.surge} surge)" if self.surge else str(self.pods)


@dataclass(frozen=True, kw_only=True)
class Room:
    """The capacity of a cluster's nodes, and what others use of it."""

    nodes: int
    cpu: str
    memory: str
    other_cpu: str
    other_memory: str


def shortfalls(groups: list[PodGroup], room: Room) -> list[str]:
    """Why the groups do not fit, with the arithmetic: a line each for CPU and memory; empty if they fit."""
    cpu = [(group, millicores(group.cpu)) for group in groups]
    memory = [(group, mebibytes(group.memory)) for group in groups]
    found = (
        _shortfall("CPU", "m", cpu, millicores(room.other_cpu), millicores(room.cpu), room.nodes),
        _shortfall(
            "memory", "Mi", memory, mebibytes(room.other_memory), mebibytes(room.memory), room.nodes
        ),
    )
    return [text for text in found if text]


def mebibytes(quantity: str) -> int:
    """Memory or storage quantity in MiB, rounded up."""
    return -(-bytes_of(quantity) // 2**20)


def _shortfall(
    what: str, unit: str, groups: list[tuple[PodGroup, int]], other: int, node: int, nodes: int
) -> str | None:
    for group, request in groups:
        if request > node:
            return f"{what}: one {group.name} pod requests {request}{unit}, more than a whole node's {node}{unit}"
    needed = sum(request * group.peak for group, request in groups) + other
    if needed <= node * nodes:
        return None
    terms = [f"{group.name} {request}{unit} x {group.count}" for group, request in groups]
    there = (
        f"{node}{unit}" if nodes == 1 else f"{nodes} nodes x {node}{unit} = {nodes * node}{unit}"
    )
    return (
        f"{what}: {' + '.join(terms)} + everything else {other}{unit} = {needed}{unit}, but there is {there}: "
        f"{needed - node * nodes}{unit} too little"
    )
