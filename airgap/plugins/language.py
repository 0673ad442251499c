"""Stand-in for pulumi-language-python: runs the project's program in this very interpreter.

The engine starts it twice, the first time for a question or two: so what those need answers at once,
while the SDK is still being imported for the run.
"""

import gc
import os
import runpy
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]

from airgap.plugins.lifetime import leave_with_engine

SERVICE = "/pulumirpc.LanguageRuntime/"
# Calls to which an empty message is an answer: no packages to install, no prompts, nothing to tell.
EMPTY = (
    "About",
    "Cancel",
    "GetPluginInfo",
    "GetProgramDependencies",
    "GetRequiredPackages",
    "GetRequiredPlugins",
    "Handshake",
)


def run_program(directory: str, entry_point: str) -> None:
    """Runs `__main__.py` like the official host: in its directory, which is first on sys.path."""
    from pulumi import RunError

    path = Path(directory, entry_point)
    path = path / "__main__.py" if path.is_dir() else path
    os.chdir(directory)
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    try:
        runpy.run_path(str(path), run_name="__main__")
    except (RunError, grpc.RpcError):
        raise
    except Exception:
        text = f"Program failed with an unhandled exception:\n{traceback.format_exc()}"
        raise RunError(text) from None


def run(request: bytes, engine: str) -> bytes:
    from pulumi.automation._server import LanguageServer
    from pulumi.runtime.proto import language_pb2

    asked: Any = language_pb2.RunRequest.FromString(request)
    directory = asked.info.program_directory or asked.pwd
    del asked.args[:]
    asked.args.append(engine)  # where the base class looks for the engine's address
    server: Any = LanguageServer(lambda: run_program(directory, asked.info.entry_point or "."))
    result = server.Run(asked, None)
    # The error is in the engine's log already: `bail` ends the run without saying it twice.
    answer = language_pb2.RunResponse(bail=True) if result.error else result
    return bytes(answer.SerializeToString())


class LanguageHost:
    """A grpc.GenericRpcHandler on serialized messages, because their classes come with the whole SDK."""

    def __init__(self, engine: str) -> None:
        self._calls: dict[str, Callable[[bytes], bytes]] = {
            "Run": lambda request: run(request, engine),
            **dict.fromkeys(EMPTY, lambda request: b""),
        }

    def service(self, details: Any) -> Any:
        name = details.method.removeprefix(SERVICE)
        if name == "InstallDependencies":  # the environment of this host is made beforehand
            return grpc.unary_stream_rpc_method_handler(lambda request, context: iter(()))
        call = self._calls.get(name)
        return call and grpc.unary_unary_rpc_method_handler(lambda request, _: call(request))


def main() -> None:
    # A program imports some hundred thousand objects and runs for seconds: collecting garbage
    # meanwhile would take a quarter of its time.
    gc.disable()
    leave_with_engine()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    unlimited = [(f"grpc.max_{way}_message_length", 2**31 - 1) for way in ("receive", "send")]
    server = grpc.server(ThreadPoolExecutor(4), options=unlimited)
    server.add_generic_rpc_handlers((LanguageHost(engine=sys.argv[-1]),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Thread(target=__import__, args=("pulumi",), daemon=True).start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
