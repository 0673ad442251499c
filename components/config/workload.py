"""The blocks of the stack configuration that describe pods: `backend` and `frontend`, and what they consist of."""

from collections.abc import Iterable
from string import ascii_letters
from typing import ClassVar, Literal

from pydantic import Field

from .base import Model, NodePort, Port, Problem
from .kinds import (
    NETWORK,
    AnnotationName,
    Cidr,
    DataKey,
    DnsSubdomain,
    Origin,
    SecretName,
    VariableName,
)
from .pods import PodSettings, annotation_problems
from .quantities import Bytes, CountOrPercent, Cpu, bytes_of, millicores, share

DRAIN_SECONDS = 10  # Both applications exit within this time after SIGTERM.
DEFAULT_REPLICAS = 2

LogLevel = Literal["debug", "info", "warning", "error"]

# MAX_ARG_STRLEN of https://man7.org/linux/man-pages/man2/execve.2.html, without the NUL at the end; no container with a
# longer one starts.
LONGEST_VARIABLE = 32 * 4096 - 1
# Of the 1.5 MiB that etcd takes: a Deployment has them twice where it has a migrate step.
# https://etcd.io/docs/v3.6/dev-guide/limit/
MOST_IN_VARIABLES = 600_000
# https://docs.docker.com/engine/containers/resource_constraints/#limit-a-containers-access-to-memory
LEAST_MEMORY = "6Mi"
# https://kubernetes.io/docs/reference/labels-annotations-taints/#service-beta-kubernetes-io-load-balancer-source-ranges
SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"

# Set by the program from other keys; a second value under `env` would win silently over the first.
RESERVED_VARIABLES = frozenset(
    {
        "BACKEND_URL",
        "BETTER_AUTH_SECRET",
        "BETTER_AUTH_SECRET_FORMER",
        "BETTER_AUTH_SECRET_NEXT",
        "DATABASE_CA_FILE",
        "DATABASE_DROPPED_ROLES",
        "DATABASE_OWNER_URL",
        "DATABASE_OWNER_URL_1",
        "DATABASE_OWNER_URL_2",
        "DATABASE_POOL_SIZE",
        "DATABASE_URL",
        "DATABASE_VOLUME",
        "FRONTEND_DATABASE_URL",
        "FRONTEND_URL",
        "LOG_LEVEL",
        "NODE_ENV",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "PORT",
    }
)


class Compute(Model):
    """CPU and memory quantities."""

    cpu: Cpu = Field(description="CPU: thousandths of a core (250m) or cores (0.5)")
    memory: Bytes = Field(description="memory (256Mi, 1Gi, 512M or bytes)")


class Resources(Model):
    """A container's guaranteed (requests) and maximum (limits) CPU and memory."""

    requests: Compute = Field(description="what the scheduler reserves for each pod")
    limits: Compute = Field(
        description="above this CPU is throttled, and memory use kills the container"
    )

    def problems(self) -> Iterable[Problem]:
        if millicores(self.requests.cpu) > millicores(self.limits.cpu):
            text = f"requests.cpu {self.requests.cpu} exceeds limits.cpu {self.limits.cpu}"
            yield Problem(("requests.cpu", "limits.cpu"), text)
        limit = self.limits.memory
        if bytes_of(limit) < bytes_of(LEAST_MEMORY):
            text = (
                f"{limit} is {bytes_of(limit)} bytes, but no container starts in less than {LEAST_MEMORY}; did you "
                f"mean {limit.rstrip(ascii_letters)}Mi?"
            )
            yield Problem(("limits.memory",), text)
        elif bytes_of(self.requests.memory) > bytes_of(limit):
            text = f"requests.memory {self.requests.memory} exceeds limits.memory {limit}"
            yield Problem(("requests.memory", "limits.memory"), text)


class ProbeTiming(Model):
    """When a probe runs, all in seconds; it fails after `failures` in a row."""

    initial_delay: int = Field(0, ge=0, description="seconds before the first probe")
    period: int = Field(10, ge=1, description="seconds between probes")
    timeout: int = Field(5, ge=1, description="seconds that an answer may take")
    failures: int = Field(3, ge=1, description="failures in a row until the probe has failed")


class Probes(Model):
    """The startup probe holds the other two back until the process answers, so that neither needs a fixed delay."""

    startup: ProbeTiming | None = Field(
        ProbeTiming(period=1, timeout=1, failures=60),
        description="asked until the process first answers; null leaves it out, for fixed initial delays",
    )
    readiness: ProbeTiming = Field(
        ProbeTiming(period=5, timeout=3),
        description="decides whether a pod gets requests; the backend's asks the database too",
    )
    liveness: ProbeTiming = Field(
        ProbeTiming(period=10, timeout=5),
        description="decides whether a container is restarted; never asks the database",
    )


