"""The blocks of the stack configuration that describe pods: `backend` and `frontend`, and what they consist of."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from .config_base import Model, Port, Problem, replaces
from .quantities import Bytes, CountOrPercent, Cpu, bytes_of, millicores, share

DRAIN_SECONDS = 10  # Both applications leave within this time of SIGTERM.
DEFAULT_REPLICAS = 2

# kube-apiserver's default --service-node-port-range
NodePort = Annotated[int, Field(ge=30000, le=32767)]
LogLevel = Literal["debug", "info", "warning", "error"]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")]

# Set by the program from other keys; a second value under `env` would win silently over the first.
RESERVED_VARIABLES = frozenset(
    {
        "BACKEND_URL",
        "BETTER_AUTH_SECRET",
        "DATABASE_POOL_SIZE",
        "DATABASE_URL",
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

    cpu: Cpu = Field(
        description="CPU: thousandths of a core (250m) or cores (0.5)",
        json_schema_extra=replaces(".cpu"),
    )
    memory: Bytes = Field(
        description="memory, with a binary unit (256Mi, 1Gi)", json_schema_extra=replaces(".memory")
    )


class Resources(Model):
    """What a container is promised (requests) and held to (limits)."""

    requests: Compute = Field(
        description="what the scheduler sets aside for each pod",
        json_schema_extra=replaces(".requests"),
    )
    limits: Compute = Field(
        description="where CPU is throttled and memory use ends the container",
        json_schema_extra=replaces(".limits"),
    )

    def problems(self) -> Iterable[Problem]:
        if millicores(self.requests.cpu) > millicores(self.limits.cpu):
            text = f"requests.cpu {self.requests.cpu} exceeds limits.cpu {self.limits.cpu}"
            yield Problem(("requests.cpu", "limits.cpu"), text)
        if bytes_of(self.requests.memory) > bytes_of(self.limits.memory):
            text = (
                f"requests.memory {self.requests.memory} exceeds limits.memory {self.limits.memory}"
            )
            yield Problem(("requests.memory", "limits.memory"), text)


class ProbeTiming(Model):
    """When a probe asks, all in seconds; `failures` in a row make it fail."""

    initial_delay: int = Field(
        0,
        ge=0,
        description="seconds before the first question",
        json_schema_extra=replaces(".initialDelaySeconds"),
    )
    period: int = Field(
        10,
        ge=1,
        description="seconds between questions",
        json_schema_extra=replaces(".periodSeconds"),
    )
    timeout: int = Field(
        5,
        ge=1,
        description="seconds that an answer may take",
        json_schema_extra=replaces(".timeoutSeconds"),
    )
    failures: int = Field(
        3,
        ge=1,
        description="failures in a row that count",
        json_schema_extra=replaces(".failureThreshold"),
    )


class Probes(Model):
    """The startup probe holds the other two back until the process answers, so that neither needs a fixed delay."""

    startup: ProbeTiming | None = Field(
        ProbeTiming(period=1, timeout=1, failures=60),
        description="asked until the process first answers; null leaves it out, for fixed initial delays",
        json_schema_extra=replaces("startupProbe"),
    )
    readiness: ProbeTiming = Field(
        ProbeTiming(period=5, timeout=3),
        description="decides whether a pod gets requests; the backend's asks the database too",
        json_schema_extra=replaces("readinessProbe"),
    )
    liveness: ProbeTiming = Field(
        ProbeTiming(period=10, timeout=5),
        description="decides whether a container is restarted; never asks the database",
        json_schema_extra=replaces("livenessProbe"),
    )


class Strategy(Model):
    """RollingUpdate: how many pods may be missing, and how many extra, while a release replaces the last."""

    max_unavailable: CountOrPercent = Field(
        1,
        description="pods that may be missing during a rollout; 0 takes none away before its successor is ready",
        json_schema_extra=replaces("strategy.rollingUpdate.maxUnavailable"),
    )
    max_surge: CountOrPercent = Field(
        1,
        description="pods above the wanted number during a rollout; the node needs room for them",
        json_schema_extra=replaces("strategy.rollingUpdate.maxSurge"),
    )

    def problems(self) -> Iterable[Problem]:
        if self.max_unavailable in (0, "0%") and self.max_surge in (0, "0%"):
            yield Problem(
                ("maxSurge", "maxUnavailable"),
                "maxUnavailable and maxSurge are both 0: a rollout could never replace a pod; set maxSurge to 1",
            )


class Autoscaling(Model):
    """Replicas between `min` and `max`, by the pods' CPU use in percent of their request."""

    min: int = Field(
        DEFAULT_REPLICAS,
        ge=1,
        description="fewest pods",
        json_schema_extra=replaces("autoscaling.minReplicas"),
    )
    max: int = Field(
        ge=1, description="most pods", json_schema_extra=replaces("autoscaling.maxReplicas")
    )
    cpu: int = Field(
        70,
        ge=1,
        le=100,
        description="target CPU use, percent of the request",
        json_schema_extra=replaces("autoscaling.targetCPUUtilizationPercentage"),
    )
    # Kubernetes' own default; https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
    scale_down_seconds: int = Field(
        300,
        ge=0,
        le=3600,
        description="seconds that the load must stay low before pods are taken away",
        json_schema_extra=replaces("autoscaling.behavior.scaleDown.stabilizationWindowSeconds"),
    )

    def problems(self) -> Iterable[Problem]:
        if self.min > self.max:
            yield Problem(("min", "max"), f"min {self.min} exceeds max {self.max}")


