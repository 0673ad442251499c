"""The pod in which dumps are made and restored: a Job beside the database, deleted when it is done.

Everything about the database comes from the live objects: which it is, its image, and the Secret with its password. The
pod gets that by reference; this process never sees it.
"""

import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from subprocess import Popen
from typing import Any

from components.backup_pod import BACKUPS, COMPONENT, CONTAINER, LIFE_SECONDS, command, pod_spec
from components.config.stack import CertificateAuthority, EmbeddedPostgres, Images
from ops.errors import OpsError
from ops.kubectl import Kubectl, Manifest
from ops.pods import pods
from ops.release.history import Location
from policy.rule import at, containers_of, items, pod_of

START_SECONDS = 240
DEFAULT = EmbeddedPostgres()
PLACEMENT = ("imagePullSecrets", "nodeSelector", "tolerations", "priorityClassName", "hostUsers")


@dataclass(frozen=True)
class Server:
    """The database of a release, as the cluster has it."""

    embedded: bool
    image: str
    """Of an embedded one; empty for one elsewhere, whose version it says itself."""
    user: int
    env: list[Manifest]
    pod: Mapping[str, Any]
    """The specification of a pod that uses it: where it may run, and what it may pull."""
    labels: Mapping[str, str]
    """The labels of the pod for backups."""
    claim: str = ""
    """The volume of scheduled backups, if the pod is to read from it."""
    roots: Mapping[str, Any] | None = None
    """The backend's image and its pull policy, where public authorities may verify the database."""


@dataclass(frozen=True)
class BackupPod:
    location: Location
    job: str

    @contextmanager
    def running(self, *action: str) -> Iterator[Popen[bytes]]:
        """An action of components/backup_pod.sh, with pipes as stdin and stdout.

        Raises:
            OpsError: at the end of the block, with its own message, if it failed.
        """
        pod = ("--container", CONTAINER, f"job/{self.job}")
        arguments = ("exec", "--stdin", *pod, "--", *command(*action))
        with tempfile.TemporaryFile() as said:
            process = self.location.kubectl.piped(*arguments, stderr=said)
            with process:
                try:
                    yield process
                except BrokenPipeError:
                    pass  # It ended early; its own message says why.
                except BaseException:
                    process.kill()
                    raise
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            lines = [line for line in lines if not line.startswith("command terminated with")]
        if process.returncode:
            raise OpsError(
                f"{action[0]} failed: {lines[-1] if lines else 'without a message'}",
                where="\n".join(lines[:-1]) or f"job {self.job}",
            )
        for line in lines:
            print(f"    {line}", flush=True)

    def answer(self, action: str) -> str:
        """The output of an action."""
        with self.running(action) as process:
            assert process.stdout is not None
            text = process.stdout.read()
        return text.decode()


def server(location: Location) -> Server:
    """Find the release's database by its live objects.

    Raises:
        OpsError: if there is no release.
    """
    found = {
        (item["kind"], at(item, "metadata", "labels", "component")): item
        for item in location.objects("deployments,statefulsets")
    }
    own, service = found.get(("StatefulSet", "postgres")), found.get(("Deployment", "backend"))
    variables = _variables(service) if service else {}
    # The owner of the tables, where the services have roles of their own.
    address = variables.get("DATABASE_OWNER_URL") or variables.get("DATABASE_URL")
    env = [{**address, "name": "DATABASE_URL"}] if address else []
    env += [variables[name] for name in ("DATABASE_CA_FILE",) if name in variables]
    if own:
        pod, variables = pod_of(own), _variables(own)
        # A new volume's owner has the password that the image was given, until the backend's pods start.
        env += [
            {"name": "DATABASE_HOST", "value": own["metadata"]["name"]},
            {**variables["POSTGRES_USER"], "name": "DATABASE_USER"},
            {**variables["POSTGRES_PASSWORD"], "name": "DATABASE_PASSWORD"},
        ]
        user = int(at(pod, "securityContext", "runAsUser") or DEFAULT.user)
        return Server(True, str(items(pod, "containers")[0]["image"]), user, env, pod, _labels(own))
    if service:
        pod, (container, *_) = pod_of(service), items(pod_of(service), "containers")
        pulled = {key: container[key] for key in ("image", "imagePullPolicy")}
        roots = None if "DATABASE_CA_FILE" in variables else pulled
        return Server(False, "", DEFAULT.user, env, pod, _labels(service), roots=roots)
    raise OpsError(
        f"release {location.release} has neither a database nor a backend", where=str(location)
    )


def _variables(workload: Manifest) -> dict[str, Manifest]:
    return {
        variable["name"]: variable
        for container in containers_of(workload)
        for variable in items(container, "env")
    }


def _labels(workload: Manifest) -> dict[str, str]:
    names = ("component", "app.kubernetes.io/component")
    return {**workload["metadata"]["labels"], **dict.fromkeys(names, COMPONENT)}


