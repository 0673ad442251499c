"""Parts of every pod, as plain Kubernetes YAML has them: `ops` makes pods, too, without Pulumi."""

from typing import Any, NamedTuple

from .config.stack import CertificateAuthority

Plain = Any
"""A block. Classes of the SDK take one in place of their own, though their types do not say so."""

# The container's part of the restricted pod security standard, and a read-only root file system.
HARDENED: Plain = {
    "allowPrivilegeEscalation": False,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def security(user: int) -> Plain:
    """The pod's part of the restricted pod security standard."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


class Mounted(NamedTuple):
    """Certificates in a pod: the variable that names their file, the volume, and its mount."""

    variable: Plain
    volume: Plain
    mount: Plain


def mounted(ca: CertificateAuthority) -> Mounted:
    """The certificates to verify the database with."""
    items = [{"key": ca.key, "path": ca.file}]
    source: Plain = (
        {"configMap": {"name": ca.config_map, "items": items}}
        if ca.config_map
        else {"secret": {"secretName": ca.secret, "items": items}}
    )
    return Mounted(
        variable={"name": "DATABASE_CA_FILE", "value": f"{ca.folder}/{ca.file}"},
        volume={"name": ca.volume, **source},
        mount={"name": ca.volume, "mountPath": ca.folder, "readOnly": True},
    )