class DisruptionBudget(Model):
    """How many pods a drained node may take away at once. Give one of the two keys."""

    fills_up: ClassVar[bool] = False  # From the default, which would be the other key.

    min_available: CountOrPercent | None = Field(
        None,
        description="pods that must stay",
        json_schema_extra=replaces("podDisruptionBudget.minAvailable"),
    )
    max_unavailable: CountOrPercent | None = Field(
        None,
        description="pods that may be away",
        json_schema_extra=replaces("podDisruptionBudget.maxUnavailable"),
    )

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
        """How many of `replicas` pods an eviction may take away; percentages are rounded up, as Kubernetes does."""
        if self.max_unavailable is not None:
            return share(self.max_unavailable, replicas, rounded_up=True)
        return replicas - share(self.min_available or 0, replicas, rounded_up=True)


class TopologySpread(Model):
    """How a component's pods are spread, so that they do not all go with one node or zone."""

    key: Literal["kubernetes.io/hostname", "topology.kubernetes.io/zone"] = Field(
        "kubernetes.io/hostname",
        description="what to spread over: nodes or zones",
        json_schema_extra=replaces("topologySpreadConstraints[].topologyKey"),
    )
    max_skew: int = Field(
        1,
        ge=1,
        description="difference allowed between the fullest and the emptiest",
        json_schema_extra=replaces("topologySpreadConstraints[].maxSkew"),
    )
    required: bool = Field(
        False,
        description="rather leave a pod waiting than break the spread (else it is a preference); a node without the "
        "key's label then gets no pod",
        json_schema_extra=replaces("topologySpreadConstraints[].whenUnsatisfiable"),
    )


