"""A healthy Minikube with driver `none`: Kubernetes right on this machine's Docker daemon."""

import json
import os
import socket
import time
import urllib.request
from pathlib import Path

from . import images, tools
from .host import DOCKER, LIBRARY, need_docker, still_runs
from .run import BIN, StepError, need_space, put, put_all, run, say, wait_for

_HOME = Path(os.environ.get("MINIKUBE_HOME") or Path.home())
MINIKUBE = _HOME if _HOME.name == ".minikube" else _HOME / ".minikube"
PROFILE = MINIKUBE / "profiles" / "minikube"
# In the profile's folder, so that it is deleted with the profile.
COMPLETE = PROFILE / "taskflow-infra-complete"
PROGRAMS = MINIKUBE / "cache/linux/amd64"
RUNTIME = "/run/cri-dockerd.sock"
# A proxy of the environment does not reach this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
KUBELET = "http://127.0.0.1:10248/healthz"
START = "--driver=none --container-runtime=docker --preload=false --cache-images=false --force"
# Kubelets refuse a host with cgroup v1 by default, and so does kubeadm's own check.
START += " --extra-config=kubelet.fail-cgroupv1=false"
START += " --extra-config=kubeadm.ignore-preflight-errors=SystemVerification"
READY_SECONDS = 180
VERSION = tools.version("k8s.io/kubernetes")
STORAGE_PROVISIONER = "gcr.io/k8s-minikube/storage-provisioner:v5"
METRICS = "registry.k8s.io/metrics-server/metrics-server"
NEEDS_SYSTEM = "kube-proxy"
"""It calls other programs (iptables, conntrack), so its image is a Debian."""
SERVICES = "10.96.0.0/12"
"""The addresses of Services, by Minikube's default."""
NODE = [Path("/etc/kubernetes"), Path("/var/lib/kubelet/pki"), Path("/var/lib/minikube")]
"""A cluster's own data, outside the profile."""
EXPECTED = {"coredns", "etcd", "kube-apiserver", "kube-proxy", "storage-provisioner"}


def prepare() -> None:
    need_docker()
    if not _lacks():
        # Its first start may have been interrupted and still have succeeded.
        if PROFILE.exists():
            COMPLETE.touch()
        return
    need_space(Path("/var/lib"), 3, "Minikube")
    tools.prepare()
    _images()
    _programs()
    _clear_unfinished()
    if not (PROFILE / "config.json").exists():
        _set_aside_strangers()
    _start(_version())
    # Without kube-proxy and CoreDNS, names and Service addresses do not work.
    hint = f"See `{BIN / 'kubectl'} --context minikube --namespace kube-system get pods`."
    wait_for("Minikube", READY_SECONDS, _lacks, hint)
    COMPLETE.touch()


def prepare_metrics() -> None:
    """Let `minikube addons enable metrics-server` find an image on this machine.

    It would ask for one by its digest, which no image made here can have, unless the profile names
    another, as `minikube addons enable --images` would write it there.
    """
    prepare()
    config = PROFILE / "config.json"
    tools.prepare("metrics-server")
    image = f"{METRICS}:{tools.version('sigs.k8s.io/metrics-server')}"
    images.wrap(image, tools.find("metrics-server"))
    settings = json.loads(config.read_text())
    wanted = {**(settings["CustomAddonImages"] or {}), "MetricsServer": image}
    if settings["CustomAddonImages"] != wanted:
        config.write_text(json.dumps({**settings, "CustomAddonImages": wanted}, indent=2))


def _images() -> None:
    """The images that this Kubernetes expects, as kubeadm lists them, and Minikube's own."""
    command = (tools.find("kubeadm"), "config", "images", "list", f"--kubernetes-version={VERSION}")
    for tag in (*run(*command).split(), STORAGE_PROVISIONER):
        program = tools.find(tag.rsplit("/", 1)[1].split(":")[0])
        make = images.build if program.name == NEEDS_SYSTEM else images.wrap
        make(tag, program)


