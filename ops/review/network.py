"""The connections that a network policy ends."""

import json
from collections.abc import Iterable, Iterator, Sequence, Set
from ipaddress import ip_network

from ops.review.plan import DELETE, Step
from policy.rule import WORKLOADS, Manifest, at, items

# The two kinds of rules, and the key of those at the other end, which is also the word for them.
DIRECTIONS = {"ingress": "from", "egress": "to"}
SELECTORS = ("namespaceSelector", "podSelector")
NAME_OF_NAMESPACE = "kubernetes.io/metadata.name="


def ended(step: Step, steps: Sequence[Step]) -> str:
    """What a network policy no longer allows, in words; empty if that is nothing.

    What another policy allows the same pods is still allowed, and pods without a policy have every connection.

    Args:
        steps: the whole preview: pods that it makes or deletes lose no connection.
    """
    lost = [
        f"{word} {_peer_in_words(peer)} at {_port_in_words(port)}"
        for labels in _labels_of_selected(step, steps)
        for direction, word in DIRECTIONS.items()
        for peer, port in _lost(step, steps, labels, direction)
        if not _is_deleted(peer, steps)
    ]
    return f"no longer allowed: {', '.join(dict.fromkeys(lost))}" if lost else ""


def _lost(
    step: Step, steps: Sequence[Step], labels: Set[str], direction: str
) -> Iterator[tuple[Manifest, Manifest]]:
    """The connections that pods with these labels had by this policy, or because there was none, and lose."""
    policies = [other.sides for other in steps if other.kind == step.kind]
    before, after = (
        [policy for policy in side if _isolates(policy, labels, direction)]
        for side in zip(*policies, strict=True)
    )
    if step.old in before:
        had = _allowed([step.old], direction)
    elif step.new in after and not before:
        had = _allowed([], direction)
    else:
        return
    have = [*_allowed(after, direction)]
    for peer, port in had:
        if not _is_among(peer, [wider for wider, other in have if other in ({}, port)]):
            yield peer, port


def _labels_of_selected(step: Step, steps: Sequence[Step]) -> Iterator[Set[str]]:
    """The labels of pods that a policy is for: those of the preview, and of others if it stays."""
    selectors = [_selector(policy) for policy in step.sides if policy]
    for labels in _labels_of_pods(steps, deleted=False):
        if any(selector <= labels for selector in selectors):
            yield labels
    if all(step.sides):
        yield from selectors


def _selector(policy: Manifest) -> Set[str]:
    return _requirements(at(policy, "spec", "podSelector"))


def _isolates(policy: Manifest, labels: Set[str], direction: str) -> bool:
    """Whether pods with these labels have only connections that policies allow, because of this one."""
    directions = items(policy, "spec", "policyTypes")
    return direction.capitalize() in directions and _selector(policy) <= labels


def _allowed(policies: Sequence[Manifest], direction: str) -> Iterator[tuple[Manifest, Manifest]]:
    """Each peer with each port that policies open; an empty one is any, which it is without policies, too."""
    if not policies:
        yield {}, {}
    for policy in policies:
        for rule in items(policy, "spec", direction):
            for peer in items(rule, DIRECTIONS[direction]) or ({},):
                for port in items(rule, "ports") or ({},):
                    yield peer, port


def _is_among(peer: Manifest, others: Sequence[Manifest]) -> bool:
    if {} in others or not peer:
        return {} in others
    if "ipBlock" in peer:
        return _is_within(peer["ipBlock"], [at(other, "ipBlock") for other in others])
    return any(
        # Without a selector of namespaces pods are in the policy's own.
        not (
            "ipBlock" in other or ("namespaceSelector" in peer and "namespaceSelector" not in other)
        )
        and all(_requirements(at(other, key)) <= _requirements(at(peer, key)) for key in SELECTORS)
        for other in others
    )


def _is_within(block: Manifest, others: Iterable[Manifest | None]) -> bool:
    """Whether other blocks together have every address of one."""
    if block in others:
        return True
    inner = ip_network(block["cidr"], strict=False)
    networks = [
        ip_network(other["cidr"], strict=False)
        for other in others
        if other and not items(other, "except")
    ]
    following = int(inner.network_address)
    for network in sorted(networks, key=lambda network: int(network.network_address)):
        if network.version == inner.version and int(network.network_address) <= following:
            following = max(following, int(network.broadcast_address) + 1)
    return following > int(inner.broadcast_address)


def _requirements(selector: Manifest | None) -> Set[str]:
    """What a selector asks for: the more, the fewer pods or namespaces it selects."""
    labels = at(selector, "matchLabels") or {}
    expressions = items(selector, "matchExpressions")
    return {f"{name}={value}" for name, value in labels.items()} | {
        json.dumps(expression, sort_keys=True) for expression in expressions
    }


def _is_deleted(peer: Manifest, steps: Sequence[Step]) -> bool:
    """Whether a peer is pods of the release that there will be no more."""
    if "podSelector" not in peer or "namespaceSelector" in peer:
        return False
    wanted = _requirements(peer["podSelector"])
    deleted, staying = (
        any(wanted <= labels for labels in _labels_of_pods(steps, deleted=gone))
        for gone in (True, False)
    )
    return deleted and not staying


def _labels_of_pods(steps: Sequence[Step], *, deleted: bool) -> Iterator[Set[str]]:
    """The labels of the pods of each workload that there is now, and that the plan deletes or keeps."""
    for step in steps:
        if step.kind in WORKLOADS and step.old and (step.action == DELETE) is deleted:
            job = at(step.old, "spec", "jobTemplate") or step.old  # Of a CronJob.
            labels = at(job, "spec", "template", "metadata", "labels")
            yield _requirements({"matchLabels": labels})


def _peer_in_words(peer: Manifest) -> str:
    if not peer:
        return "anywhere"
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    namespaces, pods = (_requirements(at(peer, key)) for key in SELECTORS)
    if "namespaceSelector" not in peer:
        return _pods_in_words(pods)
    names = ", ".join(sorted(text.removeprefix(NAME_OF_NAMESPACE) for text in namespaces))
    where = f"namespace {names}" if names else "every namespace"
    return f"{_pods_in_words(pods)} of {where}" if pods else where


def _pods_in_words(requirements: Set[str]) -> str:
    return f"pods with {', '.join(sorted(requirements))}" if requirements else "every pod"


def _port_in_words(port: Manifest) -> str:
    return f"port {port['port']}" if "port" in port else "every port"
