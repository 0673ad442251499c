"""The stack configuration: its models, and `load()`, the one reader of `pulumi.Config`.

Keys in `Pulumi.<stack>.yaml` are camelCase under the project's namespace (`taskflow:backend`); a block may be left out
whole, because every default stands here and not in the stack files.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import pulumi
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from components.config_errors import ConfigError, StackFile, explain

PROJECT = "taskflow"
BETTER_AUTH_SECRET_LENGTH = (
    32  # An HS256 key shorter than its 256-bit hash weakens it (RFC 7518, section 3.2).
)

# Kubernetes object names: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
# The longest suffix a release's name gets is "-frontend" plus the 8 hexadecimal digits of an automatic name.
DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
HostName = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]{2,}$", max_length=253)
]
ImageReference = Annotated[str, StringConstraints(pattern=r"^\S+[:@]\S+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
NodePort = Annotated[
    int, Field(ge=30000, le=32767)
]  # kube-apiserver's default --service-node-port-range
Cpu = Annotated[str, StringConstraints(pattern=r"^([0-9]+m|[0-9]+(\.[0-9]{1,3})?)$")]
Bytes = Annotated[str, StringConstraints(pattern=r"^[0-9]+(Ki|Mi|Gi|Ti)$")]
CountOrPercent = (
    Annotated[int, Field(ge=0)] | Annotated[str, StringConstraints(pattern=r"^[0-9]+%$")]
)
LogLevel = Literal["debug", "info", "warning", "error"]

_BYTE_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def millicores(cpu: str) -> int:
    """CPU quantity ("250m", "0.5", "2") in thousandths of a core."""
    return int(cpu[:-1]) if cpu.endswith("m") else round(float(cpu) * 1000)


def bytes_of(quantity: str) -> int:
    """Memory or storage quantity ("256Mi", "1Gi") in bytes."""
    return int(quantity[:-2]) * _BYTE_UNITS[quantity[-2:]]


class Model(BaseModel):
    """Immutable, strict about unknown keys, and never prints what was typed (it may be a secret)."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
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


class ComponentImage(Model):
    """Either a prebuilt reference, or (nothing given) built from `docker/<component>`."""

    ref: ImageReference | None = Field(
        None, description="prebuilt image, used as it is; prefer a digest (name@sha256:...)"
    )
    base_image: str | None = Field(
        None,
        min_length=1,
        description="base image to build on in place of the Dockerfile's default: a mirror, a newer Node",
    )

    @model_validator(mode="after")
    def _prebuilt_or_built(self) -> Self:
        if self.ref and self.base_image:
            raise ValueError("a prebuilt ref is not built: give ref or baseImage, not both")
        return self


class Images(Model):
    """How images come to be."""

    registry: str | None = Field(
        None, min_length=1, description="prefix to push built images under (ghcr.io/acme/taskflow)"
    )
    platform: Literal["linux/amd64", "linux/arm64"] | None = Field(
        None, description="platform to build for; the daemon's if unset"
    )
    pull_secrets: tuple[DnsLabel, ...] = Field(
        (), description="names of existing image pull Secrets in the namespace"
    )
    backend: ComponentImage = ComponentImage()
    frontend: ComponentImage = ComponentImage()


class Compute(Model):
    """CPU and memory quantities."""

    cpu: Cpu
    memory: Bytes


class Resources(Model):
    """What a container is promised (requests) and held to (limits)."""

    requests: Compute
    limits: Compute

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        if millicores(self.requests.cpu) > millicores(self.limits.cpu):
            raise ValueError(
                f"requests.cpu {self.requests.cpu} exceeds limits.cpu {self.limits.cpu}"
            )
        if bytes_of(self.requests.memory) > bytes_of(self.limits.memory):
            raise ValueError(
                f"requests.memory {self.requests.memory} exceeds limits.memory {self.limits.memory}"
            )
        return self


class ProbeTiming(Model):
    """When a probe asks, all in seconds; `failures` in a row make it fail."""

    initial_delay: int = Field(0, ge=0)
    period: int = Field(10, ge=1)
    timeout: int = Field(5, ge=1)
    failures: int = Field(3, ge=1)


class Probes(Model):
    """The startup probe holds the other two back until the process answers, so that neither needs a fixed delay."""

    startup: ProbeTiming | None = ProbeTiming(period=1, timeout=1, failures=60)
    readiness: ProbeTiming = ProbeTiming(period=5, timeout=3)
    liveness: ProbeTiming = ProbeTiming(period=10, timeout=5)


class Strategy(Model):
    """RollingUpdate: how many pods may be missing, and how many extra, while a release replaces the last."""

    max_unavailable: CountOrPercent = 1
    max_surge: CountOrPercent = 1

    @model_validator(mode="after")
    def _can_move(self) -> Self:
        if self.max_unavailable in (0, "0%") and self.max_surge in (0, "0%"):
            raise ValueError(
                "maxUnavailable and maxSurge are both 0: a rollout could never replace a pod; set maxSurge to 1"
            )
        return self


