"""Network policies: in the release's namespace only the traffic that its components need.

Browser -> frontend -> backend -> database; the frontend reaches the database too, because sessions live there. They
work only where the cluster's CNI plugin enforces them (see `NetworkPolicies` in components/config/stack.py).
"""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import meta, networking

from . import backend, backup_pod, frontend, gateway, postgres, workload
from .config.stack import ScheduledBackup, StackConfig
from .config.workload import Workload
from .workload import Release

DNS_PORT = 53
# Resolvers on the host network, which no selector finds: NodeLocal DNSCache (the second is Kubespray's), AKS LocalDNS,
# and Cloud DNS for GKE. https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/
# https://learn.microsoft.com/azure/aks/localdns-custom
NODE_LOCAL_DNS = (
    "169.254.20.10/32",
    "169.254.25.10/32",
    "169.254.10.10/32",
    "169.254.10.11/32",
    "169.254.169.254/32",
)
# The second is where Cilium redirects: https://docs.cilium.io/en/stable/network/kubernetes/local-redirect-policy/
DNS_PODS = ("kube-dns", "node-local-dns")
# cert-manager's pod in the namespace of the Ingress or Gateway; it answers an issuer's HTTP-01 challenge.
# https://cert-manager.io/docs/configuration/acme/http01/
SOLVER, SOLVER_PORT = {"acme.cert-manager.io/http01-solver": "true"}, 8089

Egress = networking.v1.NetworkPolicyEgressRuleArgs
Ingress = networking.v1.NetworkPolicyIngressRuleArgs
Peer = networking.v1.NetworkPolicyPeerArgs


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
    # In a namespace that the stack did not make, the policy covers only its own pods.
    everyone = {} if config.create_namespace else {"app": release.name}
    _policy(f"{name}-default-deny", release, workload.SHARED, everyone, (), (), opts)
    issued = config.route and config.route.tls and config.route.tls.issuer
    # Only where the default deny covers cert-manager's pod, it must be opened for it.
    if issued and config.create_namespace:
        _policy(
            f"{name}-certificate",
            release,
            workload.SHARED,
            SOLVER,
            [_at_port(SOLVER_PORT, _routing(config))],
            (),
            opts,
        )
    if config.gateway and config.gateway.class_name and config.create_namespace:
        # Some controllers run a Gateway's pods beside it: browsers reach them, and they reach their controller.
        pods = {gateway.NAME_LABEL: f"{name}-{frontend.COMPONENT}"}
        _policy(f"{name}-gateway", release, workload.SHARED, pods, [Ingress()], [Egress()], opts)
    for component, (ingress, egress) in _traffic(release.name, config, with_assistant).items():
        pods = workload.selector_labels(release.name, component)
        _policy(f"{name}-{component}", release, component, pods, ingress, egress, opts)


def _traffic(
    release: str, config: StackConfig, with_assistant: bool
) -> dict[str, tuple[list[Ingress], list[Egress]]]:
    """The traffic that the pods of each component receive and send.

    By default a component calls DNS, the database and the networks of its block, and nothing calls it.
    """
    external = config.database.external_settings
    if external:
        to_database = _to_port(external.port, [_network(cidr) for cidr in external.addresses])
    else:
        to_database = _to_port(postgres.PORT, [_pods(release, postgres.COMPONENT)])
    api_port, web = config.backend.port, _pods(release, frontend.COMPONENT)
    callers = {
        # A node port or a load balancer brings clients from anywhere.
        backend.COMPONENT: [_at_port(api_port, [web] if config.backend.service.internal else [])],
        frontend.COMPONENT: _to_browsers(config),
    }
    called = {frontend.COMPONENT: [_to_port(api_port, [_pods(release, backend.COMPONENT)])]}
    assistant = {backend.COMPONENT: [_to_port(config.assistant.port)]} if with_assistant else {}
    found = {
        component: (
            [*callers.get(component, ()), *_scraping(block, config)],
            [
                _dns(config),
                *called.get(component, ()),
                to_database,
                *_asked_for(block),
                *assistant.get(component, ()),
            ],
        )
        for component, block in config.workloads.items()
    }
    clients = [*config.workloads]
    if config.backup:
        clients.append(backup_pod.COMPONENT)
        bucket = config.backup.bucket
        to_bucket = [_to_port(bucket.port)] if bucket else []
        egress = [_dns(config), to_database, *to_bucket, *_asked_for(config.backup)]
        found[backup_pod.COMPONENT] = ([], egress)
    if not external:
        ingress = [_at_port(postgres.PORT, [_pods(release, client) for client in clients])]
        found[postgres.COMPONENT] = (ingress, [])
    return found


def _to_browsers(config: StackConfig) -> list[Ingress]:
    port = config.frontend.port
    if not config.frontend.service.internal:
        return [_at_port(port, [])]
    routed = config.route or config.frontend.public_url
    return [_at_port(port, _routing(config))] if routed else []


def _routing(config: StackConfig) -> list[Peer]:
    """The pods that route browsers; nobody in particular where no namespace is named."""
    # Not the pods of every namespace: some controllers send from an address of the node, or are outside the cluster.
    namespace = config.route_namespace
    return [_namespace(namespace)] if namespace else []


def _scraping(block: Workload, config: StackConfig) -> list[Ingress]:
    port, monitoring = block.scraped_port, config.monitoring
    return [_at_port(port, [_namespace(monitoring.namespace)])] if monitoring and port else []


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
    """The pods of a namespace."""
    # Every namespace carries its name as this label.
    labels = {"kubernetes.io/metadata.name": name}
    return Peer(
        namespace_selector=meta.v1.LabelSelectorArgs(match_labels=labels),
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=pods) if pods else None,
    )


def _network(cidr: str) -> Peer:
    return Peer(ip_block=networking.v1.IPBlockArgs(cidr=cidr))


def _asked_for(block: Workload | ScheduledBackup) -> list[Egress]:
    return [
        _to_port(port, [_network(wanted.cidr)]) for wanted in block.egress for port in wanted.ports
    ]


def _dns(config: StackConfig) -> Egress:
    pods = [_namespace("kube-system", {"k8s-app": name}) for name in DNS_PODS]
    addresses = (*NODE_LOCAL_DNS, *config.network_policies.dns_addresses)
    return Egress(
        to=[*pods, *map(_network, addresses)],
        ports=[
            networking.v1.NetworkPolicyPortArgs(port=DNS_PORT, protocol=protocol)
            for protocol in ("UDP", "TCP")
        ],
    )


def _to_port(port: int, peers: list[Peer] | None = None) -> Egress:
    """Egress to a TCP port of the peers; to any address without peers."""
    return Egress(
        to=peers or None, ports=[networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP")]
    )


def _at_port(port: int, peers: list[Peer]) -> Ingress:
    """Ingress at a TCP port, from the peers; from anywhere without peers."""
    return Ingress(
        from_=peers or None, ports=[networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP")]
    )
