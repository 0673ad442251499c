"""How `.venv` is made, and repaired after an interrupt. Python and df are scripts."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.paths import ROOT

PYTHON = """#!/bin/sh
case "$*" in
"--version") echo Python 3.13 ;;
"-c import pip; "*) echo found ;;
"-m venv --clear "*) rm -rf "$4" && mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && echo venv >> "{notes}" ;;
"-m pip install "*) echo pip >> "{notes}"; {pip} ;;
esac
"""


class Checkout:
    """A folder in which `make` makes the environment."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / ".venv"
        self.notes = folder / "notes"
        self.notes.touch()
        self.folder = folder
        self.folder.joinpath("bin").mkdir()
        self.pip("echo installed")
        self.free(20_000_000)

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def pip(self, script: str) -> None:
        self.program("python3", PYTHON.format(notes=self.notes, pip=script))

    def free(self, kilobytes: int) -> None:
        row = f"/dev/disk 30000000 1 {kilobytes} 1% /here"
        self.program("df", f"#!/bin/sh\necho Filesystem and so on\necho '{row}'\n")

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def run(self, *command: str) -> None:
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def start(self, stamp: str = "1") -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", str(ROOT / "ops" / "environment.sh"), f"{self.venv}/.made-{stamp}"],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def make(self, stamp: str = "1") -> tuple[int, str]:
        run = self.start(stamp)
        output, errors = run.communicate(timeout=20)
        assert output == "", "stdout is the command's: make -s render >file"
        return run.returncode, errors

    @property
    def done(self) -> list[str]:
        return self.notes.read_text().split()

    @property
    def stamps(self) -> list[str]:
        return [path.name for path in self.venv.glob(".made-*")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_an_environment_whose_making_was_killed_is_made_afresh(checkout: Checkout) -> None:
    checkout.pip("sleep 60")
    killed = checkout.start()
    deadline = time.monotonic() + 10
    while checkout.done != ["venv", "pip"] and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert checkout.stamps == [], "half an environment has no stamp"

    checkout.pip("exit 0")
    assert checkout.make()[0] == 0
    assert checkout.done == ["venv", "pip"] * 2
    assert checkout.stamps == [".made-1"]


def test_other_requirements_are_installed_into_the_environment_that_is_there(
    checkout: Checkout,
) -> None:
    checkout.make("1")
    checkout.make("2")
    assert checkout.done == ["venv", "pip", "pip"]
    assert checkout.stamps == [".made-2"]


@pytest.mark.parametrize(
    "upgraded",
    [
        lambda python: python.unlink(),
        lambda python: python.write_text("#!/bin/sh\necho No module named pip >&2; exit 1\n"),
    ],
    ids=["the version is gone", "another version is in its place"],
)
def test_an_environment_whose_python_was_replaced_is_made_afresh(
    checkout: Checkout, upgraded: Callable[[Path], object]
) -> None:
    shutil.copy(ROOT / "Makefile", checkout.folder)
    (checkout.folder / "ops").mkdir()
    shutil.copy(ROOT / "ops" / "environment.sh", checkout.folder / "ops")
    checkout.run("make", "validate")
    checkout.run("make", "validate")
    assert checkout.done == ["venv", "pip"], "it is made once"
    upgraded(checkout.venv / "bin" / "python")
    checkout.run("make", "validate")
    assert checkout.done == ["venv", "pip"] * 2


@pytest.mark.parametrize(
    ("words", "free", "error", "fix"),
    [
        ("timed out", 20_000_000, " (its own", "check the network or the package index"),
        ("403 for typer", 20_000_000, " (its own", "check the network or the package index"),
        ("no space left", 100_000, ": the disk is full (its own", "make room on /here"),
    ],
    ids=["network", "refused package", "full disk"],
)
def test_an_installation_that_fails_is_reported_with_what_to_do_and_the_next_one_goes_on(
    checkout: Checkout, words: str, free: int, error: str, fix: str
) -> None:
    checkout.pip(f"echo {words} >&2; exit 1")
    checkout.free(free)
    code, said = checkout.make()
    assert code == 1
    assert f"\n{words}\nerror: pip could not install requirements-dev.txt{error}" in said
    assert f"fix: {fix}" in said
    assert checkout.stamps == []
    checkout.pip("exit 0")
    checkout.free(20_000_000)
    assert checkout.make()[0] == 0
    assert checkout.stamps == [".made-1"]
