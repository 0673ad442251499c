"""The components are installed from a wheel and used by a program outside this project, on the real engine."""

import json
import os
import re
import secrets
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine_stack import kubeconfig_to_nowhere

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "library.md"
IN_PYTHON, IN_STACK_FILE = re.findall(
    r"^```python\n(.+?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL
)
BACKEND, FRONTEND = (
    f"ghcr.io/example/{part}@sha256:{digit * 64}"
    for part, digit in (("backend", "1"), ("web", "2"))
)
DATABASE = f"postgresql://tasks:{secrets.token_hex(8)}@db.example.com/tasks?sslmode=require"
PROJECT = "shop"
COMPONENTS = ROOT / "components"
OURS = [
    path.relative_to(COMPONENTS)
    for path in COMPONENTS.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
]
LIMIT_SECONDS = 300


def run(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
) -> str:
    result = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    assert result.returncode == 0, f"{command[0]} failed:\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and its requirements, in the versions that this project pins."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    run(sys.executable, "-m", "venv", folder)
    pip = folder / "bin" / "pip"
    run(pip, "install", "--constraint", ROOT / "requirements.txt", wheel)
    return folder


def previewed(
    environment: Path, folder: Path, program: str, values: dict[str, str]
) -> list[dict[str, Any]]:
    """The engine's preview of a project that consists only of `program`.

    `databaseUrl` among the values is set as a secret.
    """
    (folder / "__main__.py").write_text(program)
    options = {"toolchain": "pip", "virtualenv": str(environment)}
    project = {"name": PROJECT, "runtime": {"name": "python", "options": options}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    (folder / "state").mkdir()
    (packages,) = environment.glob("lib/python*/site-packages")
    env = {
        "KUBECONFIG": str(kubeconfig_to_nowhere(folder, ["production"])),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(16),
        # A language host made by airgap/ does not look at `virtualenv`.
        "PYTHONPATH": str(packages),
    }

    def pulumi(*words: str, stdin: str | None = None) -> str:
        return run("pulumi", *words, "--non-interactive", env=env, cwd=folder, stdin=stdin)

    pulumi("stack", "init", "test")
    for key, value in values.items():
        kind = "--secret" if key.endswith("databaseUrl") else "--plaintext"
        pulumi("config", "set", kind, "--stack", "test", key, stdin=value)
    answer = pulumi("preview", "--stack", "test", "--json")
    steps: list[dict[str, Any]] = json.loads(answer)["steps"]
    return [step["newState"] for step in steps]


def test_the_wheel_holds_the_components_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == {f"taskflow_infra/{path}" for path in OURS}
    assert "taskflow_infra/py.typed" in names, "else no type checker reads the annotations"


def test_the_wheel_needs_nothing_but_what_it_asks_for(environment: Path) -> None:
    """In an interpreter without access to this project; a language host made by airgap/ has it."""
    modules = (
        ".".join(("taskflow_infra", *path.with_suffix("").parts))
        for path in OURS
        if path.name.endswith(".py") and path.name != "__init__.py"
    )
    run(environment / "bin" / "python", "-I", "-c", f"import {', '.join(modules)}")


@pytest.mark.parametrize(
    ("program", "values"),
    [
        (
            IN_PYTHON,
            {"backendImage": BACKEND, "frontendImage": FRONTEND, "databaseUrl": DATABASE},
        ),
        (
            IN_STACK_FILE,
            {
                "taskflow:release": "tasks",
                "taskflow:secrets": '{"generate": true}',
                "taskflow:databaseUrl": DATABASE,
                "taskflow:cluster": '{"context": "production"}',
                "taskflow:images": json.dumps(
                    {"backend": {"ref": BACKEND}, "frontend": {"ref": FRONTEND}}
                ),
                "taskflow:ingress": '{"host": "tasks.example.com", "tls": {"secret": "tasks-tls"}}',
            },
        ),
    ],
    ids=["configured in Python", "configured by its stack file"],
)
def test_a_program_elsewhere_makes_a_release(
    program: str, values: dict[str, str], environment: Path, tmp_path: Path
) -> None:
    resources = previewed(environment, tmp_path, program, values)
    containers = [
        resource["inputs"]["spec"]["template"]["spec"]["containers"][0]
        for resource in resources
        if resource["type"] == "kubernetes:apps/v1:Deployment"
    ]
    assert {container["image"] for container in containers} == {BACKEND, FRONTEND}
    (ingress,) = (item["inputs"] for item in resources if item["type"].endswith(":Ingress"))
    assert ingress["spec"]["rules"][0]["host"] == "tasks.example.com"
    assert DATABASE not in json.dumps(resources), "the database's address is a secret"
