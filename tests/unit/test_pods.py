"""Placement and annotations of pods: absent unless configured, then as Kubernetes defines them."""

from typing import Any

import pytest

from tests.cases import more
from tests.unit.conftest import LOCAL, Deploy, merged

KEYS: dict[str, Any] = {
    "nodeSelector": {"pool": "web"},
    "tolerations": [
        {"key": "spot", "operator": "Exists"},
        {"key": "team", "value": "a", "effect": "NoExecute", "tolerationSeconds": 60},
    ],
    "priorityClass": "important",
    "podAnnotations": {"example.com/owner": "team-a"},
    "hostUsers": False,
}
FIELDS = {"nodeSelector", "tolerations", "priorityClassName", "hostUsers"}
PLACES = {
    "backend": ("Deployment", {"backend": KEYS}),
    "frontend": ("Deployment", {"frontend": KEYS}),
    "postgres": ("StatefulSet", {"database": {"embedded": KEYS}}),
}


@pytest.mark.parametrize("component", PLACES)
def test_pods_run_where_their_component_says(deploy: Deploy, component: str) -> None:
    kind, values = PLACES[component]
    engine = deploy(merged(LOCAL, values))
    template = engine.only(kind, component)["spec"]["template"]
    spec = template["spec"]
    assert spec["nodeSelector"] == {"pool": "web"}
    assert spec["tolerations"] == [
        {"key": "spot", "operator": "Exists"},
        {
            "key": "team",
            "operator": "Equal",
            "value": "a",
            "effect": "NoExecute",
            "tolerationSeconds": 60,
        },
    ]
    assert spec["priorityClassName"] == "important"
    assert spec["hostUsers"] is False
    assert template["metadata"]["annotations"] == {"example.com/owner": "team-a"}
    for other, (other_kind, _) in PLACES.items():
        if other != component:
            pods = engine.only(other_kind, other)["spec"]["template"]
            assert FIELDS.isdisjoint(pods["spec"]), f"{other} did not ask for it"


WRITTEN = {
    "$HOME ${A} a$": "$HOME ${A} a$",
    "$(PORT)": "$$(PORT)",
    "a$$b": "a$$$b",
    "$$(A)$$": "$$$$(A)$$$",
}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_variable_arrives_as_it_is_written(deploy: Deploy, written: str) -> None:
    """Kubernetes writes a single $ for two, and the values of variables for their names in $(NAME)."""
    names = {text: f"HINT_{number}" for number, text in enumerate(WRITTEN)}
    env = {name: text for text, name in names.items()}  # All at once, so that the run is shared.
    container = deploy(merged(LOCAL, {"backend": {"env": env}})).container("backend")
    assert {"name": names[written], "value": WRITTEN[written]} in container["env"]


@pytest.mark.parametrize("component", PLACES)
def test_nothing_is_said_about_pods_that_nobody_asked_for(deploy: Deploy, component: str) -> None:
    template = deploy(LOCAL).only(PLACES[component][0], component)["spec"]["template"]
    assert FIELDS.isdisjoint(template["spec"])
    assert "annotations" not in template["metadata"]


@pytest.mark.parametrize("kind", ["LoadBalancer", *more("ClusterIP")])
def test_a_services_annotations_are_added_to_the_programs_own(deploy: Deploy, kind: str) -> None:
    service = {"type": kind}
    plain = deploy(merged(LOCAL, {"frontend": {"service": service}}))
    wanted = {"service": service, "serviceAnnotations": {"example.com/scheme": "internal"}}
    marked = deploy(merged(LOCAL, {"frontend": wanted}))
    before, after = (
        engine.only("Service", "frontend")["metadata"]["annotations"] for engine in (plain, marked)
    )
    assert after == {**before, "example.com/scheme": "internal"}


def test_a_variable_from_an_existing_secret_is_read_by_reference(deploy: Deploy) -> None:
    values = {"backend": {"secretEnv": {"LICENCE": {"secret": "licences", "key": "ours"}}}}
    engine = deploy(merged(LOCAL, values))
    container = engine.container("backend")
    assert container["env"][-1] == {
        "name": "LICENCE",
        "valueFrom": {"secretKeyRef": {"name": "licences", "key": "ours"}},
    }
    assert "licences" not in str(engine.only("Deployment", "frontend"))
