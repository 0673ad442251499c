"""Programs in folders of their own, with their own state: neither other stacks nor the checkout change."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ops.errors import OpsError
from ops.paths import ROOT
from tests.live_release import Kubectl, docker

HERE = Path(__file__).parent
PROGRAM = ("__main__.py", "components", "docker")
NOT_COPIED = shutil.ignore_patterns("node_modules", "__pycache__", ".*cache", ".next")
STACK = "bench"
"""Also the name of its release, and so of its namespace."""
VOLUME_SECONDS = 60.0


def copy_of_checkout(folder: Path) -> Path:
    """This checkout's program and image sources, which may be edited there."""
    folder.mkdir()
    for name in PROGRAM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=NOT_COPIED)
        else:
            shutil.copyfile(source, folder / name)
    return _as_project(folder)


def fixture(name: str, folder: Path) -> Path:
    """One of the programs beside this file."""
    shutil.copytree(HERE / name, folder, ignore=NOT_COPIED)
    (folder / "components").symlink_to(ROOT / "components")
    return _as_project(folder)


def _as_project(folder: Path) -> Path:
    shutil.copyfile(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def remove(namespace: str) -> None:
    """Delete a namespace with all in it, whoever made it; wait until it is gone, and its volumes too.

    Minikube names a volume's folder by its claim: a successor would find the old data, or lose its own to a late
    deletion.
    """
    kubectl = Kubectl(namespace)
    kubectl.delete_namespace(wait=True)
    deadline = time.monotonic() + VOLUME_SECONDS
    while _volumes(kubectl):
        if time.monotonic() > deadline:
            raise OpsError(f"volumes of namespace {namespace} were not deleted", where="pv")
        time.sleep(0.2)


def _volumes(kubectl: Kubectl) -> list[str]:
    return [
        volume["metadata"]["name"]
        for volume in kubectl.get("persistentvolumes")["items"]
        if volume["spec"].get("claimRef", {}).get("namespace") == kubectl.namespace
    ]


def images() -> set[str]:
    """References of the application's images that the node has."""
    listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    return {line for line in listed.splitlines() if line.startswith("taskflow-")}
