"""Revisions, and the way back to one of them: by a command, and by itself after a failure."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from ops import history, record, rollback, setup
from ops.steps import Steps
from tests.engine_stack import ROOT
from tests.live.conftest import RELEASE, VALUES, LiveRelease, changed

BASE_IMAGE = "python:3.13-slim"
ANOTHER_BASE = "python:of-the-history-test"  # The same image, but another content tag.
QUICK = {"rolloutDeadlineSeconds": 30}


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


def test_a_rollback_brings_images_and_configuration_back_and_the_state_stays_true(
    release: LiveRelease, tmp_path: Path
) -> None:
    subprocess.run(["docker", "tag", BASE_IMAGE, ANOTHER_BASE], check=True)
    quiet = VALUES | {"policies": "advisory"}
    release.stack.set_secret("openaiApiKey", "not-a-real-key")
    make_up(release, quiet)
    before, first = deployed(release), revisions(release)[-1]

    loud = changed(
        images={"backend": {"baseImage": ANOTHER_BASE}}, backend={"env": {"GREETING": "hi"}}
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

    # The working tree moves on, and is not even valid any more.
    release.stack.configure(VALUES | {"backend": {"replicas": "many"}})
    target = rollback.find(release.stack.of_ops, first.number, folder=tmp_path / "rollback")
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
    assert again.code == 0, f"the state says what is in the cluster:\n{again.output}"
    assert not (ROOT / f"Pulumi.{release.stack.name}.yaml").exists(), (
        "reading secrets leaves no stack file"
    )
    assert "not-a-real-key" not in json.dumps(
        [revision.as_json() for revision in revisions(release)]
    )
