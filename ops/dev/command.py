"""`make dev`: both services with hot reload, beside a release, on its database and with its secrets."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from components.config.stack import Images
from components.config.stack_file import short_name
from ops.config.stacks import StackFile
from ops.config.validate import checked
from ops.dev.containers import Containers, Network
from ops.dev.live import Live
from ops.dev.session import COMMANDS, Session
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.paths import STATE
from ops.prepare import setup
from ops.prepare.docker import hides_network
from ops.release import history
from ops.session import StackName, console
from ops.steps import Steps

SWEEP_SECONDS = 10
"""What a killed session's sweeper needs to remove its containers."""

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def dev(
    stack: StackName = "dev",
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            help="Port of the frontend; another one if it is in use.",
            envvar="PORT",
        ),
    ] = 3000,
    migrate: Annotated[
        bool,
        typer.Option(
            "--migrate",
            help="Apply migrations that the release does not have to its database.",
            envvar="MIGRATE",
        ),
    ] = False,
) -> None:
    """Serve the working tree with hot reload, on the database and the secrets of the stack's release, until Ctrl-C."""
    file = StackFile.read(stack)
    images = images_of(file)
    steps = Steps(f"make dev STACK={stack}", console)
    chosen = setup.provide_tools(steps)
    setup.provide_docker(chosen, steps)
    require_own_docker(chosen.env)
    here = Stack(file, chosen.backend, chosen.env)
    with steps.step("release"):
        location = history.location(here)
        live = Live.read(location.kubectl, location.release)
        schema = None if migrate else live.schema()
    setup.provide_images(chosen, steps)
    with session_folder(stack) as (folder, lock):
        network = Network.of(hidden=hides_network(chosen.platform.system, chosen.env))
        containers = Containers(folder, network, chosen.env)
        containers.remove()
        with containers.swept(lock), suppress(KeyboardInterrupt):
            session = Session(live, containers, images, port, schema)
            try:
                with steps.step("dependencies"):
                    session.start()
                session.keep()
            finally:
                session.stop()
    console.print("\nstopped; its containers are removed, and the release is as it was")


def images_of(file: StackFile) -> Images:
    """The builds of the stack's images from the working tree.

    Raises:
        OpsError: if `make dev` does not serve such a stack.
    """
    if file.profile is None:
        raise OpsError(
            f"stack {file.name} is on the cluster of context {file.context}; make dev writes into its database, "
            "so it works only on a Minikube of this machine",
            where=f"{file.path.name}: taskflow:cluster.minikube is not set",
            fix="use a stack on Minikube, as make dev STACK=dev",
        )
    images = checked(file.path).config.images
    for component in COMMANDS:
        if getattr(images, component).ref:
            raise OpsError(
                f"stack {file.name} deploys a prebuilt {component}; make dev serves what make up would build",
                where=f"{file.path.name}: taskflow:images.{component}.ref",
                fix="remove the ref, or use a stack without it",
            )
    return images


def require_own_docker(env: Mapping[str, str]) -> None:
    """Fail if Docker runs on another machine or in a node: it does not have the sources."""
    daemon = env.get("DOCKER_HOST", "")
    if daemon and not daemon.startswith("unix://"):
        raise OpsError(
            "make dev mounts sources, which only a Docker of this machine has",
            where=f"DOCKER_HOST={daemon}",
            fix="unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH (minikube docker-env sets them)",
        )


@contextmanager
def session_folder(stack: str) -> Iterator[tuple[Path, int]]:
    """An empty folder with a lock, so that a checkout has only one session."""
    parent = STATE / "dev"
    parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(parent, os.O_RDONLY)
    try:
        deadline = time.monotonic() + SWEEP_SECONDS
        while not _locked(lock):
            if time.monotonic() > deadline:
                raise OpsError(
                    "make dev is running already in this checkout",
                    where=str(parent),
                    fix="stop it with Ctrl-C in its terminal",
                )
            time.sleep(0.2)
        folder = parent / short_name(stack)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder, lock
    finally:
        os.close(lock)


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