class Strategy(Model):
    """RollingUpdate: how many pods may be missing, and how many extra, while a release replaces the last."""

    max_unavailable: CountOrPercent = Field(
        1,
        description="pods that may be missing during a rollout; 0 removes none before its successor is ready",
    )
    max_surge: CountOrPercent = Field(
        1, description="pods above the wanted number during a rollout; the node needs room for them"
    )

    def problems(self) -> Iterable[Problem]:
        if self.max_unavailable in (0, "0%") and self.max_surge in (0, "0%"):
            yield Problem(
                ("maxSurge", "maxUnavailable"),
                "maxUnavailable and maxSurge are both 0: a rollout could never replace a pod; set maxSurge to 1",
            )


class Autoscaling(Model):
    """Replicas between `min` and `max`, by the pods' CPU use in percent of their request."""

    min: int = Field(DEFAULT_REPLICAS, ge=1, description="fewest pods")
    max: int = Field(ge=1, description="most pods")
    cpu: int = Field(
        70,
        ge=1,
        le=1000,
        description="target CPU use, percent of the request; above 100 where limits are higher",
    )
    # Kubernetes' own default; https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
    scale_down_seconds: int = Field(
        300,
        ge=0,
        le=3600,
        description="seconds that the load must stay low before pods are removed",
    )

    def problems(self) -> Iterable[Problem]:
        if self.min > self.max:
            yield Problem(("min", "max"), f"min {self.min} exceeds max {self.max}")


class DisruptionBudget(Model):
    """How many pods an eviction may remove at once. Give one of the two keys."""

    partial: ClassVar[bool] = False  # The default is the other key.

    min_available: CountOrPercent | None = Field(None, description="pods that must stay")
    max_unavailable: CountOrPercent | None = Field(None, description="pods that may be away")

    def problems(self) -> Iterable[Problem]:
        if (self.min_available is None) == (self.max_unavailable is None):
            yield Problem(
                ("minAvailable", "maxUnavailable"), "give one of minAvailable and maxUnavailable"
            )
        if self.max_unavailable in (0, "0%"):
            yield Problem(
                ("maxUnavailable",),
                "maxUnavailable is 0: no node with such a pod could ever be drained; set it to 1",
            )

    def movable(self, replicas: int) -> int:
        """How many of `replicas` pods an eviction may remove; percentages are rounded up, as Kubernetes does."""
        if self.max_unavailable is not None:
            return share(self.max_unavailable, replicas, rounded_up=True)
        return replicas - share(self.min_available or 0, replicas, rounded_up=True)


class TopologySpread(Model):
    """How a component's pods are spread, so that one node or zone does not hold all of them."""

    key: Literal["kubernetes.io/hostname", "topology.kubernetes.io/zone"] = Field(
        "kubernetes.io/hostname", description="what to spread over: nodes or zones"
    )
    max_skew: int = Field(
        1, ge=1, description="difference allowed between the fullest and the emptiest"
    )
    required: bool = Field(
        False,
        description="true: leave a pod pending rather than break the spread; a node without the key's label gets no "
        "pod. false: the spread is a preference",
    )


