"""Stand-in for pulumi-docker's `Image`: BuildKit builds through the docker command line."""

import os
import re
import subprocess
from pathlib import Path

from pulumi.provider.experimental import provider as p

from airgap.plugins.objects import details
from airgap.plugins.serve import (
    INPUTS,
    Object,
    PluginError,
    Properties,
    plain,
    report,
    serve_provider,
    wrapped,
)

TAIL = 25  # lines of the build's output that an error repeats


def build_command(inputs: Object) -> tuple[list[str], dict[str, str]]:
    """The command line of a build, and the variables that carry the arguments' values."""
    build: Object = inputs["build"]
    command = ["docker", "build", "--progress", "plain", "--tag", inputs["imageName"]]
    command += ["--file", build["dockerfile"]]
    for option in ("target", "platform"):
        command += [f"--{option}", build[option]] if build.get(option) else []
    arguments: dict[str, str] = build.get("args") or {}
    for name in arguments:  # without a value: docker reads it from the environment, `ps` shows none
        command += ["--build-arg", name]
    return [*command, build["context"]], {"DOCKER_BUILDKIT": "1", **arguments}


class DockerProvider(p.Provider):
    """Without preview support, as the official one: a preview shows the inputs and builds nothing."""

    def __init__(self) -> None:
        self._connection: dict[str, str] = {}
        self._running: set[subprocess.Popen[str]] = set()

    async def configure(self, request: p.ConfigureRequest) -> p.ConfigureResponse:
        settings = request.variables
        if host := settings.get("docker:config:host"):
            self._connection["DOCKER_HOST"] = host
        if certificates := settings.get("docker:config:certPath"):
            self._connection |= {"DOCKER_CERT_PATH": certificates, "DOCKER_TLS_VERIFY": "1"}
        return p.ConfigureResponse()

    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        # The type of a child names its parents too, as in parent:Type$docker:index/image:Image.
        if request.type.split("$")[-1] != "docker:index/image:Image":
            raise PluginError(f"this stand-in builds Images only; it has no {request.type}")
        path = plain(request.new_inputs)["build"]["dockerfile"]
        if not Path(path).is_file():
            raise PluginError(f"no Dockerfile at {path}; set `build.dockerfile`")
        return p.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        old, new = plain(request.old_state).get(INPUTS, {}), plain(request.new_inputs)
        found = details(old, new, [])
        return p.DiffResponse(changes=bool(found), detailed_diff=found)

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        outputs = self._build(request.urn, plain(request.properties))
        return p.CreateResponse(str(outputs["imageName"].value), outputs)

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        return p.UpdateResponse(self._build(request.urn, plain(request.news)))

    async def delete(self, request: p.DeleteRequest) -> None:
        """The image stays, as with the official provider: old pods may still need it."""

    async def cancel(self) -> None:
        for process in list(self._running):
            process.terminate()

    def _build(self, urn: str, inputs: Object) -> Properties:
        image = inputs["imageName"]
        self._run(urn, image, *build_command(inputs))
        if not inputs.get("skipPush"):
            self._run(urn, image, ["docker", "push", image], {})
        return wrapped({"baseImageName": image, "imageName": image, INPUTS: inputs}, INPUTS)

    def _run(self, urn: str, image: str, command: list[str], variables: dict[str, str]) -> None:
        lines = []
        try:
            process = subprocess.Popen(
                command,
                env={**os.environ, **self._connection, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except FileNotFoundError:
            raise PluginError("there is no docker on PATH; install it") from None
        with process:
            self._running.add(process)
            for line in process.stdout or ():
                lines.append(line)
                if re.match(r"#\d+ \[", line):  # a BuildKit step begins
                    report(urn, line.strip())
        self._running.discard(process)
        if process.returncode:
            raise PluginError(f"building {image} failed\n{''.join(lines[-TAIL:])}")


if __name__ == "__main__":
    serve_provider(DockerProvider(), "pulumi_docker")
