"""One session of `make dev`: two containers, the way to the database, and the sources that follow every edit."""

import os
import shlex
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx

from components.build_context import BuildArgs, build_of, reference
from components.config.errors import ConfigError
from components.config.stack import Images
from ops.dev.containers import Containers, free_ports
from ops.dev.live import Live, moved
from ops.dev.mirror import Mirror
from ops.errors import OpsError
from ops.paths import SOURCES
from ops.release import migrations
from ops.session import console

LOOK_SECONDS = 0.2
"""Seconds between two scans of the sources: a hundred files take a few milliseconds."""
HEALTH_SECONDS, COMPILE_SECONDS = 0.5, 60
HEALTH = {"backend": "/health", "frontend": "/healthz"}
# What make dev serves: a component without a page or an API has nothing to reload.
COMMANDS = {
    "backend": "/venv/bin/python -m uvicorn --factory taskflow_api.__main__:application --host={host} --port={port} "
    "--reload --reload-delay=0.1 --no-access-log",
    "frontend": "../node_modules/.bin/next dev --hostname={host} --port={port}",
}
MIGRATION = "migrate"
"""The container of the backend's pods that migrates."""
MIGRATE = "/venv/bin/python -m taskflow_api.migrate"
CERTIFICATES = "DATABASE_CA_FILE"
MIGRATIONS = SOURCES.parent / migrations.FOLDER


