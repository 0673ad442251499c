"""An embedded Postgres for development: one pod, one volume."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes import apps, core, meta

from . import pod, workload
from .config.stack import EMBEDDED_CONNECTIONS, EmbeddedPostgres
from .config.workload import ProbeTiming
from .workload import Release, SecretKey

COMPONENT = "postgres"
PORT = 5432
DATABASE = "taskflow"
# The role of each key of the Secret. The first owns the tables, and is the superuser that the image makes; the
# backend's pods make the others before they start (docker/backend/taskflow_api/roles.py).
ROLES = {
    "database-owner-url": DATABASE,
    "database-url": "taskflow_backend",
    "frontend-database-url": "taskflow_frontend",
}
# The owner's addresses with other passwords that a volume may have: that of a new volume, and the former one.
FORMER_OWNERS = ("database-owner-url-initial", "database-owner-url-former")
PASSWORD_LENGTH = 32
# The mount. PGDATA is a folder below it also because the image of Postgres 18, with its own default for PGDATA, takes a
# mount here for an unused one and refuses to start: https://github.com/docker-library/postgres/pull/1259
DATA = "/var/lib/postgresql/data"
# Memory for 192Mi requested: a quarter for shared buffers.
SETTINGS = {"shared_buffers": "48MB", "max_connections": str(EMBEDDED_CONNECTIONS)}
START_SECONDS = 120  # Recovery after a crash replays the log before it accepts connections.
READY_TIMEOUT = f"{START_SECONDS + 120}s"
"""With the end of the former pod and the pull of an image. The provider's own would be ten minutes."""


@dataclass(frozen=True, kw_only=True)
class PostgresDatabaseArgs:
    """Arguments of PostgresDatabase.

    Args:
        protect: the engine refuses to delete or replace the volume, and the password that opens what is on it.
    """

    release: Release
    image: str = EmbeddedPostgres().image
    config: EmbeddedPostgres = EmbeddedPostgres()
    protect: bool = False


