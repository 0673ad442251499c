"""The FastAPI backend on Kubernetes."""

from dataclasses import dataclass

import pulumi

from . import workload
from .config import Assistant, Backend
from .image import Image
from .workload import Container, Release, SecretKey

COMPONENT = "backend"


@dataclass(frozen=True, kw_only=True)
class BackendServiceArgs:
    """What a BackendService is made from.

    Args:
        database_url: a libpq address, postgresql://user:password@host:port/name.
        better_auth_secret: the HS256 key that the frontend signs tokens with.
        openai_api_key: None leaves the assistant off.
        pool_size: database connections of one pod; None leaves it to the application.
    """

    release: Release
    image: Image
    database_url: SecretKey
    better_auth_secret: SecretKey
    openai_api_key: SecretKey | None = None
    assistant: Assistant = Assistant()
    pool_size: int | None = None
    config: Backend = Backend()


class BackendService(pulumi.ComponentResource):
    """Deployment, Service and, where configured, autoscaler and disruption budget.

    Attributes:
        url: the Service's address inside the cluster.
    """

    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: BackendServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("taskflow:index:BackendService", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        secrets = {
            "DATABASE_URL": args.database_url,
            "BETTER_AUTH_SECRET": args.better_auth_secret,
        }
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
            ready_path="/health",  # With the database: a pod that cannot answer gets no requests.
            live_path="/health/live",  # Without it: a database outage must not restart pods.
            secrets=secrets,
            env={variable: value for variable, value in optional.items() if value},
        )
        service = workload.service(name, args.release, COMPONENT, args.config, child)
        workload.deployment(name, args.release, container, args.config, child)
        workload.companions(name, args.release, COMPONENT, args.config, child)

        self.url = pulumi.Output.format(
            "http://{0}:{1}", service.metadata.name, args.config.service.port
        )
        self.register_outputs({"url": self.url})


def internal_url(release: str, config: Backend) -> str:
    """The address that the frontend's server code calls, by the Service's short name."""
    return f"http://{release}-{COMPONENT}:{config.service.port}"
