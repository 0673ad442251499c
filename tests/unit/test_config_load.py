"""`load()`, on the values that the engine hands over, says word for word what `make validate` says of the file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from components.config.check import check_file
from components.config.errors import ConfigError
from components.config.load import load
from components.config.stack_file import FOLDER_VARIABLE, StackFile, as_yaml
from tests.generated import configs
from tests.stack_files import stack_files
from tests.unit.conftest import PROD_SECRETS, Engine

DEPLOYED = """\
config:
  taskflow:cluster: {context: production}
  taskflow:images: {registry: ghcr.io/example}
"""
SECURE = "  taskflow:databaseUrl: {secure: v1:x}\n  taskflow:betterAuthSecret: {secure: v1:x}\n"


def hand_over(path: Path, secrets: dict[str, str]) -> None:
    """As the engine does: texts as they are, null as an empty one, the rest as JSON, secrets in clear but marked."""
    values: dict[str, Any] = yaml.safe_load(path.read_text())["config"]
    texts: dict[str, str] = {}
    encrypted: list[str] = []
    for key, value in values.items():
        if isinstance(value, dict) and "secure" in str(value):
            encrypted.append(key)
            value = secrets.get(key.removeprefix("taskflow:"), {"env": {"TOKEN": "in clear"}})
        texts[key] = value if isinstance(value, str) else json.dumps(value)
        if value is None:
            texts[key] = ""
    pulumi.runtime.set_all_config(texts, encrypted)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the stack that a program is run for."""
    monkeypatch.chdir(tmp_path)
    pulumi.runtime.set_mocks(Engine(), project="taskflow", stack="prod", preview=False)
    return tmp_path / "Pulumi.prod.yaml"


def test_a_valid_file_is_loaded_with_its_secrets_beside_it(stack: Path) -> None:
    stack.write_text(f"{DEPLOYED}{SECURE}  taskflow:logLevel: debug\n")
    hand_over(stack, PROD_SECRETS)
    config, secrets = load()
    assert (config.cluster.context, config.log_level) == ("production", "debug")
    assert secrets.database_url is not None
    assert secrets.openai_api_key is None


def test_a_secret_that_a_variable_names_is_one_of_the_secrets(stack: Path) -> None:
    mail = (
        "  taskflow:backend: {secretEnv: {MAIL: {config: mail}}}\n  taskflow:mail: {secure: v1:x}\n"
    )
    stack.write_text(f"{DEPLOYED}{SECURE}{mail}")
    hand_over(stack, PROD_SECRETS | {"mail": "a password"})
    config, secrets = load()
    assert list(secrets.named) == ["mail"]
    assert "a password" not in str(config)


def test_a_block_that_is_nothing_is_left_out(stack: Path) -> None:
    stack.write_text(f"{DEPLOYED}{SECURE}  taskflow:ingress:\n")
    hand_over(stack, PROD_SECRETS)
    assert load()[0].ingress is None
    assert check_file(stack).config.ingress is None


@pytest.mark.parametrize(
    "text",
    [
        f'{DEPLOYED}{SECURE}  taskflow:backend:\n    replicas: two\n  taskflow:release: "1"\n',
        f"{DEPLOYED}{SECURE}  taskflow:backend:\n    autoscaling: {{max: 30}}\n    preStopSeconds: 40\n",
        f"{DEPLOYED}{SECURE}  taskflow:backnd: {{}}\n  taskfow:backend: {{}}\n",
        f"{DEPLOYED}{SECURE}  taskflow:backend:\n    env: {{TOKEN: {{secure: v1:x}}}}\n",
        f"{DEPLOYED}  taskflow:databaseUrl: postgresql://u:canary@h/db\n  taskflow:betterAuthSecret: 12345\n",
        f"{DEPLOYED}  taskflow:logLevel: loud\n",
        f"{DEPLOYED}{SECURE}  taskflow:ingress: 'yes'\n  taskflow:createNamespace: maybe\n",
    ],
)
def test_mistakes_are_reported_in_the_words_of_validate(stack: Path, text: str) -> None:
    stack.write_text(text)
    with pytest.raises(ConfigError) as of_file:
        check_file(stack)
    hand_over(stack, PROD_SECRETS)
    with pytest.raises(ConfigError) as of_engine:
        load()
    assert of_engine.value.messages == of_file.value.messages
    assert "canary" not in str(of_engine.value)


def said_by(check: Callable[[], object]) -> tuple[str, ...]:
    """What is wrong with a stack, or what it lacks for an update."""
    try:
        return tuple(getattr(check(), "missing", ()))
    except ConfigError as error:
        return error.messages


def as_file(values: dict[str, Any]) -> bytes:
    secrets = {key: {"secure": "v1:x"} for key in PROD_SECRETS}
    return as_yaml({"config": secrets | values}).encode()


@pytest.mark.exhaustive
@settings(
    max_examples=120,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.one_of(configs().map(as_file), stack_files()))
def test_whatever_is_in_a_file_the_program_says_of_it_what_validate_says(
    stack: Path, data: bytes
) -> None:
    """The values are those that the engine hands over: tests/engine/test_stack_files.py."""
    stack.write_bytes(data)
    try:
        source = StackFile.of_stack("prod", "taskflow", stack.parent)
    except ConfigError:
        event("no program runs: the engine reads no such file")
        return
    hidden = {path[0] for path in source.encrypted}
    if hidden - PROD_SECRETS.keys():
        event("no program runs: the engine cannot decrypt it")
        return
    texts = {**source.texts, **{key: PROD_SECRETS[key] for key in hidden}}
    pulumi.runtime.set_all_config(
        {f"taskflow:{key}": text for key, text in texts.items()},
        [f"taskflow:{key}" for key in hidden],
    )
    of_file = said_by(lambda: check_file(stack))
    event("refused" if of_file else "accepted")
    assert said_by(load) == of_file


def test_what_is_wrong_inside_an_encrypted_secret_is_reported_only_by_the_engine(
    stack: Path,
) -> None:
    stack.write_text(DEPLOYED + SECURE)
    hand_over(stack, PROD_SECRETS | {"betterAuthSecret": "canary"})
    with pytest.raises(ConfigError) as caught:
        load()
    (message,) = caught.value.messages
    assert "Pulumi.prod.yaml:5: taskflow:betterAuthSecret: has 6 characters" in message
    assert "canary" not in message


def test_an_encrypted_value_is_refused_under_a_plain_key_wherever_it_came_from(stack: Path) -> None:
    stack.write_text(
        f"{DEPLOYED}{SECURE}  taskflow:backend:\n    env: {{TOKEN: {{secure: v1:x}}}}\n"
    )
    hand_over(stack, PROD_SECRETS)
    stack.write_text(DEPLOYED + SECURE)  # As if the engine had been given another file.
    with pytest.raises(ConfigError) as caught:
        load()
    (message,) = caught.value.messages
    assert message.startswith("Pulumi.prod.yaml: taskflow:backend: an encrypted value would be")


def test_errors_name_the_file_that_the_engine_was_given_and_not_the_one_beside_the_program(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "elsewhere" / stack.name
    given.parent.mkdir()
    given.write_text(f"{DEPLOYED}{SECURE}\n\n  taskflow:logLevel: loud\n")
    stack.write_text("<<<<<<< HEAD\n")
    monkeypatch.setenv(FOLDER_VARIABLE, str(given.parent))
    hand_over(given, PROD_SECRETS)
    with pytest.raises(ConfigError, match=r"^Pulumi.prod.yaml:8: taskflow:logLevel: "):
        load()
