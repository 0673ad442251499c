"""`make secret`: the line that errors print, pasted into a shell, sets an encrypted secret."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.documents import Checkout, Command

URL = "postgresql://tasks:not-shown-7@db.example.com:5432/tasks?sslmode=require"
KEY = "a-signing-key-that-is-long-enough-4321"
SECONDS = 120


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout.make(tmp_path_factory.mktemp("secret") / "clone")


def stored(clone: Checkout, stack: str, key: str) -> str:
    """The encrypted value in the stack file."""
    content = yaml.safe_load((clone.folder / f"Pulumi.{stack}.yaml").read_text())
    return str(content["config"][f"taskflow:{key}"]["secure"])


def printed_line(clone: Checkout, stack: str, key: str) -> str:
    """The command that `make validate` prints for a missing secret."""
    printed = clone.run(Command("missing", "make validate", ""))
    lines = re.findall(
        rf"is missing: .*; run: (make secret STACK={stack} KEY={key})$", printed, re.M
    )
    assert len(lines) == 1, printed
    return str(lines[0])


def typed(clone: Checkout, line: str, *answers: tuple[str, str], **env: str) -> tuple[int, str]:
    """Run a line in a terminal; `answers` are typed after each question. Returns what the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", line],
        cwd=clone.folder,
        env=clone.env | env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, asked = "", 0
    while True:
        try:
            shown += os.read(ours, 4096).decode(errors="replace")
        except OSError:  # The other end is closed.
            break
        if asked < len(answers) and re.search(rf"{answers[asked][0]}[^\n]*: $", shown):
            os.write(ours, f"{answers[asked][1]}\n".encode())
            asked += 1
    os.close(ours)
    code = process.wait(SECONDS)
    assert asked == len(answers), f"it asked {asked} of {len(answers)} questions:\n{shown}"
    return code, shown


def test_the_printed_line_takes_a_piped_value_and_encrypts_it(clone: Checkout) -> None:
    line = printed_line(clone, "prod", "databaseUrl")
    printed = clone.run(Command("pasted", f"printf '%s\\n' '{URL}' | {line}", ""))
    assert stored(clone, "prod", "databaseUrl").startswith("v1:")
    assert "not-shown-7" not in printed + (clone.folder / "Pulumi.prod.yaml").read_text()
    exec_line = ".venv/bin/python -m ops exec pulumi config get --stack prod taskflow:databaseUrl"
    assert clone.run(Command("read back", exec_line, "")) == f"{URL}\n", "nothing but the value"


def test_in_a_terminal_it_asks_and_shows_nothing_of_what_is_typed(clone: Checkout) -> None:
    line = printed_line(clone, "staging", "betterAuthSecret")
    code, shown = typed(clone, line, ("betterAuthSecret of stack staging", KEY))
    assert code == 0, shown
    assert KEY not in shown
    assert "betterAuthSecret is set" in shown
    assert stored(clone, "staging", "betterAuthSecret")


def test_a_secret_under_a_name_of_the_stack_file_is_set_the_same_way(clone: Checkout) -> None:
    stack_file = clone.folder / "Pulumi.staging.yaml"
    named = "  taskflow:backend: {secretEnv: {SMTP_PASSWORD: {config: mailPassword}}}\n"
    as_committed = clone.run(Command("as committed", "git show HEAD:Pulumi.staging.yaml", ""))
    stack_file.write_text(as_committed + named)
    line = printed_line(clone, "staging", "mailPassword")
    printed = clone.run(Command("pasted", f"echo not-shown-7 | {line}", ""))
    assert "mailPassword is set" in printed
    assert "not-shown-7" not in printed + stack_file.read_text()
    assert stored(clone, "staging", "mailPassword")


def test_with_a_backend_of_ones_own_it_asks_for_the_passphrase(
    clone: Checkout, tmp_path: Path
) -> None:
    clone.run(Command("as committed", "git checkout -q Pulumi.staging.yaml", ""))
    backend = {"PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    line = "make secret STACK=staging KEY=betterAuthSecret"
    new = ("New passphrase of stack staging", "of this test")
    again = ("Repeat for confirmation", "of this test")
    code, shown = typed(clone, line, ("of stack staging", KEY), new, again, **backend)
    assert code == 0, shown
    code, shown = typed(clone, line, ("of stack staging", KEY), ("Passphrase", "wrong"), **backend)
    assert "the passphrase does not open the secrets of stack staging" in shown
    assert code != 0
    piped = f"PULUMI_BACKEND_URL={backend['PULUMI_BACKEND_URL']} {line} <<< {KEY}"
    missing = "...\nerror: the passphrase of stack staging is not set\n...\nmake: *** ..."
    clone.run(Command("nobody to ask", piped, missing))


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("databaseUrl", "postgresql://u:not-shown-7@h/n", "databaseUrl asks for no TLS"),
        ("betterAuthSecret", "not-shown-7", "betterAuthSecret has 11 characters"),
        ("openaiApiKey", "", "openaiApiKey is empty"),
        ("databaseURL", URL, "databaseURL is not a secret of a stack"),
    ],
)
def test_a_value_that_cannot_be_right_changes_nothing(
    clone: Checkout, key: str, value: str, error: str
) -> None:
    before = (clone.folder / "Pulumi.prod.yaml").read_text()
    line = f"printf %s '{value}' | make secret STACK=prod KEY={key}"
    printed = clone.run(Command("wrong", line, f"error: ...{error}...make: *** ..."))
    assert "not-shown-7" not in printed
    assert (clone.folder / "Pulumi.prod.yaml").read_text() == before
