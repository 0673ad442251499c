"""The blocks of the stack configuration around the pods, and `StackConfig`, which holds them all."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from .capacity import PodGroup, Room, shortfalls
from .config_base import (
    DnsLabel,
    HostName,
    ImagePrefix,
    ImageReference,
    Model,
    Port,
    Problem,
    replaces,
)
from .config_workload import Backend, Compute, Frontend, LogLevel, Resources
from .quantities import Bytes, Cpu

Cidr = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]

# What a stack file holds until a release's digest is known: it pins nothing, and no registry has such an image.
PLACEHOLDER_DIGEST = f"@sha256:{'0' * 64}"

BACKEND_POOL = 8  # DATABASE_POOL_SIZE of docker/backend/taskflow_api/settings.py
MIGRATION_CONNECTIONS = 1  # A starting backend pod holds one beside its pool.
FRONTEND_POOL = 5  # `max` in docker/frontend/lib/database.ts
EMBEDDED_CONNECTIONS = (
    80  # max_connections: room for four pods of each service; an idle one costs 2 MB.
)
TAG_LENGTH = (
    12  # Hexadecimal digits of a content tag: 48 bits, enough for the builds of one repository.
)
CONTENT_TAG = re.compile(rf"[0-9a-f]{{{TAG_LENGTH}}}\Z")
SUPERUSER_CONNECTIONS = 3  # Postgres keeps these free of max_connections.


class OtherRequests(Compute):
    """What others request on the cluster."""

    # kubeadm's: API server 250m, controller manager 200m, scheduler 100m, etcd 100m/100Mi, CoreDNS 100m/70Mi.
    cpu: Cpu = Field("750m", description="CPU that others request on all nodes together")
    memory: Bytes = Field("170Mi", description="memory that others request on all nodes together")


class Node(Model):
    """What the capacity check reckons with. The default is Minikube's: one node of 2 CPUs and 4 GB."""

    count: int = Field(1, ge=1, description="number of nodes (an autoscaled pool's most)")
    cpu: Cpu = Field("2", description="allocatable CPU of one node")
    memory: Bytes = Field("4Gi", description="allocatable memory of one node")
    other_requests: OtherRequests = Field(
        OtherRequests(),
        description="requests of everything that is not this release: control plane, add-ons, other releases",
    )


class Cluster(Model):
    """Where the stack is deployed."""

    context: str = Field(
        "minikube", min_length=1, description="kubeconfig context; the stack deploys to no other"
    )
    minikube: DnsLabel | None = Field(
        None,
        description="Minikube profile behind the context; images are then built in its daemon, nothing is pushed",
    )
    node: Node = Field(Node(), description="the nodes, for the capacity check")


class ComponentImage(Model):
    """Either a prebuilt reference, or (nothing given) built from `docker/<component>`."""

    ref: ImageReference | None = Field(
        None,
        description="prebuilt image, used as it is; outside Minikube by digest (name@sha256:...), of which 64 zeros "
        "say that a release has still to set it",
        json_schema_extra=replaces("image.repository, image.tag"),
    )
    base_image: ImageReference | None = Field(
        None,
        description="base image to build on in place of the Dockerfile's: a newer version, or one from elsewhere",
    )

    def problems(self) -> Iterable[Problem]:
        if self.ref and self.base_image:
            yield Problem(
                ("ref", "baseImage"), "a prebuilt ref is not built: give ref or baseImage, not both"
            )


class Images(Model):
    """How images come to be."""

    registry: ImagePrefix | None = Field(
        None,
        description="prefix to push built images under (ghcr.io/acme)",
        json_schema_extra=replaces("image.registry"),
    )
    mirror: ImagePrefix | None = Field(
        None,
        description="prefix for the official images of Docker Hub: the Dockerfiles' base images and Postgres",
        json_schema_extra=replaces("global.imageRegistry"),
    )
    platform: Literal["linux/amd64", "linux/arm64"] | None = Field(
        None,
        description="platform to build for; if unset linux/amd64 where images are pushed, else the daemon's",
    )
    pull_secrets: tuple[DnsLabel, ...] = Field(
        (),
        description="names of existing image pull Secrets in the namespace",
        json_schema_extra=replaces("imagePullSecrets"),
    )
    backend: ComponentImage = Field(ComponentImage(), description="the backend's image")
    frontend: ComponentImage = Field(ComponentImage(), description="the frontend's image")

    @property
    def built_for(self) -> str | None:
        """The platform of builds; None is the daemon's. One tag must not name another image on another machine."""
        return self.platform or ("linux/amd64" if self.registry else None)

    def repository(self, component: str) -> str:
        """The name that images of a component are built under."""
        prefix = f"{self.registry}/" if self.registry else ""
        return f"{prefix}taskflow-{component}"

    def content_tagged(self, component: str, reference: str) -> bool:
        """Whether it is what a build of this stack is called: such a tag never moves. A rollback names it as `ref`."""
        repository, _, tag = reference.rpartition(":")
        known = bool(self.registry) and repository == self.repository(component)
        return known and bool(CONTENT_TAG.match(tag))

    def mirrored(self, reference: str) -> str:
        """The reference by way of the mirror, where it is one of Docker Hub's official images."""
        return f"{self.mirror}/{reference}" if self.mirror and "/" not in reference else reference


