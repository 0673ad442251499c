"""Stand-in for pulumi-language-python: runs the project's program in this interpreter, and policy packs beside it."""

import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from airgap.plugins.serve import serve


class LanguageHost(LanguageServer):
    """The automation API's host of inline programs, with a project's entry point for the program."""

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        return language_pb2.LanguageHandshakeResponse()

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802
        folder = Path(request.info.program_directory, request.info.entry_point)
        request.args[:] = [sys.argv[-1]]  # where the base class looks for the engine's address
        self.program = lambda: run(folder)
        result = super().Run(request, context)  # type: ignore[no-untyped-call]
        # The error is in the engine's log already: `bail` ends the run without repeating it.
        return language_pb2.RunResponse(bail=True) if result.error else result

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        """Runs a policy pack until it ends, the engine no longer needs it, or this process ends."""
        command = ["setpriv", "--pdeathsig=KILL", sys.executable, "-u"]
        command += [request.info.program_directory, *request.args]
        variables = dict(pair.split("=", 1) for pair in request.env) or None
        with Popen(command, cwd=request.pwd, env=variables, stdin=DEVNULL, stdout=PIPE) as pack:
            context.add_callback(pack.kill)
            for line in pack.stdout or ():
                yield language_pb2.RunPluginResponse(stdout=line)
        yield language_pb2.RunPluginResponse(exitcode=pack.returncode)


def run(folder: Path) -> None:
    """Runs a program like the official host: in its directory, which is first on sys.path."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    runpy.run_path("__main__.py", run_name="__main__")


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    serve(language_pb2_grpc.add_LanguageRuntimeServicer_to_server, LanguageHost(lambda: None))
