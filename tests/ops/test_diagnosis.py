"""The errors that people see when the engine fails. The outputs are the tools' own."""

import pytest

from ops.engine.diagnosis import KNOWN, explain
from tests.ops.machines import DEV

FAILURES = {
    "disk": ("write /var/lib/docker/tmp/x: no space left on device", "the disk is full", "df -h"),
    "passphrase": (
        "error: getting secrets manager: incorrect passphrase",
        "the passphrase does not open the secrets of stack dev",
        "PULUMI_CONFIG_PASSPHRASE",
    ),
    "protected, deleted": (
        'resource "urn:pulumi:prod::taskflow::k8s:core/v1:Namespace::taskflow-namespace" cannot be deleted\n'
        "because it is protected. To unprotect the resource, either remove the `protect` flag",
        "taskflow-namespace holds data and is protected from deletion",
        "set taskflow:protect to false in Pulumi.dev.yaml and nothing else",
    ),
    "protected, replaced": (
        'error: unable to replace resource "urn:pulumi:prod::taskflow::a$b:c:D::taskflow-postgres-data"\n'
        "as it is currently marked for protection. To unprotect the resource, remove",
        "taskflow-postgres-data holds data and is protected from deletion",
        "run make up STACK=dev",
    ),
    "node port": (
        'Service "taskflow-frontend" is invalid: spec.ports[0].nodePort: Invalid value: 30080: '
        "provided port is already allocated",
        "node port 30080 belongs to another Service in the cluster",
        "taskflow:frontend.service.nodePort in Pulumi.dev.yaml",
    ),
    "namespace": (
        'error: resource taskflow was not successfully created: namespaces "taskflow" '
        "already exists",
        "namespace taskflow exists, but not in this stack's state",
        "set taskflow:createNamespace to false in Pulumi.dev.yaml",
    ),
    "namespace that no longer exists": (
        'Service "taskflow/taskflow-backend" was refused: namespaces "taskflow" not found',
        "namespace taskflow is in the state of stack dev, but no longer in the cluster",
        "make up STACK=dev REFRESH=1",
    ),
    "daemon": (
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?",
        "the Docker daemon that builds the images of stack dev does not answer",
        "make up STACK=dev starts the daemon",
    ),
    "base image": (
        "ERROR: failed to solve: python:9.9-slim: failed to resolve source metadata for "
        "docker.io/library/python:9.9-slim: not found",
        "image docker.io/library/python:9.9-slim cannot be found or pulled",
        "base image in Pulumi.dev.yaml",
    ),
    "base image, older Docker": (
        "> [internal] load metadata for docker.io/library/python:9.9-slim:",
        "image docker.io/library/python:9.9-slim cannot be found or pulled",
        "base image in Pulumi.dev.yaml",
    ),
    "base image, of the official plugin": (
        'failed to do request: Head "https://mirror.example.com/v2/library/python/manifests/9.9-slim": dial tcp: '
        "lookup mirror.example.com: no such host",
        "image mirror.example.com/library/python:9.9-slim cannot be found or pulled",
        "base image in Pulumi.dev.yaml",
    ),
    "npm package that its registry refuses": (
        "#12 4.1 npm error 403 403 Forbidden - GET https://npm.example.com/left-pad/-/left-pad-1.3.0.tgz",
        "a package registry refuses https://npm.example.com/left-pad/-/left-pad-1.3.0.tgz",
        "have the registry allow that package",
    ),
    "Python package that its registry refuses": (
        "#9 2.0 ERROR: HTTP error 403 while getting https://pypi.example.com/x/typer-1.0-py3-none-any.whl (from x)",
        "a package registry refuses https://pypi.example.com/x/typer-1.0-py3-none-any.whl",
        "have the registry allow that package",
    ),
    "existing Secret": (
        "kubernetes:core/v1:Secret (taskflow-existing-secret): error: Preview failed: resource "
        "'taskflow/taskflow-secrets' does not exist",
        "Secret taskflow-secrets does not exist in namespace taskflow",
        "kubectl --context minikube --namespace taskflow create secret generic taskflow-secrets "
        "--from-literal=database-url=",
    ),
    "volume of another class": (
        'Kubernetes API server: PersistentVolumeClaim "taskflow-postgres-data" is invalid: spec: Forbidden: spec is '
        "immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        "volume claim taskflow-postgres-data cannot change in place, except its size",
        "make restore STACK=dev FROM=file",
    ),
    "volume that shrinks": (
        'PersistentVolumeClaim "taskflow-postgres-data" is invalid: spec.resources.requests.storage: Forbidden: field '
        "can not be less than status.capacity",
        "the volume of the database cannot shrink",
        "set taskflow:database.embedded.size in Pulumi.dev.yaml",
    ),
    "volume that cannot grow": (
        'persistentvolumeclaims "taskflow-postgres-data" is forbidden: only dynamically provisioned pvc can be resized '
        "and the storageclass that provisions the pvc must support resize",
        "the storage class of the database's volume does not let volumes grow",
        "allowVolumeExpansion",
    ),
    "policy": (
        "- [mandatory]  rollouts-keep-serving  (kubernetes:apps/v1:Deployment: taskflow-frontend-deployment)\n"
        "          A rollout never takes the last pod away.\n"
        "          its only pod may end first",
        "the policy rollouts-keep-serving refuses taskflow-frontend-deployment: A rollout never takes the last pod "
        "away. its only pod may end first",
        "change taskflow:frontend.replicas, autoscaling.min or strategy.maxUnavailable in Pulumi.dev.yaml",
    ),
    "volume of another user": (
        'initdb: error: could not access directory "/var/lib/postgresql/data/pgdata": Permission denied',
        "the database's volume belongs to another user than its pod",
        "set taskflow:database: {embedded: {user: 999}} in Pulumi.dev.yaml",
    ),
    "pods, after an update": (
        '* the Kubernetes API server reported that "taskflow/taskflow-frontend" failed to fully initialize '
        "or become live: 'taskflow-frontend' timed out waiting to be Ready",
        "taskflow-frontend did not become ready",
        "make status STACK=dev",
    ),
    "pods, after a creation": (
        "* resource taskflow/taskflow-backend was successfully created, but the Kubernetes API server reported "
        "that it failed to fully initialize or become live: 'taskflow-backend' timed out waiting to be Ready",
        "taskflow-backend did not become ready",
        "make status STACK=dev",
    ),
    "daemon, in the provider's words": (
        "error: failed to connect to any docker daemon",
        "the Docker daemon that builds the images of stack dev does not answer",
        "make up STACK=dev starts the daemon",
    ),
    "cluster": (
        "dial tcp 127.0.0.1:8443: connect: connection refused",
        "the cluster behind context minikube stopped answering",
        "make up STACK=dev brings Minikube back",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_known_failure_says_what_where_and_what_to_do(name: str) -> None:
    output, what, fix = FAILURES[name]
    error = explain(f"Updating (dev)\n  {output}\nResources:\n", doing="pulumi up", stack=DEV)
    assert what in error.what
    assert error.where == " ".join(output.splitlines()[0].split()), (
        "the tool's own line is the place"
    )
    assert fix in error.fix


def test_no_fix_says_to_delete_a_namespace() -> None:
    assert [known.fix for known in KNOWN if "delete namespace" in known.fix] == []


def test_an_unknown_failure_repeats_the_engines_first_error() -> None:
    output = "one\n  pulumi:pulumi:Stack taskflow-dev error: it is raining\nerror: two\n"
    error = explain(output, doing="pulumi up", stack=DEV)
    assert error.what.startswith("pulumi up failed on stack dev")
    assert error.where == "it is raining"


def test_colours_do_not_hide_a_known_failure() -> None:
    output = "\x1b[31merror:\x1b[0m incorrect \x1b[1mpassphrase\x1b[0m\n"
    assert explain(output, doing="pulumi up", stack=DEV).what.startswith("the passphrase does not")


def test_a_refused_probe_does_not_count_as_a_missing_cluster() -> None:
    probe = 'Startup probe failed: Get "http://10.0.0.1:3000/": connect: connection refused'
    ready = f'"taskflow/web" failed to fully initialize or become live: timed out; {probe}'
    assert "stopped answering" not in explain(probe, doing="pulumi up", stack=DEV).what
    assert "web did not become ready" in explain(ready, doing="pulumi up", stack=DEV).what