def _programs() -> None:
    """Everything where Minikube looks for it, so that it downloads nothing."""
    for program in ("kubeadm", "kubelet", "kubectl"):
        put(tools.find(program), PROGRAMS / VERSION / program, linked=True)
    # Minikube also uses kubeadm to delete a cluster whose start was interrupted before it had copied its own.
    for program in ("crictl", "kubeadm"):
        put(tools.find(program), Path("/usr/local/bin") / program, linked=True)
    put(tools.find("cri-dockerd"), LIBRARY / "cri-dockerd", linked=True)
    # kube-proxy mounts it, even if the kernel has none.
    Path("/lib/modules").mkdir(exist_ok=True)
    put_all("cluster")
    run("systemctl", "daemon-reload")
    # For systemctl's replacement a unit that is not enabled is never active.
    run("systemctl", "enable", "cri-docker.service")
    if not Path("/opt/cni/bin").exists():
        put(Path("/usr/lib/cni"), Path("/opt/cni/bin"), linked=True)


def _clear_unfinished() -> None:
    """Remove a cluster whose first start was interrupted: Minikube would consider it complete."""
    config = PROFILE / "config.json"
    # With another driver it is not ours to remove, and Minikube prints what to do.
    if config.exists() and not COMPLETE.exists() and '"Driver": "none"' in config.read_text():
        say("removing what an interrupted first start left")
        _minikube("delete")


def _set_aside_strangers() -> None:
    """Move away a cluster whose profile is deleted, or another user's; delete nothing.

    Its keys are gone with the profile. Minikube would use new ones, and the cluster refuses them.
    """
    if not (found := [path for path in NODE if path.exists()]):
        return
    if {"kube-apiserver", "etcd"}.intersection(_containers()):
        raise StepError(
            f"A Kubernetes node runs on this machine that no profile in {MINIKUBE} knows.\n"
            "  Run this as the user who made it, or remove it: `kubeadm reset`. Then once more."
        )
    for path in found:
        aside = path.with_name(f"{path.name}-{time.strftime('%Y%m%dT%H%M%S')}")
        say(f"no profile in {MINIKUBE} knows the cluster in {path}: it is now {aside}")
        path.rename(aside)


def _containers() -> list[str]:
    """The running Kubernetes containers, by their names in their pods."""
    return run(DOCKER, "ps", "--format", '{{.Label "io.kubernetes.container.name"}}').split()


def _keep_services_inside() -> None:
    """Refuse a Service's address until kube-proxy translates it into a pod's.

    Otherwise requests leave the machine, and whoever answers counts as the Service: the API server
    keeps such a connection, and an added API stays unavailable.
    """
    for chain in ("OUTPUT", "FORWARD"):
        rule = f"{chain} --destination {SERVICES} --jump REJECT"
        check = f"iptables --wait --check {rule} 2>/dev/null"
        run("sh", "-c", f"{check} || iptables --wait --insert {rule}")


def _version() -> str:
    """The profile's Kubernetes version, perhaps from before an upgrade of this project; else this project's own."""
    config = PROFILE / "config.json"
    if not config.exists():
        return VERSION
    found: str = json.loads(config.read_text())["KubernetesConfig"]["KubernetesVersion"]
    if found != VERSION and not (PROGRAMS / found / "kubelet").exists():
        raise StepError(
            f"The cluster has Kubernetes {found}, whose programs are gone; Kubernetes cannot skip to {VERSION}.\n"
            f"  Run `python -m airgap tools` in the commit that made it, or give its data up: `minikube delete`."
        )
    return found


def _start(version: str) -> None:
    say(f"starting Minikube with Kubernetes {version}")
    _keep_services_inside()
    still_runs("cri-docker", "cri-dockerd")
    still_runs("kubelet", "kubelet")
    _minikube("start", f"--kubernetes-version={version}", *START.split())
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


def _lacks() -> str:
    """The cluster's faults; empty when it is healthy.

    The API server alone does not know: it shows pods as they were before a kill or the kubelet's
    death, until somebody corrects it.
    """
    try:
        if missing := EXPECTED.difference(_containers()):
            return f"these containers do not run: {', '.join(sorted(missing))}"
        # Not by Minikube: it uses options of systemctl that only systemd knows.
        with DIRECT.open(KUBELET, timeout=2), socket.socket(socket.AF_UNIX) as runtime:
            runtime.connect(RUNTIME)
        direct = ("env", "NO_PROXY=*", BIN / "kubectl")
        kubectl = (*direct, "--context=minikube", "--request-timeout=5s")
        run(*kubectl, "get", "storageclass", "standard")
        vital = ("--selector=k8s-app in (kube-dns, kube-proxy)", "--namespace=kube-system")
        run(*kubectl, "wait", "pods", *vital, "--for=condition=Ready", "--timeout=1s")
    except (StepError, OSError) as error:
        return f"not all of it answers: {error}"
    return ""
