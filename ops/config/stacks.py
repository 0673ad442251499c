"""What the commands need to know of a stack before the engine runs; `components` reads its file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from components.config.check import as_far_as_readable
from components.config.errors import ConfigError
from components.config.stack_file import (
    ENCRYPTION_KEYS,
    PROJECT,
    PROJECT_FILE,
    file_name,
    stack_name,
)
from components.config.stack_file import StackFile as Source
from ops.config.validate import INVALID
from ops.errors import OpsError
from ops.paths import ROOT, STATE

MANDATORY = "mandatory"


@dataclass(frozen=True)
class StackFile:
    name: str
    path: Path
    context: str
    profile: str | None
    """Minikube profile, None for a cluster that `ops` neither starts nor deletes."""
    node_port: int | None
    builds_images: bool
    policies: str = MANDATORY
    """`taskflow:policies`: "mandatory", or the name of a file in policy/ that says how the rules count."""
    autoscales: bool = False
    """Whether it needs the cluster's metrics server."""
    release: str = PROJECT
    namespace: str = PROJECT
    names_its_encryption: bool = False
    rollout_seconds: int = 0
    """The longest time that the stack gives the update of a workload."""

    @classmethod
    def read(cls, name: str, root: Path = ROOT) -> Self:
        """The stack's file. Wrong values are left to the program: it reports them all.

        Raises:
            OpsError: if there is no such file, or it is ambiguous.
        """
        path = root / file_name(name)
        if not path.is_file():
            known = sorted(stack_name(file) for file in root.glob("Pulumi.*.yaml"))
            raise OpsError(
                f"there is no stack {name!r}: {path.name} does not exist",
                where=str(root),
                fix=f"use one of STACK={', STACK='.join(known)}" if known else f"write {path.name}",
            )
        try:
            source = Source.of_stack(name, PROJECT, root)
            if source.faults:
                raise source.error()
        except ConfigError as error:
            raise OpsError(str(error), code=INVALID) from None
        config = as_far_as_readable(source)
        workloads = config.workloads.values()
        return cls(
            name=name,
            path=path,
            context=config.cluster.context,
            profile=config.cluster.minikube,
            node_port=config.frontend.service.node_port,
            builds_images=not all(image.ref for image in config.component_images.values()),
            policies=config.policies,
            autoscales=any(workload.autoscaling for workload in workloads),
            release=config.release,
            namespace=config.namespace_name,
            names_its_encryption=not source.settings.keys().isdisjoint(ENCRYPTION_KEYS),
            rollout_seconds=max(workload.rollout_seconds for workload in workloads),
        )

    @classmethod
    def known(cls, name: str, root: Path = ROOT, state: Path = STATE) -> Self:
        """The stack file, or the copy that the engine read last if the checkout's file cannot be read.

        For commands about what is deployed, whatever the working tree says by now.
        """
        try:
            return cls.read(name, root)
        except OpsError:
            copies = state / "config"
            if not (copies / file_name(name)).is_file():
                raise
            return cls.read(name, copies)


def project_name() -> str:
    return str(yaml.safe_load((ROOT / PROJECT_FILE).read_text())["name"])