class Service(Model):
    """How the workload is reached. `targetPort` is the container's port; the process listens there."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        "ClusterIP",
        description="reachable in the cluster, on every node, or by a cloud's load balancer",
    )
    port: Port = Field(description="the Service's port")
    target_port: Port = Field(
        description="the container's port, given to the process as PORT; below 1024 some container runtimes refuse it"
    )
    node_port: NodePort | None = Field(
        None, description="fixed node port; the cluster picks one if unset"
    )

    @property
    def internal(self) -> bool:
        """Whether only the cluster itself reaches it."""
        return self.type == "ClusterIP"

    def problems(self) -> Iterable[Problem]:
        if self.node_port is not None and self.type != "NodePort":
            yield Problem(
                ("nodePort", "type"),
                f"nodePort is given but type is {self.type}; set type to NodePort or drop nodePort",
            )


class SecretReference(Model):
    """A secret of the stack file (`config`), or a value in an existing Secret (`secret` and `key`)."""

    config: SecretName | None = Field(
        None,
        description="a secret of this stack, of any name: `make secret` sets it, its change rolls the pods",
    )
    secret: DnsSubdomain | None = Field(
        None, description="name of an existing Secret; pods wait until it is there"
    )
    key: DataKey | None = Field(None, description="the value's key in the existing Secret")

    def problems(self) -> Iterable[Problem]:
        if bool(self.config) == bool(self.secret) or bool(self.secret) != bool(self.key):
            yield Problem(("config", "secret", "key"), "give config, or secret and key")


class Egress(Model):
    """A network that the pods may call, besides each other."""

    cidr: Cidr = Field(description="the network, or one address")
    ports: tuple[Port, ...] = Field(min_length=1, description="TCP ports")


class Workload(PodSettings):
    """The keys of all components that run as a Deployment."""

    # Database connections of each pod at most: its pool, and those beside it while it starts.
    pool: ClassVar[int | None] = None  # None: database.poolSize.
    starting_connections: ClassVar[int] = 0
    # A separate port for /metrics; None: the Service's port.
    metrics_port: ClassVar[int | None] = None

    replicas: int | None = Field(
        None,
        ge=1,
        description=f"fixed number of pods; {DEFAULT_REPLICAS} unless autoscaling is given",
    )
    autoscaling: Autoscaling | None = Field(
        None,
        description="in place of replicas; needs the cluster's metrics server (make up enables Minikube's)",
    )
    resources: Resources = Field(description="requests and limits")
    probes: Probes = Field(Probes(), description="timing of the three probes")
    strategy: Strategy = Field(Strategy(), description="how a rollout replaces pods")
    env: dict[VariableName, str] = Field(
        {}, description="further environment variables, in plain text"
    )
    secret_env: dict[VariableName, SecretReference] = Field(
        {},
        description="further environment variables, from secrets of the stack or existing Secrets, read when a pod "
        "starts",
    )
    egress: tuple[Egress, ...] = Field(
        (), description="further networks that network policies let its pods call"
    )
    log_level: LogLevel | None = Field(
        None, description="overrides the release's logLevel for this component"
    )
    # preStop sleep + the application's own drain must end before the kubelet kills the container.
    pre_stop_seconds: int = Field(
        5,
        ge=0,
        description="sleep before SIGTERM, while endpoints and proxies forget the pod (by Kubernetes 1.30 and later; 0 "
        "on older ones)",
    )
    grace_period_seconds: int = Field(
        30, ge=1, description="seconds until SIGKILL, preStopSeconds included"
    )
    # Ten times the duration of a start. A bad update of pods that are all replaced at once fails within 90 s.
    rollout_deadline_seconds: int = Field(
        70,
        ge=10,
        le=86_400,
        description="seconds for the pods that a rollout replaces at once; an update that takes longer fails",
    )
    disruption_budget: DisruptionBudget | None = Field(
        DisruptionBudget(max_unavailable=1),
        description="pods that an eviction may remove at once; null for no limit",
    )
    topology_spread: TopologySpread = Field(
        TopologySpread(), description="spread over nodes or zones"
    )

    @property
    def port(self) -> int | None:
        """Where the container listens; None if it does not."""
        return None

    @property
    def scraped_port(self) -> int | None:
        """Where it serves /metrics; None if it has none."""
        return self.metrics_port or self.port

    @property
    def fixed_replicas(self) -> int | None:
        """Replicas for the Deployment; None leaves the field to the autoscaler."""
        return None if self.autoscaling else self.replicas or DEFAULT_REPLICAS

    @property
    def fewest_pods(self) -> int:
        """Replicas, or the autoscaler's minimum."""
        return self.autoscaling.min if self.autoscaling else self.replicas or DEFAULT_REPLICAS

    @property
    def most_pods(self) -> int:
        """Replicas, or the autoscaler's maximum, without a rollout's surge."""
        return self.autoscaling.max if self.autoscaling else self.replicas or DEFAULT_REPLICAS

    @property
    def surge(self) -> int:
        """Pods that a rollout adds at most."""
        return share(self.strategy.max_surge, self.most_pods, rounded_up=True)

    @property
    def rollout_seconds(self) -> int:
        """The deadline of an update: the time for one group of pods, times the groups that follow one another."""
        unavailable = share(self.strategy.max_unavailable, self.most_pods, rounded_up=False)
        groups = -(-self.most_pods // max(1, self.surge + unavailable))
        return groups * self.rollout_deadline_seconds

    def problems(self) -> Iterable[Problem]:
        yield from super().problems()
        yield from self._variable_problems()
        if self.autoscaling and self.replicas is not None:
            yield Problem(
                ("replicas", "autoscaling"),
                "give replicas or autoscaling, not both: they would fight over the same field",
            )
        if self.autoscaling and not millicores(self.resources.requests.cpu):
            yield Problem(
                ("resources.requests.cpu", "autoscaling"),
                "is 0, but autoscaling counts CPU use in percent of it; give a request such as 100m, or drop "
                "autoscaling",
            )
        if self.grace_period_seconds < self.pre_stop_seconds + DRAIN_SECONDS:
            yield Problem(
                ("gracePeriodSeconds", "preStopSeconds"),
                f"gracePeriodSeconds {self.grace_period_seconds} is less than preStopSeconds {self.pre_stop_seconds} "
                f"+ {DRAIN_SECONDS} s of drain: pods would be killed while they still serve",
            )
        yield from self._unmovable()

    def _variable_problems(self) -> Iterable[Problem]:
        for key, variables in (("env", self.env), ("secretEnv", self.secret_env)):
            for variable in sorted(RESERVED_VARIABLES.intersection(variables)):
                yield Problem(
                    (f"{key}.{variable}",),
                    "is set by the program from other keys; use those instead",
                )
        for variable, value in self.env.items():
            if len(f"{variable}={value}".encode()) > LONGEST_VARIABLE:
                text = f"Linux gives a process at most {LONGEST_VARIABLE} bytes in one variable; shorten it"
                yield Problem((f"env.{variable}",), text)
        size = sum(len(text.encode()) for pair in self.env.items() for text in pair)
        if size > MOST_IN_VARIABLES:
            text = f"names and values have {size} bytes, but a Deployment takes {MOST_IN_VARIABLES}; shorten them"
            yield Problem(("env",), text)
        for variable in sorted(self.secret_env.keys() & self.env):
            yield Problem(
                (f"secretEnv.{variable}", f"env.{variable}"), "is in env too; drop one of the two"
            )

    def _unmovable(self) -> Iterable[Problem]:
        budget = self.disruption_budget
        if budget and budget.movable(self.fewest_pods) < 1:
            yield Problem(
                ("disruptionBudget", "replicas", "autoscaling"),
                f"minAvailable {budget.min_available} of {self.fewest_pods} pods allows no eviction: no node with such "
                "a pod could ever be drained; lower it, or raise replicas or autoscaling.min",
            )


class ServedWorkload(Workload):
    """A workload with a Service in front of it."""

    service: Service = Field(description="how it is reached")
    service_annotations: dict[AnnotationName, str] = Field(
        {}, description="annotations of its Service, for a cloud's load balancer"
    )

    @property
    def port(self) -> int:
        """Where the container listens."""
        return self.service.target_port

    def problems(self) -> Iterable[Problem]:
        yield from super().problems()
        yield from annotation_problems("serviceAnnotations", self.service_annotations)
        place = ("serviceAnnotations", SOURCE_RANGES)
        ranges = self.service_annotations.get(SOURCE_RANGES)
        if ranges is not None and self.service.type != "LoadBalancer":
            yield Problem(
                (place, "service.type"),
                f"is for a load balancer, but type is {self.service.type}; set type to LoadBalancer or drop it",
            )
        networks = ranges.split(",") if ranges and ranges.strip() else []
        if not all(NETWORK.matches(network.strip()) for network in networks):
            yield Problem((place,), f"expected {NETWORK.words}; a comma between two")


class Backend(ServedWorkload):
    """The FastAPI service."""

    starting_connections: ClassVar[int] = 1  # For the migrations.

    resources: Resources = Field(
        Resources(
            requests=Compute(cpu="250m", memory="256Mi"), limits=Compute(cpu="500m", memory="512Mi")
        ),
        description="requests and limits",
    )
    service: Service = Field(Service(port=8000, target_port=8000), description="how it is reached")


class Frontend(ServedWorkload):
    """The Next.js service."""

    pool: ClassVar[int] = 5  # `max` in docker/frontend/lib/database.ts
    metrics_port: ClassVar[int] = 9464  # DEFAULT_PORT of docker/frontend/lib/metrics.ts

    resources: Resources = Field(
        Resources(
            requests=Compute(cpu="100m", memory="128Mi"), limits=Compute(cpu="250m", memory="256Mi")
        ),
        description="requests and limits",
    )
    service: Service = Field(Service(port=3000, target_port=3000), description="how it is reached")
    public_url: Origin | None = Field(
        None,
        description="the public address, if a route or TLS balancer of your own leads to the Service; it sends "
        "`X-Forwarded-Proto: https`",
    )
