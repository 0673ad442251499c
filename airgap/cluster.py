"""A healthy Minikube with driver `none`: Kubernetes right on this machine's Docker daemon."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import time
import urllib.request
from pathlib import Path

from . import images, tools
from .host import LIBRARY, UNITS, forget_dead, install, need_docker
from .run import BIN, CACHE, FILES, StepError, link, need_space, only_one, run, say, watch

PROFILE = "minikube"
# In the profile's folder, so that it goes when the profile goes.
COMPLETE = "taskflow-infra-complete"
PLUGINS = Path("/opt/cni/bin")
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
    with only_one("cluster"):
        if _unready() == "":
            return
        need_space(Path("/var/lib"), 3, "Minikube")
        _images()
        _programs()
        _clear_unfinished()
        # Minikube restarts Docker, and with it every container.
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        _start()
        _wait(since)
        (_profile() / COMPLETE).touch()


def provide_metrics() -> None:
    """Let `minikube addons enable metrics-server` find an image on this machine.

    It would ask for one by its digest, which no image made here can have, unless the profile names
    another, as `minikube addons enable --images` would write it there.
    """
    need_docker()
    tools.prepare("metrics-server")
    program = tools.find("metrics-server")
    image = f"{REGISTRY}/metrics-server/metrics-server:{program.parent.name.split('-')[2]}"
    with only_one("images"):
        images.wrap(image, program)
    config = _profile() / "config.json"
    if not config.exists():
        raise StepError("There is no cluster yet: run `python -m airgap cluster` first.")
    settings = json.loads(config.read_text())
    wanted = {**(settings.get("CustomAddonImages") or {}), "MetricsServer": image}
    if settings.get("CustomAddonImages") != wanted:
        config.write_text(json.dumps({**settings, "CustomAddonImages": wanted}, indent=2))


def _images() -> None:
    """The images that Minikube expects, under the names by which it asks for them."""
    with only_one("images"), tempfile.TemporaryDirectory(dir=CACHE) as folder:
        images.debian()
        for tag, program in PROGRAM_IMAGES.items():
            images.wrap(tag, tools.find(program))
        images.build(f"{REGISTRY}/etcd:3.5.21-0", FILES / "images/etcd", BASE_IMAGE=images.DEBIAN)
        context = Path(folder)
        shutil.copy(FILES / "images/kube-proxy/Dockerfile", context)
        shutil.copy(tools.find("kube-proxy"), context)
        images.build(f"{REGISTRY}/kube-proxy:{VERSION}", context, BASE_IMAGE=images.DEBIAN)


def _programs() -> None:
    """Everything where Minikube looks for it, so that it downloads nothing."""
    cache = Path.home() / ".minikube/cache/linux/amd64" / VERSION
    for program in ("kubeadm", "kubelet", "kubectl"):
        link(tools.find(program), cache / program)
    link(tools.find("crictl"), Path("/usr/local/bin/crictl"))
    link(tools.find("cri-dockerd"), LIBRARY / "cri-dockerd")
    install(FILES / "cri-dockerd", Path("/usr/local/bin/cri-dockerd"))
    for unit in ("cri-docker.service", "cri-docker.socket"):
        install(FILES / unit, UNITS / unit)
    run("systemctl", "daemon-reload")
    # To systemctl's replacement a unit that is not enabled is never active.
    run("systemctl", "enable", "cri-docker.service")
    if not PLUGINS.exists():
        link(Path("/usr/lib/cni"), PLUGINS)


def _profile() -> Path:
    return Path.home() / ".minikube/profiles" / PROFILE


def _clear_unfinished() -> None:
    """Remove a cluster whose first start was interrupted: Minikube would take it for complete."""
    config = _profile() / "config.json"
    if not config.exists() or (_profile() / COMPLETE).exists():
        return
    driver = json.loads(config.read_text())["Driver"]
    if driver != "none":
        raise StepError(
            f"There is a Minikube profile `{PROFILE}` with driver `{driver}`, which this step does "
            f"not manage. Start it with `minikube start`, or remove it with `minikube delete`."
        )
    say("removing what an interrupted first start left")
    run(BIN / "minikube", "delete", f"--profile={PROFILE}", env=_environment())


def _start() -> None:
    say("starting Minikube")
    forget_dead("cri-docker", "cri-dockerd")
    forget_dead("kubelet", "kubelet")
    watch(
        "minikube start",
        [
            BIN / "minikube",
            "start",
            f"--profile={PROFILE}",
            "--driver=none",
            "--container-runtime=docker",
            f"--kubernetes-version={VERSION}",
            "--preload=false",
            "--cache-images=false",
            "--force",
            # Since Go 1.26 the URLs that this kubeadm makes up to look for a proxy do not parse.
            "--extra-config=kubeadm.ignore-preflight-errors=HTTPProxyCIDR",
        ],
        CACHE / "log/minikube.log",
        env=_environment(),
        hint="Run the same command again; if that fails too, `minikube delete` and once more.",
    )
    run("systemctl", "enable", "kubelet")


def _environment() -> dict[str, str]:
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin",
        "MINIKUBE_WANTUPDATENOTIFICATION": "false",
        "CHANGE_MINIKUBE_NONE_USER": "true",
    }


def _wait(since: str) -> None:
    """While kube-proxy and CoreDNS are not there, names and Service addresses lead nowhere."""
    deadline = time.monotonic() + READY_SECONDS
    while problem := _unready(since):
        if time.monotonic() > deadline:
            raise StepError(
                f"Minikube was started, but after {READY_SECONDS} s {problem}. "
                f"See `{BIN / 'kubectl'} --context {PROFILE} --namespace kube-system get pods`."
            )
        time.sleep(1)


def _unready(since: str = "") -> str:
    """What the cluster still lacks; empty when it is healthy.

    After a kill the API server shows pods as they were, until the kubelet gets to each: only
    containers that started after the time `since` count then.
    """
    try:
        # Asked directly, because Minikube asks systemctl in words that only systemd knows, and
        # because pods stay "Ready" for the first minute after the kubelet died.
        with urllib.request.urlopen(KUBELET, timeout=2), socket.socket(socket.AF_UNIX) as runtime:
            runtime.connect(RUNTIME)
        pods = json.loads(_kubectl("get", "pods", "--all-namespaces", "--output=json"))
        _kubectl("get", "storageclass", "standard")
    except OSError as error:
        return f"the kubelet ({KUBELET}) or its runtime ({RUNTIME}) does not answer: {error}"
    except StepError as error:
        return f"the API server does not answer: {error}"
    ready: set[str] = set()
    stale: set[str] = set()
    for pod in pods["items"]:
        conditions = {
            entry["type"]: entry["status"] for entry in pod["status"].get("conditions", ())
        }
        if conditions.get("Ready") == "True":
            states = [entry["state"] for entry in pod["status"]["containerStatuses"]]
            started = min(state.get("running", {}).get("startedAt", "") for state in states)
            (ready if started >= since else stale).add(pod["metadata"]["name"])
    missing = [name for name in EXPECTED if not any(pod.startswith(name) for pod in ready)]
    return f"not ready: {', '.join([*missing, *stale])}" if missing or stale else ""


def _kubectl(*arguments: str) -> str:
    return run(BIN / "kubectl", f"--context={PROFILE}", "--request-timeout=5s", *arguments)