class Autoscaling(Model):
    """Replicas between `min` and `max`, by the pods' CPU use in percent of their request."""

    min: int = Field(2, ge=1)
    max: int = Field(ge=1)
    cpu: int = Field(70, ge=1, le=100, description="target CPU use, percent of the request")

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} exceeds max {self.max}")
        return self


class Service(Model):
    """How the workload is reached. `target_port` is the container's port; the process listens there."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    port: Port
    target_port: Port
    node_port: NodePort | None = Field(
        None, description="fixed node port; the cluster picks one if unset"
    )

    @model_validator(mode="after")
    def _node_port_needs_type(self) -> Self:
        if self.node_port is not None and self.type != "NodePort":
            raise ValueError(
                f"nodePort is given but type is {self.type}; set type to NodePort or drop nodePort"
            )
        return self


class Workload(Model):
    """What backend and frontend have in common."""

    replicas: int | None = Field(
        None, ge=1, description="fixed number of pods; 2 unless autoscaling is given"
    )
    autoscaling: Autoscaling | None = None
    resources: Resources
    probes: Probes = Probes()
    strategy: Strategy = Strategy()
    service: Service
    env: dict[Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")], str] = Field(
        {}, description="further environment variables, in plain text"
    )
    log_level: LogLevel | None = Field(
        None, description="overrides the release's logLevel for this component"
    )
    # preStop sleep + the application's own drain (at most 10 s) must end before the kubelet kills the container.
    pre_stop_seconds: int = Field(
        5, ge=0, description="sleep before SIGTERM, while endpoints and proxies forget the pod"
    )
    grace_period_seconds: int = Field(30, ge=1, description="terminationGracePeriodSeconds")
    rollout_deadline_seconds: int = Field(
        80, ge=10, description="an update that makes no progress for so long has failed"
    )
    min_available: CountOrPercent | None = Field(
        None, description="disruption budget; none if unset"
    )

    @property
    def fixed_replicas(self) -> int | None:
        """Replicas for the Deployment; None leaves the field to the autoscaler."""
        return None if self.autoscaling else self.replicas or 2

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.autoscaling and self.replicas is not None:
            raise ValueError(
                "give replicas or autoscaling, not both: they would fight over the same field"
            )
        if self.grace_period_seconds < self.pre_stop_seconds + DRAIN_SECONDS:
            raise ValueError(
                f"gracePeriodSeconds {self.grace_period_seconds} is less than preStopSeconds {self.pre_stop_seconds} "
                f"+ {DRAIN_SECONDS} s of drain: pods would be killed while they still serve"
            )
        return self


DRAIN_SECONDS = 10  # Both applications leave within this time of SIGTERM.


class Backend(Workload):
    """The FastAPI service."""

    resources: Resources = Resources(
        requests=Compute(cpu="250m", memory="256Mi"), limits=Compute(cpu="500m", memory="512Mi")
    )
    service: Service = Service(port=8000, target_port=8000)


class Frontend(Workload):
    """The Next.js service."""

    resources: Resources = Resources(
        requests=Compute(cpu="100m", memory="128Mi"), limits=Compute(cpu="250m", memory="256Mi")
    )
    service: Service = Service(port=3000, target_port=3000)


class EmbeddedPostgres(Model):
    """A single Postgres in the release's namespace: for development, without backups or failover."""

    image: ImageReference = "postgres:17"
    size: Bytes = Field("1Gi", description="size of the volume")
    storage_class: DnsLabel | None = Field(
        None, description="storage class; the cluster's default if unset"
    )
    keep: bool = Field(
        False, description="keep the volume (and so the namespace) when the stack is destroyed"
    )
    resources: Resources = Resources(
        requests=Compute(cpu="100m", memory="192Mi"), limits=Compute(cpu="500m", memory="384Mi")
    )


class Database(Model):
    """Embedded, or (default) external: then the secret `databaseUrl` says where it is."""

    embedded: EmbeddedPostgres | None = None


class Secrets(Model):
    """Where secret values come from: Pulumi secrets unless an existing Secret is named."""

    existing: DnsLabel | None = Field(
        None,
        description="Secret made by hand, with keys database-url, better-auth-secret and, if the assistant is "
        "used, openai-api-key",
    )
    generate: bool = Field(
        False,
        description="generate a missing betterAuthSecret once and keep it in the state, encrypted",
    )


class IngressTls(Model):
    """Certificate: an existing TLS Secret, or a cert-manager issuer that fills it."""

    secret: DnsLabel
    issuer: str | None = Field(None, min_length=1, description="cert-manager ClusterIssuer")


class Ingress(Model):
    """The public address."""

    host: HostName
    class_name: str = Field("nginx", alias="class", min_length=1)
    tls: IngressTls | None = None
    annotations: dict[str, str] = {}


class Assistant(Model):
    """The AI assistant; it is on when the secret `openaiApiKey` is set."""

    model: str | None = Field(
        None, min_length=1, description="model name; the application's default if unset"
    )
    base_url: str | None = Field(
        None, pattern=r"^https?://", description="an OpenAI-compatible endpoint"
    )


