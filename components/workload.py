"""The components' shared parts: labels, hardened pod, probes, Deployment, Service, autoscaler, disruption budget."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes import apps, autoscaling, core, meta, policy

from . import pod
from .config.pods import PodSettings
from .config.stack import CertificateAuthority, Monitoring
from .config.workload import (
    ProbeTiming,
    Resources,
    SecretReference,
    ServedWorkload,
    TopologySpread,
    Workload,
)
from .image import Image

SHARED = "config"  # The component label's value on objects that belong to no single component.
USER_ID = 10001  # The images' own numeric user; runAsNonRoot cannot check a name.
# The node's disk: /tmp and the container's log, which the kubelet rotates at 50 MB in all; beyond the limit it evicts.
SCRATCH_REQUEST, SCRATCH_LIMIT = "64Mi", "512Mi"
# Force ownership of our fields, which kubectl or a former autoscaler may have written. The field manager's name is
# fixed: after a state repair the provider would pick a new one, and fields owned by the old one would never be removed.
OWNERSHIP = {
    "pulumi.com/patchForce": "true",
    "pulumi.com/patchFieldManager": "pulumi-kubernetes",
}
SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
OLD_REPLICA_SETS = 3  # Enough to look back; a rollback uses the stack, not these.


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """One key of a Secret, read by a container as an environment variable."""

    name: pulumi.Input[str]
    key: pulumi.Input[str]
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Release:
    """The common values of every part of a release.

    Args:
        secret_version: changes with an existing Secret; its change rolls the services' pods.
        database_ca: certificates to verify the database with; None for public authorities.
        named_secrets: the Secret that has a component's secrets of the stack file, by component.
    """

    name: str
    namespace: pulumi.Input[str]
    config_map: pulumi.Input[str]
    pull_secrets: tuple[str, ...] = ()
    secret_version: pulumi.Input[str] | None = None
    database_ca: CertificateAuthority | None = None
    monitoring: Monitoring | None = None
    named_secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


Question = str | tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """An init container of the same image: it must succeed before a pod's container starts."""

    name: str
    command: tuple[str, ...]
    secrets: Mapping[str, SecretKey]
    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Container:
    """The parts that differ between the components' containers.

    Args:
        ready: what the readiness probe asks: a path at the port, or a command in the container.
        live: the same for the other two probes.
        command: in place of the image's own.
    """

    component: str
    image: Image
    ready: Question
    live: Question
    secrets: Mapping[str, SecretKey]
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    first: Step | None = None


def selector_labels(release: str, component: str) -> dict[str, str]:
    """The labels that select a component's pods. Few, because a selector cannot be changed later."""
    return {"app": release, "component": component}


def metadata_labels(release: str, component: str) -> dict[str, str]:
    """Selector labels plus the recommended ones.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
    """
    return selector_labels(release, component) | {
        "app.kubernetes.io/name": "taskflow",
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "taskflow",
        "app.kubernetes.io/managed-by": "pulumi",
    }


def object_meta(
    release: Release, component: str, name: str | None, annotations: Mapping[str, str] | None = None
) -> meta.v1.ObjectMetaArgs:
    """Metadata of a namespaced object. Without a name Pulumi makes one, and a replacement comes before the deletion."""
    return meta.v1.ObjectMetaArgs(
        name=name,
        namespace=release.namespace,
        labels=metadata_labels(release.name, component),
        annotations={**OWNERSHIP, **(annotations or {})},
    )


def resource_requirements(resources: Resources) -> core.v1.ResourceRequirementsArgs:
    """Requests and limits as Kubernetes takes them."""
    return core.v1.ResourceRequirementsArgs(
        requests=resources.requests.model_dump() | {"ephemeral-storage": SCRATCH_REQUEST},
        limits=resources.limits.model_dump() | {"ephemeral-storage": SCRATCH_LIMIT},
    )


