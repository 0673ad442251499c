"""The connections that a network policy ends."""

import json
from collections.abc import Iterator, Sequence, Set
from ipaddress import ip_network

from ops.review.plan import CREATE, DELETE, Step
from policy.rule import WORKLOADS, Manifest, at, items

# The two kinds of rules, and the key of those at the other end, which is also the word for them.
DIRECTIONS = {"ingress": "from", "egress": "to"}
SELECTORS = ("namespaceSelector", "podSelector")
NAME_OF_NAMESPACE = "kubernetes.io/metadata.name="


def ended(step: Step, steps: Sequence[Step]) -> str:
    """What a network policy no longer allows, in words; empty if that is nothing.

    Args:
        steps: the whole preview: pods that it makes or deletes lose no connection.
    """
    if step.action == DELETE:
        return ""
    selected = [_requirements(at(side, "spec", "podSelector")) for side in step.sides]
    if step.action == CREATE:
        isolated = any(other.kind == step.kind and other.old for other in steps)
        runs = any(selected[1] <= labels for labels in _labels_of_pods(steps, deleted=False))
        return "its pods could have every connection until now" if runs and not isolated else ""
    if selected[0] != selected[1]:
        before, after = map(_pods_in_words, selected)
        return f"it is for {after}, and was for {before}"
    lost = [
        f"{word} {_peer_in_words(peer)} at {_port_in_words(port)}"
        for direction, word in DIRECTIONS.items()
        for peer, port in _allowed(step.old, direction)
        if not any(
            _includes(wider, peer) and other in ({}, port)
            for wider, other in _allowed(step.new, direction)
        )
        and not _is_deleted(peer, steps)
    ]
    return f"no longer allowed: {', '.join(dict.fromkeys(lost))}" if lost else ""


def _allowed(policy: Manifest, direction: str) -> Iterator[tuple[Manifest, Manifest]]:
    """Each peer with each port that is open between it and the pods; an empty one is any."""
    if direction.capitalize() not in items(policy, "spec", "policyTypes"):
        yield {}, {}
    for rule in items(policy, "spec", direction):
        for peer in items(rule, DIRECTIONS[direction]) or ({},):
            for port in items(rule, "ports") or ({},):
                yield peer, port


def _includes(wider: Manifest, peer: Manifest) -> bool:
    if wider in ({}, peer):
        return True
    if "ipBlock" in wider or "ipBlock" in peer:
        return _is_within(at(peer, "ipBlock") or {}, at(wider, "ipBlock") or {})
    # Without a selector of namespaces its pods are in the policy's own.
    if ("namespaceSelector" in wider) != ("namespaceSelector" in peer):
        return False
    return all(_requirements(at(wider, key)) <= _requirements(at(peer, key)) for key in SELECTORS)


def _is_within(block: Manifest, wider: Manifest) -> bool:
    if "cidr" not in block or "cidr" not in wider or items(wider, "except"):
        return False
    inner, outer = (ip_network(str(one["cidr"])) for one in (block, wider))
    if inner.version != outer.version or inner.prefixlen < outer.prefixlen:
        return False
    return inner.supernet(new_prefix=outer.prefixlen) == outer


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
            labels = at(job, "spec", "template", "metadata", "labels") or {}
            yield {f"{name}={value}" for name, value in labels.items()}


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
