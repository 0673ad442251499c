"""The command line as a whole: what is listed, what is loaded for it, and what a printed command does."""

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

from components.config.errors import ConfigError
from components.minikube import ClusterError
from ops import main
from ops.errors import OpsError, pasteable
from ops.paths import ROOT
from ops.prepare import setup
from tests import fixes
from tests.fixes import TOOLS, printed
from tests.ops.machines import set_up
from tests.ops.programs import Programs

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
            sentence = summary.partition(". ")[0]
            assert re.search(f"^  {name} +{re.escape(sentence)}", shown, re.MULTILINE)


@pytest.mark.parametrize("module", main.COMMANDS)
def test_a_module_has_the_commands_that_are_listed_for_it_and_no_others(module: str) -> None:
    group: Any = get_group(import_module(module).commands)
    assert set(group.commands) == set(main.COMMANDS[module])


@pytest.mark.parametrize("module", main.COMMANDS)
def test_no_help_text_cuts_a_name_off(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for command in main.COMMANDS[module]:
        shown = CliRunner().invoke(main.app, [command, "--help"])
        assert "--help" in shown.output
        assert "…" not in shown.output


def test_text_is_utf_8_in_every_locale() -> None:
    """Python's own UTF-8 mode, which C has by itself, is off here: so are other locales, as ISO-8859-1."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUTF8"}
    result = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "ops", "status", "--stack", "grün"],
        cwd=ROOT, env={**env, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, capture_output=True,
    )  # fmt: skip
    assert "there is no stack 'grün'" in result.stderr.decode()


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


def test_every_printed_make_command_has_its_target_and_its_variables() -> None:
    makefile = (ROOT / "Makefile").read_text()
    names = re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)
    targets = "|".join(sorted(names, key=len, reverse=True))
    command = re.compile(
        rf"(?<![-\w])make (?:({targets})(?![-\w])|[a-z-]+(?= [A-Z]+=))((?: [A-Z_]+=\S*)*)"
    )
    found = [
        (f"{place}: {match[0]}", match)
        for place, text in printed()
        for match in command.finditer(text)
    ]
    used = {match[1] for _, match in found}
    assert used >= {"up", "status", "rotate", "secret", "rollback", "history"}, (
        "the pattern is wrong"
    )
    for place, match in found:
        assert match[1], f"{place}: there is no such target"
        module = next(name for name, commands in main.COMMANDS.items() if match[1] in commands)
        group: Any = get_group(import_module(module).commands)
        known = {option.envvar for option in group.commands[match[1]].params}
        for variable in match[2].split():
            name, _, value = variable.partition("=")
            assert name in known, place
            assert value.strip(",;"), f"{place}: {name} has no value"


def test_every_printed_command_of_a_tool_can_be_pasted() -> None:
    found = [(place, text, match) for place, text in printed() for match in TOOLS.finditer(text)]
    assert len(found) > 8, "the pattern is wrong"
    of_components = {place.partition(":")[0] for place, _, _ in found if "components/" in place}
    assert of_components >= {"components/minikube.py", "components/config/check.py"}
    for place, text, match in found:
        before = text[: match.start()]
        assert not before or before.endswith(": "), f"{place}: pasteable() passes over {match[0]!r}"
        assert not match[0].startswith("kubectl ") or match[0].endswith("--context"), place
    for place, text in printed():
        assert "<" not in text, f"{place}: a shell would read from a file"


def test_every_printed_command_is_run_on_a_live_release_or_says_why_not() -> None:
    """tests/live/test_documents.py runs those that change nothing."""
    assert fixes.commands() == {*fixes.RUN_LIVE, *fixes.RUN_NOWHERE}
    assert fixes.RUN_LIVE.isdisjoint(fixes.RUN_NOWHERE)


@pytest.mark.parametrize("words", ["secret", "rotate"])
def test_a_command_without_its_key_is_answered_with_one_that_can_be_pasted(words: str) -> None:
    result = CliRunner().invoke(
        main.app, [words], env={"KEY": "databaseUr", "SECRET": "databaseUr"}
    )
    assert isinstance(result.exception, OpsError)
    variable = {"secret": "KEY", "rotate": "SECRET"}[words]
    assert f"make {words} STACK=dev {variable}=databaseUrl" in result.exception.fix


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    programs = Programs(tmp_path)
    programs.answer("pulumi", "ls", [])
    programs.answer("pulumi", "init", "")
    monkeypatch.setattr(setup, "choose", lambda: set_up(programs.env))
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


@pytest.mark.parametrize("failure", [ConfigError(["x: is wrong"]), ClusterError("x: is wrong")])
def test_a_mistake_that_a_component_finds_is_one_line(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise failure

    monkeypatch.setattr(main, "app", fails)
    with pytest.raises(SystemExit, match="1"):
        main.main()
    assert capsys.readouterr().err.endswith("error: x: is wrong\n")
