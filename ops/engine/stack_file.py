"""What `ops` has to know from a stack file before the engine reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ops.errors import OpsError
from ops.paths import ROOT, STATE

PROJECT = "taskflow"
MANDATORY, ADVISORY = "mandatory", "advisory"
BUILT = ("backend", "frontend")
ENCRYPTION_KEYS = ("encryptionsalt", "encryptedkey", "secretsprovider")


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
    """Whether a broken rule of policy/ stops the engine ("mandatory") or makes it warn ("advisory")."""
    autoscales: bool = False
    """Whether it needs the cluster's metrics server."""
    release: str = PROJECT
    namespace: str = PROJECT

    @classmethod
    def read(cls, name: str, root: Path = ROOT) -> StackFile:
        path = root / f"Pulumi.{name}.yaml"
        if not path.is_file():
            known = sorted(file.name.split(".")[1] for file in root.glob("Pulumi.*.yaml"))
            raise OpsError(
                f"there is no stack {name!r}: {path.name} does not exist",
                where=str(root),
                fix=f"use one of STACK={', STACK='.join(known)}" if known else f"write {path.name}",
            )
        try:
            content = yaml.safe_load(path.read_text()) or {}
        except yaml.YAMLError as error:
            where = " ".join(str(error).split())
            raise OpsError(f"{path.name} is not YAML", where=where) from error
        # Wrong types are left to the program, which checks everything and says it with the line.
        config = _block(content, "config")
        cluster = _block(config, f"{PROJECT}:cluster")
        services = [_block(config, f"{PROJECT}:{part}") for part in BUILT]
        images = _block(config, f"{PROJECT}:images")
        release = str(config.get(f"{PROJECT}:release") or PROJECT)
        profile = cluster.get("minikube")
        port = _block(services[BUILT.index("frontend")], "service").get("nodePort")
        return cls(
            name=name,
            path=path,
            context=str(cluster.get("context", "minikube")),
            profile=str(profile) if profile else None,
            node_port=port if isinstance(port, int) else None,
            builds_images=not all(_block(images, part).get("ref") for part in BUILT),
            policies=str(config.get(f"{PROJECT}:policies", MANDATORY)),
            autoscales=any(_block(service, "autoscaling") for service in services),
            release=release,
            namespace=str(config.get(f"{PROJECT}:namespace") or release),
        )

    @classmethod
    def known(cls, name: str, root: Path = ROOT, state: Path = STATE) -> StackFile:
        """The stack file, or the copy of it that the engine read last where the checkout has none that can be read.

        For commands about what is deployed, whatever the working tree has become.
        """
        try:
            return cls.read(name, root)
        except OpsError:
            copies = state / "config"
            if not (copies / f"Pulumi.{name}.yaml").is_file():
                raise
            return cls.read(name, copies)

    @property
    def names_its_encryption(self) -> bool:
        return any(line.startswith(ENCRYPTION_KEYS) for line in self.path.read_text().splitlines())


def project_name(root: Path = ROOT) -> str:
    return str(yaml.safe_load((root / "Pulumi.yaml").read_text())["name"])


def _block(content: Any, key: str) -> dict[str, Any]:
    value = content.get(key) if isinstance(content, dict) else None
    return value if isinstance(value, dict) else {}
