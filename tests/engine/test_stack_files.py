"""The engine and the reader of stack files agree on every file, whatever is in it."""

import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from components.config.errors import ConfigError
from components.config.stack_file import StackFile, decoded, text_of
from tests.stack_files import stack_files

PROJECT = "name: taskflow\nruntime: python\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without keys of its own, in a backend of its own."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "state").mkdir()
    (folder / "Pulumi.yaml").write_text(PROJECT)
    assert pulumi(folder, "stack", "init", "x", "--no-select").returncode == 0
    return folder


def pulumi(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(8),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
    }
    command = ["pulumi", *arguments, "--non-interactive"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def of_the_engine(folder: Path) -> dict[str, Any] | None:
    """The project's values as the engine hands them over; None where it refuses the file."""
    result = pulumi(folder, "config", "--json", "--stack", "x")
    if result.returncode != 0:
        return None
    values = json.loads(result.stdout)
    prefix = "taskflow:"
    return {
        key.removeprefix(prefix): decoded(value.get("value", ""))
        for key, value in values.items()
        if key.startswith(prefix)
    }


@pytest.mark.parametrize(
    "config",
    [
        "{logLevel: debug, taskflow:release: blue, other:logLevel: x}",
        "{logLevel: {default: debug, description: x}, createNamespace: {default: false}}",
        "{backend: {default: {env: {A: x}}}, other:x: {value: y}}",
        "{logLevel: {value: debug}}",
        "{taskflow:config:logLevel: debug}",
    ],
)
@pytest.mark.parametrize(
    "stack", ["{}", "{logLevel: info}", "{taskflow:logLevel: ~}", "{backend: {replicas: 3}}"]
)
def test_the_projects_defaults_are_the_engines(tmp_path: Path, config: str, stack: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(f"{PROJECT}config: {config}\n")
    (tmp_path / "Pulumi.x.yaml").write_text(f"config: {stack}\n")
    assert pulumi(tmp_path, "stack", "init", "x", "--no-select").returncode == 0
    source = StackFile.of_stack("x", "taskflow", tmp_path)
    assert {key: decoded(text) for key, text in source.texts.items()} == of_the_engine(tmp_path)


@pytest.mark.parametrize("named", ["[one]", "{imports: []}", "{}", "one", "[]", "~", ""])
def test_environments_are_refused_where_the_engine_refuses_them(project: Path, named: str) -> None:
    (project / "Pulumi.x.yaml").write_text(f"environment: {named}\n")
    source = StackFile.of_stack("x", "taskflow", project)
    assert bool(source.environment) is (of_the_engine(project) is None)


def of_the_reader(path: Path) -> StackFile | None:
    try:
        source = StackFile.from_text(path.name, "x", "taskflow", text_of(path))
    except ConfigError:
        return None
    return None if source.faults else source


@settings(
    max_examples=40,
    derandomize=True,  # The same forty every time: a check must not fail by chance.
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=stack_files())
def test_what_the_reader_takes_is_what_the_engine_hands_over(project: Path, data: bytes) -> None:
    path = project / "Pulumi.x.yaml"
    path.write_bytes(data)
    source = of_the_reader(path)
    if source is None or source.encrypted:  # The reader alone refuses some files, as ambiguous.
        event("refused" if source is None else "encrypted")
        return
    event("taken")
    found = {key: decoded(text) for key, text in source.texts.items()}
    assert json.dumps(found, sort_keys=True) == json.dumps(of_the_engine(project), sort_keys=True)
