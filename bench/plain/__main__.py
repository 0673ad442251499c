"""The yardstick: fifteen objects as a plain Pulumi program has them, without configuration, components or checks."""

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
provider = k8s.Provider("cluster", context=config.require("context"), enable_server_side_apply=True)
opts = pulumi.ResourceOptions(provider=provider)
NAMESPACE = config.require("namespace")

namespace = k8s.core.v1.Namespace(
    "namespace", metadata=k8s.meta.v1.ObjectMetaArgs(name=NAMESPACE), opts=opts
)
for part in ("backend", "frontend"):
    labels = {"app": "plain", "component": part}
    meta = k8s.meta.v1.ObjectMetaArgs(name=part, namespace=namespace.metadata.name, labels=labels)
    k8s.core.v1.ServiceAccount(f"{part}-account", metadata=meta, opts=opts)
    k8s.core.v1.ConfigMap(f"{part}-config", metadata=meta, data={"LOG_LEVEL": "info"}, opts=opts)
    k8s.core.v1.Secret(f"{part}-secret", metadata=meta, string_data={"key": "value"}, opts=opts)
    k8s.core.v1.Service(
        f"{part}-service",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=part,
            namespace=namespace.metadata.name,
            labels=labels,
            annotations={"pulumi.com/skipAwait": "true"},  # a fixed wait of 10 s otherwise
        ),
        spec=k8s.core.v1.ServiceSpecArgs(
            selector=labels, ports=[k8s.core.v1.ServicePortArgs(port=80)]
        ),
        opts=opts,
    )
    k8s.networking.v1.NetworkPolicy(
        f"{part}-policy",
        metadata=meta,
        spec=k8s.networking.v1.NetworkPolicySpecArgs(
            pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
            policy_types=["Ingress"],
        ),
        opts=opts,
    )
    k8s.policy.v1.PodDisruptionBudget(
        f"{part}-budget",
        metadata=meta,
        spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
            max_unavailable=1, selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels)
        ),
        opts=opts,
    )
    k8s.apps.v1.Deployment(
        f"{part}-deployment",
        metadata=meta,
        spec=k8s.apps.v1.DeploymentSpecArgs(
            replicas=2,
            selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
            template=k8s.core.v1.PodTemplateSpecArgs(
                metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels),
                spec=k8s.core.v1.PodSpecArgs(
                    containers=[
                        # On every node of Kubernetes 1.37 already, and does nothing.
                        k8s.core.v1.ContainerArgs(name=part, image="registry.k8s.io/pause:3.10.2")
                    ],
                ),
            ),
        ),
        opts=opts,
    )
