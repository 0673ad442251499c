import os
import subprocess
import sys

import pytest
from pydantic import ValidationError
from taskflow_api.database import asyncpg_dsn
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


@pytest.mark.parametrize(
    "url", ["hush", "postgresql://user:hush", "postgresql://", "postgresql://h:99999/hush"]
)
def test_a_url_that_leads_to_no_postgres_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(database_url=url, better_auth_secret=SECRET)
    assert "postgresql://user:password@host:5432/database" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_an_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("BETTER_AUTH_SECRET", SECRET)
    assert Settings.from_environment().openai_api_key is None


def test_hosted_postgres_urls_reach_the_driver_without_what_only_libpq_knows() -> None:
    given = "postgresql://u:p%40ss@host/db?sslmode=require&channel_binding=require"
    assert asyncpg_dsn(given) == "postgresql://u:p%40ss@host/db?sslmode=require"
