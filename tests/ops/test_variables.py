"""A NAME=value given to make reaches the command as its option."""

from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from ops.main import app

COMMANDS = get_command(app)


def option(command: str, name: str, *arguments: str) -> Any:
    """The value of an option as the command gets it."""
    assert isinstance(COMMANDS, TyperGroup)
    return COMMANDS.commands[command].make_context(command, [*arguments]).params[name]


@pytest.mark.parametrize(
    ("command", "variable", "text", "name", "value"),
    [
        ("up", "STACK", "staging", "stack", "staging"),
        ("up", "ATOMIC", "1", "atomic", True),
        ("up", "CONFIRM", "data-loss", "confirm", "data-loss"),
        ("up", "REFRESH", "1", "refresh", True),
        ("down", "CONFIRM", "data-loss", "confirm", "data-loss"),
        ("up", "MESSAGE", "Two words", "message", "Two words"),
        ("rollback", "TO", "3", "to", 3),
        ("rollback", "SECRETS", "current", "secrets", "current"),
        ("rollback", "IGNORE_MIGRATIONS", "0003_a 0004_b", "ignore_migrations", "0003_a 0004_b"),
        ("rollback", "CONFIRM", "data-loss", "confirm", "data-loss"),
        ("up", "BACKUP", "no", "first", False),
        ("down", "BACKUP", "no", "first", False),
        ("rollback", "BACKUP", "no", "first", False),
        ("backup", "TO", "here.age", "to", "here.age"),
        ("backup", "BACKUP_KEY", "key", "key", Path("key")),
        ("restore", "FROM", "here.age", "source", "here.age"),
        ("restore", "CONFIRM", "data-loss", "confirm", "data-loss"),
        ("restore", "BACKUP", "no", "first", False),
        ("logs", "COMPONENT", "backend", "component", "backend"),
        ("logs", "TAIL", "100", "tail", 100),
        ("diff", "CONFIRM", "data-loss", "confirm", "data-loss"),
        ("footprint", "AGAINST", "HEAD~1", "against", "HEAD~1"),
        ("pr-report", "AGAINST", "HEAD~1", "against", "HEAD~1"),
        ("pr-report", "STACK", "prod", "stack", "prod"),
    ],
)
def test_a_variable_of_make_is_an_option_of_the_command(
    monkeypatch: pytest.MonkeyPatch, command: str, variable: str, text: str, name: str, value: Any
) -> None:
    required = {"rollback": ("TO", ["--to", "1"]), "restore": ("FROM", ["--from", "here.age"])}
    known, arguments = required.get(command, ("", []))
    needed = [] if variable == known else arguments
    monkeypatch.setenv(variable, text)
    assert option(command, name, *needed) == value


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "preview",
        "diff",
        "drift",
        "footprint",
        "history",
        "open",
        "pr-report",
        "rollback",
        "smoke",
        "status",
    ],
)
def test_every_command_about_a_stack_takes_its_name_and_answers_programs(command: str) -> None:
    assert isinstance(COMMANDS, TyperGroup)
    loaded = COMMANDS.commands[command].make_context(command, [], resilient_parsing=True).command
    options = {flag for given in loaded.params for flag in given.opts}
    assert {"--stack", "--json"} <= options
