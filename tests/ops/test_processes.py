"""Child processes: their output is shown and kept, and Ctrl-C reaches them once."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.paths import ROOT
from ops.processes import capture, stream

CHILD = """
import pathlib, signal, sys, time
notes = pathlib.Path(sys.argv[1])
def stop(*_):
    with notes.open("a") as out: out.write("interrupted ")
    time.sleep(0.5)  # Longer than Python itself gives a child before it passes Ctrl-C on.
    with notes.open("a") as out: out.write("cleaned up")
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
time.sleep(60)
"""

PARENT = """
import fcntl, os, signal, sys, termios
if {terminal} is not None:
    fcntl.ioctl({terminal}, termios.TIOCSCTTY, 0)
# A shell's background job ignores it from its start, and so would this one.
signal.signal(signal.SIGINT, signal.default_int_handler)
from ops.main import app, main
from ops.processes import stream
@app.command()
def wait() -> None:
    stream([sys.executable, "-c", {child!r}, {notes!r}], env=os.environ)
sys.argv = ["ops", "wait"]
main()
"""


def test_output_is_passed_through_and_kept(capfd: pytest.CaptureFixture[str]) -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    result = stream([sys.executable, "-uc", script], env=os.environ)
    assert result.code == 3
    assert result.output.split() == ["out", "err"]
    assert capfd.readouterr().out.split() == ["out", "err"]


@pytest.mark.parametrize(("code", "kept"), [(0, ["out"]), (3, ["out", "err"])])
def test_a_warning_does_not_spoil_an_answer_but_an_error_is_kept(
    code: int, kept: list[str]
) -> None:
    script = f"import sys; print('out'); print('err', file=sys.stderr); sys.exit({code})"
    assert capture([sys.executable, "-c", script], env=os.environ).output.split() == kept


def test_noise_is_hidden_and_the_rest_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    result = stream(["printf", "one\\nnoise 7\\ntwo\\n"], env=os.environ, hide=r"noise \d")
    assert capfd.readouterr().out == result.output == "one\ntwo\n"


def test_a_child_ends_although_its_output_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may read it any more, and a terminal may lack a character."""
    count = 20_000
    for encoding in ("ascii", "utf-8"):
        with Path(os.devnull).open("w" if encoding == "ascii" else "r", encoding=encoding) as out:
            monkeypatch.setattr(sys, "stdout", out)
            printed = f"for _ in range({count}): print('\N{BULLET} a step')"
            command = [sys.executable, "-X", "utf8", "-c", printed]
            result = stream(command, env=os.environ, timeout=20)
            monkeypatch.undo()
        assert (result.code, result.output[:8]) == (0, "\N{BULLET} a step")


def test_a_missing_program_is_one_clear_error() -> None:
    with pytest.raises(OpsError, match="cannot start no-such-program"):
        stream(["no-such-program"], env=os.environ)
    assert capture(["no-such-program"], env=os.environ).code == 127


def test_a_program_that_hangs_is_given_up() -> None:
    result = capture(["sleep", "60"], env=os.environ, timeout=0.2)
    assert result.code == 124
    assert "did not answer" in result.output


def kill(sent: signal.Signals) -> Callable[[int, int], object]:
    return lambda process, terminal: os.kill(process, sent)


def ctrl_c(process: int, terminal: int) -> int:
    return os.write(terminal, b"\x03")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("terminal", "typed_in", "interrupt"),
    [
        (False, False, kill(signal.SIGINT)),
        (False, False, kill(signal.SIGTERM)),
        (False, False, kill(signal.SIGHUP)),
        (True, True, ctrl_c),
        (True, False, ctrl_c),
        (True, True, kill(signal.SIGTERM)),
    ],
    ids=[
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "Ctrl-C",
        "Ctrl-C while stdin is /dev/null",
        "SIGTERM in a terminal",
    ],
)
def test_an_interrupted_run_lets_its_child_clean_up_and_exits_with_130(
    tmp_path: Path, terminal: bool, typed_in: bool, interrupt: Callable[[int, int], object]
) -> None:
    """Ctrl-C in a terminal reaches the child by itself, any other signal does not."""
    notes = tmp_path / "notes"
    ours, theirs = pty.openpty()
    script = PARENT.format(child=CHILD, notes=str(notes), terminal=theirs if terminal else None)
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=theirs if typed_in else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        pass_fds=[theirs],
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    interrupt(run.pid, ours)
    _, errors = run.communicate(timeout=20)
    os.close(ours)
    os.close(theirs)

    assert run.returncode == 130
    assert notes.read_text() == "interrupted cleaned up", "interrupted once, and waited for"
    assert "Traceback" not in errors
    assert "the same command continues from here" in errors


def test_a_quiet_command_that_hangs_is_interrupted_and_given_up(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    command = [sys.executable, "-c", CHILD, str(notes)]
    result = stream(command, env=os.environ, quiet=True, timeout=3)
    assert result.code == 124
    assert "did not end within 3 s" in result.output
    assert notes.read_text() == "interrupted cleaned up"


@pytest.mark.exhaustive
def test_expected_failures_show_no_traceback() -> None:
    start = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "ops", "up", "--stack", "nowhere"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "error: there is no stack 'nowhere'" in run.stderr
    assert "fix: use one of STACK=" in run.stderr
    assert "Traceback" not in run.stderr
    assert time.monotonic() - start < 10, "a wrong name is found before anything is set up"
