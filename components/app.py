"""TaskFlow as a whole: the namespace, shared configuration and secrets, and the services on top."""

from dataclasses import dataclass, replace
from pathlib import Path

import pulumi
import pulumi_random as random
from pulumi_kubernetes import core, meta

from . import backend, frontend, network, workload
from .backend import BackendService, BackendServiceArgs
from .build_context import build_of
from .cluster import docker_provider
from .config import ComponentImage, ConfigError, Images, StackConfig, StackSecrets
from .existing_secret import ExistingSecret, existing_secret
from .frontend import FrontendService, FrontendServiceArgs
from .image import Image, built_image
from .minikube import Minikube
from .postgres import PostgresDatabase, PostgresDatabaseArgs
from .workload import Release, SecretKey

GENERATED_SECRET_LENGTH = 48


@dataclass(frozen=True, kw_only=True)
class TaskflowAppArgs:
    """What a TaskflowApp is made from: the checked configuration, and the secrets beside it.

    Args:
        sources: the folder with `backend/` and `frontend/`, each with a Dockerfile; may be left out where the
            configuration names prebuilt images.

    Raises:
        ConfigError: if something is missing without which there is no release.
    """

    config: StackConfig
    secrets: StackSecrets
    sources: Path | None = None

    def __post_init__(self) -> None:
        lacking = []
        if self.sources is None:
            lacking += [
                f"images.{component}: has no ref to a prebuilt image, and TaskflowAppArgs no sources to build it from"
                for component, image in _wanted(self.config.images).items()
                if image.ref is None
            ]
        from_secrets = self.config.database.outside and not self.config.secrets.existing
        if from_secrets and self.secrets.database_url is None:
            lacking.append("database: is an external one, but StackSecrets has no database_url")
        if lacking:
            raise ConfigError(lacking)


