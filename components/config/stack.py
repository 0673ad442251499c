"""The blocks of the stack configuration around the pods, and `StackConfig`, which holds them all."""

import re
import shlex
from collections.abc import Iterable
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from .base import Model, Ordinal, Port, Problem
from .capacity import Node, PodGroup, shortfalls
from .kinds import (
    BaseUrl,
    BucketAddress,
    Cidr,
    DataKey,
    DnsLabel,
    DnsSubdomain,
    ImagePrefix,
    ImageReference,
    NotEmpty,
    Origin,
    ProfileName,
    PublicKey,
    ReleaseName,
    Schedule,
    VariableName,
)
from .pods import PodSettings
from .quantities import VolumeSize
from .routes import Gateway, Ingress
from .workload import (
    Backend,
    Compute,
    Egress,
    Frontend,
    LogLevel,
    Resources,
    SecretReference,
    ServedWorkload,
    Workload,
)

# The placeholder until a release's digest is known: no registry has such an image.
PLACEHOLDER_DIGEST = f"@sha256:{'0' * 64}"

BACKEND_POOL = 8  # DATABASE_POOL_SIZE of docker/backend/taskflow_api/settings.py
# max_connections: room for four pods of each service; an idle one costs 2 MB.
EMBEDDED_CONNECTIONS = 80
# Hexadecimal digits of a content tag: 48 bits, enough for the builds of one repository.
TAG_LENGTH = 12
CONTENT_TAG = re.compile(rf"[0-9a-f]{{{TAG_LENGTH}}}\Z")
# https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
LAST_USER_OF_A_NAMESPACE = 65535
SUPERUSER_CONNECTIONS = 3  # Postgres keeps these free of max_connections.


