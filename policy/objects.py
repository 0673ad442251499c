"""Rules about labels, namespaces, Services, configuration and the way in."""

from collections.abc import Iterable

from policy.pods import looks_secret
from policy.rule import SERVING, WORKLOADS, Manifest, at, items, rule

LABELS = (
    "app",
    "component",
    *(
        f"app.kubernetes.io/{name}"
        for name in ("name", "instance", "component", "part-of", "managed-by")
    ),
)
LABELLED = WORKLOADS | {
    "ConfigMap",
    "Gateway",
    "HTTPRoute",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Namespace",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "Secret",
    "Service",
}
SELECTING = ("app", "component")
PUBLIC = "frontend"


@rule(LABELLED)
def labels(manifest: Manifest) -> Iterable[str]:
    """Every object carries the release's labels and the recommended ones."""
    labels = at(manifest, "metadata", "labels") or {}
    missing = [label for label in LABELS if label not in labels]
    if missing:
        yield f"it lacks the labels {', '.join(missing)}"


@rule(SERVING | {"Service", "PodDisruptionBudget"})
def selectors_use_app_and_component(manifest: Manifest) -> Iterable[str]:
    """Selectors name the release and the component."""
    selector = at(manifest, "spec", "selector") or {}
    chosen = selector if manifest["kind"] == "Service" else at(selector, "matchLabels") or {}
    missing = [label for label in SELECTING if label not in chosen]
    if missing:
        yield f"its selector lacks {', '.join(missing)} and would catch other components' or releases' pods"


@rule(LABELLED - {"Namespace"})
def a_namespace_of_its_own(manifest: Manifest) -> Iterable[str]:
    """Objects are in the release's namespace, not in a shared one."""
    if at(manifest, "metadata", "namespace") in (None, "", "default", "kube-system"):
        yield "it has no namespace of its release"


@rule({"Namespace"})
def namespace_enforces_restricted(manifest: Manifest) -> Iterable[str]:
    """The namespace enforces the restricted pod security standard."""
    level = at(manifest, "metadata", "labels", "pod-security.kubernetes.io/enforce")
    if level != "restricted":
        yield f"it enforces the pod security standard {level or 'privileged'}, not restricted"


@rule({"Service"})
def services_of_the_right_type(manifest: Manifest) -> Iterable[str]:
    """Only the frontend is reached from outside the cluster."""
    component = at(manifest, "metadata", "labels", "component")
    kind = at(manifest, "spec", "type") or "ClusterIP"
    if component != PUBLIC and kind != "ClusterIP":
        yield f"the {component} is only for the cluster, but its type is {kind}"
    if items(manifest, "spec", "externalIPs"):
        yield "externalIPs let it catch other hosts' traffic (CVE-2020-8554)"


@rule({"ConfigMap", "Secret"})
def immutable_configuration(manifest: Manifest) -> Iterable[str]:
    """ConfigMaps and Secrets are immutable."""
    if at(manifest, "immutable") is not True:
        yield "it can be changed under the pods that read it: make it immutable, and give each change a new name"


@rule({"ConfigMap"})
def no_secret_in_config_map(manifest: Manifest) -> Iterable[str]:
    """No value of a ConfigMap looks like a secret."""
    for key, value in (at(manifest, "data") or {}).items():
        if looks_secret(str(key), str(value)):
            yield f"{key} looks like a secret; it belongs in a Secret"


@rule({"Ingress"})
def ingress_with_tls(manifest: Manifest) -> Iterable[str]:
    """Every host of an Ingress has TLS."""
    covered = {host for entry in items(manifest, "spec", "tls") for host in items(entry, "hosts")}
    for route in items(manifest, "spec", "rules"):
        host = at(route, "host")
        if not host:
            yield "a rule without a host answers for every name"
        elif host not in covered:
            yield f"{host} has no TLS: passwords would cross the net in plain text"


@rule({"Gateway"})
def gateway_with_tls(manifest: Manifest) -> Iterable[str]:
    """A Gateway serves HTTPS."""
    if not any(
        listener["protocol"] == "HTTPS" for listener in items(manifest, "spec", "listeners")
    ):
        yield "it serves no HTTPS: passwords would cross the net in plain text"


RULES = (
    labels,
    selectors_use_app_and_component,
    a_namespace_of_its_own,
    namespace_enforces_restricted,
    services_of_the_right_type,
    immutable_configuration,
    no_secret_in_config_map,
    ingress_with_tls,
    gateway_with_tls,
)
