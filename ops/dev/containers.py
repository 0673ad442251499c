"""The containers of `make dev`: the images' dependencies with the sources mounted. None outlives the command."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from components.build_context import BuildArgs
from ops.dev.mirror import DEPENDENCIES
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.processes import capture, show, stream

LABEL = "taskflow-dev"
SOURCES = "/app/sources"
"""Below the folder with the dependencies, where Node.js looks for them."""
# BuildKit's bookkeeping; the output of steps and errors stay visible.
NOISE = r"^(#\d+ (?!\d+\.\d|ERROR).*)?$"
# Waits for the end of its stdin: this process holds the other end until it exits, also by SIGKILL.
SWEEPER = """
cat
kill $(cat "$1/forward")
docker ps --all --quiet --filter "label=$2" | xargs docker rm --force --volumes
sort -u "$1"/*.image > "$1/images"
docker images --quiet --no-trunc --filter dangling=true | grep -xFf "$1/images" | xargs docker rmi
rm -rf "$1"
"""


@dataclass(frozen=True)
class Network:
    """How containers, this machine and its browser reach each other."""

    listen: str
    """Where a server in a container listens."""
    host: str
    """This machine, as a container calls it."""
    origin: str
    """This machine, as the browser calls it."""

    @classmethod
    def of(cls, *, hidden: bool) -> Self:
        """How it is on this machine; `hidden`: it reaches only published ports."""
        if not hidden:
            return cls("127.0.0.1", "127.0.0.1", "127.0.0.1")
        # Next.js serves its development files to its own host and to localhost alone.
        return cls("0.0.0.0", "host.docker.internal", "localhost")  # noqa: S104 - of the container

    def flags(self, port: int) -> list[str]:
        if self.listen == self.host:
            return ["--network=host"]
        return [f"--publish=127.0.0.1:{port}:{port}"]


@dataclass(frozen=True)
class Containers:
    """The containers of one checkout and stack. The folder of their sources identifies them."""

    folder: Path
    network: Network
    env: Mapping[str, str]

    def build(self, build: BuildArgs) -> str:
        """Build the dependencies of an image; returns the id of the stage.

        Raises:
            OpsError: if it fails; Docker's message is above it.
        """
        # One for each build: the sweeper removes the former images, too.
        builds = len([*self.folder.glob("*.image")])
        file = self.folder / f"{build.context.name}-{builds}.image"
        command = ["docker", "build", f"--target={DEPENDENCIES}", f"--iidfile={file}"]
        command += [f"--build-arg={name}={value}" for name, value in build.args.items()]
        if stream([*command, str(build.context)], env=self.env, hide=NOISE).code != 0:
            raise OpsError(
                f"the dependencies of {build.context.name} could not be built (Docker's message is above)",
                where=str(build.context / "Dockerfile"),
            )
        return file.read_text()

    def start(
        self,
        component: str,
        image: str,
        port: int,
        given: Mapping[str, str],
        command: Sequence[str],
        mounts: Mapping[str, Path],
    ) -> subprocess.Popen[str]:
        """Run a command on the mirrored sources; its output is passed through.

        Values of the environment stay in this process' and Docker's memory: no command line and no file has them.
        """
        docker = shutil.which("docker", path=self.env.get("PATH"))
        flags = ["--rm", "--init", "--sig-proxy=false", f"--label={self._label}"]
        flags += [f"--label=component={component}", f"--user={os.getuid()}:{os.getgid()}"]
        flags += [f"--volume={self.folder / component}:{SOURCES}", f"--workdir={SOURCES}"]
        flags += [f"--volume={path}:{target}:ro" for target, path in mounts.items()]
        flags += [*self.network.flags(port), *(f"--env={name}" for name in given)]
        process = subprocess.Popen(
            [docker or "docker", "run", *flags, image, *command],
            env={**self.env, **given},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
            start_new_session=True,  # Ctrl-C is this command's: it removes the container.
        )  # fmt: skip
        follow(component, process)
        return process

    def forward(
        self, kubectl: Kubectl, service: str, port: int, target: int
    ) -> subprocess.Popen[str]:
        """Forward a port of this machine to a Service."""
        command = ["port-forward", "--address=127.0.0.1", f"service/{service}", f"{port}:{target}"]
        process = kubectl.start(*command)
        (self.folder / "forward").write_text(str(process.pid))
        follow(service, process, hide=("Forwarding ", "Handling "))
        return process

    def remove(self, component: str = "") -> None:
        """Remove the containers of one component, or all."""
        labels = [self._label, *([f"component={component}"] if component else [])]
        filters = [f"--filter=label={label}" for label in labels]
        found = capture(["docker", "ps", "--all", "--quiet", *filters], env=self.env).output.split()
        if found:
            capture(["docker", "rm", "--force", "--volumes", *found], env=self.env)

    @contextmanager
    def swept(self, lock: int) -> Iterator[None]:
        """At the end of the block, or of this process, remove all of it; `lock` stays locked until then."""
        sweeper = subprocess.Popen(
            ["sh", "-c", SWEEPER, "sh", str(self.folder), self._label],
            env=dict(self.env), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=[lock], start_new_session=True,
        )  # fmt: skip
        try:
            yield
        finally:
            assert sweeper.stdin
            sweeper.stdin.close()
            sweeper.wait()

    @property
    def _label(self) -> str:
        return f"{LABEL}={self.folder}"


def follow(name: str, process: subprocess.Popen[str], hide: tuple[str, ...] = ()) -> None:
    """Print a process's output, each line with a name, until it ends."""

    def lines() -> None:
        assert process.stdout
        for line in process.stdout:
            if not line.startswith(hide or ("\0",)):
                show(f"{name} | {line}")

    threading.Thread(target=lines, daemon=True).start()


def free_ports(wanted: int, count: int) -> list[int]:
    """The wanted port if it is free, and other free ones."""
    with ExitStack() as held:
        ports = []
        for port in (wanted, *[0] * (count - 1)):
            probe = held.enter_context(socket.socket())
            # Else a port whose connections have just ended would count as in use for a minute.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port > 0))
            if not _answered(port):
                with suppress(OSError):
                    probe.bind(("127.0.0.1", port))
            if not probe.getsockname()[1]:
                probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
    return ports


def _answered(port: int) -> bool:
    """Whether a server listens: macOS would let another one listen beside one that listens on every address."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
