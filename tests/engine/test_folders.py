"""The engine keeps the state of a checkout in a folder of any name."""

import os
import subprocess
from pathlib import Path

import pytest

from ops.engine.backend import find, prepare


@pytest.mark.parametrize("name", ["with#hash", "with space", "with%20percent", "mit-Größe"])
def test_a_stack_is_made_in_the_state_of_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: taskflow\nruntime: python\n")
    state = folder / ".state"
    backend = find({}, tmp_path, state)
    prepare(backend, state)
    command = ["pulumi", "stack", "init", "dev", "--non-interactive"]
    env = {**os.environ, **backend.env, "PULUMI_SKIP_UPDATE_CHECK": "1"}
    made = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    assert backend.folder is not None
    assert (backend.folder / "stacks" / "taskflow" / "dev.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
