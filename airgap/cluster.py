"""A healthy Minikube with driver `none`: Kubernetes right on this machine's Docker daemon."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

from . import images, tools
from .host import LIBRARY, need_docker, still_runs
from .run import BIN, StepError, need_space, put, put_all, run, say

MINIKUBE = Path.home() / ".minikube"
PROFILE = MINIKUBE / "profiles" / "minikube"
# In the profile's folder, so that it goes when the profile goes.
COMPLETE = PROFILE / "taskflow-infra-complete"
RUNTIME = "/run/cri-dockerd.sock"
KUBELET = "http://127.0.0.1:10248/healthz"
READY_SECONDS = 180
VERSION = tools.KUBERNETES_VERSION
REGISTRY = "registry.k8s.io"
# Image -> the one static program that it holds.
PROGRAM_IMAGES = {
    f"{REGISTRY}/kube-apiserver:{VERSION}": "kube-apiserver",
    f"{REGISTRY}/kube-controller-manager:{VERSION}": "kube-controller-manager",
    f"{REGISTRY}/kube-scheduler:{VERSION}": "kube-scheduler",
    f"{REGISTRY}/coredns/coredns:v1.12.0": "coredns",
    f"{REGISTRY}/pause:3.10": "pause",
    "gcr.io/k8s-minikube/storage-provisioner:v5": "storage-provisioner",
}
EXPECTED = ("coredns-", "kube-proxy-", "storage-provisioner")


def prepare() -> None:
    need_docker()
    if not _lacks():
        return
    need_space(Path("/var/lib"), 3, "Minikube")
    _images()
    _programs()
    _clear_unfinished()
    # Minikube restarts Docker, and with it every container.
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    _start()
    deadline = time.monotonic() + READY_SECONDS
    # While kube-proxy and CoreDNS are not there, names and Service addresses lead nowhere.
    while problem := _lacks(since):
        if time.monotonic() > deadline:
            raise StepError(
                f"Minikube was started, but after {READY_SECONDS} s {problem}. "
                f"See `{BIN / 'kubectl'} --context minikube --namespace kube-system get pods`."
            )
        time.sleep(1)
    COMPLETE.touch()


def prepare_metrics() -> None:
    """Let `minikube addons enable metrics-server` find an image on this machine.

    It would ask for one by its digest, which no image made here can have, unless the profile names
    another, as `minikube addons enable --images` would write it there.
    """
    need_docker()
    config = PROFILE / "config.json"
    if not config.exists():
        raise StepError("There is no cluster yet: run `python -m airgap cluster` first.")
    tools.prepare("metrics-server")
    image = f"{REGISTRY}/metrics-server/metrics-server:{tools.version('metrics-server')}"
    images.wrap(image, tools.find("metrics-server"))
    settings = json.loads(config.read_text())
    wanted = {**(settings["CustomAddonImages"] or {}), "MetricsServer": image}
    if settings["CustomAddonImages"] != wanted:
        config.write_text(json.dumps({**settings, "CustomAddonImages": wanted}, indent=2))


def _images() -> None:
    """The images that Minikube expects, under the names by which it asks for them."""
    images.debian()
    for tag, program in PROGRAM_IMAGES.items():
        images.wrap(tag, tools.find(program))
    images.build(f"{REGISTRY}/etcd:3.5.21-0", "etcd", BASE_IMAGE=images.DEBIAN)
    programs = tools.find("kube-proxy").parent
    images.build(
        f"{REGISTRY}/kube-proxy:{VERSION}", "kube-proxy", programs, BASE_IMAGE=images.DEBIAN
    )


def _programs() -> None:
    """Everything where Minikube looks for it, so that it downloads nothing."""
    for program in ("kubeadm", "kubelet", "kubectl"):
        target = MINIKUBE / "cache/linux/amd64" / VERSION / program
        put(tools.find(program), target, linked=True)
    put(tools.find("crictl"), Path("/usr/local/bin/crictl"), linked=True)
    put(tools.find("cri-dockerd"), LIBRARY / "cri-dockerd", linked=True)
    put_all("cluster")
    run("systemctl", "daemon-reload")
    # To systemctl's replacement a unit that is not enabled is never active.
    run("systemctl", "enable", "cri-docker.service")
    if not Path("/opt/cni/bin").exists():
        put(Path("/usr/lib/cni"), Path("/opt/cni/bin"), linked=True)


def _clear_unfinished() -> None:
    """Remove a cluster whose first start was interrupted: Minikube would take it for complete."""
    config = PROFILE / "config.json"
    if not config.exists() or COMPLETE.exists():
        return
    driver = json.loads(config.read_text())["Driver"]
    if driver != "none":
        raise StepError(
            f"There is a Minikube profile `minikube` with driver `{driver}`, which this step does "
            f"not manage. Start it with `minikube start`, or remove it with `minikube delete`."
        )
    say("removing what an interrupted first start left")
    _minikube("delete")


def _start() -> None:
    say("starting Minikube")
    still_runs("cri-docker", "cri-dockerd")
    still_runs("kubelet", "kubelet")
    _minikube(
        "start",
        "--driver=none",
        "--container-runtime=docker",
        f"--kubernetes-version={VERSION}",
        "--preload=false",
        "--cache-images=false",
        "--force",
        # Since Go 1.26 the URLs that this kubeadm makes up to look for a proxy do not parse.
        "--extra-config=kubeadm.ignore-preflight-errors=HTTPProxyCIDR",
    )
    run("systemctl", "enable", "kubelet")


def _minikube(command: str, *options: str) -> None:
    run(
        BIN / "minikube", command, "--profile=minikube", *options,
        log=f"minikube-{command}",
        env={
            "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "MINIKUBE_WANTUPDATENOTIFICATION": "false",
            "CHANGE_MINIKUBE_NONE_USER": "true",
        },
        hint="Run the same command again; if that fails too, `minikube delete` and once more.",
    )  # fmt: skip


def _lacks(since: str = "") -> str:
    """What the cluster still lacks; empty when it is healthy.

    After a kill the API server shows pods as they were, until the kubelet gets to each: only
    containers that started after the time `since` count then.
    """
    try:
        # Asked directly, because Minikube asks systemctl in words that only systemd knows, and
        # because pods stay "Ready" for the first minute after the kubelet died.
        with urllib.request.urlopen(KUBELET, timeout=2), socket.socket(socket.AF_UNIX) as runtime:
            runtime.connect(RUNTIME)
        pods = json.loads(_kubectl("get", "pods", "--all-namespaces", "--output=json"))["items"]
        _kubectl("get", "storageclass", "standard")
    except OSError as error:
        return f"the kubelet ({KUBELET}) or its runtime ({RUNTIME}) does not answer: {error}"
    except StepError as error:
        return f"the API server does not answer: {error}"
    ready = {pod["metadata"]["name"]: _oldest_start(pod) for pod in pods if _is_ready(pod)}
    missing = [name for name in EXPECTED if not any(pod.startswith(name) for pod in ready)]
    stale = [name for name, start in ready.items() if start < since]
    return f"not ready: {', '.join([*missing, *stale])}" if missing or stale else ""


def _is_ready(pod: Any) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _oldest_start(pod: Any) -> str:
    states = [entry["state"] for entry in pod["status"]["containerStatuses"]]
    return min(str(state.get("running", {}).get("startedAt", "")) for state in states)


def _kubectl(*arguments: str) -> str:
    return run(BIN / "kubectl", "--context=minikube", "--request-timeout=5s", *arguments)
