"""Stand-in for pulumi-language-python: runs the project's program in this very interpreter."""

# ruff: noqa: N802 (gRPC names its methods so)
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi import RunError
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from airgap.plugins.serve import leave_with_engine

# Frames that say nothing about the program.
HOST_FILES = (__file__, runpy.run_path.__code__.co_filename)


def run_program(directory: str, entry_point: str) -> None:
    """Runs `__main__.py` like the official host: own directory, its folder first on sys.path."""
    path = Path(directory, entry_point)
    path = path / "__main__.py" if path.is_dir() else path
    os.chdir(directory)
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    try:
        runpy.run_path(str(path), run_name="__main__")
    except (RunError, grpc.RpcError):
        raise
    except SystemExit as left:
        if isinstance(left.code, str):
            raise RunError(left.code) from None
        if left.code:
            raise RunError(f"Program exited with non-zero exit code: {left.code}") from None
    except Exception as error:
        frames = error.__traceback__
        while frames and frames.tb_frame.f_code.co_filename in HOST_FILES:
            frames = frames.tb_next
        lines = traceback.format_exception(type(error), error, frames)
        raise RunError("Program failed with an unhandled exception:\n" + "".join(lines)) from None


class LanguageHost(LanguageServer):
    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def InstallDependencies(self, request: Any, context: Any) -> Any:
        """The virtual environment that this host runs in is made beforehand."""
        return iter(())

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        from importlib.metadata import distributions

        found = [
            language_pb2.DependencyInfo(name=d.metadata["Name"], version=d.version)
            for d in distributions()
        ]
        return language_pb2.GetProgramDependenciesResponse(dependencies=found)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Run(self, request: Any, context: Any) -> Any:
        directory = request.info.program_directory or request.pwd
        self.program = lambda: run_program(directory, request.info.entry_point or ".")
        del request.args[:]
        request.args.append(sys.argv[-1])  # where the base class looks for the engine's address
        result = super().Run(request, context)  # type: ignore[no-untyped-call]
        # The error is in the engine's log already: `bail` ends the run without saying it twice.
        return language_pb2.RunResponse(bail=True) if result.error else result


def main() -> None:
    leave_with_engine()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    unlimited = 2**31 - 1
    server = grpc.server(
        ThreadPoolExecutor(4),
        options=[
            ("grpc.max_receive_message_length", unlimited),
            ("grpc.max_send_message_length", unlimited),
        ],
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(lambda: None), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
