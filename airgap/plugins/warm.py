"""Starts providers without their import time, which a preview would spend three times over.

While the language host imports the program on one core, a server beside it imports the providers on
another. The providers' executables ask it for a fork; where there is none, they run by themselves.
Needs only the standard library on the asking side, so that asking takes some 20 ms.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

LENGTH = 8  # bytes that tell the size of the request


def address(engine: int) -> str:
    """An abstract address (no file to leave behind) that both sides derive from the engine's process."""
    return f"\0taskflow-infra-plugins-{os.getuid()}-{engine}"


def spawn() -> None:
    """Called in the language host: starts the server, which ends with the host."""
    command = [sys.executable, "-m", "airgap.plugins.warm", "serve", str(os.getppid())]
    quiet = subprocess.DEVNULL
    subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)


def ask(module: str, arguments: list[str]) -> None:
    """Lends this process's name and output to a fork of the server, or runs the module here."""
    engine = os.getppid()
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address(engine))
    except OSError:
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606
    request = {"module": module, "arguments": arguments, "cwd": str(os.getcwd())}  # noqa: PTH109
    body = json.dumps({**request, "environment": dict(os.environ)}).encode()
    socket.send_fds(connection, [len(body).to_bytes(LENGTH, "big")], [1, 2])
    connection.sendall(body)
    while os.getppid() == engine:  # a killed engine says nothing
        if select.select([connection], [], [], 1)[0]:
            break  # the fork has ended


def serve(engine: int) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address(engine))
    listener.listen()  # before the imports: whoever asks meanwhile waits for less than it would take
    _exit_after(sys.stdin.read)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    from airgap.plugins import docker_provider, kubernetes_provider, random_provider

    providers = (docker_provider, kubernetes_provider, random_provider)
    mains = {provider.__name__: provider.main for provider in providers}
    while True:
        connection, _ = listener.accept()
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if int.from_bytes(peer[4:8], sys.byteorder) == os.getuid() and os.fork() == 0:
            listener.close()
            _become(connection, mains)
        connection.close()


def _become(connection: socket.socket, mains: dict[str, Callable[[], None]]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, outputs, _, _ = socket.recv_fds(connection, LENGTH, 2)
    body = connection.recv(int.from_bytes(header, "big"), socket.MSG_WAITALL)
    request: dict[str, Any] = json.loads(body)
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
        os.close(output)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [request["module"], *request["arguments"]]
    _exit_after(lambda: connection.recv(1))
    mains[request["module"]]()
    os._exit(0)


def _exit_after(wait: Callable[[], object]) -> None:
    def watch() -> None:
        try:
            wait()
        finally:
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        ask(sys.argv[1], sys.argv[2:])
