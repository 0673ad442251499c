import json
import os
import subprocess
import sys

import pytest
from taskflow_api.settings import Settings
from tests.support.server import ROOT, SECRET

URL = "postgresql://user:hush@127.0.0.1:1/none"


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "taskflow_api"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_a_start_without_its_environment_names_all_that_is_missing() -> None:
    done = start()
    assert done.returncode == 2
    for name in ("DATABASE_URL", "BETTER_AUTH_SECRET"):
        assert f"the environment variable {name}: Field required" in done.stdout
    assert done.stderr == ""


def test_wrong_values_are_named_but_never_shown() -> None:
    names = ("BETTER_AUTH_SECRET", "LOG_LEVEL", "ASSISTANT_TIMEOUT")
    done = start(DATABASE_URL="mysql://u:hush@h/d", **dict.fromkeys(names, "hush"))
    assert done.returncode == 2
    for name in ("DATABASE_URL", *names):
        assert f"the environment variable {name}: " in done.stdout
    assert "hush" not in done.stdout + done.stderr


def test_an_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("BETTER_AUTH_SECRET", SECRET)
    assert Settings.from_environment().openai_api_key is None


@pytest.mark.parametrize("key", ["“hush”", "hush\nhush", "hush\ufeff", "hush\x7f"])
def test_a_key_that_no_header_may_contain_is_refused_at_the_start(key: str) -> None:
    done = start(DATABASE_URL=URL, BETTER_AUTH_SECRET=SECRET, OPENAI_API_KEY=key)
    assert done.returncode == 2
    assert "the environment variable OPENAI_API_KEY: has characters that no HTTP" in done.stdout
    assert "hush" not in done.stdout + done.stderr


@pytest.mark.parametrize("key", ["sk-key\n", "\ufeffsk-key\r\n"])
def test_a_key_from_a_file_is_used_without_its_newline_and_byte_order_mark(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("BETTER_AUTH_SECRET", SECRET)
    used = Settings.from_environment().openai_api_key
    assert used is not None
    assert used.get_secret_value() == "sk-key"


def test_whatever_ends_the_process_is_a_line_of_json() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from taskflow_api.logs import configure_logging\n"
            "configure_logging('info')\nraise RuntimeError('lost')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
    )
    (line,) = done.stdout.splitlines()
    assert "RuntimeError: lost" in json.loads(line)["exception"]
    assert done.stderr == ""
