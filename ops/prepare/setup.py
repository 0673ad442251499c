"""Everything a command needs from the machine before its own work: tools, plugins, Docker, cluster."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.minikube import Minikube
from ops.config.stacks import StackFile
from ops.engine import backend
from ops.engine.backend import Backend
from ops.errors import OpsError
from ops.paths import CHOSEN, ROOT, STAND_INS
from ops.prepare import cluster, docker, plugins, tools
from ops.prepare.machine import Machine, Platform
from ops.prepare.plugins import Plugins
from ops.prepare.tools import Choice, Origin
from ops.steps import Steps

NEEDED_BYTES = 2_000_000_000
"""Room for both images and the state; downloads and builds check for their own room."""


@dataclass(frozen=True)
class Setup:
    tools: Mapping[str, Choice]
    plugins: Plugins
    backend: Backend
    platform: Platform
    env: Mapping[str, str]
    """The environment of every child process: PATH finds the chosen tools in it."""

    @property
    def minikube(self) -> Origin:
        return self.tools["minikube"].origin


def choose(machine: Machine | None = None) -> Setup:
    """Decide on everything; changes nothing."""
    machine = machine or Machine()
    chosen = tools.choose_all(machine)
    home = backend.home()
    plugin_choice = plugins.choose(
        chosen["pulumi"], machine, home=home, required=plugins.required()
    )
    state = backend.find(os.environ, home)
    env = child_environment(os.environ, plugin_choice, state)
    return Setup(chosen, plugin_choice, state, machine.platform, env)


def child_environment(
    environ: Mapping[str, str], plugin_choice: Plugins, state: Backend
) -> dict[str, str]:
    path = [str(CHOSEN), *filter(None, environ.get("PATH", "").split(os.pathsep))]
    env = {
        **environ,
        **state.env,
        "DOCKER_BUILDKIT": "1",  # clients before 23 use the old builder by default
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PYTHONUNBUFFERED": "1",
    }
    if not plugin_choice.official:
        # Last, so that a machine's own tools stay in front of those built for it.
        path.append(str(STAND_INS))
        env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    env["PATH"] = os.pathsep.join(dict.fromkeys(path))
    return env


def require_space(folder: Path = ROOT, needed: int = NEEDED_BYTES) -> None:
    """Fail before anything is half written, not after."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OpsError(
            f"the disk is almost full: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed",
            where=str(folder),
            fix="make room (df -h; docker system df shows what images take), then run it again",
        )


def provide_tools(steps: Steps) -> Setup:
    """Choose everything, and have the command-line tools and plugins in place."""
    with steps.step("tools") as step:
        setup = choose()
        with _host_and_images_meanwhile(setup):
            tools.provide(setup.tools, env=setup.env)
            if not setup.plugins.official:
                print(f"Plugins come from airgap/: {setup.plugins.reason}", flush=True)
                tools.airgap("plugins", env=setup.env)
        origins = [f"{choice.name} {choice.origin}" for choice in setup.tools.values()]
        kind = "official plugins" if setup.plugins.official else "plugins of airgap/"
        step.note = f"{', '.join(origins)}, {kind}"
    return setup


@contextmanager
def _host_and_images_meanwhile(setup: Setup) -> Iterator[None]:
    """On a machine that must build its tools, run what waits for the network beside what needs the processors.

    Failures are left to the steps that follow: they do the same again and report what is wrong.
    """
    if setup.minikube is not Origin.BUILT or (STAND_INS / "minikube").exists():
        yield
        return
    machine = Machine()
    engine = docker.choose(machine)
    if engine.client is None:
        docker.require_leave(engine, machine)
    command = [sys.executable, "-u", "-m", "airgap"]
    script = f"{shlex.join([*command, 'host'])} && {shlex.join([*command, 'images'])}"
    beside = subprocess.Popen(["sh", "-c", script], env=dict(setup.env), cwd=ROOT)
    try:
        yield
    finally:
        beside.wait()


def provide_docker(setup: Setup, steps: Steps, machine: Machine | None = None) -> None:
    machine = machine or Machine()
    with steps.step("Docker engine") as step:
        engine = docker.choose(machine)
        if engine.client is None:
            docker.require_leave(engine, machine)
            tools.airgap("host", env=setup.env)
            step.note = "set up"
            engine = docker.choose(machine)
        if engine.client is None:
            raise OpsError(
                f"`python -m airgap host` succeeded, but still: {engine.reason}",
                fix="run the same command again",
            )
        first = machine.on_path("docker")[0]
        tools.link("docker", engine.client, needed=engine.client != first)
        step.note = step.note or f"{engine.client} answers"


def provide_cluster(setup: Setup, steps: Steps, stack: StackFile) -> None:
    with steps.step("cluster") as step:
        system = setup.platform.system
        step.note = cluster.ensure(stack, setup.minikube, env=setup.env, system=system)


def require_free_port(setup: Setup, stack: StackFile) -> None:
    """Fail before a node port is taken from another program. Needs the cluster: it may be on another machine."""
    minikube = Minikube.find(stack.profile, setup.env) if stack.profile else None
    # Only then is a node port one of this machine's own.
    if stack.node_port and minikube and minikube.on_this_machine:
        cluster.require_free_port(stack.node_port)


def provide_metrics(setup: Setup, steps: Steps) -> None:
    """Minikube's addon pulls its image when it is enabled; only without a registry is one made."""
    if setup.minikube is Origin.BUILT:
        with steps.step("metrics-server image") as step:
            tools.airgap("metrics", env=setup.env)
            step.note = "stand-in"


def enable_metrics(setup: Setup, steps: Steps, profile: str) -> None:
    provide_metrics(setup, steps)
    with steps.step("metrics server") as step:
        step.note = (
            "enabled" if cluster.enable_metrics(profile, env=setup.env) else "enabled already"
        )


def provide_images(setup: Setup, steps: Steps) -> None:
    """Base images come from their registry at build time; only without one are stand-ins made."""
    if setup.minikube is Origin.BUILT:
        with steps.step("base images") as step:
            tools.airgap("images", env=setup.env)
            step.note = "stand-ins"
