"""Stand-in for pulumi-docker's `Image`: BuildKit builds through the docker command line."""

import os
import re
from subprocess import DEVNULL, PIPE, STDOUT, Popen

from pulumi.provider.experimental import provider as p

from airgap.plugins.serve import Object, PluginError, plain, report, serve_provider

TAIL = 25  # lines of the build's output that an error repeats


def build_command(inputs: Object) -> tuple[list[str], dict[str, str]]:
    """The command line of a build, and the variables that carry the arguments' values."""
    build: Object = inputs["build"]
    command = ["docker", "build", "--progress=plain", f"--tag={inputs['imageName']}"]
    command += [f"--file={build['dockerfile']}"]
    command += [f"--{key}={build[key]}" for key in ("target", "platform") if build.get(key)]
    arguments: dict[str, str] = build.get("args") or {}
    # Without their values: docker reads them from the environment, and `ps` shows none.
    command += [f"--build-arg={name}" for name in arguments]
    return [*command, build["context"]], {"DOCKER_BUILDKIT": "1", **arguments}


class DockerProvider(p.Provider):
    """Without preview support, like the official one: a preview shows the inputs and builds nothing."""

    def __init__(self) -> None:
        self._connection: dict[str, str] = {}
        self._running: set[Popen[str]] = set()

    async def configure(self, request: p.ConfigureRequest) -> p.ConfigureResponse:
        if host := request.variables.get("docker:config:host"):
            self._connection["DOCKER_HOST"] = host
        if certificates := request.variables.get("docker:config:certPath"):
            self._connection |= {"DOCKER_CERT_PATH": certificates, "DOCKER_TLS_VERIFY": "1"}
        return p.ConfigureResponse()

    async def cancel(self) -> None:
        for process in list(self._running):
            process.terminate()

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        inputs = plain(request.properties)
        image = inputs["imageName"]
        self._run(request.urn, image, *build_command(inputs))
        if not inputs.get("skipPush"):
            self._run(request.urn, image, ["docker", "push", image], {})
        return p.CreateResponse(image, request.properties)

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        made = await self.create(p.CreateRequest(request.urn, request.news, 0, preview=False))
        return p.UpdateResponse(made.properties)

    async def delete(self, request: p.DeleteRequest) -> None:
        """The image stays, as with the official provider: old pods may still need it."""

    def _run(self, urn: str, image: str, command: list[str], variables: dict[str, str]) -> None:
        lines, env = [], {**os.environ, **self._connection, **variables}
        with Popen(
            command, env=env, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, text=True, errors="replace"
        ) as process:
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
