"""`python -m ops bench`: every measurement, one after the other, on a release of its own."""

from __future__ import annotations

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
from ops.prepare import setup, tools
from ops.prepare.setup import Setup
from ops.session import StackName, console
from ops.steps import Steps

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
    tools.provide_extra("helm", "vegeta", env=chosen.env)
    described = machine.describe(chosen, file.context)
    sections = list(_sections(chosen, file, steps))
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


def _sections(chosen: Setup, file: StackFile, steps: Steps) -> Iterator[Section]:
    # The program takes up to a second to load, and most commands do without it.
    from bench import (
        check_times,
        edits,
        first_up,
        inner_loop,
        previews,
        program_cost,
        reads,
        starts,
    )
    from bench.deployed import Daemon, Deployed
    from bench.project import STACK, copy_of_checkout, fixture, own_state
    from components.minikube import Minikube
    from ops.config.render import manifests
    from ops.config.validate import checked

    values = Values.read(file)
    deployed = Deployed(RELEASE, file.context, chosen.env)
    plain_deployed = Deployed(PLAIN, file.context, chosen.env)
    daemon = Daemon.of_profile(file.profile, chosen.env)
    minikube = Minikube.find(file.profile) if file.profile else None
    host = minikube.host if minikube else "127.0.0.1"
    take = _Taker(steps)

    with (
        tempfile.TemporaryDirectory(prefix="taskflow-bench-") as name,
        _nothing_left(daemon, deployed, plain_deployed),
    ):
        folder = Path(name)
        env = own_state(chosen.env, folder / "state")
        release = copy_of_checkout(folder / "project", env)
        plain = fixture("plain", folder / "plain", env)
        many = fixture("many", folder / "many", env)
        release.configure(PROJECT, values.mocked(), stack="dev")
        yield take("The program alone", lambda: program_cost.measure(release, plain))
        many.configure("many", {"context": file.context})
        many.init()
        yield take("Growth", lambda: program_cost.measure_growth(many))

        release.configure(PROJECT, values.release(backend_pods=2))
        release.init()
        source = checked(release.folder / "Pulumi.bench.yaml")
        objects = manifests(source.config, source.source)
        yield take(
            "First deployment", lambda: first_up.measure(release, deployed, daemon, objects, folder)
        )

        def compare_previews() -> Section:
            plain.configure("plain", {"context": file.context, "namespace": PLAIN})
            plain.init()
            plain.up()
            try:
                return previews.measure(release, plain)
            finally:
                plain.destroy()

        yield take("Previews", compare_previews)
        yield take("Container start to Ready", lambda: starts.measure(deployed, daemon))

        def read() -> Section:
            release.configure(PROJECT, values.release(backend_pods=1))
            release.up()
            try:
                return reads.measure(
                    deployed, f"http://{host}:{FRONTEND_PORT}", f"http://{host}:{BACKEND_PORT}"
                )
            finally:
                release.configure(PROJECT, values.release(backend_pods=2))
                release.up()

        yield take("Backend reads", read)
        yield take("Edits", lambda: edits.measure(release, deployed, daemon))
        yield take("Inner loop", lambda: inner_loop.measure(release.folder, STACK, release.env))
    yield take("Checks", check_times.measure)


@dataclass(frozen=True)
class _Taker:
    """Takes one section after the other; reports a failure in the section's place and continues with the next."""

    steps: Steps

    def __call__(self, title: str, measure: Callable[[], Section]) -> Section:
        with self.steps.step(title) as step:
            try:
                section = measure()
                console.print(document.table(section))
                return section
            except (OpsError, httpx.HTTPError) as error:
                console.print(str(error), style="red", markup=False)
                step.note = "failed"
                return Section(title, "", failure=str(error).splitlines()[0])


@contextmanager
def _nothing_left(daemon: Any, *namespaces: Any) -> Iterator[None]:
    """Remove what a killed run left, and at the end the namespaces and images of this one."""
    for namespace in namespaces:
        namespace.remove()
    images = daemon.images()
    try:
        yield
    finally:
        try:
            for namespace in namespaces:
                namespace.remove()
            for image in sorted(daemon.images() - images):
                daemon.docker("rmi", "--force", image)
        except OpsError as error:  # The figures matter more than a leftover image.
            console.print(str(error), style="red", markup=False)
