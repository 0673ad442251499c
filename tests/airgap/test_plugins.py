"""The plugin stand-ins' decisions, without engine, cluster or Docker."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airgap import plugins, tools
from airgap.plugins import resource_docker, resource_random

HOST = """
import sys
from types import SimpleNamespace as A
from airgap.plugins.language_python import LanguageHost
asked = A(info=A(program_directory=sys.argv[1]), args=["127.0.0.1:1"], pwd=sys.argv[1], env=[])
for answer in LanguageHost(None).RunPlugin(asked, A(add_callback=lambda end: None)):
    print(answer.stdout.decode().strip() or f"ended with {answer.exitcode}", flush=True)
"""
"""A language host that is asked for a policy pack, as the engine asks."""


def test_a_password_has_its_length_and_no_special_characters() -> None:
    text = resource_random.password(48)
    assert len(text) == 48
    assert text.isalnum()


def test_build_arguments_travel_in_the_environment_and_not_on_the_command_line() -> None:
    build = {"context": "c", "dockerfile": "c/Dockerfile", "args": {"MIRROR": "hunter2"}}
    inputs = {"imageName": "a:1", "build": build}
    command, variables = resource_docker.build_command(inputs)
    assert command[-1] == "c"
    assert "--build-arg=MIRROR" in command
    assert "hunter2" not in " ".join(command)
    assert variables["MIRROR"] == "hunter2"


def test_every_executable_runs_the_given_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    monkeypatch.setattr(tools, "prepare", built.append)
    plugins.install(tmp_path, "/some/python")
    assert built == ["pulumi-resource-kubernetes"], "the official one is built, without a stand-in"
    assert {path.name for path in tmp_path.iterdir()} == {
        "pulumi-language-python",
        "pulumi-resource-docker",
        "pulumi-resource-random",
    }
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o111
        module = path.name.removeprefix("pulumi-").replace("-", "_")
        assert f'exec "/some/python" -m airgap.plugins.{module}' in path.read_text()


def pack(folder: Path, program: str) -> list[str]:
    (folder / "__main__.py").write_text(program)
    return [sys.executable, "-c", HOST, str(folder)]


def test_what_a_policy_pack_prints_and_its_exit_code_reach_the_engine(tmp_path: Path) -> None:
    command = pack(tmp_path, "import sys; print(sys.argv[1]); sys.exit(3)")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["127.0.0.1:1", "ended with 3"]


@pytest.mark.exhaustive
def test_a_policy_pack_ends_with_a_killed_language_host(tmp_path: Path) -> None:
    command = pack(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout
        process = int(host.stdout.readline())
        host.kill()
    deadline = time.monotonic() + 10
    while lives(process):
        assert time.monotonic() < deadline, "the pack outlives the host that started it"
        time.sleep(0.1)


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
