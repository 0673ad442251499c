"""Revisions, and rollbacks to them: by a command, and automatic after a failure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from ops.drift import command as drift_command
from ops.drift.drift import expected_objects
from ops.errors import OpsError
from ops.prepare import setup
from ops.release import history, record, rollback, smoke, status
from ops.steps import Steps
from tests.engine_stack import ROOT
from tests.live.conftest import CONTEXT, RELEASE, VALUES, LiveRelease, changed
from tests.live_release import docker, pulled

BASE_IMAGE = "python:3.13-slim"


@pytest.fixture
def another_base() -> Iterator[str]:
    """The same image under another name: images built on it get another content tag."""
    name = "python:of-the-history-test"
    docker("tag", pulled(BASE_IMAGE), name)
    yield name
    docker("rmi", name)


def chosen(release: LiveRelease) -> setup.Setup:
    stack = release.stack.of_ops
    tools = setup.choose()
    return replace(tools, backend=stack.backend, env={**tools.env, **stack.env})


def make_up(release: LiveRelease, values: Mapping[str, Any], **noted: Any) -> None:
    """What `make up` does once the cluster is there."""
    release.stack.configure(values)
    stack = release.stack.of_ops
    stack.up(replace(record.of_checkout(stack.file.path), **noted).message("make up"))


def revisions(release: LiveRelease) -> list[history.Revision]:
    return history.revisions(history.updates(release.stack.of_ops))


def steps() -> Steps:
    return Steps("test", Console())


def deployed(release: LiveRelease) -> dict[str, str]:
    """What really runs: the backend's image, and the log level that its pods get."""
    (container,) = release.kubectl.get("deployment", f"{RELEASE}-backend")["spec"]["template"][
        "spec"
    ]["containers"]
    config_map = container["envFrom"][0]["configMapRef"]["name"]
    return {
        "image": container["image"],
        "level": release.kubectl.get("configmap", config_map)["data"]["LOG_LEVEL"],
        "greeting": next((v["value"] for v in container["env"] if v["name"] == "GREETING"), ""),
    }


@pytest.fixture(scope="module", autouse=True)
def as_it_was(release: LiveRelease) -> Iterator[None]:
    """The shared release, without what these tests configure."""
    yield
    release.stack.unset("openaiApiKey")
    release.stack.configure(VALUES)
    release.stack.up()


QUIET = VALUES | {"policies": "advisory"}


def test_a_rollback_brings_images_and_configuration_back_and_the_state_stays_correct(
    release: LiveRelease, another_base: str
) -> None:
    release.stack.set_secret("openaiApiKey", "not-a-real-key")
    make_up(release, QUIET)
    before, first = deployed(release), revisions(release)[-1]

    loud = changed(
        images={"backend": {"baseImage": another_base}}, backend={"env": {"GREETING": "hi"}}
    )
    make_up(release, loud | {"policies": "advisory", "logLevel": "debug"})
    release.stack.set_secret("openaiApiKey", "another-key")
    make_up(release, loud | {"policies": "advisory", "logLevel": "warning"})
    assert deployed(release)["image"] != before["image"]
    assert deployed(release)["level"] == "warning"
    found = revisions(release)[-3:]
    assert [revision.number for revision in found] == [first.number + n for n in range(3)]
    assert len({revision.config_hash for revision in found}) == 3
    assert found[-1].record.images["backend"] == deployed(release)["image"]

    # The working tree has changed, and is no longer valid.
    release.stack.configure(VALUES | {"backend": {"replicas": "many"}})
    target = rollback.find(release.stack.of_ops, first.number)
    rollback.bring_back(target, chosen(release), steps())

    assert deployed(release) == before
    last = revisions(release)[-1]
    assert last.number == first.number + 3, "a rollback is a revision itself"
    assert last.record.rollback_to == first.number
    assert last.record.images == first.record.images
    assert last.config_hash == first.config_hash
    secrets = [
        history.with_secrets(release.stack.of_ops, revision.update).config["taskflow:openaiApiKey"][
            "value"
        ]
        for revision in (first, last)
    ]
    assert secrets == ["not-a-real-key"] * 2
    assert "not-a-real-key" not in target.file.path.read_text()

    again = replace(release.stack.of_ops, file=target.file).engine(
        "up", "--yes", "--skip-preview", "--expect-no-changes"
    )
    assert again.code == 0, f"the state says what was brought back:\n{again.output}"
    wanted = expected_objects(release.stack.of_ops.export(secrets=True))
    assert drift_command.find(wanted, CONTEXT, release.stack.env) == [], "and the cluster has it"
    assert not (ROOT / f"Pulumi.{release.stack.name}.yaml").exists(), (
        "reading secrets leaves no stack file"
    )
    assert "not-a-real-key" not in json.dumps(
        [revision.as_json() for revision in revisions(release)]
    )


