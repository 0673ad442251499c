"""Secrets of the stack file under names of its own, which pods get as environment variables."""

from pathlib import Path
from typing import Any

import pytest

from components.app import TaskflowAppArgs
from components.config.check import check_file
from components.config.errors import ConfigError
from components.config.load import StackSecrets
from components.config.stack import StackConfig
from tests.unit.conftest import LOCAL, Deploy, merged

MAIL: dict[str, Any] = {"backend": {"secretEnv": {"SMTP_PASSWORD": {"config": "mailPassword"}}}}
SECRETS = {"mailPassword": "canary"}
FILE = """\
config:
  taskflow:cluster: {minikube: minikube}
  taskflow:database: {embedded: {}}
  taskflow:secrets: {generate: true}
  taskflow:backend:
    secretEnv:
      SMTP_PASSWORD: {config: mailPassword}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "Pulumi.test.yaml"
    path.write_text(text)
    return path


def errors(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        check_file(written(folder, text))
    return str(caught.value)


def test_the_pods_of_one_component_get_it_from_an_immutable_secret(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, MAIL), SECRETS)
    container = engine.container("backend")
    reference = container["env"][-1]
    assert reference["name"] == "SMTP_PASSWORD"
    made = engine.of_kind("Secret")["taskflow-backend-secrets"]
    assert made["immutable"], "so a change makes another one, which rolls the pods"
    assert made["stringData"]["value"] == SECRETS
    name = reference["valueFrom"]["secretKeyRef"]["name"]
    assert name.startswith("taskflow-backend-secrets-")
    assert name not in str(engine.only("Deployment", "frontend"))


def test_a_stack_without_such_variables_has_no_further_secret(deploy: Deploy) -> None:
    names = deploy(LOCAL).of_kind("Secret").keys()
    assert [
        name for name in names if name.endswith(("-backend-secrets", "-frontend-secrets"))
    ] == []


def test_what_is_not_set_yet_is_named_with_the_line_that_sets_it(tmp_path: Path) -> None:
    (missing,) = check_file(written(tmp_path, FILE)).missing
    assert "taskflow:mailPassword: is missing: backend.secretEnv.SMTP_PASSWORD names it" in missing
    assert "run: pulumi config set --secret --stack test taskflow:mailPassword" in missing


def test_set_and_encrypted_it_is_valid(tmp_path: Path) -> None:
    text = f"{FILE}  taskflow:mailPassword: {{secure: v1:x}}\n"
    assert check_file(written(tmp_path, text)).missing == ()


def test_in_plain_text_it_is_refused_and_not_shown(tmp_path: Path) -> None:
    found = errors(tmp_path, f"{FILE}  taskflow:mailPassword: canary\n")
    assert "Pulumi.test.yaml:8: taskflow:mailPassword: is in plain text" in found
    assert "canary" not in found


def test_an_encrypted_value_that_nothing_names_is_refused(tmp_path: Path) -> None:
    found = errors(tmp_path, f"{FILE}  taskflow:other: {{secure: v1:x}}\n")
    assert "taskflow:other: an encrypted value would be written out in plain here" in found


def test_the_name_of_a_plain_key_cannot_be_a_secret(tmp_path: Path) -> None:
    found = errors(tmp_path, FILE.replace("mailPassword", "release"))
    assert "SMTP_PASSWORD.config: release is a key of the stack file already" in found
    assert "is missing" not in found, "the command would encrypt the key"


def test_a_program_that_gives_none_fails_at_once() -> None:
    config = StackConfig.model_validate(merged(LOCAL, MAIL))
    with pytest.raises(ConfigError, match=r"StackSecrets\.named has no such secret"):
        TaskflowAppArgs(config=config, secrets=StackSecrets(), sources=Path())
