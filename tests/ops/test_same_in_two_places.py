"""Values that two programs or languages each need in their own text are the same in both."""

import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.config.stack import BACKEND_POOL, EmbeddedPostgres
from components.config.workload import DRAIN_SECONDS, Frontend
from ops.config.render import Recorder, manifests
from ops.config.validate import checked
from ops.dev.session import MIGRATION
from ops.engine.diagnosis import POLICY_KEYS
from ops.paths import ROOT
from ops.review import embedded
from policy import objects, pods
from tests.machinery.everything import POSTGRES

BACKEND, FRONTEND = ROOT / "docker" / "backend", ROOT / "docker" / "frontend"
STACK = """config:
  taskflow:cluster: {minikube: minikube}
  taskflow:database: {embedded: {passwords: [2]}}
  taskflow:secrets: {generate: true}
"""


def number(path: Path, pattern: str) -> int:
    (found,) = re.findall(pattern, path.read_text(), re.MULTILINE)
    return int(found.replace("_", ""))


def test_the_pools_that_the_capacity_check_counts_are_those_of_the_applications() -> None:
    settings = BACKEND / "taskflow_api" / "settings.py"
    assert number(settings, r"database_pool_size: .* = (\d+)$") == BACKEND_POOL
    assert number(FRONTEND / "lib" / "database.ts", r"^ +max: (\d+),$") == Frontend.pool


def test_both_applications_exit_within_the_time_that_the_grace_period_leaves() -> None:
    settings = BACKEND / "taskflow_api" / "settings.py"
    waits = [rf"^    {name}_seconds: .* = (\d+)$" for name in ("drain", "finish")]
    assert sum(number(settings, pattern) for pattern in waits) < DRAIN_SECONDS
    limit = number(FRONTEND / "lib" / "drain.ts", r"^const LIMIT_MS = ([\d_]+);$")
    assert limit < DRAIN_SECONDS * 1000


def test_sessions_live_as_long_as_rotate_and_its_document_say() -> None:
    days = number(
        FRONTEND / "lib" / "signatures.ts",
        r"^export const SESSION_SECONDS = (\d+) \* 24 \* 60 \* 60;$",
    )
    assert f'"{days} days, refuse' in (ROOT / "ops" / "release" / "rotate.py").read_text()
    assert (
        f"wait {days} days, the life of a session" in (ROOT / "docs" / "operations.md").read_text()
    )


def test_every_rule_with_a_key_exists() -> None:
    rules = {rule.name for rule in (*objects.RULES, *pods.RULES)}
    assert POLICY_KEYS.keys() <= rules


def test_base_images_are_the_same_wherever_they_are_named() -> None:
    made = set(
        re.findall(
            r'^ +build\("([^"]+)"', (ROOT / "airgap" / "images.py").read_text(), re.MULTILINE
        )
    )
    used = {
        *(
            re.findall(
                r"^ARG BASE_IMAGE=(\S+)$", (folder / "Dockerfile").read_text(), re.MULTILINE
            )[0]
            for folder in (BACKEND, FRONTEND)
        ),
        EmbeddedPostgres().image,
    }
    assert made == used
    assert EmbeddedPostgres().image == POSTGRES


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[str]]:
    """The objects of a stack with an embedded database, and the names of its generated passwords."""
    names: list[str] = []
    new_resource = Recorder.new_resource

    def recorded(recorder: Recorder, args: pulumi.runtime.MockResourceArgs) -> Any:
        if args.typ.startswith("random:"):
            names.append(args.name)
        return new_resource(recorder, args)

    monkeypatch.setattr(Recorder, "new_resource", recorded)
    path = tmp_path / "Pulumi.local.yaml"
    path.write_text(STACK)
    file = checked(path)
    return manifests(file.config, file.source), names


def test_risks_are_found_by_the_names_that_the_components_give(
    made: tuple[list[Any], list[str]],
) -> None:
    found, passwords = made
    owners = {name for name in passwords if re.search(embedded.OPENS_THE_OWNER, name)}
    roles = {name for name in passwords if re.search(embedded.OPENS_A_ROLE, name)}
    assert owners == {"taskflow-postgres-password", "taskflow-postgres-password-2"}
    assert roles == {f"taskflow-postgres-{one}-password-2" for one in ("backend", "frontend")}
    (deployment,) = (
        item
        for item in found
        if item["kind"] == "Deployment" and item["metadata"]["name"].endswith("-backend")
    )
    (migration,) = deployment["spec"]["template"]["spec"]["initContainers"]
    assert migration["name"] == MIGRATION
    assert embedded.DROPPED_ROLES in {variable["name"] for variable in migration["env"]}
