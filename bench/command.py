"""`python -m ops bench`: every measurement, one after the other, on a release of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import typer

from bench import document, machine
from bench.figures import Section
from components.config.stack_file import PROJECT, decoded
from components.config.stack_file import StackFile as Source
from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare import setup
from ops.session import StackName, console
from ops.steps import Steps
from tests.machinery import extras

commands = typer.Typer()

RELEASE = "bench"
PLAIN = "bench-plain"
FRONTEND_PORT, BACKEND_PORT = 30086, 30087
DOCUMENT = ROOT / "docs" / "performance.md"
# Beside the stack's own release there is little left of 2 CPUs to request; limits are what counts in a measurement.
SMALL = {"requests": {"cpu": "20m", "memory": "96Mi"}}


@commands.command()
def bench(stack: StackName = "dev") -> None:
    """Measure everything that docs/performance.md says, and write it; about a quarter of an hour."""
    file = StackFile.read(stack)
    began = time.monotonic()
    steps = Steps("make bench", console)
    setup.require_space()
    chosen = setup.provide_tools(steps)
    setup.provide_docker(chosen, steps)
    setup.provide_cluster(chosen, steps, file)
    setup.provide_images(chosen, steps)
    extras.provide("helm", "vegeta", env=chosen.env)
    os.environ.update(chosen.env)  # From here on the helpers of the live tests run what is on PATH.
    # Containers often set it. Each run would then compile the components anew, as no run on a user's machine does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    described = machine.describe(chosen, file.context)
    sections = list(_sections(file, steps))
    minutes = (time.monotonic() - began) / 60
    _, mark, by_hand = DOCUMENT.read_text().partition(document.BY_HAND)
    measured = document.markdown(sections, described, minutes)
    DOCUMENT.write_text(f"{measured}\n{mark}{by_hand}")
    console.print(f"\nwritten to {DOCUMENT.relative_to(ROOT)}")
    if any(section.failure for section in sections):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Values:
    """The stack's configuration, made to fit beside it."""

    of_stack: Mapping[str, str]
    """As the engine hands it over; without secrets, which belong to another stack's passphrase."""

    @classmethod
    def read(cls, file: StackFile) -> Values:
        source = Source.of_stack(file.name, PROJECT, file.path.parent)
        secret = {path[0] for path in source.encrypted}
        return cls({key: text for key, text in source.texts.items() if key not in secret})

    def mocked(self) -> dict[str, Any]:
        """The same in a cluster that no kubeconfig has."""
        cluster = decoded(self.of_stack.get("cluster", "")) or {}
        return {**self.of_stack, "cluster": {**cluster, "context": RELEASE}}

    def release(self, *, backend_pods: int) -> dict[str, Any]:
        return {
            **self.of_stack,
            "release": RELEASE,
            "database": {"embedded": {"resources": _small("500m", "384Mi")}},
            "backend": {
                "replicas": backend_pods,
                "resources": _small("500m", "512Mi"),
                "service": {"type": "NodePort", "nodePort": BACKEND_PORT},
            },
            "frontend": {
                "resources": _small("250m", "256Mi"),
                "service": {"type": "NodePort", "nodePort": FRONTEND_PORT},
            },
        }


def _small(cpu: str, memory: str) -> dict[str, Any]:
    return {**SMALL, "limits": {"cpu": cpu, "memory": memory}}


def _sections(file: StackFile, steps: Steps) -> Iterator[Section]:
    # The program takes up to a second to load, and most commands do without it.
    from bench import (
        check_times,
        edits,
        first_up,
        inner_loop,
        previews,
        program_cost,
        project,
        reads,
        starts,
    )
    from ops.config.render import manifests
    from ops.config.validate import checked
    from tests.engine_stack import EngineStack
    from tests.live_release import CONTEXT, Kubectl, node_port
    from tests.one_more_component import write_stack

    if file.context != CONTEXT:
        raise OpsError(f"only a release in context {CONTEXT} is measured", where=str(file.path))
    values, kubectl, take = Values.read(file), Kubectl(RELEASE), _Taker(steps)
    with tempfile.TemporaryDirectory(prefix="taskflow-bench-") as name, _nothing_left():
        folder = Path(name)
        program = project.copy_of_checkout(folder / "project")
        plain = project.fixture("plain", folder / "plain")
        many = project.fixture("many", folder / "many")
        write_stack(program, "dev", values.mocked())
        yield take("The program alone", lambda: program_cost.measure(program, plain))
        releases = EngineStack.create(project.STACK, many, {"context": CONTEXT}, many)
        yield take("Growth", lambda: program_cost.measure_growth(releases))

        usual = values.release(backend_pods=2)
        release = EngineStack.create(project.STACK, program, usual, program)
        source = checked(release.config_file)
        objects = manifests(source.config, source.source)
        yield take("First deployment", lambda: first_up.measure(release, objects, folder))

        def compare_previews() -> Section:
            config = {"context": CONTEXT, "namespace": PLAIN}
            yardstick = EngineStack.create(project.STACK, plain, config, plain)
            yardstick.up()
            try:
                return previews.measure(release, yardstick)
            finally:
                yardstick.destroy()

        yield take("Previews", compare_previews)
        yield take("Container start to Ready", lambda: starts.measure(kubectl))

        def read() -> Section:
            release.configure(values.release(backend_pods=1))
            release.up()
            try:
                return reads.measure(kubectl, node_port(FRONTEND_PORT), node_port(BACKEND_PORT))
            finally:
                release.configure(usual)
                release.up()

        yield take("Backend reads", read)
        yield take("Edits", lambda: edits.measure(release, kubectl))
        yield take("Inner loop", lambda: inner_loop.measure(program, project.STACK, release.env))
    yield take("Checks", check_times.measure)


@dataclass(frozen=True)
class _Taker:
    """Takes one section after the other; reports a failure in the section's place and continues with the next."""

    steps: Steps

    def __call__(self, title: str, measure: Callable[[], Section]) -> Section:
        with self.steps.step(title) as step:
            try:
                section = measure()
            # The helpers of the live tests assert that what they run succeeds.
            except (OpsError, AssertionError, subprocess.SubprocessError, httpx.HTTPError) as error:
                console.print(str(error), style="red", markup=False)
                step.note = "failed"
                return Section(title, "", failure=str(error).partition("\n")[0])
            console.print(document.shown(section), markup=False)
            return section


@contextmanager
def _nothing_left() -> Iterator[None]:
    """Remove what a killed run left, and at the end the namespaces and images of this one."""
    from bench.project import images, remove
    from tests.live_release import docker

    for namespace in (RELEASE, PLAIN):
        remove(namespace)
    before = images()
    try:
        yield
    finally:
        try:
            for namespace in (RELEASE, PLAIN):
                remove(namespace)
            for image in sorted(images() - before):
                docker("rmi", "--force", image)
        except (OpsError, AssertionError) as error:  # The figures matter more than what is left.
            console.print(str(error), style="red", markup=False)
