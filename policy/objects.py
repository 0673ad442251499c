"""Rules about labels, namespaces, Services, configuration and the way in."""

from collections.abc import Iterable

from policy.pods import looks_secret
from policy.rule import SERVING, WORKLOADS, Manifest, Rule, at, items

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


def _labels(manifest: Manifest) -> Iterable[str]:
    labels = at(manifest, "metadata", "labels") or {}
    missing = [label for label in LABELS if label not in labels]
    if missing:
        yield f"it lacks the labels {', '.join(missing)}"


def _selectors(manifest: Manifest) -> Iterable[str]:
    selector = at(manifest, "spec", "selector") or {}
    chosen = selector if manifest["kind"] == "Service" else at(selector, "matchLabels") or {}
    missing = [label for label in SELECTING if label not in chosen]
    if missing:
        yield f"its selector lacks {', '.join(missing)} and would catch other components' or releases' pods"


def _namespaced(manifest: Manifest) -> Iterable[str]:
    if at(manifest, "metadata", "namespace") in (None, "", "default", "kube-system"):
        yield "it has no namespace of its release"


def _namespace(manifest: Manifest) -> Iterable[str]:
    level = at(manifest, "metadata", "labels", "pod-security.kubernetes.io/enforce")
    if level != "restricted":
        yield f"it enforces the pod security standard {level or 'privileged'}, not restricted"


def _services(manifest: Manifest) -> Iterable[str]:
    component = at(manifest, "metadata", "labels", "component")
    kind = at(manifest, "spec", "type") or "ClusterIP"
    if component != PUBLIC and kind != "ClusterIP":
        yield f"the {component} is only for the cluster, but its type is {kind}"
    if items(manifest, "spec", "externalIPs"):
        yield "externalIPs let it catch other hosts' traffic (CVE-2020-8554)"


def _immutable(manifest: Manifest) -> Iterable[str]:
    if at(manifest, "immutable") is not True:
        yield "it can be changed under the pods that read it: make it immutable, and give each change a new name"


def _plain_data(manifest: Manifest) -> Iterable[str]:
    for key, value in (at(manifest, "data") or {}).items():
        if looks_secret(str(key), str(value)):
            yield f"{key} looks like a secret; it belongs in a Secret"


def _certificates(manifest: Manifest) -> Iterable[str]:
    covered = {host for entry in items(manifest, "spec", "tls") for host in items(entry, "hosts")}
    for rule in items(manifest, "spec", "rules"):
        host = at(rule, "host")
        if not host:
            yield "a rule without a host answers for every name"
        elif host not in covered:
            yield f"{host} has no TLS: passwords would cross the net in plain text"


def _listeners(manifest: Manifest) -> Iterable[str]:
    if not any(
        listener["protocol"] == "HTTPS" for listener in items(manifest, "spec", "listeners")
    ):
        yield "it serves no HTTPS: passwords would cross the net in plain text"


RULES = (
    Rule(
        name="labels",
        description="Every object carries the release's labels and the recommended ones.",
        kinds=LABELLED,
        violations=_labels,
    ),
    Rule(
        name="selectors-use-app-and-component",
        description="Selectors name the release and the component.",
        kinds=SERVING | {"Service", "PodDisruptionBudget"},
        violations=_selectors,
    ),
    Rule(
        name="a-namespace-of-its-own",
        description="Objects are in the release's namespace, not in a shared one.",
        kinds=LABELLED - {"Namespace"},
        violations=_namespaced,
    ),
    Rule(
        name="namespace-enforces-restricted",
        description="The namespace enforces the restricted pod security standard.",
        kinds=frozenset({"Namespace"}),
        violations=_namespace,
    ),
    Rule(
        name="services-of-the-right-type",
        description="Only the frontend is reached from outside the cluster.",
        kinds=frozenset({"Service"}),
        violations=_services,
    ),
    Rule(
        name="immutable-configuration",
        description="ConfigMaps and Secrets are immutable.",
        kinds=frozenset({"ConfigMap", "Secret"}),
        violations=_immutable,
    ),
    Rule(
        name="no-secret-in-config-map",
        description="No value of a ConfigMap looks like a secret.",
        kinds=frozenset({"ConfigMap"}),
        violations=_plain_data,
    ),
    Rule(
        name="ingress-with-tls",
        description="Every host of an Ingress has TLS.",
        kinds=frozenset({"Ingress"}),
        violations=_certificates,
    ),
    Rule(
        name="gateway-with-tls",
        description="A Gateway serves HTTPS.",
        kinds=frozenset({"Gateway"}),
        violations=_listeners,
    ),
)
