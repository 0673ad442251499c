"""The pod that dumps a database and restores dumps, as plain Kubernetes YAML has it.

`ops` runs one for `make backup` and `make restore`, the CronJob of backup.py another; backup_pod.sh has their actions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .config.stack import ScheduledBackup
from .pod import HARDENED, security

COMPONENT = "backup"
CONTAINER = "postgres"
SCRIPT = Path(__file__).with_suffix(".sh")
BACKUPS = "/backups"
"""Where the volume of scheduled backups is."""
LIFE_SECONDS = 6 * 3600
"""After that Kubernetes ends a pod that nobody has ended."""
SOCKET = "/var/run/postgresql"
RESOURCES = ScheduledBackup.resources.model_dump()
# The public authorities that the backend trusts: the images of Postgres have none. Some systems have a file for each.
COPY_ROOTS = """
import pathlib, ssl
trusted = ssl.get_default_verify_paths()
files = [pathlib.Path(trusted.cafile)] if trusted.cafile else pathlib.Path(trusted.capath or "/none").glob("*.0")
pathlib.Path("/scratch/roots.crt").write_bytes(b"".join(file.read_bytes() for file in files))
"""


def command(*action: str) -> list[str]:
    """The command that runs an action of backup_pod.sh in the container."""
    return ["bash", "-c", 'eval "$SCRIPT"', "backup", *action]


def pod_spec(
    *,
    release: str,
    image: Any,
    user: int,
    action: str,
    env: Sequence[Mapping[str, Any]],
    volumes: Sequence[Mapping[str, Any]] = (),
    mounts: Sequence[Mapping[str, Any]] = (),
    roots: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A pod with one container that runs an action.

    Args:
        env: where the database is; values that are secret come from Secrets.
        roots: image and imagePullPolicy of the backend, where public authorities may verify the database.
    """
    folders = {"scratch": "/scratch", "run": SOCKET, "tmp": "/tmp"}  # noqa: S108 - an emptyDir
    shared = {
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": RESOURCES,
        "securityContext": HARDENED,
    }
    first = {
        "name": "roots",
        "command": ["python", "-c", COPY_ROOTS],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,  # The scratch server needs no checkpoints.
        "securityContext": security(user),
        "initContainers": [{**first, **roots, **shared}] if roots else [],
        "containers": [
            {
                "name": CONTAINER,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": command(action),
                "env": [
                    {"name": "RELEASE", "value": release},
                    {"name": "SCRIPT", "value": SCRIPT.read_text()},
                    *env,
                ],
                **shared,
                "volumeMounts": [
                    *({"name": name, "mountPath": path} for name, path in folders.items()),
                    *mounts,
                ],
            }
        ],
        "volumes": [
            *({"name": name, "emptyDir": {}} for name in folders),
            *volumes,
        ],
    }
