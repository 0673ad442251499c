"""The machine of the figures, without a name that identifies it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ops.kubectl import Kubectl
from ops.prepare.setup import Setup


@dataclass(frozen=True)
class Circumstances:
    date: str
    hardware: str
    software: str
    load: str


def describe(chosen: Setup, context: str) -> Circumstances:
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    plugins = "official plugins" if chosen.plugins.official else "plugins of airgap/"
    kubernetes = _server_version(chosen.env, context)
    return Circumstances(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        hardware=f"{_processor()}, {os.cpu_count()} cores, {gibibytes:.0f} GiB",
        software=f"{_system()}, Python {platform.python_version()}, Kubernetes {kubernetes}, {plugins}",
        load=f"{os.getloadavg()[0]:.1f}",
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _system() -> str:
    release = Path("/etc/os-release")
    if not release.exists():
        return f"{platform.system()} {platform.release()}"
    names = [line for line in release.read_text().splitlines() if line.startswith("PRETTY_NAME=")]
    return names[0].partition("=")[2].strip('"') if names else platform.system()


def _server_version(env: Mapping[str, str], context: str) -> str:
    path = "jsonpath={.items[0].status.nodeInfo.kubeletVersion}"
    return Kubectl(context, env).run("get", "nodes", "--output", path).output.strip()
