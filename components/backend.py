"""The FastAPI backend on Kubernetes."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apps, core

from . import workload
from .config.stack import Assistant
from .config.workload import Backend
from .image import Image
from .workload import Container, Release, SecretKey, Step

COMPONENT = "backend"
# Images without the module migrate by themselves: a rollback must be able to run them.
MIGRATE = "test ! -f taskflow_api/migrate.py || exec python -m taskflow_api.migrate"


@dataclass(frozen=True, kw_only=True)
class Migration:
    """The step that migrates the database and makes the services' roles, if the backend's role is not the owner.

    Args:
        owner_url: address for the role that owns the tables.
        frontend_url: address for the role of the frontend's sessions.
        volume: changes with an embedded database's volume: a new one must be migrated too.
        former_owner_urls: with passwords that the owner may still have; it gets the one of `owner_url`.
        dropped_roles: roles that the services had before; the step drops them, if it has made them.
    """

    owner_url: SecretKey
    frontend_url: SecretKey
    volume: pulumi.Input[str] | None = None
    former_owner_urls: tuple[SecretKey, ...] = ()
    dropped_roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BackendServiceArgs:
    """Arguments of BackendService.

    Args:
        database_url: a libpq address, postgresql://user:password@host:port/name.
        signing_keys: the HS256 keys that the frontend signs tokens with, by variable: BETTER_AUTH_SECRET, and those
            accepted beside it while keys rotate, BETTER_AUTH_SECRET_NEXT and BETTER_AUTH_SECRET_FORMER.
        openai_api_key: None leaves the assistant off.
        pool_size: database connections of one pod; None leaves it to the application.
        migration: None where the backend migrates by itself, as the owner of the tables.
    """

    release: Release
    image: Image
    database_url: SecretKey
    signing_keys: Mapping[str, SecretKey]
    openai_api_key: SecretKey | None = None
    assistant: Assistant = Assistant()
    pool_size: int | None = None
    migration: Migration | None = None
    config: Backend = Backend()


class BackendService(pulumi.ComponentResource):
    """Deployment, Service and, where configured, autoscaler and disruption budget.

    Attributes:
        url: the Service's address in the cluster.
    """

    url: pulumi.Output[str]
    service: core.v1.Service
    deployment: apps.v1.Deployment

    def __init__(
        self, name: str, args: BackendServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("taskflow:index:BackendService", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        secrets = {"DATABASE_URL": args.database_url, **args.signing_keys}
        if args.openai_api_key:
            secrets["OPENAI_API_KEY"] = args.openai_api_key
        optional = {
            "OPENAI_MODEL": args.assistant.model,
            "OPENAI_BASE_URL": args.assistant.base_url,
            "DATABASE_POOL_SIZE": str(args.pool_size) if args.pool_size else None,
        }
        container = Container(
            component=COMPONENT,
            image=args.image,
            ready="/health",  # With the database: a pod that cannot answer gets no requests.
            live="/health/live",  # Without it: a database outage must not restart pods.
            secrets=secrets,
            env={variable: value for variable, value in optional.items() if value},
            first=_step(args.migration, args.database_url) if args.migration else None,
        )
        self.service = workload.service(name, args.release, COMPONENT, args.config, child)
        self.deployment = workload.deployment(name, args.release, container, args.config, child)

        self.url = pulumi.Output.format(
            "http://{0}:{1}", self.service.metadata.name, args.config.service.port
        )
        self.register_outputs({"url": self.url})


def _step(migration: Migration, database_url: SecretKey) -> Step:
    return Step(
        name="migrate",
        command=("sh", "-c", MIGRATE),
        secrets={
            "DATABASE_OWNER_URL": migration.owner_url,
            "DATABASE_URL": database_url,
            "FRONTEND_DATABASE_URL": migration.frontend_url,
            **{
                f"DATABASE_OWNER_URL_{number}": url
                for number, url in enumerate(migration.former_owner_urls, 1)
            },
        },
        env={
            variable: value
            for variable, value in {
                # Nothing reads it: a new volume replaces the pods.
                "DATABASE_VOLUME": migration.volume,
                "DATABASE_DROPPED_ROLES": " ".join(migration.dropped_roles),
            }.items()
            if value
        },
    )


def internal_url(release: str, config: Backend) -> str:
    """The address that the frontend's server code calls, by the Service's short name."""
    return f"http://{release}-{COMPONENT}:{config.service.port}"
