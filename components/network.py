"""Network policies: nothing may talk in the release's namespace but what its parts need of each other.

Browser -> frontend -> backend -> database; the frontend reaches the database too, because sessions live there. They
bind only where the cluster's CNI plugin enforces them (see `NetworkPolicies` in components/config_models.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import meta, networking

from . import backend, frontend, postgres, workload
from .config import StackConfig
from .workload import Release

DNS_PORT = 53
# Resolvers that are no pods, so no selector finds them: NodeLocal DNSCache, and Cloud DNS for GKE.
# https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/
NODE_LOCAL_DNS = ("169.254.20.10/32", "169.254.169.254/32")
# cert-manager's own pod, in the namespace of the Ingress, that answers an issuer's HTTP-01 challenge.
# https://cert-manager.io/docs/configuration/acme/http01/
SOLVER, SOLVER_PORT = {"acme.cert-manager.io/http01-solver": "true"}, 8089

Egress = networking.v1.NetworkPolicyEgressRuleArgs
Ingress = networking.v1.NetworkPolicyIngressRuleArgs
Peer = networking.v1.NetworkPolicyPeerArgs


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the pods of one component may receive and send."""

    component: str
    ingress: Sequence[Ingress]
    egress: Sequence[Egress]


def policies(
    name: str,
    release: Release,
    config: StackConfig,
    *,
    with_assistant: bool,
    opts: pulumi.ResourceOptions,
) -> None:
    """A default deny and one policy for each component.

    Args:
        with_assistant: whether the backend calls the assistant's endpoint.
    """
    if not config.network_policies.enabled:
        return
    # A namespace that the stack found is not its own: there it denies only its own pods.
    everyone = {} if config.create_namespace else {"app": release.name}
    _policy(f"{name}-default-deny", release, workload.SHARED, everyone, (), (), opts)
    issued = config.ingress and config.ingress.tls and config.ingress.tls.issuer
    # Where the default deny does not hold for cert-manager's pod, nothing has to be opened for it.
    if issued and config.create_namespace:
        _policy(
            f"{name}-certificate",
            release,
            workload.SHARED,
            SOLVER,
            [_at_port(SOLVER_PORT, [_namespace(config.network_policies.ingress_namespace)])],
            (),
            opts,
        )
    for rules in _rules(release.name, config, config.network_policies.ingress_namespace):
        extra = [_to_port(config.assistant.port)] if with_assistant else []
        _policy(
            f"{name}-{rules.component}",
            release,
            rules.component,
            workload.selector_labels(release.name, rules.component),
            rules.ingress,
            [*rules.egress, *(extra if rules.component == backend.COMPONENT else [])],
            opts,
        )


def _rules(release: str, config: StackConfig, ingress_namespace: str) -> list[Rules]:
    web, api, data = (
        _pods(release, component)
        for component in (frontend.COMPONENT, backend.COMPONENT, postgres.COMPONENT)
    )
    outside = config.database.outside
    if outside:
        networks = [
            Peer(ip_block=networking.v1.IPBlockArgs(cidr=cidr)) for cidr in outside.addresses
        ]
        to_database = _to_port(outside.port, networks)
    else:
        to_database = _to_port(postgres.PORT, [data])

    api_port, web_port = config.backend.service.target_port, config.frontend.service.target_port
    rules = [
        Rules(
            component=backend.COMPONENT,
            # A node port or a load balancer brings clients from anywhere.
            ingress=[_at_port(api_port, [web] if config.backend.service.inside else [])],
            egress=[_dns(), to_database],
        ),
        Rules(
            component=frontend.COMPONENT,
            ingress=_to_browsers(web_port, config, ingress_namespace),
            egress=[_dns(), _to_port(api_port, [api]), to_database],
        ),
    ]
    if not outside:
        rules.append(
            Rules(
                component=postgres.COMPONENT,
                ingress=[_at_port(postgres.PORT, [api, web])],
                egress=[],
            )
        )
    return rules


def _to_browsers(port: int, config: StackConfig, ingress_namespace: str) -> list[Ingress]:
    if not config.frontend.service.inside:
        return [_at_port(port, [])]
    return [_at_port(port, [_namespace(ingress_namespace)])] if config.ingress else []


def _policy(
    name: str,
    release: Release,
    component: str,
    pods: dict[str, str],
    ingress: Sequence[Ingress],
    egress: Sequence[Egress],
    opts: pulumi.ResourceOptions,
) -> networking.v1.NetworkPolicy:
    return networking.v1.NetworkPolicy(
        f"{name}-network-policy",
        metadata=workload.object_meta(release, component, name),
        spec=networking.v1.NetworkPolicySpecArgs(
            pod_selector=meta.v1.LabelSelectorArgs(match_labels=pods or None),
            policy_types=["Ingress", "Egress"],
            ingress=list(ingress) or None,
            egress=list(egress) or None,
        ),
        opts=opts,
    )


def _pods(release: str, component: str) -> Peer:
    labels = workload.selector_labels(release, component)
    return Peer(pod_selector=meta.v1.LabelSelectorArgs(match_labels=labels))


def _namespace(name: str, pods: dict[str, str] | None = None) -> Peer:
    # Every namespace carries its name as this label.
    labels = {"kubernetes.io/metadata.name": name}
    return Peer(
        namespace_selector=meta.v1.LabelSelectorArgs(match_labels=labels),
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=pods) if pods else None,
    )


def _dns() -> Egress:
    node_local = [Peer(ip_block=networking.v1.IPBlockArgs(cidr=cidr)) for cidr in NODE_LOCAL_DNS]
    return Egress(
        to=[_namespace("kube-system", {"k8s-app": "kube-dns"}), *node_local],
        ports=[
            networking.v1.NetworkPolicyPortArgs(port=DNS_PORT, protocol=protocol)
            for protocol in ("UDP", "TCP")
        ],
    )


def _to_port(port: int, peers: list[Peer] | None = None) -> Egress:
    """To a TCP port of the peers; of any address without peers."""
    return Egress(
        to=peers or None, ports=[networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP")]
    )


def _at_port(port: int, peers: list[Peer]) -> Ingress:
    """At a TCP port, from the peers; from anywhere without peers."""
    return Ingress(
        from_=peers or None, ports=[networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP")]
    )