@contextmanager
def backup_pod(
    location: Location, images: Images | None = None, *, volume: bool = False
) -> Iterator[BackupPod]:
    """A pod that reaches the release's database and has its version's programs.

    Args:
        volume: give it the volume of scheduled backups, to read from.
        images: the stack's, whose mirror a database elsewhere is dumped by.

    Raises:
        OpsError: if it does not start, or the database does not answer.
    """
    found = server(location)
    if volume:
        found = replace(found, claim=f"{location.release}-backups")
    mirrored = (images or Images()).mirrored
    first = found.image or mirrored(DEFAULT.image)
    with _started(location, found, first) as pod:
        image = found.image or mirrored(f"postgres:{pod.answer('version').strip()}")
        if image == first:
            yield pod
            return
    with _started(location, found, image) as pod:
        yield pod


@contextmanager
def _started(location: Location, database: Server, image: str) -> Iterator[BackupPod]:
    kubectl = location.kubectl
    name = f"{location.release}-backup-{secrets.token_hex(3)}"
    manifest = job(name, location, database, image)
    created = _create(kubectl, manifest)
    try:
        for policy in _policies(location, database, created):
            _create(kubectl, policy)
        _wait(kubectl, name)
        yield BackupPod(location, name)
    finally:
        # The policies go with it: it owns them.
        kubectl.run(
            "delete", "job", name, "--ignore-not-found", "--wait=false", "--cascade=foreground"
        )


def job(name: str, location: Location, database: Server, image: str) -> dict[str, Any]:
    """The Job, hardened like the release's own pods."""
    volumes = [
        volume
        for volume in items(database.pod, "volumes")
        if volume["name"] == CertificateAuthority.volume
    ]
    mounts = [
        mount
        for container in items(database.pod, "containers")
        for mount in container.get("volumeMounts", [])
        if mount["name"] == CertificateAuthority.volume
    ]
    if database.claim:
        claim = {"claimName": database.claim, "readOnly": True}
        volumes.append({"name": "backups", "persistentVolumeClaim": claim})
        mounts.append({"name": "backups", "mountPath": BACKUPS, "readOnly": True})
    spec = pod_spec(
        release=location.release,
        image=image,
        user=database.user,
        action="serve",
        env=database.env,
        volumes=volumes,
        mounts=mounts,
        roots=database.roots,
    )
    spec["containers"][0]["readinessProbe"] = {
        "exec": {"command": ["pg_isready", "--quiet", "--username=scratch"]},
        "periodSeconds": 1,
        "failureThreshold": START_SECONDS,
    }
    spec |= {key: database.pod[key] for key in PLACEMENT if key in database.pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": location.kubectl.namespace,
            "labels": database.labels,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": LIFE_SECONDS,
            "ttlSecondsAfterFinished": 60,
            "template": {"metadata": {"labels": database.labels}, "spec": spec},
        },
    }


def _policies(location: Location, database: Server, owner: Manifest) -> Iterator[Manifest]:
    """Network policies that let the pod reach the database, if the release has any.

    A first policy would block everyone else.
    """
    found = {
        at(policy, "metadata", "labels", "component"): policy["spec"]
        for policy in location.objects("networkpolicies.networking.k8s.io")
    }
    here = {"matchLabels": {"app": location.release, "component": COMPONENT}}
    if at(found, "backend", "egress"):
        egress = {
            "podSelector": here,
            "policyTypes": ["Egress"],
            "egress": found["backend"]["egress"],
        }
        yield _policy("", owner, egress)
    if database.embedded and at(found, "postgres", "ingress"):
        [rule] = found["postgres"]["ingress"]
        ingress = [{"ports": rule["ports"], "from": [{"podSelector": here}]}]
        selector = found["postgres"]["podSelector"]
        spec = {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": ingress}
        yield _policy("-postgres", owner, spec)


def _policy(suffix: str, owner: Manifest, spec: Mapping[str, Any]) -> Manifest:
    reference = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": f"{owner['metadata']['name']}{suffix}",
            "namespace": owner["metadata"]["namespace"],
            "labels": owner["metadata"]["labels"],
            "ownerReferences": [reference],
        },
        "spec": dict(spec),
    }


def _create(kubectl: Kubectl, manifest: Mapping[str, Any]) -> Manifest:
    answer = kubectl.output("create", "--filename=-", "--output=json", stdin=json.dumps(manifest))
    created: Manifest = json.loads(answer)
    return created


def _wait(kubectl: Kubectl, name: str) -> None:
    ready = "--for=jsonpath={.status.ready}=1"
    answer = kubectl.wait(START_SECONDS, "wait", f"job/{name}", ready)
    if answer.code != 0:
        found = pods(kubectl.objects("pods", f"--selector=job-name={name}"), kubectl)
        raise OpsError(
            "the pod for backups does not start",
            where="; ".join(f"{pod.name}: {pod.reason}" for pod in found) or answer.output.strip(),
        )
