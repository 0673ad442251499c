"""A Pulumi project in its own folder, with its own state: neither other stacks nor the checkout change."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.timing import Timed, timed
from components.config.stack_file import as_yaml, file_name
from ops.paths import ROOT

HERE = Path(__file__).parent
PROGRAM = ("__main__.py", "components", "docker")
NOT_COPIED = shutil.ignore_patterns("node_modules", "__pycache__", ".*cache", ".next")
STACK = "bench"
UP_SECONDS = 300


@dataclass(frozen=True)
class Project:
    """A folder with a program, and the stack `bench` in it."""

    folder: Path
    env: Mapping[str, str]

    def configure(self, namespace: str, values: Mapping[str, Any], stack: str = STACK) -> None:
        """Write the plain values of the stack; the engine's own lines stay."""
        path = self.folder / file_name(stack)
        content = yaml.safe_load(path.read_text()) if path.exists() else {}
        content["config"] = {f"{namespace}:{key}": value for key, value in values.items()}
        path.write_text(as_yaml(content))

    def init(self) -> None:
        """Make the stack."""
        self.pulumi("stack", "init", STACK, "--no-select")

    def up(self) -> Timed:
        """Bring it up and wait for its pods, as the engine does."""
        return self.pulumi("up", "--yes", "--skip-preview", "--stack", STACK)

    def preview(self, *flags: str) -> Timed:
        """Compare program and state."""
        return self.pulumi("preview", "--stack", STACK, *flags)

    def destroy(self) -> Timed:
        """Delete everything that the stack made."""
        return self.pulumi("destroy", "--yes", "--skip-preview", "--stack", STACK)

    def pulumi(self, *arguments: str) -> Timed:
        """Run the engine here."""
        command = ["pulumi", *arguments, "--non-interactive"]
        return timed(command, env=self.env, cwd=self.folder, limit=UP_SECONDS)


def own_state(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """An environment in which the engine keeps its state in `folder`, under a passphrase that is not kept."""
    folder.mkdir()
    without = {key: value for key, value in env.items() if key != "PULUMI_CONFIG_PASSPHRASE_FILE"}
    return without | {
        "PULUMI_BACKEND_URL": folder.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(16),
    }


def copy_of_checkout(folder: Path, env: Mapping[str, str]) -> Project:
    """This checkout's program and image sources, which may be edited there."""
    folder.mkdir()
    shutil.copyfile(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    for name in PROGRAM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=NOT_COPIED)
        else:
            shutil.copyfile(source, folder / name)
    return _with_environment(folder, env)


def fixture(name: str, folder: Path, env: Mapping[str, str]) -> Project:
    """One of the programs beside this file."""
    shutil.copytree(HERE / name, folder, ignore=NOT_COPIED)
    (folder / "components").symlink_to(ROOT / "components")
    return _with_environment(folder, env)


def _with_environment(folder: Path, env: Mapping[str, str]) -> Project:
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return Project(folder, env)