class StackConfig(Model):
    """Everything a stack file may say, secrets apart."""

    release: DnsLabel = Field(
        "taskflow",
        description="prefix of every object's name, so that releases can share a cluster",
    )
    namespace: DnsLabel | None = Field(
        None, description="namespace, made by the stack; the release's name if unset"
    )
    log_level: LogLevel = "info"
    cluster: Cluster = Cluster()
    images: Images = Images()
    backend: Backend = Backend()
    frontend: Frontend = Frontend()
    database: Database = Database()
    secrets: Secrets = Secrets()
    ingress: Ingress | None = None
    assistant: Assistant = Assistant()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.secrets.existing and self.secrets.generate:
            raise ValueError("secrets: give existing or generate, not both")
        if self.secrets.existing and self.database.embedded:
            raise ValueError(
                "database.embedded makes its own password, so secrets.existing cannot name its URL: drop one"
            )
        built = [
            image for image in (self.images.backend, self.images.frontend) if image.ref is None
        ]
        if built and not self.images.registry and not self.cluster.minikube:
            raise ValueError(
                "images: the cluster is not a Minikube, so built images must be pushed: set images.registry, "
                "or a prebuilt images.backend.ref and images.frontend.ref"
            )
        return self

    @property
    def namespace_name(self) -> str:
        """The namespace everything is deployed into."""
        return self.namespace or self.release


@dataclass(frozen=True, kw_only=True)
class StackSecrets:
    """Secret values, beside the models because a pydantic model would print them. None: not set on the stack."""

    database_url: pulumi.Output[str] | None = None
    better_auth_secret: pulumi.Output[str] | None = None
    openai_api_key: pulumi.Output[str] | None = None


SECRET_KEYS = ("databaseUrl", "betterAuthSecret", "openaiApiKey")


def parse(
    values: Mapping[str, Any], *, secret_keys: frozenset[str], source: StackFile
) -> StackConfig:
    """Check a stack's plain values, and that the secrets it needs are there.

    Args:
        values: the keys of the stack file without their namespace; secret values are not among them.
        secret_keys: which of `SECRET_KEYS` the stack has.
        source: the file the values came from, for the errors.

    Raises:
        ConfigError: with every mistake found, each with its place and what to do.
    """
    try:
        config = StackConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, StackConfig, values, source, SECRET_KEYS)) from None
    missing = _missing_secrets(config, secret_keys)
    if missing:
        raise ConfigError(
            [
                source.message(key, f"is missing: {why}; {source.how_to_set(key)}")
                for key, why in missing
            ]
        )
    return config


def _missing_secrets(config: StackConfig, present: frozenset[str]) -> list[tuple[str, str]]:
    if config.secrets.existing:
        return []
    missing = []
    if not config.database.embedded and "databaseUrl" not in present:
        missing.append(
            ("databaseUrl", "without database.embedded the application needs an external Postgres")
        )
    if not config.secrets.generate and "betterAuthSecret" not in present:
        missing.append(
            ("betterAuthSecret", "it signs sessions and tokens, and secrets.generate is off")
        )
    return missing


def load() -> tuple[StackConfig, StackSecrets]:
    """Read and check the current stack's configuration.

    Raises:
        ConfigError: with every mistake found.
    """
    source = StackFile.of_stack(pulumi.get_stack(), PROJECT)
    config = pulumi.Config(PROJECT)
    # The engine hands all keys over in one of two ways, and pulumi.Config cannot list them.
    full_keys = {*pulumi.runtime.get_config_env(), *pulumi.runtime.config.CONFIG.get()}
    keys = {key.removeprefix(f"{PROJECT}:") for key in full_keys if key.startswith(f"{PROJECT}:")}
    stack_config = parse(
        {key: _decoded(config.require(key)) for key in keys if key not in SECRET_KEYS},
        secret_keys=frozenset(keys.intersection(SECRET_KEYS)),
        source=source,
    )
    _check_secrets({key: config.require(key) for key in SECRET_KEYS if key in keys}, source)
    return stack_config, StackSecrets(
        database_url=config.get_secret("databaseUrl"),
        better_auth_secret=config.get_secret("betterAuthSecret"),
        openai_api_key=config.get_secret("openaiApiKey"),
    )


def _decoded(value: str) -> Any:
    """The engine hands blocks, numbers and booleans over as JSON, and texts as they are."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _check_secrets(values: Mapping[str, str], source: StackFile) -> None:
    errors = []
    for key, value in values.items():
        if not pulumi.runtime.is_config_secret(f"{PROJECT}:{key}"):
            errors.append(source.message(key, f"is in plain text; {source.how_to_set(key)}"))
        if key == "betterAuthSecret" and len(value) < BETTER_AUTH_SECRET_LENGTH:
            found = f"has {len(value)} characters, expected at least {BETTER_AUTH_SECRET_LENGTH}"
            errors.append(source.message(key, f"{found}; make one with: openssl rand -base64 32"))
        if key == "databaseUrl" and not value.startswith(("postgresql://", "postgres://")):
            errors.append(
                source.message(
                    key,
                    "is no Postgres address; expected postgresql://user:password@host:5432/name",
                )
            )
    if errors:
        raise ConfigError(errors)
