"""An edit of each kind on a running release: the pods it rolls, as `make diff` predicted, and the objects that change.

`make test-edits` makes one of every key.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import pytest

from tests.live.conftest import RELEASE, VALUES, LiveRelease
from tests.live_release import wait_until_it_serves
from tests.outcome import predicted, rolled_since
from tests.unit.conftest import merged

KINDS = (
    "configmaps,deployments,horizontalpodautoscalers,ingresses,networkpolicies,persistentvolumeclaims,"
    "poddisruptionbudgets,secrets,services,statefulsets"
)
AUTOMATIC = re.compile(r"-[0-9a-f]{8}$")
SERVICES = frozenset({"backend", "frontend"})
CONFIG = frozenset({f"ConfigMap {RELEASE}-config"})
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change of the stack's configuration, and all that it does.

    Attributes:
        rolls: components whose pods are replaced; those of all others live on.
        replaced: objects that there were, and that are others of the same name now (automatic endings aside).
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    secret: tuple[str, str] | None = None
    rolls: frozenset[str] = NOTHING
    made: frozenset[str] = NOTHING
    gone: frozenset[str] = NOTHING
    replaced: frozenset[str] = NOTHING


# Each builds on the ones before it, so that one update shows one edit.
EDITS = {
    "log level": Edit(values={"logLevel": "debug"}, rolls=SERVICES, replaced=CONFIG),
    "a variable": Edit(
        values={"backend": {"env": {"GREETING": "hello"}}}, rolls=frozenset({"backend"})
    ),
    "resources": Edit(
        values={"backend": {"resources": {"limits": {"cpu": "600m"}}}},
        rolls=frozenset({"backend"}),
    ),
    "probes": Edit(
        values={"frontend": {"probes": {"readiness": {"period": 4}}}},
        rolls=frozenset({"frontend"}),
    ),
    "grace period": Edit(
        values={"frontend": {"gracePeriodSeconds": 40}}, rolls=frozenset({"frontend"})
    ),
    # On one node, too: a required spread must not keep a pod from starting there.
    "a required spread": Edit(
        values={"frontend": {"topologySpread": {"required": True}}},
        rolls=frozenset({"frontend"}),
    ),
    "strategy": Edit(values={"backend": {"strategy": {"maxUnavailable": 0}}}),
    "more replicas": Edit(values={"frontend": {"replicas": 3}}),
    "an autoscaler in place of replicas": Edit(
        values={"frontend": {"replicas": None, "autoscaling": {"min": 2, "max": 3}}},
        made=frozenset({f"HorizontalPodAutoscaler {RELEASE}-frontend"}),
    ),
    "replicas in place of an autoscaler": Edit(
        values={"frontend": {"replicas": 2, "autoscaling": None}},
        gone=frozenset({f"HorizontalPodAutoscaler {RELEASE}-frontend"}),
    ),
    "no disruption budget": Edit(
        values={"backend": {"disruptionBudget": None}},
        gone=frozenset({f"PodDisruptionBudget {RELEASE}-backend"}),
    ),
    "service type": Edit(values={"backend": {"service": {"type": "ClusterIP", "nodePort": None}}}),
    "service port": Edit(
        values={"backend": {"service": {"port": 80}}}, rolls=SERVICES, replaced=CONFIG
    ),
    "container port": Edit(
        values={"backend": {"service": {"targetPort": 8080}}}, rolls=frozenset({"backend"})
    ),
    "ingress": Edit(
        values={"ingress": {"host": "taskflow.example.com", "tls": {"secret": "by-hand"}}},
        rolls=SERVICES,
        made=frozenset({f"Ingress {RELEASE}-frontend"}),
        replaced=CONFIG,
    ),
    "no network policies": Edit(
        values={"networkPolicies": {"enabled": False}},
        gone=frozenset(
            f"NetworkPolicy {RELEASE}-{name}"
            for name in ("default-deny", "backend", "frontend", "postgres")
        ),
    ),
    "the assistant's key": Edit(
        secret=("openaiApiKey", "not-a-real-key"),
        rolls=frozenset({"backend"}),
        made=frozenset({f"Secret {RELEASE}-assistant"}),
    ),
    "the assistant's model": Edit(
        values={"assistant": {"model": "another"}}, rolls=frozenset({"backend"})
    ),
    "the signing key": Edit(
        secret=("betterAuthSecret", "not-a-real-key" * 3),
        rolls=SERVICES,
        replaced=frozenset({f"Secret {RELEASE}-secrets"}),
    ),
    "the database's resources": Edit(
        values={"database": {"embedded": {"resources": {"limits": {"cpu": "600m"}}}}},
        rolls=frozenset({"postgres"}),
    ),
}


def values_before(name: str) -> dict[str, Any]:
    """The configuration with all edits that come before one."""
    earlier = list(EDITS)[: list(EDITS).index(name)]
    return reduce(merged, (EDITS[name].values for name in earlier), VALUES)


def objects(release: LiveRelease) -> dict[str, str]:
    """The uid of each object of the release, by kind and name without an automatic ending."""
    found = release.kubectl.get(KINDS, "", "-l", f"app={RELEASE}")["items"]
    return {
        f"{item['kind']} {AUTOMATIC.sub('', item['metadata']['name'])}": item["metadata"]["uid"]
        for item in found
    }


@pytest.fixture(scope="module")
def edited(release: LiveRelease) -> Iterator[LiveRelease]:
    """The suite's release, which afterwards is as it was."""
    yield release
    for edit in EDITS.values():
        if edit.secret:
            release.stack.unset(edit.secret[0])
    release.stack.configure(VALUES)
    release.stack.up()
    wait_until_it_serves(VALUES)  # The backend's node port is a new one.


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_does_what_it_must_and_nothing_else(edited: LiveRelease, name: str) -> None:
    edit, stack = EDITS[name], edited.stack
    earlier = values_before(name)
    if stack.plain_values() != earlier:  # This test alone, or the one before it has failed.
        stack.configure(earlier)
        stack.up()
    pods, things = edited.generations(), objects(edited)

    stack.configure(merged(earlier, edit.values))
    if edit.secret:
        stack.set_secret(*edit.secret)
    said = predicted(edited)
    stack.up()

    rolled = rolled_since(edited, pods)
    assert rolled == edit.rolls
    assert said.rolls == rolled, f"make diff says: {said}"
    things_now = objects(edited)
    assert things_now.keys() - things.keys() == edit.made
    assert things.keys() - things_now.keys() == edit.gone
    same = things.keys() & things_now.keys()
    assert {thing for thing in same if things[thing] != things_now[thing]} == edit.replaced
    (wanted,) = (
        item["spec"].get("replicas")
        for item in edited.kubectl.get("deployments", "", "-l", "component=frontend")["items"]
    )
    replicas = merged(earlier, edit.values)["frontend"].get("replicas", 2)
    assert wanted == replicas or replicas is None, "the replicas are the stack file's"
