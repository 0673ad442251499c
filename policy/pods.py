"""Rules about pods and what makes them."""

import re
from collections.abc import Iterable

from policy.rule import SERVING, WORKLOADS, Manifest, Rule, at, containers_of, items, plain, pod_of

PROBES = ("readinessProbe", "livenessProbe")
HANDLERS = ("httpGet", "exec", "tcpSocket", "grpc")
QUANTITIES = ("cpu", "memory")
HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


def _bare(manifest: Manifest) -> Iterable[str]:
    yield f"a bare {manifest['kind']} is not restarted elsewhere and cannot be rolled out: use a Deployment"


def _probes(manifest: Manifest) -> Iterable[str]:
    for container in items(pod_of(manifest), "containers"):
        for probe in PROBES:
            if not at(container, probe):
                yield f"container {container['name']} has no {probe}"
        questions = [
            {handler: plain(at(container, probe, handler)) for handler in HANDLERS}
            for probe in PROBES
        ]
        if at(container, PROBES[0]) and questions[0] == questions[1]:
            yield (
                f"container {container['name']} asks the same question for readiness and liveness: what only makes "
                "a pod unready would restart it"
            )


def _resources(manifest: Manifest) -> Iterable[str]:
    for container in containers_of(manifest):
        for kind in ("requests", "limits"):
            for quantity in QUANTITIES:
                if not at(container, "resources", kind, quantity):
                    yield f"container {container['name']} has no {kind} of {quantity}"


def _pinned(manifest: Manifest) -> Iterable[str]:
    for container in containers_of(manifest):
        image = str(container["image"])
        if "@sha256:" in image:
            continue
        tag = image.rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield f"container {container['name']} runs {image}, which can change: give a tag or a digest"


def _by_digest(manifest: Manifest) -> Iterable[str]:
    for container in containers_of(manifest):
        if "@sha256:" not in str(container["image"]):
            yield f"container {container['name']} runs {container['image']}, which is not a digest: nobody signed that"


def _restricted(manifest: Manifest) -> Iterable[str]:
    """The restricted pod security standard, and a read-only root file system.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    pod = pod_of(manifest)
    for namespace in HOST_NAMESPACES:
        if at(pod, namespace):
            yield f"{namespace} is set"
    for volume in items(pod, "volumes"):
        if at(volume, "hostPath"):
            yield f"volume {volume['name']} is a folder of the node (hostPath)"
    for container in containers_of(manifest):
        name = container["name"]

        def either(*path: str, container: Manifest = container) -> object:
            own = at(container, "securityContext", *path)
            return own if own is not None else at(pod, "securityContext", *path)

        if either("runAsNonRoot") is not True:
            yield f"container {name} may run as root: set runAsNonRoot"
        if either("runAsUser") == 0:
            yield f"container {name} runs as root"
        if either("seccompProfile", "type") not in ("RuntimeDefault", "Localhost"):
            yield f"container {name} has no seccompProfile"
        security = at(container, "securityContext")
        if at(security, "allowPrivilegeEscalation") is not False:
            yield f"container {name} may gain privileges: set allowPrivilegeEscalation to false"
        if at(security, "privileged"):
            yield f"container {name} is privileged"
        if "ALL" not in items(security, "capabilities", "drop"):
            yield f"container {name} keeps capabilities: drop ALL"
        if at(security, "readOnlyRootFilesystem") is not True:
            yield f"container {name} can write to its root file system"


def _tokens(manifest: Manifest) -> Iterable[str]:
    if at(pod_of(manifest), "automountServiceAccountToken") is not False:
        yield "the pods carry an unneeded token of the API server: set automountServiceAccountToken to false"


def _rollouts(manifest: Manifest) -> Iterable[str]:
    if at(manifest, "spec", "strategy", "type") not in (None, "RollingUpdate"):
        yield "strategy Recreate stops every pod before the first new one is ready"
    replicas = at(manifest, "spec", "replicas")
    if replicas is not None and replicas < 2:
        yield f"{replicas:g} replica: a drained node or a rollout stops the whole service"


def _draining(manifest: Manifest) -> Iterable[str]:
    grace = at(pod_of(manifest), "terminationGracePeriodSeconds") or 30
    for container in items(pod_of(manifest), "containers"):
        sleep = at(container, "lifecycle", "preStop", "sleep", "seconds")
        command = at(container, "lifecycle", "preStop", "exec")
        if not sleep and not command:
            yield f"container {container['name']} has no preStop: it stops while requests are still sent to it"
        if sleep and sleep >= grace:
            yield f"container {container['name']} sleeps {sleep} s of {grace} s before it is killed"


SECRET_NAME = re.compile(
    r"(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|DATABASE_URL)$", re.I
)
SECRET_VALUE = re.compile(
    r"://[^/\s:@]+:[^/\s@]+@"  # a password in an address
    r"|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\."  # a JSON web token
)


def looks_secret(name: str, value: str) -> bool:
    """Whether a plain value looks like a secret, by its name or its form."""
    return bool(value) and bool(SECRET_NAME.search(name) or SECRET_VALUE.search(value))


def _plain_variables(manifest: Manifest) -> Iterable[str]:
    for container in containers_of(manifest):
        for variable in items(container, "env"):
            value = at(variable, "value")
            if isinstance(value, str) and looks_secret(str(variable["name"]), value):
                yield f"container {container['name']} has what looks like a secret in plain text: {variable['name']}"


RULES = (
    Rule(
        name="pods-come-from-controllers",
        description="Pods are made by a Deployment, a StatefulSet or a Job.",
        kinds=frozenset({"Pod", "ReplicaSet", "ReplicationController"}),
        violations=_bare,
    ),
    Rule(
        name="two-different-probes",
        description="Every container has a readiness and a liveness probe, and they ask different things.",
        kinds=SERVING,
        violations=_probes,
    ),
    Rule(
        name="requests-and-limits",
        description="Every container has requests and limits of CPU and memory.",
        kinds=WORKLOADS,
        violations=_resources,
    ),
    Rule(
        name="images-are-pinned",
        description="Every image has a tag other than latest, or a digest.",
        kinds=WORKLOADS,
        violations=_pinned,
    ),
    Rule(
        name="restricted-pods",
        description="Pods meet the restricted pod security standard, with a read-only root file system.",
        kinds=WORKLOADS,
        violations=_restricted,
    ),
    Rule(
        name="no-api-server-token",
        description="Pods carry no token of the API server.",
        kinds=WORKLOADS,
        violations=_tokens,
    ),
    Rule(
        name="rollouts-keep-serving",
        description="Deployments roll pod by pod and have at least two.",
        kinds=frozenset({"Deployment"}),
        violations=_rollouts,
    ),
    Rule(
        name="pods-drain",
        description="Pods of Deployments outlive their endpoints by a preStop pause within the grace period.",
        kinds=frozenset({"Deployment"}),
        violations=_draining,
    ),
    Rule(
        name="no-secret-in-environment",
        description="No variable in plain text looks like a secret.",
        kinds=WORKLOADS,
        violations=_plain_variables,
    ),
)

# Only where a stack asks for it, by `taskflow:policies: digests`.
BY_DIGEST = Rule(
    name="images-by-digest",
    description="Every image is named by the digest that was scanned and signed.",
    kinds=WORKLOADS,
    violations=_by_digest,
)