def probe(
    timing: ProbeTiming, question: Question | None = None, *, tcp_port: str | None = None
) -> core.v1.ProbeArgs:
    """A probe by one of HTTP, a command in the container, or a connection to a port."""
    path = question if isinstance(question, str) else None
    command = question if isinstance(question, tuple) else None
    return core.v1.ProbeArgs(
        http_get=core.v1.HTTPGetActionArgs(path=path, port="http") if path else None,
        exec_=core.v1.ExecActionArgs(command=[*command]) if command else None,
        tcp_socket=core.v1.TCPSocketActionArgs(port=tcp_port) if tcp_port else None,
        initial_delay_seconds=timing.initial_delay,
        period_seconds=timing.period,
        timeout_seconds=timing.timeout,
        failure_threshold=timing.failures,
    )


def secret_env(secrets: Mapping[str, SecretKey]) -> list[pod.Plain]:
    """Environment variables that the kubelet fills from Secrets."""
    plain: list[pod.Plain] = []
    for variable, secret in secrets.items():
        reference: pod.Plain = {"name": secret.name, "key": secret.key}
        if secret.optional:
            reference["optional"] = True
        plain.append({"name": variable, "valueFrom": {"secretKeyRef": reference}})
    return plain


def placement(release: Release, config: PodSettings) -> dict[str, Any]:
    """The part of a PodSpec that says where pods run and what they may pull; empty unless something is configured."""
    tolerations = [
        toleration.model_dump(by_alias=True, exclude_none=True) for toleration in config.tolerations
    ]
    wanted = {
        "image_pull_secrets": [{"name": name} for name in release.pull_secrets] or None,
        "node_selector": dict(config.node_selector) or None,
        "tolerations": tolerations or None,
        "priority_class_name": config.priority_class,
        "host_users": config.host_users,
    }
    return {field: value for field, value in wanted.items() if value is not None}


def _apart(release: str, component: str) -> core.v1.AffinityArgs:
    """Prefer a node without a pod of the same component, if the spread leaves a choice."""
    return core.v1.AffinityArgs(
        pod_anti_affinity=core.v1.PodAntiAffinityArgs(
            preferred_during_scheduling_ignored_during_execution=[
                core.v1.WeightedPodAffinityTermArgs(
                    weight=100,
                    pod_affinity_term=core.v1.PodAffinityTermArgs(
                        topology_key="kubernetes.io/hostname",
                        label_selector=meta.v1.LabelSelectorArgs(
                            match_labels=selector_labels(release, component)
                        ),
                    ),
                )
            ]
        )
    )


def _spread(
    config: TopologySpread, selector: Mapping[str, str]
) -> core.v1.TopologySpreadConstraintArgs:
    return core.v1.TopologySpreadConstraintArgs(
        max_skew=config.max_skew,
        topology_key=config.key,
        when_unsatisfiable="DoNotSchedule" if config.required else "ScheduleAnyway",
        label_selector=meta.v1.LabelSelectorArgs(match_labels=dict(selector)),
        # The rule must hold within each revision, and a drained node does not count: it takes no pods.
        match_label_keys=["pod-template-hash"] if config.required else None,
        node_taints_policy="Honor" if config.required else None,
    )


def literal(value: str) -> str:
    """A value that arrives as it is: Kubernetes writes $ for $$, and the value of a variable for $(NAME)."""
    return re.sub(r"\$(?=[$(])", "$$", value)


