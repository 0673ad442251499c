"""The images that the release runs: small, not root, and nothing in them that only a build needs."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine_stack import ROOT
from tests.live.conftest import LiveRelease
from tests.live_release import docker, docker_environment, pulled

MEGABYTE = 10**6
BASES = {"backend": "python:3.13-slim", "frontend": "node:20-alpine"}
# Megabytes on disk of linux/amd64, for machines whose bases are stand-ins, which are larger: `local/3.13-slim.md` of
# September 2026 and `local/20-alpine.md` of March 2026 in https://github.com/docker-library/repo-info/tree/master/repos
PUBLISHED = {"backend": 126.25, "frontend": 135.66}
LARGEST_ADDITION = {"backend": 90, "frontend": 20}
TOO_LARGE = {"backend": 300, "frontend": 200}


@contextmanager
def running(reference: str, *options: str) -> Iterator[str]:
    """A container of the image, read-only as in a pod: its id, while it lives."""
    container = docker("run", "--detach", "--read-only", *options, reference).strip()
    try:
        yield container
    finally:
        docker("rm", "--force", container)


def printed(container: str, awaited: str, seconds: int = 60) -> list[str]:
    """The lines that the container has printed when the awaited words are among them."""
    deadline = time.monotonic() + seconds
    while True:
        logs = subprocess.run(
            ["docker", "logs", container],
            env=docker_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        if awaited in logs:
            return logs.splitlines()
        assert time.monotonic() < deadline, f"no {awaited!r} within {seconds} s in:\n{logs}"
        time.sleep(0.5)


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


@pytest.fixture
def added(image: dict[str, Any], component: str) -> float:
    """Megabytes that the image adds to its base."""
    return float(image["Size"] - inspected(pulled(BASES[component]))["Size"]) / MEGABYTE


def test_an_image_adds_little_to_its_base(added: float, component: str) -> None:
    assert 0 < added <= LARGEST_ADDITION[component], (
        f"{component} adds {added:.1f} MB to {BASES[component]}"
    )


def test_an_image_on_the_official_base_is_small(added: float, component: str) -> None:
    assert PUBLISHED[component] + added < TOO_LARGE[component]


def test_an_image_of_a_checkout_that_only_its_owner_reads_is_readable(
    component: str, tmp_path: Path
) -> None:
    context = shutil.copytree(ROOT / "docker" / component, tmp_path / component)
    subprocess.run(["chmod", "-R", "go=", context], check=True)
    reference = f"taskflow-{component}:private"
    docker("build", "--tag", reference, str(context), timeout=300)
    assert not docker("run", "--rm", reference, "find", "/app", "!", "-perm", "-o=r")


def test_an_image_starts_with_its_bases_layers(image: dict[str, Any], component: str) -> None:
    base = inspected(pulled(BASES[component]))["RootFS"]["Layers"]
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


def test_every_line_of_a_starting_frontend_is_json(release: LiveRelease) -> None:
    reference = str(release.stack.outputs()["frontend_image"])
    with running(reference) as container:
        lines = printed(container, "Ready in")
    for line in lines:
        assert json.loads(line)["message"], line
