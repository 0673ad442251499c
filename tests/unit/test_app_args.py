"""A program without a stack file: it fails at once with what it lacks, and can build on a release's parts."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.app import TaskflowApp, TaskflowAppArgs
from components.config.errors import ConfigError
from components.config.load import StackSecrets
from components.config.stack import (
    Cluster,
    ComponentImage,
    Database,
    EmbeddedPostgres,
    Images,
    Secrets,
    StackConfig,
)
from tests.unit.conftest import Engine

DIGEST = f"sha256:{'0' * 64}"
PREBUILT = Images(
    backend=ComponentImage(ref=f"ghcr.io/example/backend@{DIGEST}"),
    frontend=ComponentImage(ref=f"ghcr.io/example/frontend@{DIGEST}"),
)
EMBEDDED = Database(embedded=EmbeddedPostgres())
MINIKUBE = Cluster(minikube="minikube")
NO_SECRETS = StackSecrets()


def test_without_sources_every_image_has_to_be_prebuilt() -> None:
    images = Images(backend=PREBUILT.backend)
    config = StackConfig(cluster=MINIKUBE, database=EMBEDDED, images=images)
    with pytest.raises(ConfigError) as caught:
        TaskflowAppArgs(config=config, secrets=NO_SECRETS)
    assert caught.value.messages == (
        "images.frontend: has no ref to a prebuilt image, and TaskflowAppArgs no sources to build it from",
    )


def test_an_external_database_needs_its_address() -> None:
    with pytest.raises(ConfigError, match=r"StackSecrets has no database_url"):
        TaskflowAppArgs(config=StackConfig(images=PREBUILT), secrets=NO_SECRETS)


@pytest.mark.parametrize(
    ("config", "secrets", "sources"),
    [
        (StackConfig(images=PREBUILT, database=EMBEDDED), NO_SECRETS, None),
        (StackConfig(cluster=MINIKUBE, database=EMBEDDED), NO_SECRETS, Path("docker")),
        (
            StackConfig(images=PREBUILT),
            StackSecrets(database_url=pulumi.Output.secret("postgresql://db.example.com/t")),
            None,
        ),
        (
            StackConfig(
                images=PREBUILT, create_namespace=False, secrets=Secrets(existing="made-by-hand")
            ),
            NO_SECRETS,
            None,
        ),
    ],
    ids=["embedded", "built", "external", "existing-secret"],
)
def test_what_is_complete_is_taken(
    config: StackConfig, secrets: StackSecrets, sources: Path | None
) -> None:
    args = TaskflowAppArgs(config=config, secrets=secrets, sources=sources)
    assert args.config is config


def test_a_release_of_another_name_is_refused() -> None:
    args = TaskflowAppArgs(
        config=StackConfig(images=PREBUILT, database=EMBEDDED), secrets=NO_SECRETS
    )
    with pytest.raises(ConfigError, match=r"^release: is taskflow, but the TaskflowApp is named t"):
        TaskflowApp("tasks", args)


def test_a_program_goes_on_from_the_parts_of_a_release() -> None:
    names: list[Any] = []
    pulumi.runtime.set_mocks(Engine(), project="taskflow", stack="test", preview=False)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[Any]:
        config = StackConfig(release="tasks", images=PREBUILT, database=EMBEDDED)
        app = TaskflowApp("tasks", TaskflowAppArgs(config=config, secrets=NO_SECRETS))
        assert app.database
        parts = (
            app.backend.deployment,
            app.backend.service,
            app.frontend.deployment,
            app.frontend.service,
            app.database.ready,
        )
        return pulumi.Output.all(*(part.metadata.name for part in parts)).apply(names.extend)

    program()
    backend, frontend = "tasks-backend", "tasks-frontend"
    assert names == [backend, backend, frontend, frontend, "tasks-postgres"]