class Service(Model):
    """How the workload is reached. `targetPort` is the container's port; the process listens there."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        "ClusterIP",
        description="reachable in the cluster, on every node, or by a cloud's load balancer",
        json_schema_extra=replaces("service.type"),
    )
    port: Port = Field(description="the Service's port", json_schema_extra=replaces("service.port"))
    target_port: Port = Field(
        description="the container's port, given to the process as PORT",
        json_schema_extra=replaces("service.targetPort"),
    )
    node_port: NodePort | None = Field(
        None,
        description="fixed node port; the cluster picks one if unset",
        json_schema_extra=replaces("service.nodePort"),
    )

    @property
    def inside(self) -> bool:
        """Whether only the cluster itself reaches it."""
        return self.type == "ClusterIP"

    def problems(self) -> Iterable[Problem]:
        if self.node_port is not None and self.type != "NodePort":
            yield Problem(
                ("nodePort", "type"),
                f"nodePort is given but type is {self.type}; set type to NodePort or drop nodePort",
            )


class Workload(Model):
    """What backend and frontend have in common."""

    replicas: int | None = Field(
        None,
        ge=1,
        description=f"fixed number of pods; {DEFAULT_REPLICAS} unless autoscaling is given",
        json_schema_extra=replaces("replicaCount"),
    )
    autoscaling: Autoscaling | None = Field(
        None,
        # The field falls back to the API server's default, 1, when nobody asks for a number any more.
        description="in place of replicas; needs the cluster's metrics server (make up enables Minikube's). A running "
        "stack that goes over to it has one pod for the seconds until the autoscaler first looks",
        json_schema_extra=replaces("autoscaling.enabled"),
    )
    resources: Resources = Field(
        description="requests and limits", json_schema_extra=replaces("resources")
    )
    probes: Probes = Field(Probes(), description="timing of the three probes")
    strategy: Strategy = Field(
        Strategy(),
        description="how a rollout replaces pods",
        json_schema_extra=replaces("strategy"),
    )
    service: Service = Field(description="how it is reached", json_schema_extra=replaces("service"))
    env: dict[VariableName, str] = Field(
        {},
        description="further environment variables, in plain text",
        json_schema_extra=replaces("env"),
    )
    log_level: LogLevel | None = Field(
        None,
        description="overrides the release's logLevel for this component",
        json_schema_extra=replaces("env.LOG_LEVEL"),
    )
    # preStop sleep + the application's own drain must end before the kubelet kills the container.
    pre_stop_seconds: int = Field(
        5,
        ge=0,
        description="sleep before SIGTERM, while endpoints and proxies forget the pod (by Kubernetes 1.30 and later; 0 "
        "on older ones)",
        json_schema_extra=replaces("lifecycle.preStop"),
    )
    grace_period_seconds: int = Field(
        30,
        ge=1,
        description="time from the end's announcement to the kill",
        json_schema_extra=replaces("terminationGracePeriodSeconds"),
    )
    # Ten times what a start takes, and a bad update is told within 90 s.
    rollout_deadline_seconds: int = Field(
        70,
        ge=10,
        description="time for the pods that a rollout replaces at once; an update that takes longer has failed",
        json_schema_extra=replaces("progressDeadlineSeconds"),
    )
    disruption_budget: DisruptionBudget | None = Field(
        DisruptionBudget(max_unavailable=1),
        description="what a drained node may take away at once; null for none",
        json_schema_extra=replaces("podDisruptionBudget"),
    )
    topology_spread: TopologySpread = Field(
        TopologySpread(),
        description="spread over nodes or zones",
        json_schema_extra=replaces("topologySpreadConstraints"),
    )

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
        """The deadline of an update: as often the time for some pods as there are such groups one after another."""
        unavailable = share(self.strategy.max_unavailable, self.most_pods, rounded_up=False)
        groups = -(-self.most_pods // max(1, self.surge + unavailable))
        return groups * self.rollout_deadline_seconds

    def problems(self) -> Iterable[Problem]:
        if self.autoscaling and self.replicas is not None:
            yield Problem(
                ("replicas", "autoscaling"),
                "give replicas or autoscaling, not both: they would fight over the same field",
            )
        if self.grace_period_seconds < self.pre_stop_seconds + DRAIN_SECONDS:
            yield Problem(
                ("gracePeriodSeconds", "preStopSeconds"),
                f"gracePeriodSeconds {self.grace_period_seconds} is less than preStopSeconds {self.pre_stop_seconds} "
                f"+ {DRAIN_SECONDS} s of drain: pods would be killed while they still serve",
            )
        taken = sorted(RESERVED_VARIABLES.intersection(self.env))
        for variable in taken:
            yield Problem(
                (f"env.{variable}",), "is set by the program from other keys; use those instead"
            )
        yield from self._unmovable()

    def _unmovable(self) -> Iterable[Problem]:
        budget = self.disruption_budget
        if budget and budget.movable(self.fewest_pods) < 1:
            yield Problem(
                ("disruptionBudget", "replicas", "autoscaling"),
                f"minAvailable {budget.min_available} of {self.fewest_pods} pods lets none go: no node with such a "
                "pod could ever be drained; lower it, or raise replicas or autoscaling.min",
            )


class Backend(Workload):
    """The FastAPI service."""

    resources: Resources = Field(
        Resources(
            requests=Compute(cpu="250m", memory="256Mi"), limits=Compute(cpu="500m", memory="512Mi")
        ),
        description="requests and limits",
        json_schema_extra=replaces("resources"),
    )
    service: Service = Field(
        Service(port=8000, target_port=8000),
        description="how it is reached",
        json_schema_extra=replaces("service"),
    )


class Frontend(Workload):
    """The Next.js service."""

    resources: Resources = Field(
        Resources(
            requests=Compute(cpu="100m", memory="128Mi"), limits=Compute(cpu="250m", memory="256Mi")
        ),
        description="requests and limits",
        json_schema_extra=replaces("resources"),
    )
    service: Service = Field(
        Service(port=3000, target_port=3000),
        description="how it is reached",
        json_schema_extra=replaces("service"),
    )
