"""The choice of each command-line tool: on PATH, else the official release, else built here.

`choose` only decides; `provide` downloads or builds what was decided.
"""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ops.errors import OpsError
from ops.paths import CHOSEN, OFFICIAL, STAND_INS
from ops.prepare import versions
from ops.prepare.download import Release, install, published_sha256
from ops.prepare.machine import Machine, Platform
from ops.processes import stream


class Origin(StrEnum):
    PATH = "on PATH"
    OFFICIAL = "official release"
    BUILT = "built from package registries"


@dataclass(frozen=True)
class Choice:
    """One tool, ready to run once `provide` has been through it."""

    name: str
    path: Path
    origin: Origin
    version: str
    download: Release | None = None
    """Set if the release must still be downloaded."""
    sha256: str = ""


@dataclass(frozen=True)
class Tool:
    name: str
    pinned: str
    oldest: tuple[int, ...]

    def release(self, platform: Platform) -> Release:
        system, arch = platform.system, platform.arch
        match self.name:
            case "pulumi":
                site = "https://get.pulumi.com/releases/sdk"
                cpu = "x64" if arch == "amd64" else arch
                return Release(
                    url=f"{site}/pulumi-v{self.pinned}-{system}-{cpu}.tar.gz",
                    checksums=f"{site}/pulumi-{self.pinned}-checksums.txt",
                    executable="pulumi/pulumi",
                )
            case "minikube":
                site = f"https://storage.googleapis.com/minikube/releases/v{self.pinned}"
                url = f"{site}/minikube-{system}-{arch}"
            case _:
                url = f"https://dl.k8s.io/release/v{self.pinned}/bin/{system}/{arch}/{self.name}"
        return Release(url=url, checksums=f"{url}.sha256", executable=self.name)


TOOLS = (
    Tool("pulumi", versions.PULUMI, versions.PULUMI_OLDEST),
    Tool("minikube", versions.MINIKUBE, versions.MINIKUBE_OLDEST),
    Tool("kubectl", versions.KUBECTL, versions.KUBECTL_OLDEST),
)


def choose(tool: Tool, machine: Machine) -> Choice:
    """Decide where `tool` comes from on `machine`. Changes nothing."""
    on_path = machine.on_path(tool.name)
    if on_path:
        return _as_it_is(tool, on_path[0], machine)

    release = tool.release(machine.platform)
    official = OFFICIAL / f"{tool.name}-{tool.pinned}" / release.executable
    if machine.exists(official):
        return Choice(tool.name, official, Origin.OFFICIAL, tool.pinned)

    checksums = machine.published(release.checksums)
    if checksums is not None:
        sha256 = published_sha256(release, checksums)
        return Choice(tool.name, official, Origin.OFFICIAL, tool.pinned, release, sha256)

    if machine.platform.system != "linux":
        raise OpsError(
            f"{tool.name} is not installed, and its download site cannot be reached",
            where=release.url,
            fix=f"install {tool.name} {tool.pinned} or newer by hand, or connect to the internet",
        )
    return Choice(tool.name, STAND_INS / tool.name, Origin.BUILT, "")


def choose_all(machine: Machine) -> dict[str, Choice]:
    with ThreadPoolExecutor(len(TOOLS)) as pool:
        choices = pool.map(lambda tool: choose(tool, machine), TOOLS)
        return {choice.name: choice for choice in choices}


def provide(choices: Mapping[str, Choice], *, env: Mapping[str, str]) -> None:
    """Download or build what is not there yet, and link what PATH would not find."""
    for choice in choices.values():
        if choice.download:
            print(f"Downloading {choice.download.url}", flush=True)
            install(choice.download, choice.sha256, OFFICIAL / f"{choice.name}-{choice.version}")
    built = [choice.name for choice in choices.values() if choice.origin is Origin.BUILT]
    if built:
        airgap("tools", env=env)
    for choice in choices.values():
        link(choice.name, choice.path, needed=choice.origin is not Origin.PATH)


def airgap(step: str, *arguments: str, env: Mapping[str, str]) -> None:
    """Run one step of `airgap`, which explains its own failures."""
    result = stream([sys.executable, "-u", "-m", "airgap", step, *arguments], env=env)
    if result.code != 0:
        raise OpsError(
            f"`python -m airgap {step}` failed (its own message is above)",
            fix="run the same command again: finished parts are kept",
        )


def link(name: str, path: Path, *, needed: bool) -> None:
    """Make `.tools/bin/<name>` point to `path`, or be absent where PATH alone finds it."""
    entry = CHOSEN / name
    if not needed:
        entry.unlink(missing_ok=True)
        return
    if entry.is_symlink() and entry.readlink() == path:
        return
    CHOSEN.mkdir(parents=True, exist_ok=True)
    entry.unlink(missing_ok=True)
    entry.symlink_to(path)


def _as_it_is(tool: Tool, path: Path, machine: Machine) -> Choice:
    found = machine.version(tool.name, path)
    if found is not None and found < tool.oldest:
        raise OpsError(
            f"{tool.name} {_dotted(found)} is too old: {_dotted(tool.oldest)} or newer is needed",
            where=str(path),
            fix=f"upgrade it, or take it off PATH and let `make` bring {tool.pinned}",
        )
    return Choice(tool.name, path, Origin.PATH, _dotted(found) if found else "unknown version")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
