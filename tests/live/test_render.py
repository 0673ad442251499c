"""The real API server accepts every object that `make render` writes, field by field, and every one made up."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings

from components.config import ConfigError, parse
from components.config_secrets import secrets_in
from components.stack_file import StackFile
from ops.config.render import render
from ops.paths import ROOT
from tests.generated import configs
from tests.live.conftest import CONTEXT
from tests.unit.conftest import PROD_SECRETS, encrypted, source_of, stack_values

NAMESPACE = "rendertest"
STACKS = ("dev", "staging", "prod")


def kubectl(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = ["kubectl", "--context", CONTEXT, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    """Where the objects would go: an empty namespace, because a dry run needs one that exists."""
    kubectl("create", "namespace", NAMESPACE)
    yield
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def would_be_accepted(text: str) -> None:
    """Ask the API server, which admits, defaults and validates without keeping anything."""
    objects = [item for item in yaml.safe_load_all(text) if item["kind"] != "Namespace"]
    for item in objects:
        for port in item["spec"].get("ports", []) if item["kind"] == "Service" else []:
            port.pop("nodePort", None)  # Another release may have it.
    answer = kubectl(
        *("create", "--dry-run=server", "--validate=strict", "--filename", "-"),
        text=yaml.safe_dump_all(objects),
    )
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == len(objects)


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_would_be_accepted(stack: str) -> None:
    source = StackFile.of_stack(stack, "taskflow", ROOT)
    secrets = encrypted(PROD_SECRETS) | secrets_in(source)
    values = {**stack_values(ROOT / source.name), "namespace": NAMESPACE}
    config = parse(values, secrets=secrets, source=source)
    would_be_accepted(render(config, source))


@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(configs())
def test_whatever_the_models_accept_the_api_server_accepts(values: dict[str, Any]) -> None:
    source = source_of("made-up")
    try:
        config = parse(
            {**values, "namespace": NAMESPACE}, secrets=encrypted(PROD_SECRETS), source=source
        )
    except ConfigError:
        assume(False)
    would_be_accepted(render(config, source))


def test_the_api_server_would_refuse_a_field_that_does_not_exist() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatta: {a: b}\n"
    answer = kubectl(
        *("create", "--namespace", NAMESPACE, "--dry-run=server", "--validate=strict", "-f", "-"),
        text=text,
    )
    assert answer.returncode != 0
    assert "datta" in answer.stderr