def _port_of(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (80 if parts.scheme == "http" else 443)


class Cluster(Model):
    """Where the stack is deployed."""

    context: NotEmpty = Field(
        "minikube", description="kubeconfig context; the stack deploys only there"
    )
    minikube: ProfileName | None = Field(
        None,
        description="Minikube profile behind the context; without images.registry it gets built images directly",
    )
    node: Node = Field(Node(), description="the nodes, for the capacity check")


class ComponentImage(Model):
    """Either a prebuilt reference, or (nothing given) built from `docker/<component>`."""

    ref: ImageReference | None = Field(
        None,
        description="prebuilt image, used as it is; outside Minikube by digest (name@sha256:...); 64 zeros are a "
        "placeholder that a release must set",
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
    """How images are built or pulled."""

    registry: ImagePrefix | None = Field(
        None, description="prefix to push built images under (ghcr.io/acme)"
    )
    mirror: ImagePrefix | None = Field(
        None,
        description="prefix for the official images of Docker Hub: the Dockerfiles' base images and Postgres",
    )
    platform: Literal["linux/amd64", "linux/arm64"] | None = Field(
        None,
        description="platform to build for; if unset linux/amd64 where images are pushed, else the daemon's",
    )
    pull_secrets: tuple[DnsSubdomain, ...] = Field(
        (),
        description="names of existing image pull Secrets in the namespace; before the first `make up` make the "
        "namespace and them, and set createNamespace: false",
    )
    backend: ComponentImage = Field(ComponentImage(), description="the backend's image")
    frontend: ComponentImage = Field(ComponentImage(), description="the frontend's image")

    def problems(self) -> Iterable[Problem]:
        # The API server takes such a list for one by names.
        repeated = {name for name in self.pull_secrets if self.pull_secrets.count(name) > 1}
        for name in sorted(repeated):
            yield Problem(("pullSecrets",), f"{name} is listed more than once")

    @property
    def built_for(self) -> str | None:
        """The platform of builds; None is the daemon's. A tag must name the same image on every machine."""
        return self.platform or ("linux/amd64" if self.registry else None)

    @classmethod
    def components(cls) -> list[str]:
        """The components that have an image of their own."""
        fields = cls.model_fields.items()
        return [name for name, field in fields if field.annotation is ComponentImage]

    def of(self, component: str) -> ComponentImage:
        """A component's image."""
        image: ComponentImage = getattr(self, component)
        return image

    def repository(self, component: str) -> str:
        """The name that images of a component are built under."""
        prefix = f"{self.registry}/" if self.registry else ""
        return f"{prefix}taskflow-{component}"

    def content_tagged(self, component: str, reference: str) -> bool:
        """Whether a build of this stack has this name: such a tag never moves. A rollback gives it as `ref`."""
        repository, _, tag = reference.rpartition(":")
        known = bool(self.registry) and repository == self.repository(component)
        return known and bool(CONTENT_TAG.match(tag))

    def mirrored(self, reference: str) -> str:
        """The reference in the mirror, if it is one of Docker Hub's official images."""
        return f"{self.mirror}/{reference}" if self.mirror and "/" not in reference else reference


class EmbeddedPostgres(PodSettings):
    """A single Postgres in the release's namespace: for development, without failover."""

    image: ImageReference = Field(
        "postgres:17", description="an official Postgres image, or one with its conventions"
    )
    folder: DnsLabel = Field(
        "pgdata",
        description="folder of the data on the volume; for another major version change it, too, then run "
        "`make upgrade-postgres`",
    )
    size: VolumeSize = Field("1Gi", description="size of the volume")
    storage_class: DnsSubdomain | None = Field(
        None, description="storage class; the cluster's default if unset"
    )
    # Above 10000, so that it is nobody on the node. The official image runs as any user:
    # https://hub.docker.com/_/postgres, "Arbitrary --user Notes".
    user: int = Field(
        10002,
        ge=1,
        le=2**31 - 1,
        description="numeric user and group of the pod, who own the files on the volume; only the user who made a "
        "volume (999 is the official image's own) can read it",
    )
    keep: bool = Field(
        False,
        description="keep the volume (and so the namespace and the password's Secret) when the stack is destroyed",
    )
    passwords: tuple[Ordinal, ...] = Field(
        (1,),
        min_length=1,
        max_length=2,
        description="numbers (1, 2, ...) of the generated passwords: the first is used, a second is the former, still "
        "accepted; `make rotate` writes them",
    )
    resources: Resources = Field(
        Resources(
            requests=Compute(cpu="100m", memory="192Mi"), limits=Compute(cpu="500m", memory="384Mi")
        ),
        description="requests and limits",
    )

    def problems(self) -> Iterable[Problem]:
        yield from super().problems()
        if len(self.passwords) > 1 and self.passwords[1] >= self.passwords[0]:
            first, second = self.passwords
            yield Problem(
                ("passwords",),
                f"{second} was not before {first}: give the former one's number second",
            )
        if self.host_users is False and self.user > LAST_USER_OF_A_NAMESPACE:
            yield Problem(
                ("user", "hostUsers"),
                f"{self.user} is not in a pod's user namespace (hostUsers: false), which ends at "
                f"{LAST_USER_OF_A_NAMESPACE}; choose a smaller number, or drop hostUsers",
            )


class CertificateAuthority(Model):
    """A file of certificates (PEM) in a ConfigMap or Secret of the namespace, to verify a server with."""

    # Where pods have it: the volume's name, its folder, and the file in that.
    volume: ClassVar[str] = "database-ca"
    folder: ClassVar[str] = "/etc/taskflow/database-ca"
    file: ClassVar[str] = "ca.crt"

    config_map: DnsSubdomain | None = Field(None, description="ConfigMap that has the file")
    secret: DnsSubdomain | None = Field(None, description="Secret that has the file")
    key: DataKey = Field("ca.crt", description="the file's key in it")

    def problems(self) -> Iterable[Problem]:
        if (self.config_map is None) == (self.secret is None):
            yield Problem(("configMap", "secret"), "give one of configMap and secret")


class ExternalPostgres(Model):
    """A Postgres elsewhere; the secret `databaseUrl` is its address."""

    tls: bool = Field(
        True,
        description="the address must ask for TLS (sslmode=require, verify-ca or verify-full); false allows "
        "sslmode=disable, plain text on the way",
    )
    ca: CertificateAuthority | None = Field(
        None,
        description="authority of the server's certificate, for sslmode=verify-ca and verify-full; "
        "public authorities if unset. Running pods keep the one that they read at their start",
    )
    max_connections: int = Field(
        100,
        ge=1,
        description="connections that this release may hold; its pools must fit over all replicas",
    )
    port: Port = Field(
        5432,
        description="port of the address; network policies let the pods reach it. Another address's port, such as the "
        "owner's beside a pooler, is listed in the egress of the components that use it",
    )
    addresses: tuple[Cidr, ...] = Field(
        (), description="networks it is in (10.1.0.0/16), for network policies; any if empty"
    )


class Database(Model):
    """Embedded or external. With neither block it is external, with that block's defaults."""

    embedded: EmbeddedPostgres | None = Field(None, description="a Postgres of the release's own")
    external: ExternalPostgres | None = Field(
        None, description="a Postgres elsewhere, such as Neon"
    )
    pool_size: int | None = Field(
        None,
        ge=1,
        le=50,
        description=f"connections that each backend pod may hold; {BACKEND_POOL} if unset",
    )

    @property
    def external_settings(self) -> ExternalPostgres | None:
        """The external database, None where it is embedded."""
        return None if self.embedded else self.external or ExternalPostgres()

    def problems(self) -> Iterable[Problem]:
        if self.embedded and self.external:
            yield Problem(
                ("embedded", "external"),
                "give embedded or external, not both: there is one database",
            )


class Bucket(Model):
    """A bucket of an S3-compatible store."""

    # As Amazon's own tools and `make backup` call them.
    credentials: ClassVar[tuple[str, ...]] = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

    address: BucketAddress = Field(
        description="s3://bucket/folder/; give each stack its own, because the oldest files with its release's name "
        "are deleted there"
    )
    endpoint: Origin | None = Field(
        None, description="address of the store; Amazon S3's in the region if unset"
    )
    region: DnsLabel = Field("us-east-1", description="region; stores other than Amazon's have one")

    @property
    def url(self) -> str:
        """The store's address."""
        return self.endpoint or f"https://s3.{self.region}.amazonaws.com"

    @property
    def port(self) -> int:
        """The port that the backup's pod calls."""
        return _port_of(self.url)


class ScheduledBackup(Model):
    """Encrypted backups of the database, each restored once and compared, on a volume in the namespace."""

    # Of both containers, which run one after the other.
    resources: ClassVar[Resources] = Resources(
        requests=Compute(cpu="20m", memory="96Mi"), limits=Compute(cpu="1", memory="512Mi")
    )

    schedule: Schedule = Field("30 2 * * *", description="when, in UTC")
    public_key: PublicKey = Field(
        description="public key that encrypts them: the first line of `.state/backup-key`, or what `age-keygen` prints"
    )
    keep: int = Field(14, ge=1, description="how many to keep; the oldest are deleted")
    image: ImageReference = Field(
        "postgres:17",
        description="Postgres image of an external server's major version; an embedded one uses its own",
    )
    size: VolumeSize = Field("5Gi", description="size of the volume")
    storage_class: DnsSubdomain | None = Field(
        None, description="storage class; the cluster's default if unset"
    )
    bucket: Bucket | None = Field(
        None, description="where each backup is copied, up to 5 GB; `keep` counts there, too"
    )
    secret_env: dict[VariableName, SecretReference] = Field(
        {},
        description=f"the bucket's credentials: {' and '.join(Bucket.credentials)}, from secrets of the stack or an "
        "existing Secret",
    )
    egress: tuple[Egress, ...] = Field(
        (),
        description="further networks that network policies let its pods call, for a store in the cluster whose pods "
        "have another port than its Service",
    )

    def problems(self) -> Iterable[Problem]:
        wanted = Bucket.credentials if self.bucket else ()
        for variable in sorted({*wanted} - self.secret_env.keys()):
            yield Problem(
                ("secretEnv", "bucket"),
                f"the bucket needs {variable}: give {{secret: <name>, key: <key>}} of an existing Secret, or "
                "{config: <name>} of a secret of this stack",
            )
        for variable in sorted(self.secret_env.keys() - wanted):
            text = (
                f"is no credential of a bucket ({' and '.join(wanted)} are); drop it"
                if wanted
                else "is for a bucket: give bucket, too, or drop it"
            )
            yield Problem((f"secretEnv.{variable}", "bucket"), text)


class Secrets(Model):
    """Where secret values come from: Pulumi secrets unless an existing Secret is named."""

    existing: DnsSubdomain | None = Field(
        None,
        description="Secret made by hand in the namespace: database-url, better-auth-secret, openai-api-key for the "
        "assistant; database-owner-url and frontend-database-url for roles; better-auth-secret-next or -former while "
        "signing keys rotate",
    )
    generate: bool = Field(
        False,
        description="generate a missing betterAuthSecret once and keep it in the state, encrypted",
    )
    generations: tuple[Ordinal, ...] = Field(
        (1,),
        min_length=1,
        max_length=2,
        description="numbers (1, 2, ...) of the generated secrets: the first signs, a second one is accepted too; "
        "`make rotate` writes them",
    )

    def problems(self) -> Iterable[Problem]:
        if self.existing and self.generate:
            yield Problem(("generate", "existing"), "give existing or generate, not both")
        if len(set(self.generations)) < len(self.generations):
            text = f"{self.generations[0]} is listed twice: give the number of the secret that signs, and another's"
            yield Problem(("generations",), text)
        if self.generations != (1,) and not self.generate:
            yield Problem(("generations", "generate"), "needs generate: true")


class NetworkPolicies(Model):
    """Default deny in the namespace, and the few connections that the release needs.

    They work only where the cluster's CNI plugin enforces them: Minikube's default does not (start it with
    `--cni=calico`), and neither does the plain bridge of driver `none`.
    """

    enabled: bool = Field(True, description="false makes none")
    ingress_namespace: DnsLabel | None = Field(
        None,
        description="namespace of the ingress controller, or of what leads to frontend.publicUrl; only its "
        "pods reach the frontend. If unset, anyone does if there is an ingress or a publicUrl: a controller on the "
        "host network has no namespace",
    )
    dns_addresses: tuple[Cidr, ...] = Field(
        (),
        description="further addresses of DNS (10.96.0.10/32): Service kube-dns's, where NodeLocal DNSCache answers at "
        "it. Pods of kube-dns and node-local-dns and the usual link-local addresses are always allowed",
    )


class Assistant(Model):
    """The AI assistant; it is on when the secret `openaiApiKey` is set."""

    model: NotEmpty | None = Field(
        None, description="model name; the application's default if unset"
    )
    base_url: BaseUrl | None = Field(None, description="an OpenAI-compatible endpoint")

    @property
    def port(self) -> int:
        """The port that the backend calls."""
        return _port_of(self.base_url or "https://")


class Monitoring(Model):
    """Who may scrape `/metrics`: at the backend's port for requests, and at the frontend's port `metrics`."""

    namespace: DnsLabel = Field(description="namespace of the Prometheus that scrapes the pods")
    annotations: bool = Field(
        False,
        description="put prometheus.io/scrape, port and path on the pods, for a Prometheus that finds pods by them; "
        "podAnnotations win",
    )


class StackConfig(Model):
    """Everything a stack file may contain, except secrets."""

    release: ReleaseName = Field(
        "taskflow",
        description="prefix of every object's name, so that releases can share a cluster",
    )
    namespace: DnsLabel | None = Field(
        None, description="namespace of all objects; the release's name if unset"
    )
    create_namespace: bool = Field(
        True,
        description="make the namespace; false for an existing one, which the stack does not change",
    )
    log_level: LogLevel = Field("info", description="LOG_LEVEL of both services")
    cluster: Cluster = Field(Cluster(), description="where the stack is deployed")
    images: Images = Field(Images(), description="how images are built or pulled")
    backend: Backend = Field(Backend(), description="the FastAPI service")
    frontend: Frontend = Field(Frontend(), description="the Next.js service")
    database: Database = Field(Database(), description="embedded or external Postgres")
    backup: ScheduledBackup | None = Field(
        None, description="backups on a schedule; none if unset (`make backup` needs no block)"
    )
    secrets: Secrets = Field(Secrets(), description="where secret values come from")
    ingress: Ingress | None = Field(None, description="the public address; none if unset")
    gateway: Gateway | None = Field(
        None, description="the public address, in place of ingress; none if unset"
    )
    network_policies: NetworkPolicies = Field(NetworkPolicies(), description="who may talk to whom")
    assistant: Assistant = Field(Assistant(), description="the AI assistant")
    monitoring: Monitoring | None = Field(None, description="who may read metrics; nobody if unset")
    policies: Literal["mandatory", "advisory", "digests"] = Field(
        "mandatory",
        description="mandatory: a violation of policy/ fails make preview and make up; advisory: it only warns; "
        "digests: as mandatory, and images only by digest",
    )
    protect: bool | None = Field(
        None,
        description="whether the engine refuses to delete or replace the namespace and the database's volume; "
        "default: true; false on Minikube",
    )

    @property
    def protects(self) -> bool:
        """Whether what holds data is protected: a Minikube is disposable, any other cluster is not."""
        return not self.cluster.minikube if self.protect is None else self.protect

    @property
    def namespace_name(self) -> str:
        """The namespace everything is deployed into."""
        return self.namespace or self.release

    @property
    def route(self) -> Ingress | Gateway | None:
        """The route to the frontend's Service; None if browsers use the Service itself."""
        return self.ingress or self.gateway

    @property
    def route_namespace(self) -> str | None:
        """The namespace of the pods that route browsers to the frontend; None if the configuration does not say."""
        return self.gateway.namespace if self.gateway else self.network_policies.ingress_namespace

    @property
    def workloads(self) -> dict[str, Workload]:
        """The components of this stack by name: every block that is a Workload."""
        blocks = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: block for name, block in blocks.items() if isinstance(block, Workload)}

    @property
    def clients(self) -> dict[str, Workload | ScheduledBackup]:
        """The components whose pods call the database and the networks of their `egress`, by name."""
        return {**self.workloads, **({"backup": self.backup} if self.backup else {})}

    @property
    def component_images(self) -> dict[str, ComponentImage]:
        """The images of the components of this stack, without those that run another component's."""
        return {
            name: self.images.of(name)
            for name in self.images.components()
            if name in self.workloads
        }

    @property
    def pod_groups(self) -> list[PodGroup]:
        """The release's pods at their most."""
        groups = [
            PodGroup(
                name=name,
                fewest=workload.fewest_pods,
                pods=workload.most_pods,
                surge=workload.surge,
                **workload.resources.requests.model_dump(),
            )
            for name, workload in self.workloads.items()
        ]
        if self.database.embedded:
            requests = self.database.embedded.resources.requests.model_dump()
            groups.append(PodGroup(name="postgres", fewest=1, pods=1, surge=0, **requests))
        if self.backup:
            requests = self.backup.resources.requests.model_dump()
            groups.append(PodGroup(name="backup", fewest=0, pods=1, surge=0, **requests))
        return groups

    @property
    def named_secrets(self) -> dict[str, dict[str, str]]:
        """Secrets of the stack file that a component's pods get as variables: by component, the key by variable."""
        return {
            component: {
                variable: reference.config
                for variable, reference in block.secret_env.items()
                if reference.config
            }
            for component, block in self.clients.items()
        }

    def problems(self) -> Iterable[Problem]:
        # https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#working-with-namespaces
        if self.namespace_name.startswith("kube-"):
            yield Problem(
                ("namespace", "release"),
                f"{self.namespace_name} is a name of Kubernetes' own (kube-), and network policies would cut off the "
                "cluster's own pods there; choose another",
            )
        yield from self._secret_problems()
        yield from self._image_problems()
        yield from self._node_port_problems()
        yield from self._route_problems()
        yield from self._connection_problems()
        yield from self._metrics_port_problems()
        yield from self._capacity_problems()

    def _secret_problems(self) -> Iterable[Problem]:
        keys = {field.alias for field in type(self).model_fields.values()}
        for component, variables in self.named_secrets.items():
            for variable, key in variables.items():
                if key in keys:
                    place = f"{component}.secretEnv.{variable}.config"
                    text = f"{key} is a key of the stack file already; choose another name"
                    yield Problem((place,), text)
        if self.secrets.existing and self.database.embedded:
            yield Problem(
                ("secrets.existing", "database.embedded"),
                "database.embedded makes its own password, so no existing Secret can hold its address: drop one",
            )
        if self.secrets.existing and self.create_namespace:
            yield Problem(
                ("secrets.existing", "createNamespace"),
                "a Secret made by hand needs its namespace before the stack does: set createNamespace to false, and "
                f"before the Secret run: kubectl --context {shlex.quote(self.cluster.context)} create namespace "
                f"{self.namespace_name}",
            )

    def _image_problems(self) -> Iterable[Problem]:
        if self.cluster.minikube:
            return
        for component, image in self.component_images.items():
            reads = (f"images.{component}.ref", "images.registry", "cluster.minikube")
            if image.ref is None and not self.images.registry:
                yield Problem(
                    reads,
                    "the cluster is not a Minikube, so the image must come from elsewhere: give a prebuilt ref by "
                    "digest, or set images.registry to build and push",
                )
            built_here = self.images.content_tagged(component, image.ref or "")
            if image.ref and "@" not in image.ref and not built_here:
                yield Problem(
                    reads,
                    f'got "{image.ref}", expected a digest (name@sha256:...), because a tag can move under a running '
                    "release; a tag will do on Minikube only",
                )

    def _node_port_problems(self) -> Iterable[Problem]:
        owners: dict[int, str] = {}
        for name, workload in self.workloads.items():
            port = workload.service.node_port if isinstance(workload, ServedWorkload) else None
            other = owners.setdefault(port, name) if port else name
            if other != name:
                yield Problem(
                    (f"{name}.service.nodePort", f"{other}.service.nodePort"),
                    f"{port} is the {other}'s node port too; a node port has one Service",
                )

    def _route_problems(self) -> Iterable[Problem]:
        if self.ingress and self.gateway:
            text = "give ingress or gateway, not both: there is one public address; drop one of the two blocks"
            yield Problem(("gateway", "ingress"), text)
        elif self.gateway and self.network_policies.ingress_namespace:
            keys = ("networkPolicies.ingressNamespace", "gateway")
            yield Problem(keys, "is for ingress; use gateway.namespace")
        block = "ingress" if self.ingress else "gateway"
        if self.frontend.public_url and self.route:
            yield Problem(
                ("frontend.publicUrl", block),
                f"taskflow:{block} sets the public address already: drop publicUrl, or drop {block}",
            )

    def _connection_problems(self) -> Iterable[Problem]:
        external = self.database.external_settings
        limit = (
            external.max_connections if external else EMBEDDED_CONNECTIONS - SUPERUSER_CONNECTIONS
        )
        needed, terms = 0, []
        for name, workload in self.workloads.items():
            pool = workload.pool or self.database.pool_size or BACKEND_POOL
            most, surge, starting = (
                workload.most_pods,
                workload.surge,
                workload.starting_connections,
            )
            needed += (pool + starting) * (most + surge)
            each = f"({pool} pool + {starting} migration)" if starting else str(pool)
            terms.append(f"{name} {each} x ({most} + {surge} surge)")
        if needed > limit:
            key = "database.external.maxConnections" if external else "database.poolSize"
            yield Problem(
                (key, "database.poolSize", *self._scale_keys()),
                f"the pools do not fit: {' + '.join(terms)} = {needed} connections, but there are {limit}; lower "
                "database.poolSize or the replicas"
                + (", or raise maxConnections if the database allows it" if external else ""),
            )

    def _metrics_port_problems(self) -> Iterable[Problem]:
        if not self.monitoring:
            return
        port = self.frontend.metrics_port
        if self.frontend.service.target_port == port:
            yield Problem(
                ("frontend.service.targetPort", "monitoring"),
                f"the frontend serves its metrics at {port}; choose another port",
            )
        for key, variables in (("env", self.frontend.env), ("secretEnv", self.frontend.secret_env)):
            if "METRICS_PORT" in variables:
                yield Problem(
                    (f"frontend.{key}.METRICS_PORT", "monitoring"),
                    f"monitoring opens port {port} and no other; drop the variable",
                )

    def _capacity_problems(self) -> Iterable[Problem]:
        found = shortfalls(self.pod_groups, self.cluster.node)
        if found:
            yield Problem(
                ("cluster.node", *self._scale_keys(), "database.embedded"),
                f"the stack does not fit its nodes: {'; '.join(found)}; lower requests, replicas or maxSurge, or "
                "describe larger nodes here",
            )

    def _scale_keys(self) -> Iterable[str]:
        """The keys that say how many pods there are at most, and how large they are."""
        for component in self.workloads:
            for key in ("replicas", "autoscaling", "strategy.maxSurge", "resources.requests"):
                yield f"{component}.{key}"
