"""The stack `dev`, and machines to choose tools for, made of what they have on PATH, on disk and within reach."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.config.stacks import StackFile
from ops.engine.backend import Backend
from ops.prepare.machine import Machine, Platform, Version
from ops.prepare.plugins import Plugins
from ops.prepare.setup import Setup

CHECKSUMS = "a" * 64
LINUX = Platform("linux", "amd64")
DEV = StackFile("dev", Path("Pulumi.dev.yaml"), "minikube", "minikube", 30080, True)


def set_up(env: Mapping[str, str]) -> Setup:
    """A machine on which everything is there, with the state of a team."""
    return Setup({}, Plugins(True, ""), Backend("s3://team", ours=False), LINUX, env)


# A stack on a Minikube, with nothing to set but what it must.
LOCAL = """\
config:
  taskflow:cluster: {minikube: minikube}
  taskflow:database: {embedded: {}}
  taskflow:secrets: {generate: true}
"""


def committed(folder: Path) -> None:
    """Make a folder a repository with one commit of all that is in it."""
    author = ("-c", "user.name=A Person", "-c", "user.email=person@example.com")
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)


def minikube_profile(home: Path, driver: str = "none", runtime: str = "docker") -> None:
    """What Minikube keeps of its profile `minikube` in a home folder."""
    path = home / ".minikube/profiles/minikube/config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    nodes = [{"ControlPlane": True, "IP": "192.168.49.2"}]
    runs = {"ContainerRuntime": runtime}
    path.write_text(json.dumps({"Driver": driver, "KubernetesConfig": runs, "Nodes": nodes}))


@dataclass
class MadeUpMachine(Machine):
    """Nothing installed and nothing within reach, unless it is said so."""

    platform: Platform = LINUX
    interactive: bool = False
    installed: dict[str, list[Path]] = field(default_factory=dict)
    versions: dict[Path, Version] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    web: dict[str, str] = field(default_factory=dict)
    clients_without_builder: set[Path] = field(default_factory=set)
    trouble: str | None = None

    def on_path(self, name: str) -> list[Path]:
        return self.installed.get(name, [])

    def exists(self, path: Path) -> bool:
        return path in self.files

    def starts(self, path: Path) -> bool:
        return path in self.files

    def version(self, name: str, path: Path) -> Version | None:
        return self.versions.get(path)

    def published(self, url: str) -> str | None:
        return self.web.get(url)

    def builds_images(self, docker: Path) -> bool:
        return docker not in self.clients_without_builder

    def daemon_trouble(self, docker: Path) -> str | None:
        return self.trouble