def test_a_revision_that_repaired_drift_can_be_brought_back(release: LiveRelease) -> None:
    make_up(release, QUIET)
    before = deployed(release)
    release.kubectl("scale", f"deployment/{RELEASE}-backend", "--replicas=1")
    release.stack.of_ops.refresh()
    make_up(release, QUIET)  # As `make up REFRESH=1`.
    repaired = revisions(release)[-1]
    assert len(release.kubectl.pods("backend")) == 2, "as configured"
    make_up(release, QUIET | {"logLevel": "warning"})

    target = rollback.find(release.stack.of_ops, repaired.number)
    rollback.bring_back(target, chosen(release), steps())
    assert deployed(release) == before
    assert revisions(release)[-1].record.rollback_to == repaired.number


def test_a_migration_that_cannot_be_undone_forbids_a_rollback(release: LiveRelease) -> None:
    make_up(release, QUIET)
    number = revisions(release)[-1].number
    make_up(release, QUIET, schema="9999_later", breaking=("9999_later",))
    before = release.generations()
    with pytest.raises(OpsError, match="after 9999_later, which cannot be undone"):
        rollback.find(release.stack.of_ops, number)
    assert release.generations() == before
    assert rollback.find(release.stack.of_ops, number + 1).revision.number == number + 1


def test_an_update_that_the_engine_calls_successful_is_a_revision_only_if_its_pods_run(
    release: LiveRelease,
) -> None:
    """The provider may end its wait too soon. Here it has nothing to wait for, as only the cluster was changed."""
    values = changed(backend={"rolloutDeadlineSeconds": 20}) | {"policies": "advisory"}
    make_up(release, values)
    before, known = deployed(release), len(revisions(release))
    image = "backend=taskflow-backend:no-such-tag"
    release.kubectl("set", "image", f"deployment/{RELEASE}-backend", image)
    with pytest.raises(OpsError, match="do not become ready"):
        make_up(release, values)
    stack = release.stack.of_ops
    last = history.updates(stack)[0]
    assert (last.kind, last.succeeded) == ("update", False)
    assert len(revisions(release)) == known
    rollback.bring_back(rollback.find(stack, known), chosen(release), steps())
    assert deployed(release) == before
    assert len(revisions(release)) == known + 1


def test_a_failed_up_says_why_and_the_last_revision_comes_back_by_itself(
    release: LiveRelease,
) -> None:
    make_up(release, QUIET)
    before, number = deployed(release), revisions(release)[-1].number
    wrong = changed(backend={"env": {"DRAIN_SECONDS": "never"}, "rolloutDeadlineSeconds": 20})
    stack = release.stack.of_ops
    location = history.location(stack)
    faults: list[str] = []

    def look() -> status.Status:
        return status.look(location, history.updates(stack))

    def fail() -> None:
        with rollback.atomic(stack, chosen(release), steps()):
            try:
                make_up(release, wrong | {"policies": "advisory"})
            finally:
                faults.extend(look().faults)

    with pytest.raises(OpsError, match=f"revision {number} is back"):
        fail()

    (fault,) = [fault for fault in faults if f"pod {RELEASE}-backend-" in fault][:1]
    assert "the environment variable DRAIN_SECONDS" in fault, "the container's own last lines"
    assert deployed(release) == before
    assert revisions(release)[-1].record.rollback_to == number
    assert look().faults == []
    release.stack.configure(QUIET)
    smoke.check(release.url, release.stack.name, print)
