"""Whatever the models accept renders to valid objects; whatever they refuse is reported with its place."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from components.config.check import parse
from components.config.errors import ConfigError
from components.config.secrets import Secret
from components.config.stack import StackConfig
from components.config.stack_file import StackFile
from ops.config.render import manifests
from tests.generated import configs
from tests.unit.conftest import source_of

SECRETS = {key: Secret(encrypted=True) for key in ("databaseUrl", "betterAuthSecret")}
TOLD = re.compile(r"^Pulumi\.made-up\.yaml: taskflow:[A-Za-z][\w.]*: \S")


def outcome(
    values: dict[str, Any], source: StackFile
) -> tuple[StackConfig | None, tuple[str, ...]]:
    try:
        return parse(values, secrets=SECRETS, source=source), ()
    except ConfigError as error:
        return None, error.messages


@pytest.mark.exhaustive
@settings(
    max_examples=60,
    derandomize=True,  # The same sixty every time: a check that fails by chance is no check.
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(configs())
def test_accepted_configurations_render_and_refused_ones_say_why(values: dict[str, Any]) -> None:
    source = source_of("made-up")
    config, messages = outcome(values, source)
    event("accepted" if config else "refused")
    if config is None:
        assert messages
        assert [message for message in messages if not TOLD.match(message)] == []
        return
    found = manifests(config, source)
    identities = {(item["kind"], item["metadata"]["name"]) for item in found}
    assert len(identities) == len(found), "no two objects share a name"
    assert ("Namespace", config.namespace_name) in identities or not config.create_namespace
    for item in found:
        if item["kind"] in ("Deployment", "StatefulSet"):
            labels = item["spec"]["template"]["metadata"]["labels"]
            assert item["spec"]["selector"]["matchLabels"].items() <= labels.items()
        if item["kind"] == "Deployment":
            scaled = ("HorizontalPodAutoscaler", item["metadata"]["name"]) in identities
            assert scaled is ("replicas" not in item["spec"]), "one of the two decides on replicas"
