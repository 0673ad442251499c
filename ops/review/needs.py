"""Controllers, classes and nodes that a release needs in its cluster, and that may be missing.

The API server accepts an Ingress of any class, an autoscaler without metrics and pods for nodes that do not exist; they
then have no effect, and nothing reports that. What this person may not read is a warning.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ops.config.stacks import StackFile
from ops.kubectl import Kubectl, Manifest, NoAnswerError
from ops.review.plan import CREATE, REPLACE, UPDATE, Step
from policy.rule import at, items, pod_of

DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
OLD_CLASS = "kubernetes.io/ingress.class"
METRICS = "v1beta1.metrics.k8s.io"
REQUIRED = "DoNotSchedule"


NO_RIGHT = re.compile(r'cannot (\w+) resource "([^"]+)"(?: in API group "([^"]*)")?')


@dataclass
class Unmet:
    """Missing parts of a cluster.

    Attributes:
        refusals: why a step would fail or have no effect, by its title.
        warnings: what does not work until somebody acts, and what could not be checked, in words.
    """

    refusals: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def not_checked(self, what: str, said: str) -> None:
        """Warn of what could not be asked, with the rights that the API server says are missing."""
        rights = [
            f"{verb} {kind}{group and f'.{group}'}" for verb, kind, group in NO_RIGHT.findall(said)
        ]
        why = f"you lack the right to {', '.join(dict.fromkeys(rights))}" if rights else said
        text = f"not checked whether {what}: {why}"
        if text not in self.warnings:
            self.warnings.append(text)


def unmet(steps: Sequence[Step], file: StackFile, env: Mapping[str, str]) -> Unmet:
    """Ask the cluster for what the created and changed objects of a plan need; nothing is asked for any other plan."""
    found = Unmet()
    kubectl = Kubectl(file.context, env)
    for step in steps:
        if step.action not in (CREATE, UPDATE, REPLACE):
            continue
        if (labels := _node_labels(step.new)) and labels != _node_labels(step.old):
            _node(step, labels, file, kubectl, found)
        if _wants_user_namespaces(step.new) and not _wants_user_namespaces(step.old):
            _user_namespaces(step, kubectl, found)
        match step.kind:
            case "Ingress":
                _ingress(step, kubectl, found)
            case "Gateway":
                _gateway(step, kubectl, found)
            case "HTTPRoute":
                _route(step, steps, kubectl, found)
            case "HorizontalPodAutoscaler" if (
                not file.profile
            ):  # Else `make up` enables Minikube's addon.
                _autoscaler(step, kubectl, found)
            case "PersistentVolumeClaim" if step.action != UPDATE:
                _volume(step, kubectl, found)
            case "Service" if file.profile and at(step.new, "spec", "type") == "LoadBalancer":
                _balancer(step, file.profile, kubectl, found)
    found.warnings = list(dict.fromkeys(found.warnings))
    return found


def _node_labels(workload: Mapping[str, Any]) -> dict[str, str | None]:
    """The labels that a node must have to get one of its pods; None is any value."""
    pod = pod_of(workload)
    spreads = items(pod, "topologySpreadConstraints")
    keys = [str(one["topologyKey"]) for one in spreads if one["whenUnsatisfiable"] == REQUIRED]
    return dict.fromkeys(keys) | dict(at(pod, "nodeSelector") or {})


def _node(
    step: Step,
    labels: Mapping[str, str | None],
    file: StackFile,
    kubectl: Kubectl,
    found: Unmet,
) -> None:
    nodes = _known(found, "a node fits the pods", kubectl, "nodes")
    if nodes is None:
        return
    for node in nodes:
        there = at(node, "metadata", "labels") or {}
        if all(key in there and value in (None, there[key]) for key, value in labels.items()):
            return
    wanted = ", ".join(key if value is None else f"{key}={value}" for key, value in labels.items())
    text = f"no node has {wanted}: label one, or correct nodeSelector or topologySpread"
    if file.profile:
        found.refusals[step.title] = f"its pods cannot be scheduled: {text}"
    else:  # A cluster may add nodes on demand.
        found.warnings.append(f"{step.title}: its pods wait for a node, because {text}")


def _wants_user_namespaces(workload: Mapping[str, Any]) -> bool:
    return pod_of(workload).get("hostUsers") is False


def _user_namespaces(step: Step, kubectl: Kubectl, found: Unmet) -> None:
    """A kubelet reports what its runtime can do, and starts no such pod where that has no user namespaces.

    https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
    """
    nodes = _known(found, "the nodes have user namespaces", kubectl, "nodes")
    if not nodes or any(
        at(handler, "features", "userNamespaces")
        for node in nodes
        for handler in items(node, "status", "runtimeHandlers")
    ):
        return
    runtimes = {str(at(node, "status", "nodeInfo", "containerRuntimeVersion")) for node in nodes}
    found.warnings.append(
        f"{step.title} has hostUsers: false, but no node's container runtime reports user namespaces "
        f"({', '.join(sorted(runtimes))}), so its pods do not start: use nodes with containerd 2 or CRI-O and Linux "
        "6.3 (Minikube: minikube start --container-runtime=containerd; its Docker runtime has none), or drop hostUsers"
    )


def _ingress(step: Step, kubectl: Kubectl, found: Unmet) -> None:
    asked = "ingressclasses.networking.k8s.io"
    classes = _known(found, "the ingress class exists", kubectl, asked)
    if classes is None or OLD_CLASS in (at(step.new, "metadata", "annotations") or {}):
        return
    wanted = at(step.new, "spec", "ingressClassName")
    if wanted and wanted not in _names(classes):
        found.refusals[step.title] = _no_class("ingress class", wanted, classes, "ingress")
    elif not wanted and not any(
        at(item, "metadata", "annotations", DEFAULT_CLASS) == "true" for item in classes
    ):
        found.warnings.append(
            f"{step.title} names no class, and the cluster has no default one: it leads to the frontend only if a "
            f"controller handles objects without one. Set taskflow:ingress.class ({_listed(classes)})"
        )


def _gateway(step: Step, kubectl: Kubectl, found: Unmet) -> None:
    asked = "gatewayclasses.gateway.networking.k8s.io"
    classes = _known(found, "the GatewayClass exists", kubectl, asked)
    wanted = at(step.new, "spec", "gatewayClassName")
    if classes is not None and wanted not in _names(classes):
        found.refusals[step.title] = _no_class("GatewayClass", wanted, classes, "gateway")


def _route(step: Step, steps: Sequence[Step], kubectl: Kubectl, found: Unmet) -> None:
    own = {other.name for other in steps if other.kind == "Gateway"}
    for parent in items(step.new, "spec", "parentRefs"):
        namespace = at(parent, "namespace") or at(step.new, "metadata", "namespace")
        name = str(parent["name"])
        if name in own:
            continue
        what = ("gateways.gateway.networking.k8s.io", name, "--ignore-not-found")
        there = replace(kubectl, namespace=str(namespace))
        gateway = _known(found, f"there is a Gateway {name}", there, *what)
        if gateway == []:
            found.refusals[step.title] = (
                f"there is no Gateway {name} in namespace {namespace}: correct taskflow:gateway.parentRef, or give "
                "taskflow:gateway.class, with which the stack makes one"
            )


def _autoscaler(step: Step, kubectl: Kubectl, found: Unmet) -> None:
    what = ("apiservices.apiregistration.k8s.io", METRICS, "--ignore-not-found")
    services = _known(found, "a metrics server answers", kubectl, *what)
    if services is None:
        return
    conditions = [entry for item in services for entry in items(item, "status", "conditions")]
    if not any(entry["type"] == "Available" and entry["status"] == "True" for entry in conditions):
        found.warnings.append(
            f"{step.title} never changes the number of pods: no metrics server answers in the cluster. Install one "
            "(https://github.com/kubernetes-sigs/metrics-server), or give replicas in place of autoscaling"
        )


def _volume(step: Step, kubectl: Kubectl, found: Unmet) -> None:
    wanted = at(step.new, "spec", "storageClassName")
    if not wanted:
        return
    classes = _known(found, "the StorageClass exists", kubectl, "storageclasses")
    if classes is None or wanted in _names(classes):
        return
    # A volume that somebody made by hand may name a class without an object.
    volumes = _known(found, "a volume has the StorageClass", kubectl, "persistentvolumes")
    if volumes is not None and wanted not in {
        at(one, "spec", "storageClassName") for one in volumes
    }:
        found.refusals[step.title] = (
            f"the cluster has no StorageClass {wanted}, so there will be no volume: correct storageClass "
            f"({_listed(classes)})"
        )


def _balancer(step: Step, profile: str, kubectl: Kubectl, found: Unmet) -> None:
    here = replace(kubectl, namespace=str(at(step.new, "metadata", "namespace")))
    what = ("services", step.name, "--ignore-not-found")
    live = _known(found, f"{step.title} has an address", here, *what)
    if live is not None and not any(
        items(item, "status", "loadBalancer", "ingress") for item in live
    ):
        found.warnings.append(
            f"{step.title} is a LoadBalancer, which on Minikube waits for its address until this runs in another "
            f"terminal: minikube tunnel --profile {profile}"
        )


def _known(found: Unmet, question: str, kubectl: Kubectl, *what: str) -> list[Manifest] | None:
    """The objects; None, and a warning, where this person may not list them, or the cluster has no such kind."""
    try:
        return kubectl.objects(*what)
    except NoAnswerError as error:
        found.not_checked(question, error.where)
        return None


def _no_class(what: str, wanted: str, classes: Sequence[Manifest], block: str) -> str:
    return (
        f"the cluster has no {what} {wanted}, so no controller would handle it: install its controller, or "
        f"correct taskflow:{block}.class ({_listed(classes)})"
    )


def _listed(classes: Sequence[Manifest]) -> str:
    return f"there: {', '.join(_names(classes)) or 'none'}"


def _names(objects: Iterable[Manifest]) -> list[str]:
    return [str(item["metadata"]["name"]) for item in objects]
