"""The stack configuration: what it accepts, what it refuses, and how it says so."""

from typing import Any

import pytest

from components.config import parse
from components.config_errors import ConfigError
from tests.unit.conftest import DEPLOYED, LOCAL, merged, source_of

NO_SECRETS: frozenset[str] = frozenset()
ALL_SECRETS = frozenset({"databaseUrl", "betterAuthSecret"})


def errors(
    values: dict[str, Any], text: str = "", secret_keys: frozenset[str] = ALL_SECRETS
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(values, secret_keys=secret_keys, source=source_of("prod", text))
    return list(caught.value.messages)


def test_an_error_names_file_line_key_value_and_expectation() -> None:
    text = "config:\n  taskflow:backend:\n    # how many\n    replicas: two\n"
    found = errors(merged(LOCAL, {"backend": {"replicas": "two"}}), text)
    assert found == [
        'Pulumi.prod.yaml:4: taskflow:backend.replicas: got "two", '
        "expected an integer of at least 1 (or an autoscaling block)"
    ]


def test_all_errors_come_at_once_in_the_order_of_the_file() -> None:
    text = "config:\n  taskflow:frontend:\n    replicas: 0\n  taskflow:backend:\n    colour: red\n    replicas: x\n"
    values = {"frontend": {"replicas": 0}, "backend": {"colour": "red", "replicas": "x"}}
    found = errors(merged(LOCAL, values), text)
    assert [line.split(" ")[0] for line in found] == [
        "Pulumi.prod.yaml:3:",
        "Pulumi.prod.yaml:5:",
        "Pulumi.prod.yaml:6:",
    ]


@pytest.mark.parametrize(
    ("values", "suggestion"),
    [
        ({"backnd": {}}, "taskflow:backnd: unknown key; did you mean backend?"),
        (
            {"backend": {"replica": 2}},
            "taskflow:backend.replica: unknown key; did you mean replicas?",
        ),
        (
            {"ingress": {"host": "a.example.com", "clas": "x"}},
            "taskflow:ingress.clas: unknown key; did you mean class?",
        ),
        ({"databaseURL": "x"}, "taskflow:databaseURL: unknown key; did you mean databaseUrl?"),
    ],
)
def test_an_unknown_key_suggests_the_nearest_known_one(
    values: dict[str, Any], suggestion: str
) -> None:
    assert any(suggestion in line for line in errors(merged(LOCAL, values)))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            {"backend": {"replicas": 2, "autoscaling": {"max": 4}}},
            "replicas or autoscaling, not both",
        ),
        ({"backend": {"autoscaling": {"min": 5, "max": 4}}}, "min 5 exceeds max 4"),
        ({"ingress": {"class": "nginx"}}, "taskflow:ingress.host: is missing"),
        (
            {
                "frontend": {
                    "service": {
                        "type": "NodePort",
                        "port": 3000,
                        "targetPort": 3000,
                        "nodePort": 80,
                    }
                }
            },
            "at least 30000",
        ),
        (
            {"frontend": {"service": {"port": 3000, "targetPort": 3000, "nodePort": 30080}}},
            "set type to NodePort",
        ),
        (
            {
                "backend": {
                    "resources": {
                        "requests": {"cpu": "1", "memory": "1Gi"},
                        "limits": {"cpu": "500m", "memory": "1Gi"},
                    }
                }
            },
            "requests.cpu 1 exceeds limits.cpu 500m",
        ),
        (
            {"backend": {"strategy": {"maxUnavailable": 0, "maxSurge": 0}}},
            "could never replace a pod",
        ),
        ({"backend": {"gracePeriodSeconds": 12}}, "killed while they still serve"),
        ({"secrets": {"existing": "mine", "generate": True}}, "existing or generate, not both"),
        ({"images": {"backend": {"ref": "a:1", "baseImage": "b"}}}, "ref or baseImage, not both"),
        (
            {"images": {"backend": {"ref": "untagged"}}},
            "expected an image reference with a tag or digest",
        ),
        ({"release": "Blue_1"}, "lower-case letters, digits and dashes"),
        (
            {"logLevel": "loud"},
            "got \"loud\", expected one of 'debug', 'info', 'warning' or 'error'",
        ),
    ],
)
def test_illegal_states_are_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    found = errors(merged(LOCAL, values))
    assert any(reason in line for line in found), found


def test_images_for_a_real_cluster_need_a_registry_or_a_reference() -> None:
    values = merged(DEPLOYED, {"images": {"registry": None}})
    assert "set images.registry" in errors(values)[0]


def test_a_missing_secret_names_the_command_that_sets_it() -> None:
    found = errors(DEPLOYED, secret_keys=NO_SECRETS)
    assert len(found) == 2, "the database's address and the signing key are both missing"
    assert "run: pulumi config set --secret --stack prod taskflow:databaseUrl" in found[0]
    assert "run: pulumi config set --secret --stack prod taskflow:betterAuthSecret" in found[1]


def test_values_that_may_be_secret_are_never_printed() -> None:
    found = errors(
        merged(
            LOCAL,
            {"backend": {"env": {"API_TOKEN": ["hunter2-canary"]}}, "apiKey": "hunter2-canary"},
        )
    )
    assert found
    assert "hunter2-canary" not in "\n".join(found)


def test_an_empty_local_stack_gets_every_default() -> None:
    config = parse(LOCAL, secret_keys=NO_SECRETS, source=source_of("dev"))
    assert (config.release, config.namespace_name, config.log_level) == (
        "taskflow",
        "taskflow",
        "info",
    )
    assert config.backend.fixed_replicas == 2