def _pod_spec(release: Release, container: Container, config: Workload) -> core.v1.PodSpecArgs:
    plain = {"PORT": str(config.port)} if config.port else {}
    plain |= {**container.env, **config.env}
    if config.log_level:
        plain["LOG_LEVEL"] = config.log_level
    env: list[Any] = [
        core.v1.EnvVarArgs(name=name, value=literal(value)) for name, value in plain.items()
    ]
    mounts: list[Any] = [core.v1.VolumeMountArgs(name="tmp", mount_path="/tmp")]  # noqa: S108 - an emptyDir
    scratch = core.v1.EmptyDirVolumeSourceArgs(size_limit="64Mi")
    volumes: list[Any] = [core.v1.VolumeArgs(name="tmp", empty_dir=scratch)]
    if release.database_ca:
        certificates = pod.mounted(release.database_ca)
        env.append(certificates.variable)
        mounts.append(certificates.mount)
        volumes.append(certificates.volume)
    probes, step = config.probes, container.first
    shared: dict[str, Any] = {
        "image": container.image.reference,
        "image_pull_policy": container.image.pull_policy,
        # Its last output is then in its status, where the engine, kubectl and `make status` find it.
        "termination_message_policy": "FallbackToLogsOnError",
        "env_from": [
            core.v1.EnvFromSourceArgs(
                config_map_ref=core.v1.ConfigMapEnvSourceArgs(name=release.config_map)
            )
        ],
        # The init container's are no more, so that the pod as a whole requests no more.
        "resources": resource_requirements(config.resources),
        "security_context": pod.HARDENED,
        "volume_mounts": mounts,
    }
    first = step and core.v1.ContainerArgs(
        name=step.name,
        command=[*step.command],
        env=[
            *env,
            *(core.v1.EnvVarArgs(name=name, value=value) for name, value in step.env.items()),
            *secret_env(step.secrets),
        ],
        **shared,
    )
    return core.v1.PodSpecArgs(
        automount_service_account_token=False,  # Neither application talks to the API server.
        enable_service_links=False,  # No addresses of other Services in the environment.
        security_context=pod.security(USER_ID),
        termination_grace_period_seconds=config.grace_period_seconds,
        affinity=_apart(release.name, container.component),
        topology_spread_constraints=[
            _spread(config.topology_spread, selector_labels(release.name, container.component))
        ],
        init_containers=[first] if first else None,
        containers=[
            core.v1.ContainerArgs(
                name=container.component,
                command=[*container.command] or None,
                ports=[
                    core.v1.ContainerPortArgs(name=name, container_port=port)
                    for name, port in _ports(release, config).items()
                ]
                or None,
                env=[
                    *env,
                    *secret_env(container.secrets),
                    *secret_env(further_secrets(release, container.component, config.secret_env)),
                ],
                startup_probe=probe(probes.startup, container.live) if probes.startup else None,
                readiness_probe=probe(probes.readiness, container.ready),
                liveness_probe=probe(probes.liveness, container.live),
                lifecycle=core.v1.LifecycleArgs(
                    pre_stop=core.v1.LifecycleHandlerArgs(
                        sleep=core.v1.SleepActionArgs(seconds=config.pre_stop_seconds)
                    )
                )
                if config.pre_stop_seconds
                else None,
                **shared,
            )
        ],
        volumes=volumes,
        **placement(release, config),
    )


def further_secrets(
    release: Release, component: str, wanted: Mapping[str, SecretReference]
) -> dict[str, SecretKey]:
    """Where the secrets of a component's `secretEnv` are in the cluster, by variable."""
    return {
        variable: SecretKey(name=release.named_secrets[component], key=value.config)
        if value.config
        else SecretKey(name=str(value.secret), key=str(value.key))
        for variable, value in wanted.items()
    }


def _ports(release: Release, config: Workload) -> dict[str, int]:
    """Ports by name. Server-side apply refuses one number under two names, so the backend's metrics are at `http`."""
    ports = {"http": config.port, "metrics": config.metrics_port if release.monitoring else None}
    return {name: port for name, port in ports.items() if port}


def _pod_annotations(release: Release, config: Workload) -> dict[str, pulumi.Input[str]]:
    annotations: dict[str, pulumi.Input[str]] = {}
    port = config.scraped_port
    if release.monitoring and release.monitoring.annotations and port:
        annotations = {"scrape": "true", "port": str(port), "path": "/metrics"}
        annotations = {f"prometheus.io/{key}": value for key, value in annotations.items()}
    annotations |= config.pod_annotations
    if release.secret_version:
        annotations["taskflow/secret-version"] = release.secret_version
    return annotations


