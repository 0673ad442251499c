"""What backend and frontend share: labels, the hardened pod, probes, Deployment, Service and their companions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes import apps, autoscaling, core, meta, policy

from .config import ProbeTiming, Resources, TopologySpread, Workload
from .image import Image

SHARED = "config"  # The value of the component label on what belongs to no single component.
USER_ID = 10001  # The images' own numeric user; runAsNonRoot cannot check a name.
# The node's disk: /tmp and the container's log, which the kubelet rotates at 50 MB in all; beyond the limit it evicts.
SCRATCH_REQUEST, SCRATCH_LIMIT = "64Mi", "512Mi"
# The stack file has the last word on its fields, also over what kubectl or a former autoscaler wrote there. And it has
# it under one name: with a state that was mended would else come another, and fields of the first would never go.
OWNERSHIP = {
    "pulumi.com/patchForce": "true",
    "pulumi.com/patchFieldManager": "pulumi-kubernetes",
}
SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
OLD_REPLICA_SETS = 3  # Enough to look back; a rollback goes through the stack, not through these.


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """One key of a Secret, read by a container as an environment variable."""

    name: pulumi.Input[str]
    key: str
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Release:
    """What every part of one release has in common.

    Args:
        secret_version: changes with an existing Secret; its change rolls the services' pods.
    """

    name: str
    namespace: pulumi.Input[str]
    config_map: pulumi.Input[str]
    pull_secrets: tuple[str, ...] = ()
    secret_version: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Container:
    """What differs between the containers of the services."""

    component: str
    image: Image
    ready_path: str
    live_path: str
    secrets: Mapping[str, SecretKey]
    env: Mapping[str, str] = field(default_factory=dict)


def selector_labels(release: str, component: str) -> dict[str, str]:
    """The labels that tell a release's pods apart; a selector cannot be changed later, so they stay few."""
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


def pod_security(user: int) -> core.v1.PodSecurityContextArgs:
    """The pod's part of the restricted pod security standard."""
    return core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user,
        fs_group=user,
        seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> core.v1.SecurityContextArgs:
    """The container's part, and a root file system that nobody can write to."""
    return core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
    )


def resource_requirements(resources: Resources) -> core.v1.ResourceRequirementsArgs:
    """Requests and limits as Kubernetes takes them."""
    return core.v1.ResourceRequirementsArgs(
        requests=resources.requests.model_dump() | {"ephemeral-storage": SCRATCH_REQUEST},
        limits=resources.limits.model_dump() | {"ephemeral-storage": SCRATCH_LIMIT},
    )


def http_probe(path: str, timing: ProbeTiming) -> core.v1.ProbeArgs:
    """A probe that asks the container's named port over HTTP."""
    return probe(timing, http_get=core.v1.HTTPGetActionArgs(path=path, port="http"))


def probe(
    timing: ProbeTiming,
    *,
    http_get: core.v1.HTTPGetActionArgs | None = None,
    command: list[str] | None = None,
    tcp_port: str | None = None,
) -> core.v1.ProbeArgs:
    """A probe by one of HTTP, a command in the container, or a connection to a port."""
    return core.v1.ProbeArgs(
        http_get=http_get,
        exec_=core.v1.ExecActionArgs(command=command) if command else None,
        tcp_socket=core.v1.TCPSocketActionArgs(port=tcp_port) if tcp_port else None,
        initial_delay_seconds=timing.initial_delay,
        period_seconds=timing.period,
        timeout_seconds=timing.timeout,
        failure_threshold=timing.failures,
    )


def secret_env(secrets: Mapping[str, SecretKey]) -> list[core.v1.EnvVarArgs]:
    """Environment variables that the kubelet fills from Secrets."""
    return [
        core.v1.EnvVarArgs(
            name=variable,
            value_from=core.v1.EnvVarSourceArgs(
                secret_key_ref=core.v1.SecretKeySelectorArgs(
                    name=secret.name, key=secret.key, optional=secret.optional or None
                )
            ),
        )
        for variable, secret in secrets.items()
    ]


