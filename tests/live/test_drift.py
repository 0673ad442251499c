"""Drift is found where somebody changed objects with kubectl, and not where an autoscaler works."""

import json
import time

from ops.drift.command import find
from ops.drift.drift import Drift, expected_objects
from tests.live.conftest import CONTEXT, RELEASE, VALUES, LiveRelease

FRONTEND = f"deployment/{RELEASE}-frontend"
AUTOSCALER_SECONDS = 60
"""Its controller looks every 15 s."""


def drift_of(release: LiveRelease) -> list[Drift]:
    state = release.stack.of_ops.export(secrets=True)
    return find(expected_objects(state), CONTEXT, release.stack.env)


def test_a_release_as_deployed_has_no_drift(release: LiveRelease) -> None:
    release.stack.configure(VALUES)
    release.stack.up()
    assert drift_of(release) == []


def test_what_was_changed_added_or_deleted_is_found_and_an_up_that_refreshes_brings_it_back(
    release: LiveRelease,
) -> None:
    kubectl = release.kubectl
    kubectl("rollout", "pause", FRONTEND)  # So that the edits replace no pod.
    kubectl("set", "image", FRONTEND, "frontend=taskflow.invalid/other:1")
    kubectl("set", "env", FRONTEND, "PORT=3001", "ADDED=yes")
    kubectl("label", FRONTEND, "component=other", "team=blue", "--overwrite")
    kubectl("delete", "poddisruptionbudget", f"{RELEASE}-backend")
    found = {(drift.object, drift.field): drift for drift in drift_of(release)}

    pods = "spec.template.spec.containers[frontend]"
    deployment = f"Deployment {RELEASE}-frontend"
    image = found.pop((deployment, f"{pods}.image"))
    assert image.expected.startswith("taskflow-frontend:")
    assert image.found == "taskflow.invalid/other:1"
    assert image.owner.startswith("kubectl-set at ")
    changed = found.pop((deployment, f"{pods}.env[PORT].value"))
    assert (changed.expected, changed.found) == ("3000", "3001")
    added = found.pop((deployment, f"{pods}.env[ADDED]"))
    assert json.loads(added.found) == {"name": "ADDED", "value": "yes"}
    label = found.pop((deployment, "metadata.labels.component"))
    assert (label.found, label.owner.split(" at ")[0]) == ("other", "kubectl-label")
    assert found.pop((deployment, "metadata.labels.team")).expected == "(absent)"
    assert found.pop((deployment, "spec.paused")).owner.startswith("kubectl-rollout at ")
    assert found.pop((f"PodDisruptionBudget {RELEASE}-backend", "")).found == "(absent)"
    assert found == {}

    kubectl("set", "env", FRONTEND, "ADDED-")  # What others added is theirs to take away.
    kubectl("label", FRONTEND, "team-")
    kubectl("rollout", "resume", FRONTEND)
    release.stack.up("--refresh")
    assert drift_of(release) == []


def test_replicas_are_drift_until_an_autoscaler_sets_them(release: LiveRelease) -> None:
    kubectl = release.kubectl
    kubectl("scale", FRONTEND, "--replicas=1")
    try:
        (drift,) = drift_of(release)
        assert (drift.field, drift.expected, drift.found) == ("spec.replicas", "2", "1")
        kubectl("autoscale", FRONTEND, "--min=3", "--max=3")
        deadline = time.monotonic() + AUTOSCALER_SECONDS
        while kubectl.get(FRONTEND)["spec"]["replicas"] != 3:
            assert time.monotonic() < deadline, "the autoscaler did nothing"
            time.sleep(1)
        assert drift_of(release) == []
    finally:
        kubectl("delete", "horizontalpodautoscaler", f"{RELEASE}-frontend", "--ignore-not-found")
        kubectl("scale", FRONTEND, "--replicas=2")
        kubectl("rollout", "status", FRONTEND, "--timeout=60s")