class EmbeddedPostgres(Model):
    """A single Postgres in the release's namespace: for development, without backups or failover."""

    image: ImageReference = Field(
        "postgres:17",
        description="an official Postgres image, or one that honours its conventions",
        json_schema_extra=replaces("postgresql.image"),
    )
    size: Bytes = Field(
        "1Gi",
        description="size of the volume",
        json_schema_extra=replaces("postgresql.primary.persistence.size"),
    )
    storage_class: DnsLabel | None = Field(
        None,
        description="storage class; the cluster's default if unset",
        json_schema_extra=replaces("postgresql.primary.persistence.storageClass"),
    )
    # Above 10000, so that it is nobody on the node. The official image runs as any user:
    # https://hub.docker.com/_/postgres, "Arbitrary --user Notes".
    user: int = Field(
        10002,
        ge=1,
        le=2**31 - 1,
        description="numeric user and group of the pod, who own the files on the volume; a volume made by another user "
        "(999 is the official image's own) is readable to that one alone",
        json_schema_extra=replaces("postgresql.primary.podSecurityContext.fsGroup"),
    )
    keep: bool = Field(
        False,
        description="keep the volume (and so the namespace and the password's Secret) when the stack is destroyed",
        json_schema_extra=replaces("helm.sh/resource-policy: keep"),
    )
    resources: Resources = Field(
        Resources(
            requests=Compute(cpu="100m", memory="192Mi"), limits=Compute(cpu="500m", memory="384Mi")
        ),
        description="requests and limits",
        json_schema_extra=replaces("postgresql.primary.resources"),
    )


class ExternalPostgres(Model):
    """A Postgres elsewhere; the secret `databaseUrl` is its address."""

    tls: bool = Field(
        True,
        description="the address must ask for TLS (sslmode=require, verify-ca or verify-full); false allows plain text "
        "on the way",
    )
    max_connections: int = Field(
        100,
        ge=1,
        description="connections that this release may hold; its pools must fit over all replicas",
    )
    port: Port = Field(
        5432, description="port of the address; network policies let the pods reach it"
    )
    addresses: tuple[Cidr, ...] = Field(
        (), description="networks it is in (10.1.0.0/16), for network policies; any if empty"
    )


class Database(Model):
    """Embedded or external. With neither block it is external, with that block's defaults."""

    embedded: EmbeddedPostgres | None = Field(
        None,
        description="a Postgres of the release's own",
        json_schema_extra=replaces("postgresql.enabled"),
    )
    external: ExternalPostgres | None = Field(
        None,
        description="a Postgres elsewhere, such as Neon",
        json_schema_extra=replaces("externalDatabase"),
    )
    pool_size: int | None = Field(
        None,
        ge=1,
        le=50,
        description=f"connections that each backend pod may hold; {BACKEND_POOL} if unset",
    )

    @property
    def outside(self) -> ExternalPostgres | None:
        """The external database, None where it is embedded."""
        return None if self.embedded else self.external or ExternalPostgres()

    def problems(self) -> Iterable[Problem]:
        if self.embedded and self.external:
            yield Problem(
                ("embedded", "external"),
                "give embedded or external, not both: there is one database",
            )


class Secrets(Model):
    """Where secret values come from: Pulumi secrets unless an existing Secret is named."""

    existing: DnsLabel | None = Field(
        None,
        description="Secret made by hand in the namespace, with keys database-url, better-auth-secret and, if the "
        "assistant is used, openai-api-key",
        json_schema_extra=replaces("existingSecret"),
    )
    generate: bool = Field(
        False,
        description="generate a missing betterAuthSecret once and keep it in the state, encrypted",
    )

    def problems(self) -> Iterable[Problem]:
        if self.existing and self.generate:
            yield Problem(("generate", "existing"), "give existing or generate, not both")