class TaskflowApp(pulumi.ComponentResource):
    """One release of TaskFlow. Give it a Kubernetes provider (`opts.provider`) for the cluster.

    Attributes:
        url: where a browser finds it.
        namespace: where its objects are.
        backend_image: reference of the backend's image.
        frontend_image: reference of the frontend's image.
    """

    url: pulumi.Output[str]
    namespace: pulumi.Output[str]
    backend_image: pulumi.Output[str]
    frontend_image: pulumi.Output[str]

    def __init__(
        self, name: str, args: TaskflowAppArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("taskflow:index:TaskflowApp", name, {}, opts)
        config = args.config
        minikube = Minikube.find(config.cluster.minikube) if config.cluster.minikube else None
        node_host = minikube.host if minikube else "127.0.0.1"

        images = self._images(name, args, minikube)
        existing = self._existing_secret(name, config)
        namespace_name = existing.namespace if existing else self._namespace(name, config)
        config_map = self._config_map(name, config, namespace_name, node_host)
        release = Release(
            name=config.release,
            namespace=namespace_name,
            config_map=config_map.metadata.name,
            pull_secrets=config.images.pull_secrets,
            secret_version=existing.version if existing else None,
        )
        database = self._database(name, config, release)
        keys = existing.keys if existing else self._secret_keys(name, args, release, database)

        network.policies(
            name,
            release,
            config,
            with_assistant="openai-api-key" in keys,
            opts=pulumi.ResourceOptions(parent=self),
        )

        # Pods that start before the database would only fail their readiness until it is there.
        after = [database.ready] if database else []
        BackendService(
            f"{name}-backend",
            BackendServiceArgs(
                release=release,
                image=images["backend"],
                database_url=keys["database-url"],
                better_auth_secret=keys["better-auth-secret"],
                openai_api_key=keys.get("openai-api-key"),
                assistant=config.assistant,
                pool_size=config.database.pool_size,
                config=config.backend,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=after),
        )
        web = FrontendService(
            f"{name}-frontend",
            FrontendServiceArgs(
                release=release,
                image=images["frontend"],
                database_url=keys["database-url"],
                better_auth_secret=keys["better-auth-secret"],
                config=config.frontend,
                ingress=config.ingress,
                node_host=node_host,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=after),
        )

        self.url = web.url
        self.namespace = namespace_name
        self.backend_image = pulumi.Output.from_input(images["backend"].reference)
        self.frontend_image = pulumi.Output.from_input(images["frontend"].reference)
        self.register_outputs(
            {
                "url": self.url,
                "namespace": self.namespace,
                "backend_image": self.backend_image,
                "frontend_image": self.frontend_image,
            }
        )

    def _images(
        self, name: str, args: TaskflowAppArgs, minikube: Minikube | None
    ) -> dict[str, Image]:
        images = args.config.images
        wanted = _wanted(images)
        builds = any(image.ref is None for image in wanted.values())
        # With a registry the images are pushed, so any daemon may build them.
        in_cluster = minikube if builds and not images.registry else None
        daemon = docker_provider(f"{name}-docker", in_cluster) if in_cluster else None
        opts = pulumi.ResourceOptions(parent=self, provider=daemon)
        found = {}
        for component, image in wanted.items():
            if image.ref:
                found[component] = Image(reference=image.ref)
            elif args.sources:  # They are there: TaskflowAppArgs has seen to it.
                found[component] = built_image(
                    name,
                    component,
                    build_of(images, component, args.sources),
                    images,
                    opts,
                )
        if (
            args.config.cluster.minikube
        ):  # The image is in the node's own daemon, and maybe nowhere else.
            return found
        return {name: replace(image, pull_policy="Always") for name, image in found.items()}

    def _existing_secret(self, name: str, config: StackConfig) -> ExistingSecret | None:
        if not config.secrets.existing:
            return None
        return existing_secret(
            f"{name}-existing-secret",
            config.secrets.existing,
            config,
            pulumi.ResourceOptions(parent=self),
        )

    def _namespace(self, name: str, config: StackConfig) -> pulumi.Output[str]:
        if not config.create_namespace:
            return pulumi.Output.from_input(config.namespace_name)
        embedded = config.database.embedded
        made = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(
                name=config.namespace_name,
                annotations=workload.OWNERSHIP,
                labels=workload.metadata_labels(config.release, workload.SHARED)
                | {
                    f"pod-security.kubernetes.io/{mode}": "restricted"
                    for mode in ("enforce", "audit", "warn")
                },
            ),
            # A volume that is to be kept would go with its namespace.
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=config.protects,
                retain_on_delete=bool(embedded and embedded.keep),
            ),
        )
        return made.metadata.name

    def _config_map(
        self, name: str, config: StackConfig, namespace: pulumi.Output[str], node_host: str
    ) -> core.v1.ConfigMap:
        """Immutable and named automatically: a change makes a new one and so rolls the pods that read it,
        while pods of the old release still find theirs."""
        return core.v1.ConfigMap(
            f"{name}-config",
            metadata=meta.v1.ObjectMetaArgs(
                namespace=namespace,
                annotations=workload.OWNERSHIP,
                labels=workload.metadata_labels(config.release, workload.SHARED),
            ),
            immutable=True,
            data={
                "FRONTEND_URL": frontend.public_url(
                    config.release, config.frontend, config.ingress, node_host
                ),
                "BACKEND_URL": backend.internal_url(config.release, config.backend),
                "NODE_ENV": "production",
                "LOG_LEVEL": config.log_level,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _database(
        self, name: str, config: StackConfig, release: Release
    ) -> PostgresDatabase | None:
        if not config.database.embedded:
            return None
        return PostgresDatabase(
            f"{name}-postgres",
            PostgresDatabaseArgs(
                release=release,
                image=config.images.mirrored(config.database.embedded.image),
                config=config.database.embedded,
                protect=config.protects,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _secret_keys(
        self,
        name: str,
        args: TaskflowAppArgs,
        release: Release,
        database: PostgresDatabase | None,
    ) -> dict[str, SecretKey]:
        """Where each secret value stands in the cluster, by its key.

        The assistant's key has a Secret of its own, so that changing it rolls the backend alone.
        """
        given = args.secrets
        values = {
            f"{name}-secrets": {
                "better-auth-secret": given.better_auth_secret or self._generated(name)
            }
        }
        database_url = database.url if database else given.database_url
        if database_url:
            values[f"{name}-secrets"]["database-url"] = database_url
        if given.openai_api_key:
            values[f"{name}-assistant"] = {"openai-api-key": given.openai_api_key}
        keys: dict[str, SecretKey] = {}
        for resource_name, data in values.items():
            secret = core.v1.Secret(
                resource_name,
                metadata=workload.object_meta(release, workload.SHARED, None),
                immutable=True,
                string_data=data,
                opts=pulumi.ResourceOptions(parent=self),
            )
            keys |= {key: SecretKey(name=secret.metadata.name, key=key) for key in data}
        return keys

    def _generated(self, name: str) -> pulumi.Output[str]:
        return random.RandomPassword(
            f"{name}-better-auth-secret",
            length=GENERATED_SECRET_LENGTH,
            special=False,
            opts=pulumi.ResourceOptions(parent=self),
        ).result


def _wanted(images: Images) -> dict[str, ComponentImage]:
    return {backend.COMPONENT: images.backend, frontend.COMPONENT: images.frontend}
