"""TaskFlow as a whole: the namespace, shared configuration and secrets, and the services on top."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pulumi
import pulumi_random as random
from pulumi_kubernetes import core, meta

from . import backend, backup, frontend, network, workload
from .backend import BackendService, BackendServiceArgs, Migration
from .build_context import build_of
from .config.errors import ConfigError
from .config.load import StackSecrets
from .config.secrets import SIGNING_KEYS, key_in_cluster, variable_of
from .config.stack import StackConfig
from .existing_secret import FORMER_KEY, NEXT_KEY, SIGNING_KEY, existing_secret
from .frontend import FrontendService, FrontendServiceArgs
from .image import Image
from .minikube import THIS_MACHINE, Minikube
from .postgres import FORMER_OWNERS, PostgresDatabase, PostgresDatabaseArgs
from .workload import Release, SecretKey

GENERATED_SECRET_LENGTH = 48


@dataclass(frozen=True, kw_only=True)
class TaskflowAppArgs:
    """Arguments of TaskflowApp: the checked configuration, and the secrets beside it.

    Args:
        sources: the folder with `backend/` and `frontend/`, each with a Dockerfile; may be left out where the
            configuration names prebuilt images.

    Raises:
        ConfigError: if something that a release needs is missing.
    """

    config: StackConfig
    secrets: StackSecrets
    sources: Path | None = None

    def __post_init__(self) -> None:
        lacking = []
        if self.sources is None:
            lacking += [
                f"images.{component}: has no ref to a prebuilt image, and TaskflowAppArgs no sources to build it from"
                for component, image in self.config.component_images.items()
                if image.ref is None
            ]
        from_secrets = self.config.database.external_settings and not self.config.secrets.existing
        if from_secrets and self.secrets.database_url is None:
            lacking.append("database: is an external one, but StackSecrets has no database_url")
        lacking += [
            f"{component}.secretEnv.{variable}.config: is {key}, but StackSecrets.named has no such secret"
            for component, variables in self.config.named_secrets.items()
            for variable, key in variables.items()
            if key not in self.secrets.named
        ]
        if lacking:
            raise ConfigError(lacking)


class TaskflowApp(pulumi.ComponentResource):
    """One release of TaskFlow. Give it a Kubernetes provider (`opts.provider`) for the cluster.

    Args:
        name: the release's name, `args.config.release`.

    Raises:
        ConfigError: if the two names differ.

    Attributes:
        backend: its `deployment` and `service`, for a program that builds on them; the same for frontend.
        database: None where it is an external one.
        url: where a browser finds it.
        namespace: where its objects are.
        backend_image: reference of the backend's image.
        frontend_image: reference of the frontend's image.
    """

    backend: BackendService
    frontend: FrontendService
    database: PostgresDatabase | None
    url: pulumi.Output[str]
    namespace: pulumi.Output[str]
    backend_image: pulumi.Output[str]
    frontend_image: pulumi.Output[str]

    def __init__(
        self, name: str, args: TaskflowAppArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        config = args.config
        if name != config.release:
            text = f"is {config.release}, but the TaskflowApp is named {name}: objects and addresses have one name"
            raise ConfigError([f"release: {text}"])
        super().__init__("taskflow:index:TaskflowApp", name, {}, opts)
        minikube = Minikube.find(config.cluster.minikube) if config.cluster.minikube else None
        node_host = minikube.host if minikube else THIS_MACHINE

        images = self._images(name, args, minikube)
        existing = existing_secret(
            f"{name}-existing-secret", config, pulumi.ResourceOptions(parent=self)
        )
        namespace_name = existing.namespace if existing else self._namespace(name, config)
        config_map = self._config_map(name, config, namespace_name, node_host)
        release = Release(
            name=config.release,
            namespace=namespace_name,
            config_map=config_map.metadata.name,
            pull_secrets=config.images.pull_secrets,
            secret_version=existing.version if existing else None,
            database_ca=config.database.external_settings.ca
            if config.database.external_settings
            else None,
            monitoring=config.monitoring,
        )
        release = replace(release, named_secrets=self._named_secrets(name, args, release))
        database = self._database(name, config, release)
        keys = existing.keys if existing else self._secret_keys(name, args, release, database)
        signing_keys = {
            variable_of(key): keys[key_in_cluster(key)]
            for key in SIGNING_KEYS
            if key_in_cluster(key) in keys
        }

        network.policies(
            name,
            release,
            config,
            with_assistant="openai-api-key" in keys,
            opts=pulumi.ResourceOptions(parent=self),
        )

        # Pods that start before the database would only fail their readiness until it is there.
        after = [database.ready] if database else []
        child = pulumi.ResourceOptions(parent=self, depends_on=after)
        self.backend = BackendService(
            f"{name}-backend",
            BackendServiceArgs(
                release=release,
                image=images["backend"],
                database_url=keys["database-url"],
                signing_keys=signing_keys,
                openai_api_key=keys.get("openai-api-key"),
                assistant=config.assistant,
                pool_size=config.database.pool_size,
                migration=_migration(keys, database),
                config=config.backend,
            ),
            child,
        )
        self.frontend = FrontendService(
            f"{name}-frontend",
            FrontendServiceArgs(
                release=release,
                image=images["frontend"],
                database_url=keys.get("frontend-database-url", keys["database-url"]),
                signing_keys=signing_keys,
                config=config.frontend,
                route=config.route,
                node_host=node_host,
            ),
            child,
        )

        self.database = database
        owner_url = keys.get("database-owner-url", keys["database-url"])
        backup.scheduled(f"{name}-backup", release, config, owner_url, images["backend"], child)

        self.url = self.frontend.url
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
        wanted = args.config.component_images
        found = {
            component: Image(reference=image.ref)
            for component, image in wanted.items()
            if image.ref
        }
        if len(found) < len(wanted):
            found |= self._built(name, args, minikube, [*(wanted.keys() - found.keys())])
        if args.config.cluster.minikube:
            return found  # They are in the node's own daemon, and maybe nowhere else.
        return {name: replace(image, pull_policy="Always") for name, image in found.items()}

    def _built(
        self, name: str, args: TaskflowAppArgs, minikube: Minikube | None, components: list[str]
    ) -> dict[str, Image]:
        # Imported here: a stack of prebuilt images does not need pulumi-docker, and its import takes time.
        from .image_build import built_image, docker_provider

        assert args.sources, "TaskflowAppArgs has seen to it"
        images = args.config.images
        # With a registry the images are pushed, so any daemon may build them.
        in_cluster = None if images.registry else minikube
        daemon = docker_provider(f"{name}-docker", in_cluster) if in_cluster else None
        opts = pulumi.ResourceOptions(parent=self, provider=daemon)
        node = in_cluster if in_cluster and in_cluster.needs_loading else None
        return {
            component: built_image(
                name, component, build_of(images, component, args.sources), images, opts, node=node
            )
            for component in sorted(components)
        }

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
            # Deleting the namespace would delete a volume to keep.
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
                    config.release, config.frontend, config.route, node_host
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
        """The place of each secret value in the cluster, by its key.

        The assistant's key has a Secret of its own, so that changing it rolls the backend alone.
        """
        given = args.secrets
        values = {f"{name}-secrets": self._signing_keys(name, args)}
        addresses = database.urls if database else given.addresses
        values[f"{name}-secrets"] |= {key: url for key, url in addresses.items() if url}
        if given.openai_api_key:
            values[f"{name}-assistant"] = {"openai-api-key": given.openai_api_key}
        keys: dict[str, SecretKey] = {}
        for resource_name, data in values.items():
            secret = self._secret(resource_name, release, workload.SHARED, data)
            keys |= {key: SecretKey(name=secret, key=key) for key in data}
        return keys

    def _secret(
        self, name: str, release: Release, component: str, data: Mapping[str, pulumi.Output[str]]
    ) -> pulumi.Output[str]:
        """The name of a Secret that is made anew with each change, as the ConfigMap is."""
        return core.v1.Secret(
            name,
            metadata=workload.object_meta(release, component, None),
            immutable=True,
            string_data=data,
            opts=pulumi.ResourceOptions(parent=self),
        ).metadata.name

    def _named_secrets(
        self, name: str, args: TaskflowAppArgs, release: Release
    ) -> dict[str, pulumi.Output[str]]:
        """One Secret for each component that has such variables, so that a change rolls this component alone."""
        return {
            component: self._secret(
                f"{name}-{component}-secrets",
                release,
                component,
                {key: args.secrets.named[key] for key in variables.values()},
            )
            for component, variables in args.config.named_secrets.items()
            if variables
        }

    def _signing_keys(self, name: str, args: TaskflowAppArgs) -> dict[str, pulumi.Output[str]]:
        given = args.secrets
        first, *second = args.config.secrets.generations
        values = {
            SIGNING_KEY: given.better_auth_secret or self._generated(name, first),
            NEXT_KEY: given.better_auth_secret_next,
            FORMER_KEY: given.better_auth_secret_former,
        }
        for number in second:
            values[NEXT_KEY if number > first else FORMER_KEY] = self._generated(name, number)
        return {key: value for key, value in values.items() if value}

    def _generated(self, name: str, number: int) -> pulumi.Output[str]:
        return random.RandomPassword(
            f"{name}-better-auth-secret" + (f"-{number}" if number > 1 else ""),
            length=GENERATED_SECRET_LENGTH,
            special=False,
            opts=pulumi.ResourceOptions(parent=self),
        ).result


def _migration(
    keys: Mapping[str, SecretKey], database: PostgresDatabase | None
) -> Migration | None:
    """None where the backend's role is the only one."""
    if not keys.keys() & {"database-owner-url", "frontend-database-url"}:
        return None
    own = keys["database-url"]
    return Migration(
        owner_url=keys.get("database-owner-url", own),
        frontend_url=keys.get("frontend-database-url", own),
        volume=database.volume if database else None,
        former_owner_urls=tuple(keys[key] for key in FORMER_OWNERS if key in keys),
        dropped_roles=database.dropped if database else (),
    )