def deployment(
    name: str,
    release: Release,
    container: Container,
    config: Workload,
    opts: pulumi.ResourceOptions,
) -> apps.v1.Deployment:
    """The Deployment of one component, with its autoscaler and disruption budget where they are configured.

    Pulumi waits until its rollout is complete.
    """
    _autoscaler(name, release, container.component, config, opts)
    _disruption_budget(name, release, container.component, config, opts)
    labels = metadata_labels(release.name, container.component)
    return apps.v1.Deployment(
        f"{name}-deployment",
        metadata=object_meta(release, container.component, name),
        spec=apps.v1.DeploymentSpecArgs(
            replicas=config.fixed_replicas,
            revision_history_limit=OLD_REPLICA_SETS,
            progress_deadline_seconds=config.rollout_deadline_seconds,
            selector=meta.v1.LabelSelectorArgs(
                match_labels=selector_labels(release.name, container.component)
            ),
            strategy=apps.v1.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=apps.v1.RollingUpdateDeploymentArgs(
                    max_unavailable=config.strategy.max_unavailable,
                    max_surge=config.strategy.max_surge,
                ),
            ),
            template=core.v1.PodTemplateSpecArgs(
                metadata=meta.v1.ObjectMetaArgs(
                    labels=labels, annotations=_pod_annotations(release, config) or None
                ),
                spec=_pod_spec(release, container, config),
            ),
        ),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                depends_on=[*container.image.depends_on],
                # The provider waits ten minutes, whatever the deadline says; that is right for a first start alone,
                # which may have to fetch images or wait for a node.
                custom_timeouts=pulumi.CustomTimeouts(update=f"{config.rollout_seconds}s"),
                # Without our number the API server would set one pod until the autoscaler has counted.
                ignore_changes=["spec.replicas"] if config.autoscaling else None,
            ),
        ),
    )


def service(
    name: str,
    release: Release,
    component: str,
    config: ServedWorkload,
    opts: pulumi.ResourceOptions,
) -> core.v1.Service:
    """The Service of one component."""
    # Pulumi's own wait for a Service sleeps a fixed 10 s; the Deployment's wait says the same. Only a load balancer is
    # worth it: its address is the URL.
    waits = config.service.type == "LoadBalancer"
    return core.v1.Service(
        f"{name}-service",
        metadata=object_meta(
            release,
            component,
            name,
            annotations={**config.service_annotations, **({} if waits else SKIP_AWAIT)},
        ),
        spec=core.v1.ServiceSpecArgs(
            type=config.service.type,
            selector=selector_labels(release.name, component),
            ports=[
                core.v1.ServicePortArgs(
                    name="http",
                    port=config.service.port,
                    target_port="http",
                    node_port=config.service.node_port,
                )
            ],
        ),
        # In another namespace, too: the whole cluster has a node port once.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True)),
    )


def _autoscaler(
    name: str, release: Release, component: str, config: Workload, opts: pulumi.ResourceOptions
) -> None:
    if config.autoscaling:
        autoscaling.v2.HorizontalPodAutoscaler(
            f"{name}-autoscaler",
            metadata=object_meta(release, component, name),
            spec=autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=autoscaling.v2.CrossVersionObjectReferenceArgs(
                    api_version="apps/v1", kind="Deployment", name=name
                ),
                min_replicas=config.autoscaling.min,
                max_replicas=config.autoscaling.max,
                metrics=[
                    autoscaling.v2.MetricSpecArgs(
                        type="Resource",
                        resource=autoscaling.v2.ResourceMetricSourceArgs(
                            name="cpu",
                            target=autoscaling.v2.MetricTargetArgs(
                                type="Utilization", average_utilization=config.autoscaling.cpu
                            ),
                        ),
                    )
                ],
                behavior=autoscaling.v2.HorizontalPodAutoscalerBehaviorArgs(
                    scale_down=autoscaling.v2.HPAScalingRulesArgs(
                        stabilization_window_seconds=config.autoscaling.scale_down_seconds
                    )
                ),
            ),
            opts=opts,
        )


def _disruption_budget(
    name: str, release: Release, component: str, config: Workload, opts: pulumi.ResourceOptions
) -> None:
    if config.disruption_budget:
        policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget",
            metadata=object_meta(release, component, name),
            spec=policy.v1.PodDisruptionBudgetSpecArgs(
                min_available=config.disruption_budget.min_available,
                max_unavailable=config.disruption_budget.max_unavailable,
                # A pod that is not ready serves no request, and must not block the drain of its node.
                unhealthy_pod_eviction_policy="AlwaysAllow",
                selector=meta.v1.LabelSelectorArgs(
                    match_labels=selector_labels(release.name, component)
                ),
            ),
            opts=opts,
        )
