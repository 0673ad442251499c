"""Placement and annotations of a component's pods: keys that services and embedded Postgres share."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from .base import LARGEST_INTEGER, Model, Problem
from .kinds import AnnotationName, DnsSubdomain, LabelName, LabelValue

# Annotations that the program and the engine use.
RESERVED_DOMAINS = frozenset({"pulumi.com", "taskflow"})
# Of the 256 KiB that an object takes, what the program's own leave.
# https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/api/validation/objectmeta.go
MOST_ANNOTATED = 260_000
# https://kubernetes.io/docs/reference/labels-annotations-taints/#pod-deletion-cost
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


class Toleration(Model):
    """A taint that does not keep the pods away, in Kubernetes' own words.

    https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
    """

    key: LabelName | None = Field(None, description="the taint's key; every taint if unset")
    operator: Literal["Equal", "Exists"] = Field(
        "Equal", description="whether the taint's value must be equal, or the key is enough"
    )
    value: LabelValue | None = Field(None, description="the taint's value, for Equal")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="the taint's effect; every effect if unset"
    )
    toleration_seconds: int | None = Field(
        None, ge=0, description="seconds that a pod stays, for NoExecute; for ever if unset"
    )

    def problems(self) -> Iterable[Problem]:
        if self.operator == "Exists" and self.value is not None:
            yield Problem(("value", "operator"), "operator Exists asks for no value; drop it")
        if self.operator == "Equal" and self.key is None:
            yield Problem(("operator", "key"), "without a key operator must be Exists")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            yield Problem(
                ("tolerationSeconds", "effect"),
                "only effect NoExecute ends pods; set it or drop tolerationSeconds",
            )


class PodSettings(Model):
    """Keys of a component for its pods' specification and metadata."""

    node_selector: dict[LabelName, LabelValue] = Field(
        {}, description="labels of the nodes that its pods may run on"
    )
    tolerations: tuple[Toleration, ...] = Field(
        (), description="taints that do not keep its pods away"
    )
    priority_class: DnsSubdomain | None = Field(
        None, description="PriorityClass of its pods; the cluster's default if unset"
    )
    pod_annotations: dict[AnnotationName, str] = Field({}, description="annotations of its pods")
    # https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
    host_users: bool | None = Field(
        None,
        description="false: a user namespace for each pod, whose users have no rights on the node; needs nodes "
        "(nodeSelector) with Kubernetes 1.33, containerd 2 or CRI-O (not Docker), runc 1.2 or crun 1.9, Linux 6.3, "
        "idmapped mounts (ext4, xfs, btrfs; not NFS)",
    )

    def problems(self) -> Iterable[Problem]:
        yield from annotation_problems("podAnnotations", self.pod_annotations)
        cost = self.pod_annotations.get(DELETION_COST, "0")
        number = re.fullmatch("0|[1-9][0-9]{0,9}|-[0-9]{1,10}", cost)
        least = -LARGEST_INTEGER - 1
        if not number or not least <= int(cost) <= LARGEST_INTEGER:
            text = (
                f"is not a number from {least} to {LARGEST_INTEGER}, without + or zeros before it"
            )
            yield Problem((("podAnnotations", DELETION_COST),), text)


def annotation_problems(key: str, annotations: Mapping[str, str]) -> Iterable[Problem]:
    """Annotations that would change the program's own behaviour, and more than Kubernetes takes."""
    for name in annotations:
        if name.rpartition("/")[0] in RESERVED_DOMAINS:
            yield Problem(((key, name),), "is set by the program; drop it")
    size = sum(len(text.encode()) for pair in annotations.items() for text in pair)
    if size > MOST_ANNOTATED:
        text = (
            f"names and values have {size} bytes, but an object takes {MOST_ANNOTATED}; drop some"
        )
        yield Problem((key,), text)
