"""Stand-in for pulumi-docker's `Image`: BuildKit builds through the docker command line."""

import asyncio
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

from pulumi.provider.experimental import provider as p
from pulumi.provider.experimental.property_value import PropertyValue

from airgap.plugins.objects import detailed
from airgap.plugins.serve import (
    Object,
    PluginError,
    Properties,
    plain,
    plain_map,
    report,
    serve,
    wrapped,
)

INPUTS = "__inputs"
CONFIG = "docker:config:"
TAIL = 25  # lines of the build's output that an error repeats
FIRST_WITHOUT_BUILDKIT = 23  # from here on the docker client needs its buildx plugin for BuildKit


def can_buildkit(client: str) -> bool:
    found = subprocess.run([client, "--version"], capture_output=True, text=True)
    match = re.search(r"version (\d+)\.", found.stdout)
    if match and int(match[1]) < FIRST_WITHOUT_BUILDKIT:
        return True
    return subprocess.run([client, "buildx", "version"], capture_output=True).returncode == 0


def docker_client() -> str:
    """The first docker on PATH that has BuildKit: a new client without buildx has not."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin"]
    found = [
        path for folder in dict.fromkeys(folders) if (path := shutil.which("docker", path=folder))
    ]
    for client in found:
        if can_buildkit(client):
            return client
    raise PluginError(
        f"no docker client with BuildKit (looked at: {', '.join(found) or 'nothing on PATH'}); "
        "install Docker, or the buildx plugin of the one that is there"
    )


def build_command(client: str, inputs: Object) -> tuple[list[str], dict[str, str]]:
    """The command line of a build, and the variables that carry the arguments' values."""
    build: Object = inputs["build"]
    command = [client, "build", "--progress", "plain", "--tag", inputs["imageName"]]
    command += ["--file", build["dockerfile"]]
    for option in ("target", "platform"):
        command += [f"--{option}", build[option]] if build.get(option) else []
    arguments: dict[str, str] = build.get("args") or {}
    for name in arguments:  # without a value: docker reads it from the environment, `ps` shows none
        command += ["--build-arg", name]
    return [*command, build["context"]], {"DOCKER_BUILDKIT": "1", **arguments}


def explain(image: str, output: str, host: str) -> str:
    """What a failed docker command means, with the end of what it said."""
    tail = "\n".join(output.strip().splitlines()[-TAIL:])
    if re.search(r"Cannot connect to the Docker daemon|error during connect", output):
        return f"the Docker daemon at {host} does not answer; start it and run again\n{tail}"
    if "no space left on device" in output:
        return f"the disk is full while building {image}; `docker system prune` frees space\n{tail}"
    base = re.search(r"> \[internal\] load metadata for (\S+?):\n", output)
    if base:
        return (
            f"building {image} failed: the base image {base[1]} is neither in the Docker daemon nor "
            f"can it be pulled; check its name, or make it available\n{tail}"
        )
    return f"building {image} failed\n{tail}"


class DockerProvider(p.Provider):
    """Without preview support, as the official one: a preview shows the inputs and builds nothing."""

    def __init__(self) -> None:
        self._connection: dict[str, str] = {}
        self._running: set[subprocess.Popen[str]] = set()
        self._cancelled = threading.Event()

    async def configure(self, request: p.ConfigureRequest) -> p.ConfigureResponse:
        settings = request.variables
        if host := settings.get(f"{CONFIG}host"):
            self._connection["DOCKER_HOST"] = host
        if certificates := settings.get(f"{CONFIG}certPath"):
            self._connection |= {"DOCKER_CERT_PATH": certificates, "DOCKER_TLS_VERIFY": "1"}
        return p.ConfigureResponse(accept_secrets=True)

    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        # The type of a child names its parents too, as in parent:Type$docker:index/image:Image.
        if request.type.split("$")[-1] != "docker:index/image:Image":
            raise PluginError(f"this stand-in builds Images only; it has no {request.type}")
        path = plain_map(request.new_inputs)["build"]["dockerfile"]
        if not Path(path).is_file():
            raise PluginError(f"no Dockerfile at {path}; set `build.dockerfile`")
        return p.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        old = plain(request.old_state[INPUTS]) if INPUTS in request.old_state else {}
        details = detailed(old, plain_map(request.new_inputs), [])
        return p.DiffResponse(changes=bool(details), detailed_diff=details)

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        outputs = await asyncio.to_thread(self._build, request.urn, request.properties)
        return p.CreateResponse(str(outputs["imageName"].value), outputs)

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        return p.UpdateResponse(await asyncio.to_thread(self._build, request.urn, request.news))

    async def delete(self, request: p.DeleteRequest) -> None:
        """The image stays, as with the official provider: old pods may still need it."""

    async def cancel(self) -> None:
        self._cancelled.set()
        for process in list(self._running):
            process.terminate()

    def _build(self, urn: str, properties: Properties) -> Properties:
        inputs = plain_map(properties)
        image, client = inputs["imageName"], docker_client()
        command, variables = build_command(client, inputs)
        self._run(urn, image, command, variables)
        if not inputs.get("skipPush"):
            self._run(urn, image, [client, "push", image], {})
        outputs = {"baseImageName": wrapped(image), "imageName": wrapped(image)}
        return outputs | {INPUTS: PropertyValue(properties)}

    def _run(self, urn: str, image: str, command: list[str], variables: dict[str, str]) -> None:
        environment = {**os.environ, **self._connection, **variables}
        lines = []
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            self._running.add(process)
            for line in process.stdout or ():
                lines.append(line)
                if re.match(r"#\d+ \[", line):  # a BuildKit step begins
                    report(urn, line.strip())
        self._running.discard(process)
        if self._cancelled.is_set():
            raise PluginError(f"building {image} was interrupted")
        if process.returncode:
            host = environment.get("DOCKER_HOST", "unix:///var/run/docker.sock")
            raise PluginError(explain(image, "".join(lines), host))


if __name__ == "__main__":
    serve(DockerProvider(), "pulumi_docker")
