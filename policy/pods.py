"""Rules about pods and what makes them."""

import re
from collections.abc import Iterable

from policy.rule import SERVING, WORKLOADS, Manifest, at, containers_of, items, plain, pod_of, rule

PROBES = ("readinessProbe", "livenessProbe")
HANDLERS = ("httpGet", "exec", "tcpSocket", "grpc")
QUANTITIES = ("cpu", "memory")
VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


@rule({"Pod", "ReplicaSet", "ReplicationController"})
def pods_come_from_controllers(manifest: Manifest) -> Iterable[str]:
    """Pods are made by a Deployment, a StatefulSet or a Job."""
    yield f"a bare {manifest['kind']} is not restarted elsewhere and cannot be rolled out: use a Deployment"


@rule(SERVING)
def two_different_probes(manifest: Manifest) -> Iterable[str]:
    """Every container has a readiness and a liveness probe, and they ask different things."""
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


@rule(WORKLOADS)
def requests_and_limits(manifest: Manifest) -> Iterable[str]:
    """Every container has requests and limits of CPU and memory."""
    for container in containers_of(manifest):
        for kind in ("requests", "limits"):
            for quantity in QUANTITIES:
                if not at(container, "resources", kind, quantity):
                    yield f"container {container['name']} has no {kind} of {quantity}"


@rule(WORKLOADS)
def images_are_pinned(manifest: Manifest) -> Iterable[str]:
    """Every image has a tag other than latest, or a digest."""
    for container in containers_of(manifest):
        image = str(container["image"])
        if "@" in image:
            continue
        tag = image.rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield f"container {container['name']} runs {image}, which can change: give a tag or a digest"


@rule(WORKLOADS)
def images_by_digest(manifest: Manifest) -> Iterable[str]:
    """Every image is named by the digest that was scanned and signed.

    Only where a stack asks for it, by `taskflow:policies: digests`.
    """
    for container in containers_of(manifest):
        if "@" not in str(container["image"]):
            yield f"container {container['name']} runs {container['image']}, which is not a digest: nobody signed that"


@rule(WORKLOADS)
def restricted_pods(manifest: Manifest) -> Iterable[str]:
    """Pods meet the restricted pod security standard, with a read-only root file system.

    Sysctls and the options of SELinux, AppArmor and Windows are left to the namespace's own admission.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    pod = pod_of(manifest)
    for namespace in HOST_NAMESPACES:
        if at(pod, namespace):
            yield f"{namespace} is set"
    for volume in items(pod, "volumes"):
        kinds = {key for key in volume if key != "name" and at(volume, key) is not None}
        for kind in sorted(kinds - VOLUMES):
            yield f"volume {volume['name']} is a {kind}, expected one of {', '.join(sorted(VOLUMES))}"
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
        if added := {*items(security, "capabilities", "add")} - {"NET_BIND_SERVICE"}:
            yield f"container {name} adds capabilities: {', '.join(sorted(added))}"
        if at(security, "procMount") not in (None, "Default"):
            yield f"container {name} sees all of /proc: drop procMount"
        if any(at(port, "hostPort") for port in items(container, "ports")):
            yield f"container {name} takes a port of the node (hostPort)"
        if at(security, "readOnlyRootFilesystem") is not True:
            yield f"container {name} can write to its root file system"


@rule(WORKLOADS)
def no_api_server_token(manifest: Manifest) -> Iterable[str]:
    """Pods carry no token of the API server."""
    if at(pod_of(manifest), "automountServiceAccountToken") is not False:
        yield "the pods carry an unneeded token of the API server: set automountServiceAccountToken to false"


@rule({"Deployment", "HorizontalPodAutoscaler"})
def rollouts_keep_serving(manifest: Manifest) -> Iterable[str]:
    """Deployments roll pod by pod and have at least two, whoever counts them."""
    if at(manifest, "spec", "strategy", "type") not in (None, "RollingUpdate"):
        yield "strategy Recreate stops every pod before the first new one is ready"
    replicas = at(manifest, "spec", "replicas")
    if manifest["kind"] == "HorizontalPodAutoscaler":
        replicas = at(manifest, "spec", "minReplicas") or 1
    if replicas is not None and replicas < 2:
        yield f"{replicas:g} replica: a drained node or a rollout stops the whole service"
    unavailable = at(manifest, "spec", "strategy", "rollingUpdate", "maxUnavailable")
    counted = isinstance(unavailable, int | float) and replicas is not None
    if unavailable == "100%" or (counted and unavailable >= replicas):
        yield f"maxUnavailable {unavailable} stops every pod before the first new one is ready"


@rule({"Deployment"})
def pods_drain(manifest: Manifest) -> Iterable[str]:
    """Pods of Deployments outlive their endpoints by a preStop pause within the grace period."""
    grace = at(pod_of(manifest), "terminationGracePeriodSeconds")
    grace = 30 if grace is None else grace
    for container in items(pod_of(manifest), "containers"):
        sleep = at(container, "lifecycle", "preStop", "sleep", "seconds")
        command = at(container, "lifecycle", "preStop", "exec")
        if not sleep and not command:
            yield f"container {container['name']} has no preStop: it stops while requests are still sent to it"
        if sleep and sleep >= grace:
            yield f"container {container['name']} sleeps {sleep} s of {grace} s before it is killed"


SECRET_NAME = re.compile(
    r"(PASSWORD|PASSWD|PASSPHRASE|(^|_)PASS|_PWD|SECRET|TOKEN|DATABASE_URL"
    r"|(ACCESS|API|ENCRYPTION|MASTER|PRIVATE|SECRET|SIGNING)_?KEY)$",
    re.I,
)
SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:([^/\s@]+|(?!\d+\W)[^\s@]+)@"  # a password in an address, and not a port before a path with @
    r"|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bAKIA[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\."  # a JSON web token
)


def looks_secret(name: str, value: str) -> bool:
    """Whether a plain value looks like a secret, by its name or its form."""
    return bool(value) and bool(SECRET_NAME.search(name) or SECRET_VALUE.search(value))


@rule(WORKLOADS)
def no_secret_in_environment(manifest: Manifest) -> Iterable[str]:
    """No variable in plain text looks like a secret."""
    for container in containers_of(manifest):
        for variable in items(container, "env"):
            value = at(variable, "value")
            if isinstance(value, str) and looks_secret(str(variable["name"]), value):
                yield f"container {container['name']} has what looks like a secret in plain text: {variable['name']}"


RULES = (
    pods_come_from_controllers,
    two_different_probes,
    requests_and_limits,
    images_are_pinned,
    restricted_pods,
    no_api_server_token,
    rollouts_keep_serving,
    pods_drain,
    no_secret_in_environment,
)
