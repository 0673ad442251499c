"""A copy of the program with one more component: the queue worker of the recipe in CONTRIBUTING.md."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.config.stack_file import as_yaml
from ops.paths import ROOT

HEADING = "### Add a component"


def recipe() -> str:
    """The diff of the recipe."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition(HEADING)[2]
    found = re.search(r"^```diff\n(.+?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found, f"CONTRIBUTING.md has no diff below {HEADING!r}"
    return found[1]


def program_with_a_worker(folder: Path) -> Path:
    """Make `folder`: this checkout's program, without its stacks and tests, and with the diff applied."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if (ROOT / name).is_file() and not re.match(
            r"Pulumi\.\w+\.yaml|tests/(?!__init__|machinery)", name
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    # Else git would look for a repository that the folder lies in, and apply nothing.
    env = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(
        ["git", "apply", "-"], cwd=folder, env=env, input=recipe(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def write_stack(program: Path, name: str, values: Mapping[str, Any]) -> None:
    """A stack file of the copy."""
    config = {f"taskflow:{key}": value for key, value in values.items()}
    (program / f"Pulumi.{name}.yaml").write_text(as_yaml({"config": config}))


def ops(program: Path, *arguments: str, env: Mapping[str, str] | None = None, code: int = 0) -> str:
    """The output of a command of the copy; it must exit with `code`."""
    return python(program, "-m", "ops", *arguments, env=env, code=code)


def python(
    program: Path, *arguments: str, env: Mapping[str, str] | None = None, code: int = 0
) -> str:
    """The output of Python code in the copy."""
    command = [str(program / ".venv" / "bin" / "python"), *arguments]
    done = subprocess.run(
        command, cwd=program, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout
