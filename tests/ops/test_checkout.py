"""A checkout works with any setup of git and the folder."""

import subprocess
from pathlib import Path

import pytest

from ops.engine.backend import find
from ops.paths import ROOT

GENERATED = (
    "docs/configuration.md",
    "schema/stack.schema.json",
    "docker/frontend/package-lock.json",
)


def git(*arguments: str, folder: Path = ROOT) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_no_file_gets_the_line_ends_of_windows(tmp_path: Path) -> None:
    attributes = (ROOT / ".gitattributes").read_text()
    git("init", "--quiet", folder=tmp_path)
    (tmp_path / ".gitattributes").write_text(attributes)
    for name in ("environment.sh", "Dockerfile", "Pulumi.dev.yaml", "code.py"):
        (tmp_path / name).write_bytes(b"one\ntwo\n")
    (tmp_path / "tasks.png").write_bytes(b"\x89PNG\r\n\n")
    git("add", "--all", folder=tmp_path)
    for name in git("ls-files", folder=tmp_path).split():
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        git("-c", "core.autocrlf=true", "checkout", "--", name, folder=tmp_path)
        assert (tmp_path / name).read_bytes() == before, name


@pytest.mark.parametrize("path", GENERATED)
def test_what_a_command_makes_is_marked_as_generated(path: str) -> None:
    assert git("check-attr", "linguist-generated", "--", path).strip().endswith(": set")


@pytest.mark.parametrize("name", ["with#hash", "with space", "with%20percent", "mit-Größe"])
def test_the_state_of_a_folder_with_any_name_is_found_by_its_address(
    tmp_path: Path, name: str
) -> None:
    state = tmp_path / name / ".state"
    backend = find({}, tmp_path, state)
    assert "#" not in backend.url
    assert backend.folder == state / ".pulumi"
