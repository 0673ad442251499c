"""What this machine is and reaches: everything outside the program that a choice depends on.

The choices take a `Machine`, so that tests can put any laptop or build server in its place (tests/ops/machines.py).
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ops.errors import OpsError
from ops.paths import CHOSEN, STAND_INS
from ops.processes import NOT_STARTED, capture

PROBE_SECONDS = 3.0
"""A site that has not answered by then counts as out of reach."""

START_SECONDS = 20.0
"""A plugin that has neither served nor exited by then does not work."""

Version = tuple[int, ...]

_VERSION_COMMANDS = {
    "pulumi": ("version",),
    "minikube": ("version", "--short"),
    "kubectl": ("version", "--client"),
    "docker": ("--version",),
}


@dataclass(frozen=True)
class Platform:
    system: str
    """`linux` or `darwin`."""
    arch: str
    """`amd64` or `arm64`."""


@dataclass
class Machine:
    """This machine. Answers from the web are kept for the run: a site is asked once."""

    _pages: dict[str, str | None] = field(default_factory=dict)

    @property
    def platform(self) -> Platform:
        arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        return Platform(platform.system().lower(), arch)

    @property
    def interactive(self) -> bool:
        """A person sits at a terminal and can be asked."""
        return sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")

    def on_path(self, name: str) -> list[Path]:
        """Every executable of that name on PATH, in its order."""
        ours = {str(CHOSEN), str(STAND_INS)}
        found = (
            shutil.which(name, path=folder)
            for folder in os.environ.get("PATH", "").split(os.pathsep)
            if folder and folder not in ours
        )
        return [Path(path) for path in found if path]

    def exists(self, path: Path) -> bool:
        return path.exists()

    def starts(self, path: Path) -> bool:
        """This program exists, is complete and is for this processor: it starts, and serves or exits by itself."""
        # Without the engine's address a plugin prints the port that it serves and waits, or exits with a message.
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        try:
            child = subprocess.Popen([path], stdin=nowhere, stdout=pipe, stderr=nowhere, text=True)
        except OSError:
            return False
        limit = threading.Timer(START_SECONDS, child.kill)
        with child:
            limit.start()
            port = child.stdout.readline().strip() if child.stdout else ""
            if port:
                child.kill()
        limit.cancel()
        # A negative code is a signal: it crashed, or was killed at the limit.
        return port.isdigit() or (child.returncode >= 0 and child.returncode != NOT_STARTED)

    def version(self, name: str, path: Path) -> Version | None:
        """The version of a tool, None if it reports none."""
        result = capture([str(path), *_VERSION_COMMANDS[name]], env=os.environ, timeout=20)
        match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", result.output)
        if result.code != 0 or match is None:
            return None
        return tuple(int(part) for part in match.groups() if part is not None)

    def published(self, url: str) -> str | None:
        """The text of a small page on the web, None where its site is out of reach; a proxy's refusal is no page.

        Raises:
            OpsError: if the environment names a proxy that httpx does not know how to use.
        """
        if url not in self._pages:
            try:
                answer = httpx.get(url, timeout=PROBE_SECONDS, follow_redirects=True)
                self._pages[url] = answer.text if answer.is_success else None
            except (httpx.HTTPError, OSError):
                self._pages[url] = None
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise OpsError(
                    f"a proxy of the environment cannot be used: {error}",
                    where="HTTPS_PROXY, HTTP_PROXY, ALL_PROXY or NO_PROXY",
                    fix="set it to an HTTP proxy such as http://proxy.example:3128, or unset it; NO_PROXY takes an "
                    "IPv6 address without brackets",
                ) from error
        return self._pages[url]

    def reaches(self, url: str) -> bool:
        """The site itself answers there."""
        return self.published(url) is not None

    def builds_images(self, docker: Path) -> bool:
        """This Docker client can build with BuildKit."""
        if capture([str(docker), "buildx", "version"], env=os.environ, timeout=20).code == 0:
            return True
        # Clients before 23 carry a BuildKit client of their own; later ones need the buildx plugin.
        version = self.version("docker", docker)
        return version is not None and version < (23,)

    def daemon_trouble(self, docker: Path) -> str | None:
        """None where the Docker daemon answers; else what the client says."""
        command = [str(docker), "version", "--format", "{{.Server.Version}}"]
        result = capture(command, env=os.environ, timeout=10)
        return None if result.code == 0 else result.output.strip()
