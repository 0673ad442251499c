"""Runs the project's program. The language host of go/stand-ins starts this, with the engine's request on stdin."""

import os
import runpy
import signal
import sys
from pathlib import Path

from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2

REPORTED = 32  # the exit code after an error that is in the engine's log already


def program() -> None:
    runpy.run_path("__main__.py", run_name="__main__")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the engine ends a cancelled run: no traceback
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    folder = Path(request.info.program_directory, request.info.entry_point)
    os.chdir(folder)
    sys.path[0] = str(folder)
    # The automation API's host of inline programs: all that the SDK does around one.
    result = LanguageServer(program).Run(request, None)  # type: ignore[no-untyped-call]
    sys.exit(REPORTED if result.error else 0)
