"""The capacity check: what fits passes, what cannot fit is refused with the arithmetic."""

from typing import Any

import pytest

from components.config.check import parse
from components.config.errors import ConfigError
from tests.unit.conftest import LOCAL, merged, source_of


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(merged(LOCAL, values), secrets={}, source=source_of("dev"))
    (message,) = caught.value.messages
    return message


def accept(values: dict[str, Any]) -> None:
    parse(merged(LOCAL, values), secrets={}, source=source_of("dev"))


def test_the_defaults_with_a_database_fit_minikubes_two_cpus_and_four_gigabytes() -> None:
    accept({})


def test_one_pod_too_many_is_refused_with_the_arithmetic() -> None:
    message = refusal({"backend": {"replicas": 3}})
    assert message.startswith(
        "Pulumi.dev.yaml: taskflow:cluster.node: the stack does not fit its nodes: CPU: "
    )
    assert (
        "backend 250m x (3 + 1 surge) + frontend 100m x (2 + 1 surge) + postgres 100m x 1 + everything else 750m "
        "= 2150m, but there is 2000m: 150m too little" in message
    )
    assert "memory:" not in message, "only what is short is reported"


def test_a_rollouts_surge_counts() -> None:
    values: dict[str, Any] = {"backend": {"replicas": 3, "strategy": {"maxSurge": 0}}}
    accept(values)
    assert "surge" in refusal(merged(values, {"backend": {"strategy": {"maxSurge": "34%"}}}))


def test_the_autoscalers_maximum_counts() -> None:
    message = refusal({"frontend": {"autoscaling": {"max": 6}}})
    assert "frontend 100m x (6 + 1 surge)" in message


def test_memory_counts() -> None:
    large = {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
    message = refusal({"backend": {"resources": large}})
    assert "memory: backend 2048Mi x (2 + 1 surge) + frontend 128Mi x (2 + 1 surge)" in message
    assert "but there is 4096Mi" in message


def test_what_else_runs_on_the_cluster_counts() -> None:
    accept({"cluster": {"node": {"otherRequests": {"cpu": "850m"}}}})
    message = refusal({"cluster": {"node": {"otherRequests": {"cpu": "851m"}}}})
    assert "everything else 851m = 2001m, but there is 2000m: 1m too little" in message


def test_more_nodes_have_more_room() -> None:
    accept({"cluster": {"node": {"count": 2}}, "backend": {"replicas": 3}})
    message = refusal({"cluster": {"node": {"count": 2, "cpu": "1"}}, "backend": {"replicas": 3}})
    assert "but there is 2 nodes x 1000m = 2000m" in message


def test_a_pod_larger_than_every_node_is_refused_whatever_their_number() -> None:
    values: dict[str, Any] = {
        "cluster": {"node": {"count": 9, "cpu": "1"}},
        "backend": {"resources": {"requests": {"cpu": "1500m"}, "limits": {"cpu": "2"}}},
    }
    assert "one backend pod requests 1500m, more than a whole node's 1000m" in refusal(values)