class IngressTls(Model):
    """Certificate: an existing TLS Secret, or a cert-manager issuer that fills one."""

    secret: DnsLabel | None = Field(
        None,
        description="TLS Secret; <release>-tls if unset, which the issuer then fills",
        json_schema_extra=replaces("ingress.tls[].secretName"),
    )
    issuer: DnsLabel | None = Field(
        None,
        description="cert-manager ClusterIssuer",
        json_schema_extra=replaces("ingress.annotations.cert-manager\\.io/cluster-issuer"),
    )

    def problems(self) -> Iterable[Problem]:
        if not self.secret and not self.issuer:
            yield Problem(
                ("secret", "issuer"), "TLS needs a certificate: give secret, issuer, or both"
            )


class Ingress(Model):
    """The public address."""

    host: HostName = Field(
        description="host name that browsers use",
        json_schema_extra=replaces("ingress.hosts[].host"),
    )
    class_name: str = Field(
        "nginx",
        alias="class",
        min_length=1,
        description="ingress class",
        json_schema_extra=replaces("ingress.className"),
    )
    tls: IngressTls | None = Field(
        None, description="TLS; plain HTTP if unset", json_schema_extra=replaces("ingress.tls")
    )
    annotations: dict[str, str] = Field(
        {},
        description="annotations for the controller",
        json_schema_extra=replaces("ingress.annotations"),
    )


class NetworkPolicies(Model):
    """Default deny in the namespace, and the few ways that the release needs.

    They bind only where the cluster's CNI plugin enforces them: Minikube's default does not (start it with
    `--cni=calico`), and neither does the plain bridge of driver `none`.
    """

    enabled: bool = Field(
        True,
        description="false makes none",
        json_schema_extra=replaces("networkPolicy.enabled"),
    )
    ingress_namespace: DnsLabel = Field(
        "ingress-nginx",
        description="namespace of the ingress controller, which may reach the frontend",
    )


class Assistant(Model):
    """The AI assistant; it is on when the secret `openaiApiKey` is set."""

    model: str | None = Field(
        None,
        min_length=1,
        description="model name; the application's default if unset",
        json_schema_extra=replaces("backend.env.OPENAI_MODEL"),
    )
    base_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/:@]+(:[0-9]{1,5})?(/\S*)?$",
        description="an OpenAI-compatible endpoint",
        json_schema_extra=replaces("backend.env.OPENAI_BASE_URL"),
    )

    @property
    def port(self) -> int:
        """The port that the backend calls."""
        parts = urlsplit(self.base_url or "https://")
        return parts.port or (80 if parts.scheme == "http" else 443)


