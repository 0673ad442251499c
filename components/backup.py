"""Scheduled backups: a CronJob that dumps, restores once and compares, encrypts, and keeps the newest on a volume.

Where the stack names a bucket, it copies them there, too.
"""

from typing import Any

import pulumi
from pulumi_kubernetes import batch, core
from pydantic.alias_generators import to_camel

from . import workload
from .backup_pod import BACKUPS, COMPONENT, LIFE_SECONDS, RESOURCES, pod_spec
from .config.stack import EmbeddedPostgres, ScheduledBackup, StackConfig
from .image import Image
from .pod import HARDENED, mounted
from .workload import Release, SecretKey

STORE = "store"
BUCKET_FAILED = 3
"""The exit code of docker/backend/taskflow_api/backup.py if the backup is on the volume: another would not help."""


def scheduled(
    name: str,
    release: Release,
    config: StackConfig,
    owner_url: SecretKey,
    image: Image,
    opts: pulumi.ResourceOptions,
) -> None:
    """The CronJob where it is configured, and its volume, which is protected and kept like the database's own.

    Args:
        owner_url: address of the database as the owner of its tables.
        image: the backend's, which encrypts and stores.
    """
    backup, embedded = config.backup, config.database.embedded
    if not backup:
        return
    claim = core.v1.PersistentVolumeClaim(
        f"{name}s",
        metadata=workload.object_meta(release, COMPONENT, f"{name}s", workload.SKIP_AWAIT),
        spec=core.v1.PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            storage_class_name=backup.storage_class,
            resources=core.v1.VolumeResourceRequirementsArgs(requests={"storage": backup.size}),
        ),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                protect=config.protects, retain_on_delete=bool(embedded and embedded.keep)
            ),
        ),
    )
    labels = workload.metadata_labels(release.name, COMPONENT)
    spec = _spec(release, config, backup, owner_url, image)
    spec["volumes"].append(
        {"name": "backups", "persistentVolumeClaim": {"claimName": claim.metadata.name}}
    )
    # As plain YAML, from the same source as the pod of `ops`.
    plain: Any = {
        "schedule": backup.schedule,
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 2,
        "jobTemplate": {
            "metadata": {"labels": labels},
            "spec": {
                "backoffLimit": 1,
                "podFailurePolicy": {
                    "rules": [
                        {
                            "action": "FailJob",
                            "onExitCodes": {
                                "containerName": STORE,
                                "operator": "In",
                                "values": [BUCKET_FAILED],
                            },
                        }
                    ]
                },
                "activeDeadlineSeconds": LIFE_SECONDS,
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        },
    }
    batch.v1.CronJob(
        name, metadata=workload.object_meta(release, COMPONENT, name), spec=plain, opts=opts
    )


def _spec(
    release: Release,
    config: StackConfig,
    backup: ScheduledBackup,
    owner_url: SecretKey,
    image: Image,
) -> dict[str, Any]:
    embedded = config.database.embedded
    certificates = mounted(release.database_ca) if release.database_ca else None
    spec = pod_spec(
        release=release.name,
        image=config.images.mirrored(embedded.image if embedded else backup.image),
        user=(embedded or EmbeddedPostgres()).user,
        action="nightly",
        env=[
            *workload.secret_env({"DATABASE_URL": owner_url}),
            *([certificates.variable] if certificates else ()),
        ],
        volumes=[certificates.volume] if certificates else (),
        mounts=[certificates.mount] if certificates else (),
        roots=None
        if embedded or certificates
        else {"image": image.reference, "imagePullPolicy": image.pull_policy},
    )
    spec["initContainers"] += spec["containers"]
    spec["containers"] = [
        {
            "name": STORE,
            "image": image.reference,
            "imagePullPolicy": image.pull_policy,
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "command": ["python", "-m", "taskflow_api.backup"],
            "env": [
                {"name": "RELEASE", "value": release.name},
                {"name": "BACKUP_PUBLIC_KEY", "value": backup.public_key},
                {"name": "BACKUP_KEEP", "value": str(backup.keep)},
                *_to_bucket(release, backup),
            ],
            "resources": RESOURCES,
            "securityContext": HARDENED,
            "volumeMounts": [
                {"name": "scratch", "mountPath": "/scratch"},
                {"name": "backups", "mountPath": BACKUPS},
            ],
        }
    ]
    # Like the pod of `ops`: on the database's nodes, or where the backend reaches one elsewhere.
    placement = workload.placement(release, embedded or config.backend)
    return spec | {to_camel(field): value for field, value in placement.items()}


def _to_bucket(release: Release, backup: ScheduledBackup) -> list[dict[str, Any]]:
    """The variables of `make backup`, and where the copies go."""
    bucket = backup.bucket
    if not bucket:
        return []
    plain = {
        "BACKUP_BUCKET": bucket.address,
        "AWS_ENDPOINT_URL": bucket.url,
        "AWS_REGION": bucket.region,
    }
    secrets = workload.further_secrets(release, COMPONENT, backup.secret_env)
    return [
        *({"name": name, "value": value} for name, value in plain.items()),
        *workload.secret_env(secrets),
    ]
