"""An embedded Postgres for development: one pod, one volume."""

from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes import apps, core, meta

from . import workload
from .config import EmbeddedPostgres, ProbeTiming
from .config_models import EMBEDDED_CONNECTIONS
from .workload import Release, SecretKey

COMPONENT = "postgres"
PORT = 5432
DATABASE = "taskflow"
DATA = "/var/lib/postgresql/data"
# Memory for 192Mi requested: a quarter for shared buffers.
SETTINGS = {"shared_buffers": "48MB", "max_connections": str(EMBEDDED_CONNECTIONS)}
START_SECONDS = 120  # Recovery after a crash replays the log before it accepts connections.


@dataclass(frozen=True, kw_only=True)
class PostgresDatabaseArgs:
    """What a PostgresDatabase is made from.

    Args:
        protect: the engine refuses to delete or replace the volume, and the password that opens what is on it.
    """

    release: Release
    image: str = EmbeddedPostgres().image
    config: EmbeddedPostgres = EmbeddedPostgres()
    protect: bool = False


class PostgresDatabase(pulumi.ComponentResource):
    """StatefulSet, its two Services, volume claim and a generated password.

    Attributes:
        url: postgresql://user:password@host:port/name, a secret.
        ready: depend on it to start after the database accepts connections.
    """

    url: pulumi.Output[str]
    ready: apps.v1.StatefulSet

    def __init__(
        self, name: str, args: PostgresDatabaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("taskflow:index:PostgresDatabase", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        release = args.release

        # Letters and digits alone, because the password stands in an address.
        password = random.RandomPassword(
            f"{name}-password",
            length=32,
            special=False,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        secret = core.v1.Secret(
            f"{name}-secret",
            metadata=workload.object_meta(release, COMPONENT, None),
            immutable=True,
            string_data={"password": password.result},
            # Nobody could read a volume that was kept without it.
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
        # Kubernetes wants a headless one behind a StatefulSet. Clients use the other: its address outlives the pod,
        # and no resolver remembers that the pod was away.
        headless = _service(f"{name}-headless-service", f"{name}-headless", release, "None", child)
        self.ready = apps.v1.StatefulSet(
            f"{name}-statefulset",
            metadata=workload.object_meta(release, COMPONENT, name),
            spec=apps.v1.StatefulSetSpecArgs(
                service_name=headless.metadata.name,
                replicas=1,
                # Otherwise a pod that cannot start is waited for before it is replaced by a corrected one:
                # https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
                pod_management_policy="Parallel",
                selector=meta.v1.LabelSelectorArgs(
                    match_labels=workload.selector_labels(release.name, COMPONENT)
                ),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(
                        labels=workload.metadata_labels(release.name, COMPONENT)
                    ),
                    spec=_pod_spec(
                        args, SecretKey(name=secret.metadata.name, key="password"), claim
                    ),
                ),
            ),
            opts=child,
        )

        self.url = pulumi.Output.secret(
            pulumi.Output.format(
                "postgresql://{0}:{1}@{2}:{3}/{0}",
                DATABASE,
                password.result,
                service.metadata.name,
                PORT,
            )
        )
        self.register_outputs({"url": self.url})


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
    accepts = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", DATABASE, "-d", DATABASE]
    return core.v1.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=workload.pod_security(args.config.user),
        termination_grace_period_seconds=60,  # The image stops by SIGINT: it ends sessions and writes a checkpoint.
        image_pull_secrets=[
            core.v1.LocalObjectReferenceArgs(name=name) for name in args.release.pull_secrets
        ]
        or None,
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
                    core.v1.EnvVarArgs(name="PGDATA", value=f"{DATA}/pgdata"),
                    *workload.secret_env({"POSTGRES_PASSWORD": password}),
                ],
                resources=workload.resource_requirements(args.config.resources),
                startup_probe=workload.probe(
                    ProbeTiming(period=1, timeout=3, failures=START_SECONDS), command=accepts
                ),
                readiness_probe=workload.probe(ProbeTiming(period=5, timeout=3), command=accepts),
                # Only that the process listens: a database busy with recovery must not be restarted.
                liveness_probe=workload.probe(
                    ProbeTiming(period=10, timeout=5, failures=6), tcp_port="postgres"
                ),
                security_context=workload.container_security(),
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
    )