class StackConfig(Model):
    """Everything a stack file may say, secrets apart."""

    release: DnsLabel = Field(
        "taskflow",
        description="prefix of every object's name, so that releases can share a cluster",
        json_schema_extra=replaces("fullnameOverride"),
    )
    namespace: DnsLabel | None = Field(
        None,
        description="namespace of all objects; the release's name if unset",
        json_schema_extra=replaces("helm install --namespace"),
    )
    create_namespace: bool = Field(
        True,
        description="make the namespace; false for one that exists, which then is left alone",
        json_schema_extra=replaces("helm install --create-namespace"),
    )
    log_level: LogLevel = Field(
        "info",
        description="LOG_LEVEL of both services",
        json_schema_extra=replaces("config.logLevel"),
    )
    cluster: Cluster = Field(Cluster(), description="where the stack is deployed")
    images: Images = Field(
        Images(), description="how images come to be", json_schema_extra=replaces("image")
    )
    backend: Backend = Field(Backend(), description="the FastAPI service")
    frontend: Frontend = Field(Frontend(), description="the Next.js service")
    database: Database = Field(Database(), description="embedded or external Postgres")
    secrets: Secrets = Field(Secrets(), description="where secret values come from")
    ingress: Ingress | None = Field(
        None,
        description="the public address; none if unset",
        json_schema_extra=replaces("ingress.enabled"),
    )
    network_policies: NetworkPolicies = Field(NetworkPolicies(), description="who may talk to whom")
    assistant: Assistant = Field(Assistant(), description="the AI assistant")
    policies: Literal["mandatory", "advisory"] = Field(
        "mandatory",
        description="what an object that breaks a rule of policy/ does to make preview and make up: stop, or warn",
    )
    protect: bool | None = Field(
        None,
        description="whether the engine refuses to delete or replace the namespace and the database's volume; yes "
        "unless set, except on Minikube",
    )

    @property
    def protects(self) -> bool:
        """Whether what holds data is protected: a Minikube is there to be thrown away, any other cluster is not."""
        return not self.cluster.minikube if self.protect is None else self.protect

    @property
    def namespace_name(self) -> str:
        """The namespace everything is deployed into."""
        return self.namespace or self.release

    @property
    def pod_groups(self) -> list[PodGroup]:
        """The release's pods at their most."""
        services = {"backend": self.backend, "frontend": self.frontend}
        groups = [
            PodGroup(
                name=name,
                fewest=workload.fewest_pods,
                pods=workload.most_pods,
                surge=workload.surge,
                **workload.resources.requests.model_dump(),
            )
            for name, workload in services.items()
        ]
        if self.database.embedded:
            requests = self.database.embedded.resources.requests.model_dump()
            groups.append(PodGroup(name="postgres", fewest=1, pods=1, surge=0, **requests))
        return groups

    def problems(self) -> Iterable[Problem]:
        yield from self._secret_problems()
        yield from self._image_problems()
        yield from self._node_port_problems()
        yield from self._connection_problems()
        yield from self._capacity_problems()

    def _secret_problems(self) -> Iterable[Problem]:
        if self.secrets.existing and self.database.embedded:
            yield Problem(
                ("secrets.existing", "database.embedded"),
                "database.embedded makes its own password, so no existing Secret can hold its address: drop one",
            )
        if self.secrets.existing and self.create_namespace:
            yield Problem(
                ("secrets.existing", "createNamespace"),
                f"a Secret made by hand needs its namespace before the stack does: run kubectl create namespace "
                f"{self.namespace_name}, make the Secret in it, and set createNamespace to false",
            )

    def _image_problems(self) -> Iterable[Problem]:
        if self.cluster.minikube:
            return
        for component in ("backend", "frontend"):
            image: ComponentImage = getattr(self.images, component)
            reads = (f"images.{component}.ref", "images.registry", "cluster.minikube")
            if image.ref is None and not self.images.registry:
                yield Problem(
                    reads,
                    "the cluster is not a Minikube, so the image must come from elsewhere: give a prebuilt ref by "
                    "digest, or set images.registry to build and push",
                )
            built_here = self.images.content_tagged(component, image.ref or "")
            if image.ref and "@sha256:" not in image.ref and not built_here:
                yield Problem(
                    reads,
                    f'got "{image.ref}", expected a digest (name@sha256:...), because a tag can move under a running '
                    "release; a tag will do on Minikube only",
                )

    def _node_port_problems(self) -> Iterable[Problem]:
        port = self.frontend.service.node_port
        if port and port == self.backend.service.node_port:
            yield Problem(
                ("frontend.service.nodePort", "backend.service.nodePort"),
                f"{port} is the backend's node port too; a node port has one Service",
            )

    def _connection_problems(self) -> Iterable[Problem]:
        outside = self.database.outside
        limit = outside.max_connections if outside else EMBEDDED_CONNECTIONS - SUPERUSER_CONNECTIONS
        pool = self.database.pool_size or BACKEND_POOL
        backend, frontend = self.backend, self.frontend
        needed = (pool + MIGRATION_CONNECTIONS) * (backend.most_pods + backend.surge)
        needed += FRONTEND_POOL * (frontend.most_pods + frontend.surge)
        if needed > limit:
            key = "database.external.maxConnections" if outside else "database.poolSize"
            yield Problem(
                (key, "database.poolSize", *_scale_keys()),
                f"the pools do not fit: backend ({pool} pool + {MIGRATION_CONNECTIONS} migration) x "
                f"({backend.most_pods} + {backend.surge} surge) + frontend {FRONTEND_POOL} x ({frontend.most_pods} + "
                f"{frontend.surge} surge) = {needed} connections, but there are {limit}; lower database.poolSize or "
                "the replicas"
                + (", or raise maxConnections if the database allows it" if outside else ""),
            )

    def _capacity_problems(self) -> Iterable[Problem]:
        node = self.cluster.node
        room = Room(
            nodes=node.count,
            cpu=node.cpu,
            memory=node.memory,
            other_cpu=node.other_requests.cpu,
            other_memory=node.other_requests.memory,
        )
        found = shortfalls(self.pod_groups, room)
        if found:
            yield Problem(
                ("cluster.node", *_scale_keys(), "database.embedded"),
                f"the stack does not fit its nodes: {'; '.join(found)}; lower requests, replicas or maxSurge, or "
                "describe larger nodes here",
            )


def _scale_keys() -> Iterable[str]:
    """The keys that say how many pods there are at most, and how large they are."""
    for component in ("backend", "frontend"):
        for key in ("replicas", "autoscaling", "strategy.maxSurge", "resources.requests"):
            yield f"{component}.{key}"
