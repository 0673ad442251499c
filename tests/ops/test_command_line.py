"""The command line as a whole: what is listed, what is loaded for it, and what a printed command does."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_group
from typer.testing import CliRunner

from ops import main
from ops.engine.backend import Backend
from ops.engine.diagnosis import explain
from ops.errors import pasteable
from ops.paths import ROOT
from ops.prepare import setup
from ops.prepare.plugins import Plugins
from ops.prepare.setup import Setup
from tests.ops.machines import LINUX
from tests.ops.programs import Programs
from tests.ops.test_diagnosis import DEV, FAILURES

HELP = [sys.executable, "-m", "ops", "--help"]
HELP_SECONDS = 0.3


def test_help_lists_every_command_within_a_third_of_a_second_of_processor_time() -> None:
    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    times = []
    for _ in range(3):
        before = used()
        shown = subprocess.run(HELP, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        times.append(used() - before)
    assert min(times) < HELP_SECONDS
    for commands in main.COMMANDS.values():
        for name, summary in commands.items():
            assert f"  {name} " in shown
            assert summary.split()[0] in shown


@pytest.mark.parametrize("module", main.COMMANDS)
def test_a_module_has_the_commands_that_are_listed_for_it_and_no_others(module: str) -> None:
    group: Any = get_group(import_module(module).commands)
    assert set(group.commands) == set(main.COMMANDS[module])


def test_an_unknown_command_gets_the_nearest_as_a_hint() -> None:
    result = CliRunner().invoke(main.app, ["histry"])
    assert result.exit_code == 2
    assert "Did you mean 'history'?" in result.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "run: pulumi config set --secret --stack prod taskflow:databaseUrl",
            "run: make secret STACK=prod KEY=databaseUrl",
        ),
        (
            "run: pulumi config set --stack prod --path 'taskflow:release' tasks",
            "run: .venv/bin/python -m ops exec pulumi config set --stack prod --path 'taskflow:release' tasks",
        ),
        ("pulumi stack output failed on stack dev", "pulumi stack output failed on stack dev"),
    ],
    ids=["a secret", "a command", "a sentence"],
)
def test_a_pulumi_command_in_an_error_is_printed_so_that_it_works_in_any_shell(
    text: str, expected: str
) -> None:
    assert pasteable(text) == expected


def test_a_kubectl_command_is_printed_plainly_only_where_it_is_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "see what this says: kubectl --context minikube get namespaces"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ": .venv/bin/python -m ops exec kubectl --context" in pasteable(text)
    (tmp_path / "kubectl").touch(0o755)
    assert pasteable(text) == text


def printed_fixes() -> list[str]:
    """What `ops` prints for every failure of the engine that it knows."""
    return [
        pasteable(explain(output, doing="pulumi up", stack=DEV).fix)
        for output, _, _ in FAILURES.values()
    ]


def commands_in(pattern: str) -> list[str]:
    found = [command for fix in printed_fixes() for command in re.findall(pattern, fix)]
    assert found, f"no fix has {pattern}: the pattern is wrong"
    return found


def test_every_printed_make_command_has_its_target_and_its_variables() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in commands_in(
        r"(?<!-)\bmake (?:up|down|status|history|rollback|open|logs)\b(?: [A-Z]+=[\w-]+)*"
    ):
        _, target, *variables = command.split()
        assert f"\n{target}: " in makefile, command
        module = next(name for name, commands in main.COMMANDS.items() if target in commands)
        group: Any = get_group(import_module(module).commands)
        known = {option.envvar for option in group.commands[target].params}
        assert {variable.partition("=")[0] for variable in variables} <= known, command


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    programs = Programs(tmp_path)
    programs.answer("pulumi", "ls", [])
    programs.answer("pulumi", "init", "")
    chosen = Setup({}, Plugins(True, ""), Backend("s3://team", ours=False), LINUX, programs.env)
    monkeypatch.setattr(setup, "choose", lambda: chosen)
    return programs


PRINTED = "pulumi config set --stack prod --path taskflow:release tasks"


@pytest.mark.parametrize("printed", [PRINTED, "pulumi cancel --yes --stack dev"])
def test_a_printed_pulumi_command_gets_its_tools_and_a_stack_that_exists(
    machine: Programs, monkeypatch: pytest.MonkeyPatch, printed: str
) -> None:
    became: list[Any] = []
    monkeypatch.setattr(os, "execvpe", lambda *arguments: became.extend(arguments))
    words = pasteable(f"run: {printed}").partition("-m ops ")[2].split()
    result = CliRunner().invoke(main.app, words)
    assert result.exit_code == 0, result.output
    stack = words[words.index("--stack") + 1]
    program, command, env = became
    assert (program, command) == ("pulumi", printed.split())
    assert (env["PATH"], env["PULUMI_STACK"]) == (machine.env["PATH"], stack)
    (made,) = [call for call in machine.calls if "init" in call]
    assert stack in made


def test_a_command_that_is_not_there_is_one_error(machine: Programs) -> None:
    result = CliRunner().invoke(main.app, ["exec", "no-such-program", "--help"])
    assert str(result.exception).startswith("there is no command no-such-program")