class PostgresDatabase(pulumi.ComponentResource):
    """StatefulSet, its two Services, volume claim and generated passwords.

    Attributes:
        urls: postgresql://user:password@host:port/name, secrets, by the keys of ROLES; and by FORMER_OWNERS, with
            passwords that the owner may still have.
        dropped: roles that the services had before, and that are no longer accepted.
        volume: changes when the volume is replaced.
        ready: depend on it to start after the database accepts connections.
    """

    urls: Mapping[str, pulumi.Output[str]]
    volume: pulumi.Output[str]
    dropped: tuple[str, ...]
    ready: apps.v1.StatefulSet

    def __init__(
        self, name: str, args: PostgresDatabaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("taskflow:index:PostgresDatabase", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        release = args.release

        number, *former = args.config.passwords
        # The first is the one that the image gives the owner of a new volume.
        owners = {
            n: _password(f"{name}-password", n, self, protect=args.protect and n == 1)
            for n in sorted({1, number, *former})
        }
        services = [role for role in ROLES.values() if role != DATABASE]
        passwords = {
            role: _password(f"{name}-{role.removeprefix(f'{DATABASE}_')}-password", number, self)
            for role in services
        } | {DATABASE: owners[number]}
        secret = core.v1.Secret(
            f"{name}-secret",
            metadata=workload.object_meta(release, COMPONENT, None),
            immutable=True,
            string_data={"password": owners[1]},
            # Without it, nobody could read a kept volume.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.config.keep),
        )
        claim = core.v1.PersistentVolumeClaim(
            f"{name}-data",
            metadata=workload.object_meta(release, COMPONENT, f"{name}-data"),
            spec=core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=args.config.storage_class,
                resources=core.v1.VolumeResourceRequirementsArgs(
                    requests={"storage": args.config.size}
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, retain_on_delete=args.config.keep
            ),
        )
        service = _service(f"{name}-service", name, release, None, child)
        # A StatefulSet needs a headless one. Clients use the other: its address outlives the pod,
        # and no resolver remembers that the pod was away.
        headless = _service(f"{name}-headless-service", f"{name}-headless", release, "None", child)
        self.ready = apps.v1.StatefulSet(
            f"{name}-statefulset",
            metadata=workload.object_meta(release, COMPONENT, name),
            spec=apps.v1.StatefulSetSpecArgs(
                service_name=headless.metadata.name,
                replicas=1,
                # Otherwise Kubernetes waits for a pod that cannot start before it replaces it by a corrected one:
                # https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
                pod_management_policy="Parallel",
                selector=meta.v1.LabelSelectorArgs(
                    match_labels=workload.selector_labels(release.name, COMPONENT)
                ),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(
                        labels=workload.metadata_labels(release.name, COMPONENT),
                        annotations=dict(args.config.pod_annotations) or None,
                    ),
                    spec=_pod_spec(
                        args, SecretKey(name=secret.metadata.name, key="password"), claim
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                custom_timeouts=pulumi.CustomTimeouts(create=READY_TIMEOUT, update=READY_TIMEOUT),
            ),
        )

        # Only a cluster gives uids: rendered YAML has none.
        self.volume = claim.metadata.apply(lambda metadata: metadata.uid or "uid-of-the-claim")
        gone = sorted({*range(1, number)} - {*former})
        self.dropped = tuple(_numbered(role, n) for n in gone for role in services)

        def url(role: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
            text = "postgresql://{0}:{1}@{2}:{3}/{4}"
            host = service.metadata.name
            return pulumi.Output.secret(
                pulumi.Output.format(text, role, password, host, PORT, DATABASE)
            )

        # A role has one password: a new password comes with a new role, and the former role stays valid.
        self.urls = {
            key: url(role if role == DATABASE else _numbered(role, number), passwords[role])
            for key, role in ROLES.items()
        } | {
            key: url(DATABASE, owners[n])
            for key, n in zip(FORMER_OWNERS, sorted(owners.keys() - {number}), strict=False)
        }
        self.register_outputs({"url": self.urls["database-url"]})


def _numbered(role: str, number: int) -> str:
    return role if number == 1 else f"{role}_{number}"


def _password(
    name: str, number: int, parent: pulumi.Resource, *, protect: bool = False
) -> pulumi.Output[str]:
    """Letters and digits only, because it becomes part of an address."""
    resource = name if number == 1 else f"{name}-{number}"
    opts = pulumi.ResourceOptions(parent=parent, protect=protect)
    password = random.RandomPassword(resource, length=PASSWORD_LENGTH, special=False, opts=opts)
    return password.result


def _service(
    resource: str,
    name: str,
    release: Release,
    cluster_ip: str | None,
    opts: pulumi.ResourceOptions,
) -> core.v1.Service:
    return core.v1.Service(
        resource,
        metadata=workload.object_meta(release, COMPONENT, name, workload.SKIP_AWAIT),
        spec=core.v1.ServiceSpecArgs(
            cluster_ip=cluster_ip,
            selector=workload.selector_labels(release.name, COMPONENT),
            ports=[core.v1.ServicePortArgs(name="postgres", port=PORT, target_port="postgres")],
        ),
        opts=opts,
    )


def _pod_spec(
    args: PostgresDatabaseArgs, password: SecretKey, claim: core.v1.PersistentVolumeClaim
) -> core.v1.PodSpecArgs:
    accepts = ("pg_isready", "-q", "-h", "127.0.0.1", "-U", DATABASE, "-d", DATABASE)
    return core.v1.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod.security(args.config.user),
        termination_grace_period_seconds=60,  # SIGINT stops the image: it ends sessions and writes a checkpoint.
        containers=[
            core.v1.ContainerArgs(
                name=COMPONENT,
                image=args.image,
                image_pull_policy="IfNotPresent",
                termination_message_policy="FallbackToLogsOnError",
                args=[
                    "postgres",
                    *(word for pair in SETTINGS.items() for word in ("-c", "=".join(pair))),
                ],
                ports=[core.v1.ContainerPortArgs(name="postgres", container_port=PORT)],
                env=[
                    core.v1.EnvVarArgs(name="POSTGRES_USER", value=DATABASE),
                    core.v1.EnvVarArgs(name="POSTGRES_DB", value=DATABASE),
                    # A folder of its own below the mount: initdb wants to own it with mode 0700.
                    core.v1.EnvVarArgs(name="PGDATA", value=f"{DATA}/{args.config.folder}"),
                    *workload.secret_env({"POSTGRES_PASSWORD": password}),
                ],
                resources=workload.resource_requirements(args.config.resources),
                startup_probe=workload.probe(
                    ProbeTiming(period=1, timeout=3, failures=START_SECONDS), accepts
                ),
                readiness_probe=workload.probe(ProbeTiming(period=5, timeout=3), accepts),
                # Only that the process listens: a database busy with recovery must not be restarted.
                liveness_probe=workload.probe(
                    ProbeTiming(period=10, timeout=5, failures=6), tcp_port="postgres"
                ),
                security_context=pod.HARDENED,
                volume_mounts=[
                    core.v1.VolumeMountArgs(name="data", mount_path=DATA),
                    core.v1.VolumeMountArgs(name="run", mount_path="/var/run/postgresql"),
                    core.v1.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108 - an emptyDir
                ],
            )
        ],
        volumes=[
            core.v1.VolumeArgs(
                name="data",
                persistent_volume_claim=core.v1.PersistentVolumeClaimVolumeSourceArgs(
                    claim_name=claim.metadata.name
                ),
            ),
            core.v1.VolumeArgs(name="run", empty_dir=core.v1.EmptyDirVolumeSourceArgs()),
            core.v1.VolumeArgs(name="tmp", empty_dir=core.v1.EmptyDirVolumeSourceArgs()),
        ],
        **workload.placement(args.release, args.config),
    )
