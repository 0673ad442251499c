"""Whether a stack's pods fit the nodes at their most: all replicas, a rollout's surge, and everything else there."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field

from .base import Model
from .quantities import Bytes, Cpu, bytes_of, millicores
from .workload import Compute


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


class OtherRequests(Compute):
    """Requests of others on the cluster."""

    # kubeadm's: API server 250m, controller manager 200m, scheduler 100m, etcd 100m/100Mi, CoreDNS 100m/70Mi.
    cpu: Cpu = Field("750m", description="CPU that others request on all nodes together")
    memory: Bytes = Field("170Mi", description="memory that others request on all nodes together")


class Node(Model):
    """The nodes that the capacity check counts on. The default is Minikube's: one node of 2 CPUs and 4 GB."""

    count: int = Field(1, ge=1, description="number of nodes (an autoscaled pool's most)")
    cpu: Cpu = Field("2", description="allocatable CPU of one node")
    memory: Bytes = Field("4Gi", description="allocatable memory of one node")
    other_requests: OtherRequests = Field(
        OtherRequests(),
        description="requests of everything that is not this release: control plane, add-ons, other releases",
    )


def mebibytes(quantity: str) -> int:
    """Memory or storage quantity in MiB, rounded up."""
    return -(-bytes_of(quantity) // 2**20)


def shortfalls(groups: list[PodGroup], node: Node) -> list[str]:
    """Why the groups do not fit, with the arithmetic: a line each for CPU and memory; empty if they fit."""
    found = (
        _shortfall("CPU", "m", groups, node, lambda of: millicores(of.cpu)),
        _shortfall("memory", "Mi", groups, node, lambda of: mebibytes(of.memory)),
    )
    return [text for text in found if text]


def _shortfall(
    what: str,
    unit: str,
    groups: list[PodGroup],
    node: Node,
    amount: Callable[[PodGroup | Node | OtherRequests], int],
) -> str | None:
    room, other = amount(node), amount(node.other_requests)
    for group in groups:
        if amount(group) > room:
            return f"{what}: one {group.name} pod requests {amount(group)}{unit}, more than a whole node's {room}{unit}"
    needed = sum(amount(group) * group.peak for group in groups) + other
    if needed <= room * node.count:
        return None
    terms = [f"{group.name} {amount(group)}{unit} x {group.count}" for group in groups]
    nodes = "" if node.count == 1 else f"{node.count} nodes x {room}{unit} = "
    return (
        f"{what}: {' + '.join(terms)} + everything else {other}{unit} = {needed}{unit}, but there is "
        f"{nodes}{room * node.count}{unit}: {needed - room * node.count}{unit} too little"
    )