def _apart(release: str, component: str) -> core.v1.AffinityArgs:
    """Prefer a node without a pod of the same component, where the spread leaves a choice."""
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
        # A rule has to hold within each revision, and a drained node is no place that could be filled.
        match_label_keys=["pod-template-hash"] if config.required else None,
        node_taints_policy="Honor" if config.required else None,
    )


def _pod_spec(release: Release, container: Container, config: Workload) -> core.v1.PodSpecArgs:
    plain = {"PORT": str(config.service.target_port), **container.env, **config.env}
    if config.log_level:
        plain["LOG_LEVEL"] = config.log_level
    probes = config.probes
    return core.v1.PodSpecArgs(
        automount_service_account_token=False,  # Neither application talks to the API server.
        enable_service_links=False,  # Other Services' addresses do not belong in the environment.
        security_context=pod_security(USER_ID),
        termination_grace_period_seconds=config.grace_period_seconds,
        image_pull_secrets=[
            core.v1.LocalObjectReferenceArgs(name=name) for name in release.pull_secrets
        ]
        or None,
        affinity=_apart(release.name, container.component),
        topology_spread_constraints=[
            _spread(config.topology_spread, selector_labels(release.name, container.component))
        ],
        containers=[
            core.v1.ContainerArgs(
                name=container.component,
                image=container.image.reference,
                image_pull_policy=container.image.pull_policy,
                # What it wrote last is then in its status, where the engine, kubectl and `make status` find it.
                termination_message_policy="FallbackToLogsOnError",
                ports=[
                    core.v1.ContainerPortArgs(
                        name="http", container_port=config.service.target_port
                    )
                ],
                env_from=[
                    core.v1.EnvFromSourceArgs(
                        config_map_ref=core.v1.ConfigMapEnvSourceArgs(name=release.config_map)
                    )
                ],
                env=[
                    *(core.v1.EnvVarArgs(name=name, value=value) for name, value in plain.items()),
                    *secret_env(container.secrets),
                ],
                resources=resource_requirements(config.resources),
                startup_probe=(
                    http_probe(container.live_path, probes.startup) if probes.startup else None
                ),
                readiness_probe=http_probe(container.ready_path, probes.readiness),
                liveness_probe=http_probe(container.live_path, probes.liveness),
                lifecycle=core.v1.LifecycleArgs(
                    pre_stop=core.v1.LifecycleHandlerArgs(
                        sleep=core.v1.SleepActionArgs(seconds=config.pre_stop_seconds)
                    )
                )
                if config.pre_stop_seconds
                else None,
                security_context=container_security(),
                volume_mounts=[core.v1.VolumeMountArgs(name="tmp", mount_path="/tmp")],  # noqa: S108 - an emptyDir
            )
        ],
        volumes=[
            core.v1.VolumeArgs(
                name="tmp", empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit="64Mi")
            )
        ],
    )


def deployment(
    name: str,
    release: Release,
    container: Container,
    config: Workload,
    opts: pulumi.ResourceOptions,
) -> apps.v1.Deployment:
    """The Deployment of one component; Pulumi waits until its rollout is complete."""
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
                    labels=labels,
                    annotations={"taskflow/secret-version": release.secret_version}
                    if release.secret_version
                    else None,
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
            ),
        ),
    )


def service(
    name: str, release: Release, component: str, config: Workload, opts: pulumi.ResourceOptions
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
            annotations=None if waits else SKIP_AWAIT,
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
        opts=opts,
    )


def companions(
    name: str, release: Release, component: str, config: Workload, opts: pulumi.ResourceOptions
) -> None:
    """The autoscaler and the disruption budget, where they are configured."""
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
    if config.disruption_budget:
        policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget",
            metadata=object_meta(release, component, name),
            spec=policy.v1.PodDisruptionBudgetSpecArgs(
                min_available=config.disruption_budget.min_available,
                max_unavailable=config.disruption_budget.max_unavailable,
                # A pod that is not ready serves nobody, and must not keep the node that it lies on.
                unhealthy_pod_eviction_policy="AlwaysAllow",
                selector=meta.v1.LabelSelectorArgs(
                    match_labels=selector_labels(release.name, component)
                ),
            ),
            opts=opts,
        )
