"""System packages and a running Docker daemon, with or without systemd."""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from pathlib import Path

from .run import BIN, CACHE, FILES, StepError, link, need_space, only_one, run, say, watch, works

PACKAGES = (
    "docker.io",
    "containerd",
    "runc",
    "debootstrap",  # base images
    "sudo",  # Minikube calls it even when it is root
    "conntrack",
    "iptables",
    "socat",
    "ebtables",
    "ethtool",
    "kmod",
    "containernetworking-plugins",
    "ca-certificates",
)
APT = ("apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0")
# Debian's own client: a newer one without the buildx plugin cannot speak to BuildKit.
DOCKER = Path("/usr/bin/docker")
UNITS = Path("/etc/systemd/system")
LIBRARY = Path("/usr/local/lib/taskflow-infra")
CAP_SYS_RESOURCE = 24


def prepare() -> None:
    with only_one("host"):
        _packages()
        if not has_systemd():
            _systemctl()
        _docker_units()
        _docker()
        link(DOCKER, BIN / "docker")


def has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _packages() -> None:
    listed = run(
        "dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n",
        hint="This step knows Debian and its relatives. Elsewhere install Docker by hand.",
    )  # fmt: skip
    present = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    missing = [package for package in PACKAGES if package not in present]
    if not missing:
        return
    need_space(Path("/var/cache/apt"), 1, "Installing system packages")
    say(f"installing {', '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    hint = "Is the package mirror reachable? Run the same command again when it is."
    watch("apt-get update", [*APT, "update"], CACHE / "log/apt.log", env=quiet, hint=hint)
    watch(
        "apt-get install",
        [*APT, "install", "--no-install-recommends", "--no-remove", *missing],
        CACHE / "log/apt.log",
        env=quiet,
        hint=hint,
    )


def _systemctl() -> None:
    """Minikube manages its services with `systemctl`, which asks a systemd that is not running.

    Debian has a replacement that does without. Its package would push systemd's out, and with it
    whatever needs that; so only the program is taken, to a place that comes earlier on PATH.
    """
    program = LIBRARY / "systemctl"
    if not program.exists():
        _unpack_systemctl(program)
    install(FILES / "systemctl", Path("/usr/local/bin/systemctl"))


def _unpack_systemctl(program: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        hint = "Run `apt-get update` and then the same command again."
        run("apt-get", "-q", "download", "systemctl", cwd=Path(folder), hint=hint)
        for package in Path(folder).glob("*.deb"):
            run("dpkg-deb", "-x", package, folder)
        install(Path(folder) / "usr/bin/systemctl", program)


def _docker_units() -> None:
    """Fit the daemon to the machine, and restart it if that changes anything."""
    folder = UNITS / "docker.service.d"
    changed = False
    if not has_systemd():
        changed = install(FILES / "docker.conf", folder / "taskflow-infra.conf")
    if not _may_set_limits():
        install(FILES / "runc", LIBRARY / "runc")
        changed |= install(FILES / "docker-runtime.conf", folder / "taskflow-infra-runtime.conf")
    if changed:
        run("systemctl", "daemon-reload")
        if docker_answers():
            say("restarting the Docker daemon with settings for this machine")
            run("systemctl", "restart", "docker")


def _may_set_limits() -> bool:
    """Whether this machine has CAP_SYS_RESOURCE, without which plain runc starts no pod."""
    status = Path("/proc/self/status").read_text()
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    return bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


def docker_answers() -> bool:
    return works(DOCKER, "version")


def need_docker() -> None:
    if not docker_answers():
        raise StepError(
            "The Docker daemon does not answer at /var/run/docker.sock. "
            "Start it with `python -m airgap host`."
        )


def _docker() -> None:
    """Start the daemon; also over what a kill or a reboot left behind."""
    if docker_answers():
        return
    say("starting the Docker daemon")
    need_space(Path("/var/lib"), 1, "The Docker daemon")
    # dockerd waits in vain for the containerd whose dead socket it finds: that one goes first.
    if not forget_dead("containerd", "containerd"):
        run("systemctl", "start", "containerd")
    log = "See `systemctl status docker` and its log: /var/log/journal or `journalctl -u docker`."
    if not forget_dead("docker", "dockerd"):
        run("systemctl", "start", "docker", hint=log)
    deadline = time.monotonic() + 60
    while not docker_answers():
        if time.monotonic() > deadline:
            raise StepError(f"The Docker daemon was started but does not answer after 60 s. {log}")
        time.sleep(0.5)


def forget_dead(service: str, program: str) -> bool:
    """Remove a killed service's notes of its process, whose number may be somebody else's now.

    systemctl's replacement would take that process for the service: not start it, or kill it. It
    also fails to start what runs already; so this tells whether a note was true.
    """
    alive = False
    for note in (Path(f"/run/{service}.service.status"), Path(f"/run/{service}.pid")):
        if note.exists():
            pid = re.search(r"\d+", note.read_text())
            running = ""
            with contextlib.suppress(OSError):  # No such process, or a zombie.
                running = Path(f"/proc/{pid[0] if pid else 0}/exe").readlink().name
            if running.removesuffix(" (deleted)") == program:
                alive = True
            else:
                note.unlink()
    return alive


def install(source: Path, target: Path) -> bool:
    """Put a file where the system looks for it; tell whether that changed anything."""
    content = source.read_bytes()
    if target.exists() and target.read_bytes() == content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.fresh")
    fresh.write_bytes(content)
    fresh.chmod(source.stat().st_mode & 0o777)
    fresh.replace(target)
    return True
