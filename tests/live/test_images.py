"""The images that the release runs: small, not root, and nothing in them that only a build needs."""

import json
import subprocess
from typing import Any

import pytest

from tests.live.conftest import LiveRelease

MEGABYTE = 10**6
BASES = {"backend": "python:3.13-slim", "frontend": "node:20-alpine"}
LARGEST_ADDITION = {"backend": 90 * MEGABYTE, "frontend": 30 * MEGABYTE}


def docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True, timeout=120
    ).stdout


def inspected(reference: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(docker("image", "inspect", reference))
    return found[0]


@pytest.fixture(params=sorted(BASES))
def component(request: pytest.FixtureRequest) -> str:
    """Backend and frontend in turn."""
    return str(request.param)


@pytest.fixture
def image(release: LiveRelease, component: str) -> dict[str, Any]:
    """The component's image in the daemon that the cluster's kubelet takes it from."""
    return inspected(str(release.stack.outputs()[f"{component}_image"]))


def test_an_image_adds_little_to_its_base(image: dict[str, Any], component: str) -> None:
    added = image["Size"] - inspected(BASES[component])["Size"]
    assert 0 < added <= LARGEST_ADDITION[component], (
        f"{component} adds {added / MEGABYTE:.1f} MB to {BASES[component]}"
    )


def test_an_image_starts_with_its_bases_layers(image: dict[str, Any], component: str) -> None:
    base = inspected(BASES[component])["RootFS"]["Layers"]
    assert image["RootFS"]["Layers"][: len(base)] == base, (
        "else its size over the base says nothing"
    )


def test_an_image_runs_as_a_numeric_user_that_is_not_root(image: dict[str, Any]) -> None:
    user = image["Config"]["User"].partition(":")[0]
    assert user.isdigit(), "runAsNonRoot cannot check a name"
    assert int(user) > 0


def test_an_image_starts_without_a_shell(image: dict[str, Any]) -> None:
    command = image["Config"]["Cmd"]
    assert command, "an image has to say how it starts"
    assert command[0] not in {"/bin/sh", "sh"}, "a shell in front would not pass SIGTERM on"


def test_no_build_tool_reaches_the_runner(release: LiveRelease) -> None:
    reference = str(release.stack.outputs()["frontend_image"])
    listing = docker("run", "--rm", "--entrypoint", "ls", reference, "/app", "/app/node_modules")
    assert "server.js" in listing
    for name in ("package-lock.json", "typescript", "@biomejs"):
        assert name not in listing.split(), f"{name} serves the build alone"


def test_bytecode_is_compiled_in_the_backend_image(release: LiveRelease) -> None:
    reference = str(release.stack.outputs()["backend_image"])
    code = (
        "import pathlib, taskflow_api; here = pathlib.Path(taskflow_api.__file__).parent; "
        "print(sum(1 for _ in here.rglob('*.py')), sum(1 for _ in here.rglob('*.pyc')))"
    )
    sources, compiled = docker(
        "run", "--rm", "--entrypoint", "python", reference, "-c", code
    ).split()
    assert int(sources) > 0
    assert sources == compiled, "with a read-only root nothing is compiled at run time"
