"""Runs the project's program. The language host of go/stand-ins starts this, with the engine's request on stdin."""

import os
import runpy
import signal
import sys
from pathlib import Path

from pulumi import RunError
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
    try:
        # The automation API's host of inline programs: all that the SDK does around one.
        failed = LanguageServer(program).Run(request, None).error  # type: ignore[no-untyped-call]
    except RunError:
        failed = True  # raised again by a task that waited for the same value
    sys.exit(REPORTED if failed else 0)
