"""System packages and a running Docker daemon, with or without systemd."""

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from .run import BIN, StepError, need_space, put, put_all, run, say, wait_for

IMAGES_NEED = ("docker.io", "debootstrap", "ca-certificates")
# Besides what Docker brings: containerd, runc, iptables. Minikube calls sudo even when it is root.
CLUSTER_NEEDS = ("sudo", "conntrack", "socat", "ebtables", "ethtool", "kmod")
PACKAGES = (*IMAGES_NEED, *CLUSTER_NEEDS, "containernetworking-plugins")
APT = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0")
# Debian's own client: a newer one without the buildx plugin cannot speak to BuildKit.
DOCKER = Path("/usr/bin/docker")
LIBRARY = Path("/usr/local/lib/taskflow-infra")
NOTES = Path("/run")
CAP_SYS_RESOURCE = 24
DOCKER_SECONDS = 60


def prepare() -> None:
    _packages()
    changed = False
    if not Path("/run/systemd/system").is_dir():
        _systemctl()
        changed = put_all("without-systemd")
    capabilities = re.search(r"CapEff:\s+(\w+)", Path("/proc/self/status").read_text())
    if capabilities and not int(capabilities[1], 16) >> CAP_SYS_RESOURCE & 1:
        changed |= put_all("without-sys-resource")
    if changed:
        run("systemctl", "daemon-reload")
        if not docker_trouble():
            say("restarting the Docker daemon with settings for this machine")
            run("systemctl", "restart", "docker")
    _docker()
    put(DOCKER, BIN / "docker", linked=True)


def docker_trouble() -> str:
    """Why the Docker daemon does not answer; empty when it does."""
    try:
        run(DOCKER, "version")
    except StepError as error:
        return f"the Docker daemon does not answer: {error}"
    return ""


def need_docker() -> None:
    if trouble := docker_trouble():
        raise StepError(f"{trouble}\n  Start it with `python -m airgap host`.")


def still_runs(service: str, program: str) -> bool:
    """Whether a service runs, by systemctl's notes of its process; removes notes that are wrong.

    After a kill the number in them may be another process's. systemctl's replacement would take
    that for the service: not start it, or kill it. It also fails to start what runs already.
    """
    runs = False
    for note in (NOTES / f"{service}.service.status", NOTES / f"{service}.pid"):
        pid = re.search(r"\d+", note.read_text()) if note.exists() else None
        path = os.path.realpath(f"/proc/{pid[0]}/exe") if pid else ""
        if path.removesuffix(" (deleted)").endswith(f"/{program}"):
            runs = True
        else:
            note.unlink(missing_ok=True)
    return runs


def _packages() -> None:
    hint = "This step knows Debian and its relatives. Elsewhere install Docker by hand."
    listed = run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", hint=hint)
    missing = [name for name in PACKAGES if f"\n{name} installed\n" not in f"\n{listed}"]
    if not missing:
        return
    need_space(Path("/var/cache/apt"), 1, "Installing system packages")
    say(f"installing {', '.join(missing)}")
    unasked = {"DEBIAN_FRONTEND": "noninteractive"}
    # Completes what a killed run left half installed: before that apt refuses. While another program installs this
    # fails, and apt waits.
    with suppress(StepError):
        run("dpkg", "--configure", "-a", env=unasked)
    for command in (["update"], ["install", "--no-install-recommends", "--no-remove", *missing]):
        run(
            *APT, *command,
            log="apt",
            env=unasked,
            hint="Is the package mirror reachable? Run the same command again when it is.",
        )  # fmt: skip


def _systemctl() -> None:
    """Minikube manages its services with `systemctl`, which needs a running systemd.

    Debian has a replacement that does not. Its package would remove systemd's, and with it
    whatever needs that; so only the program is installed, to a place that comes earlier on PATH.
    """
    if (LIBRARY / "systemctl").exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # apt drops its rights before it writes
        hint = "Run `apt-get update` and then the same command again."
        run("apt-get", "-q", "download", "systemctl", cwd=Path(folder), hint=hint)
        for package in Path(folder).glob("*.deb"):
            run("dpkg-deb", "-x", package, folder)
        put(Path(folder) / "usr/bin/systemctl", LIBRARY / "systemctl")


def _docker() -> None:
    """Start the daemon, also after a kill or a reboot."""
    if not docker_trouble():
        return
    say("starting the Docker daemon")
    need_space(Path("/var/lib"), 1, "The Docker daemon")
    log = "See `systemctl status docker` and its log: /var/log/journal or `journalctl -u docker`."
    # dockerd would wait for the containerd whose dead socket it finds: remove that first.
    for service, program in (("containerd", "containerd"), ("docker", "dockerd")):
        if not still_runs(service, program):
            run("systemctl", "start", service, hint=log)
    wait_for("Docker", DOCKER_SECONDS, docker_trouble, log)
