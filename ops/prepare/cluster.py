"""The Kubernetes cluster of a stack: checked in a second, started or repaired only if it must be."""

import json
import shlex
import socket
import time
from collections.abc import Mapping
from typing import Any

from components.minikube import Minikube
from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.kubectl import Kubectl, require_context
from ops.pods import ready
from ops.prepare.docker import hides_network
from ops.prepare.tools import Origin, airgap
from ops.processes import capture, stream

VITAL = {"kube-dns", "kube-proxy"}
"""Without these (label k8s-app) names do not resolve and Services lead nowhere."""

SETTLE_SECONDS = 120
METRICS = "metrics-server"


def ensure(
    stack: StackFile, minikube: Origin, *, env: Mapping[str, str], system: str = "linux"
) -> str:
    """Make sure the stack's cluster answers; returns how it was found."""
    # A Minikube that has not started yet makes only the context named after its profile.
    if stack.context != stack.profile:
        require_context(stack, env)
    if stack.profile is None:
        return f"context {stack.context}"
    wrong = trouble(stack.context, env)
    known = Minikube.find(stack.profile, env)
    if minikube is Origin.BUILT and (wrong or (known and known.on_this_machine)):
        # Even if it answers: this step records that an interrupted first start is complete.
        airgap("cluster", env=env)
    elif wrong:
        _start(stack, stack.profile, env, system)
    if not wrong:
        return "running already"
    _wait(stack, env)
    return "started"


def trouble(context: str, env: Mapping[str, str]) -> str | None:
    """None if the cluster is ready for use, else what is wrong with it."""
    try:
        items = Kubectl(context, env, "kube-system").objects("nodes,pods,storageclasses")
    except OpsError as error:
        return error.where
    vital = [item for item in items if item["kind"] == "Node" or _app(item) in VITAL]
    absent = VITAL - {_app(item) for item in vital}
    unready = [item["metadata"]["name"] for item in vital if not ready(item)]
    # Minikube makes it last, and claims made before it stay unbound.
    volumes = any(item["kind"] == "StorageClass" for item in items)
    names = sorted(absent) + unready + ([] if volumes else ["StorageClass"])
    return f"not ready: {', '.join(names)}" if names else None


def enable_metrics(profile: str, *, env: Mapping[str, str]) -> bool:
    """Enable Minikube's metrics server, which autoscalers need; returns whether it was off."""
    command = ["minikube", "addons", "list", "--profile", profile, "--output=json"]
    listed = capture(command, env=env, timeout=60)
    try:
        if json.loads(listed.output)[METRICS]["Status"] == "enabled":
            return False
    except (ValueError, KeyError):
        raise OpsError(
            f"minikube cannot list the addons of profile {profile}", where=listed.output.strip()
        ) from None
    if stream(["minikube", "addons", "enable", METRICS, "--profile", profile], env=env).code != 0:
        raise OpsError(
            f"minikube could not enable the addon {METRICS}, which autoscaling needs (its message is above)",
            fix="do what it advises, or give replicas in place of autoscaling",
        )
    return True


def require_free_port(port: int) -> None:
    """Fail if a process of this machine listens on `port`.

    kube-proxy itself does not listen: it redirects, and would silently cut that process off.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - a node port is taken on every address
        except OSError as error:
            raise OpsError(
                f"port {port} is in use by another program on this machine",
                where=f"0.0.0.0:{port}: {error.strerror}; `ss -ltnp 'sport = :{port}'` names it",
                fix="stop it, or set another taskflow:frontend.service.nodePort in the stack file",
            ) from error


def _start(stack: StackFile, profile: str, env: Mapping[str, str], system: str) -> None:
    command = ["minikube", "start", "--profile", profile]
    if Minikube.find(profile, env) is None:
        # A profile that exists keeps its own driver and size. Images are built in the node's Docker daemon. Minikube
        # chooses the Kubernetes version.
        command += ["--driver=docker", "--container-runtime=docker", "--cpus=2", "--memory=4g"]
        if stack.node_port and hides_network(system, env):
            command += [f"--ports=127.0.0.1:{stack.node_port}:{stack.node_port}"]
    if stream(command, env=env).code != 0:
        raise OpsError(
            f"minikube could not start profile {profile} (its own message is above)",
            fix=f"do what it advises, or make cluster-delete STACK={stack.name}, and start afresh",
        )


def _wait(stack: StackFile, env: Mapping[str, str]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while (wrong := trouble(stack.context, env)) is not None:
        if time.monotonic() > deadline:
            raise OpsError(
                f"the cluster started, but is not ready after {SETTLE_SECONDS} s: {wrong}",
                where=f"context {stack.context}",
                fix=f"kubectl --context {shlex.quote(stack.context)} --namespace kube-system get pods",
            )
        time.sleep(1)


def _app(item: dict[str, Any]) -> str:
    return str(item["metadata"].get("labels", {}).get("k8s-app", ""))