class Session:
    """`schema`: migrations after it are not applied; None applies all."""

    def __init__(
        self, live: Live, containers: Containers, images: Images, port: int, schema: str | None
    ) -> None:
        self._live, self._containers, self._images = live, containers, images
        self._schema = schema
        frontend, backend, self._database_port = free_ports(port, 3)
        self._ports = {"frontend": frontend, "backend": backend}
        self._service = live.database()
        self._mirrors = {
            component: Mirror(
                self._build(component), containers.folder / component, self._held_back
            )
            for component in COMMANDS
        }
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._outdated: set[str] = set()
        self._trouble: dict[str, str] = {}
        self._forward: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Build both images' dependencies and start both services."""
        for component, mirror in self._mirrors.items():
            (self._containers.folder / component).mkdir()
            mirror.update()
        self._forward_database()
        for component in COMMANDS:
            self._start(component)
        self._say_content()
        threading.Thread(target=self._announce, daemon=True).start()

    def keep(self) -> None:
        """Follow the edits until Ctrl-C.

        Raises:
            OpsError: if a service ends by itself.
        """
        while True:
            time.sleep(LOOK_SECONDS)
            for component in COMMANDS:
                if changed := self._changed(component):
                    self._follow(component, changed)
            for component, process in self._running.items():
                if process.poll() is not None:
                    raise OpsError(f"the {component} ended; its last lines are above")
            if self._forward and self._forward.poll() is not None:
                # It ended with the database's pod, as in an update of the release.
                time.sleep(1)
                self._forward_database()

    def _changed(self, component: str) -> list[Path]:
        """The sources that changed; what an unfinished edit hides is known by the next one."""
        try:
            changed, trouble = self._mirrors[component].update(), ""
        except ConfigError as error:
            changed, trouble = [], str(error)
        if trouble and trouble != self._trouble.get(component):
            console.print(trouble, style="red", markup=False)
        self._trouble[component] = trouble
        return changed

    def _follow(self, component: str, changed: list[Path]) -> None:
        names = ", ".join(str(file.relative_to(SOURCES)) for file in changed)
        # A file's name may be any bytes.
        console.print(os.fsencode(names).decode(errors="replace"), style="bold", markup=False)
        if self._mirrors[component].of_image().intersection(changed):
            self._outdated.add(component)
        if component in self._outdated:
            try:
                self._start(component)
            except (OpsError, FileNotFoundError) as error:
                # The edit may be unfinished: keep what runs until the next one.
                console.print(str(error), style="red", markup=False)
                return
            self._outdated.remove(component)
        self._say_content()

    def stop(self) -> None:
        """No container starts after this."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def _start(self, component: str) -> None:
        """Start a service, in place of the one that runs."""
        image = self._containers.build(self._build(component))
        if component in self._running:
            self._containers.remove(component)
            self._running.pop(component).wait()
        env, mounts = self._environment(component), {}
        if certificates := env.get(CERTIFICATES):
            mounts[certificates] = self._containers.folder / f"{component}.crt"
            mounts[certificates].write_text(self._live.run(component, "cat", certificates))
        port, listen = self._ports[component], self._containers.network.listen
        command = COMMANDS[component].format(host=listen, port=port).split()
        if self._migrates(component):
            command = ["sh", "-c", f"{MIGRATE} && exec {shlex.join(command)}"]
        self._running[component] = self._containers.start(
            component, image, port, env, command, mounts
        )

    def _build(self, component: str) -> BuildArgs:
        return build_of(self._images, component, SOURCES)

    def _environment(self, component: str) -> dict[str, str]:
        """The pods' environment, except for addresses and what reloading needs."""
        env, host = self._live.environment(component), self._containers.network.host
        if self._migrates(component):
            env |= self._live.environment(component, MIGRATION)
        if self._service:
            env = moved(env, host, self._database_port)
        return env | {
            "FRONTEND_URL": f"http://{self._containers.network.origin}:{self._ports['frontend']}",
            "BACKEND_URL": f"http://{host}:{self._ports['backend']}",
            "NODE_ENV": "development",
            "HOME": "/tmp",  # noqa: S108 - of the container
            "METRICS_PORT": "0",  # Any free port: another session may run beside this one.
            # In development Next.js adds more listeners than Node.js expects.
            "NODE_OPTIONS": "--disable-warning=MaxListenersExceededWarning",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _forward_database(self) -> None:
        if self._service:
            kubectl, port = self._live.kubectl, self._database_port
            self._forward = self._containers.forward(
                kubectl, self._service[0], port, self._service[1]
            )

    def _migrates(self, component: str) -> bool:
        """Whether it migrates before it starts: its own role may not, where the database has one for each service."""
        return component == "backend" and self._schema is None

    def _held_back(self, file: Path) -> bool:
        """A migration that the release lacks: a half-written one would be applied as soon as it is saved."""
        newer = self._schema is not None and file.stem > self._schema
        return newer and file.parent == MIGRATIONS

    def _say_content(self) -> None:
        try:
            tags = [
                reference(self._images.repository(component), self._build(component))
                for component in COMMANDS
                if component not in self._outdated
            ]
        except (ConfigError, FileNotFoundError):
            # An edit is unfinished, or a file is missing during a rename; the next one prints this again.
            return
        console.print(f"serving the content of {' and '.join(tags)}, as the next make up builds it")
        newest = max((file.stem for file in MIGRATIONS.glob("[0-9]*.py")), default="")
        if self._schema is not None and newest > self._schema:
            console.print(
                f"[yellow]but not migration {newest}: the release has {self._schema}. MIGRATE=1 applies it to the "
                "database at once, make up with the release[/]"
            )

    def _announce(self) -> None:
        """Print the addresses once both services answer."""
        origin = self._containers.network.origin
        urls = {name: f"http://{origin}:{port}" for name, port in self._ports.items()}
        for component, path in HEALTH.items():
            while not answers(f"{urls[component]}{path}"):
                time.sleep(HEALTH_SECONDS)
        console.print(f"\nTaskFlow from the sources: [bold green]{urls['frontend']}[/]", end=" ")
        console.print(f"(its backend: {urls['backend']}). Ctrl-C ends it.\n")


def answers(url: str) -> bool:
    """Whether a service of this machine answers; the environment's proxy is not asked for it."""
    # The first request waits until Next.js has compiled what it asks for.
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=COMPILE_SECONDS, trust_env=False).is_success
    return False
