"""A component's image, as its workload needs it."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image reference, known at preview, and what must exist before a pod can use it.

    Args:
        pull_policy: every reference is a content tag or a digest, so a present image is the right one. `Always` has the
            registry confirm that the pod may use it, and moves no data either.
    """

    reference: pulumi.Input[str]
    pull_policy: str = "IfNotPresent"
    depends_on: tuple[pulumi.Resource, ...] = ()
