"""The choice of the Pulumi plugins: the official releases, or else those of `airgap/`."""

import re
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare.machine import Machine
from ops.prepare.tools import Choice, Origin

PLUGIN_SITE = "https://get.pulumi.com/"
LANGUAGE_HOST = "pulumi-language-python"


@dataclass(frozen=True)
class Plugins:
    official: bool
    reason: str


def choose(pulumi: Choice, machine: Machine, *, home: Path, required: dict[str, str]) -> Plugins:
    """Official plugins where the engine has or can fetch them. `required`: versions by name."""
    if pulumi.origin is Origin.BUILT:
        return Plugins(False, "the official plugins' site cannot be reached")
    if pulumi.origin is Origin.PATH and not _has_language_host(pulumi, machine):
        return _stand_ins(machine, f"{pulumi.path} comes without {LANGUAGE_HOST}")
    missing = [
        f"{name} {version}"
        for name, version in required.items()
        if not machine.starts(
            home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"
        )
    ]
    if not missing:
        return Plugins(True, "installed")
    wanted = ", ".join(missing)
    if machine.reaches(PLUGIN_SITE):
        return Plugins(True, f"the engine installs {wanted}")
    return _stand_ins(machine, f"{wanted} not installed, and {PLUGIN_SITE} cannot be reached")


def required() -> dict[str, str]:
    """The resource plugins that the program's packages ask for, by requirements.txt."""
    requirements = (ROOT / "requirements.txt").read_text()
    return dict(re.findall(r"^pulumi-(\w+)==(\S+)", requirements, re.MULTILINE))


def _has_language_host(pulumi: Choice, machine: Machine) -> bool:
    beside = pulumi.path.resolve().parent / LANGUAGE_HOST
    return machine.exists(beside) or bool(machine.on_path(LANGUAGE_HOST))


def _stand_ins(machine: Machine, reason: str) -> Plugins:
    if machine.platform.system != "linux":
        raise OpsError(
            f"the official Pulumi plugins cannot be used: {reason}",
            fix="connect to the internet, or run once while connected: pulumi plugin install",
        )
    return Plugins(False, reason)
