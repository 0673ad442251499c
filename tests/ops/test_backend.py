"""Where the state goes, and that the user's own login is respected."""

import json
from pathlib import Path

import pytest

from ops.engine.backend import find, home, prepare


def log_in(home: Path, current: str) -> None:
    (home / "credentials.json").write_text(json.dumps({"current": current}))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / ".state"


def test_without_a_login_the_state_stays_in_the_checkout(tmp_path: Path, state: Path) -> None:
    backend = find({}, tmp_path, state)
    assert backend.ours
    assert backend.env["PULUMI_BACKEND_URL"] == f"file://{state}"
    assert backend.env["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(state / "passphrase")


def test_a_login_is_used_and_nothing_is_set_over_it(tmp_path: Path, state: Path) -> None:
    log_in(tmp_path, "https://api.pulumi.com")
    backend = find({}, tmp_path, state)
    assert not backend.ours
    assert backend.env == {}


def test_a_token_of_pulumi_cloud_is_for_those_without_a_login(tmp_path: Path, state: Path) -> None:
    environ = {"PULUMI_ACCESS_TOKEN": "pul-1"}
    assert find(environ, tmp_path, state).has_environments
    log_in(tmp_path, "s3://states")
    found = find(environ, tmp_path, state)
    assert (found.url, found.has_environments) == ("s3://states", False)


def test_an_empty_variable_names_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PULUMI_HOME", "")
    assert home() == tmp_path / ".pulumi"


def test_someone_who_logged_out_gets_the_state_in_the_checkout(tmp_path: Path, state: Path) -> None:
    log_in(tmp_path, "")
    assert find({}, tmp_path, state).ours


@pytest.mark.parametrize(
    "environ",
    [{"PULUMI_BACKEND_URL": "s3://states"}, {"PULUMI_ACCESS_TOKEN": "pul-1"}],
    ids=lambda environ: next(iter(environ)),
)
def test_a_backend_named_in_the_environment_is_used(
    tmp_path: Path, state: Path, environ: dict[str, str]
) -> None:
    assert not find(environ, tmp_path, state).ours


@pytest.mark.parametrize("given", ["environment", "login"])
def test_the_state_in_the_checkout_is_recognised_where_its_address_is_given(
    tmp_path: Path, state: Path, given: str
) -> None:
    """As in a shell that evaluated `ops env`; otherwise commands would leave its encryption key in the stack file."""
    environ = dict(find({}, tmp_path, state).env)
    if given == "login":
        log_in(tmp_path, environ.pop("PULUMI_BACKEND_URL") + "/")
    found = find(environ, tmp_path, state)
    assert found.ours
    assert found.url == f"file://{state}"


def test_the_users_own_passphrase_is_not_replaced(tmp_path: Path, state: Path) -> None:
    backend = find({"PULUMI_CONFIG_PASSPHRASE": "mine"}, tmp_path, state)
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in backend.env


def test_the_passphrase_is_generated_once_and_readable_by_its_owner_only(
    tmp_path: Path, state: Path
) -> None:
    backend = find({}, tmp_path, state)
    prepare(backend, state)
    first = (state / "passphrase").read_text()
    prepare(backend, state)
    assert len(first) >= 32
    assert (state / "passphrase").read_text() == first, "another one could not open the state"
    assert (state / "passphrase").stat().st_mode & 0o777 == 0o600


def test_an_empty_passphrase_left_by_a_killed_run_is_replaced(tmp_path: Path, state: Path) -> None:
    state.mkdir()
    (state / "passphrase").touch()
    (state / "passphrase.part").touch()
    prepare(find({}, tmp_path, state), state)
    assert (state / "passphrase").read_text()


def test_nothing_is_made_for_a_backend_of_the_user(tmp_path: Path, state: Path) -> None:
    prepare(find({"PULUMI_BACKEND_URL": "s3://states"}, tmp_path, state), state)
    assert not state.exists()
