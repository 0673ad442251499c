"""How this machine reaches a stack's frontend: at its address, or through a forwarded port."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.prepare import cluster
from ops.release import history

FORWARDING = re.compile(r"^Forwarding from (127\.0\.0\.1:\d+) ")


@dataclass(frozen=True)
class Way:
    url: str
    forward: subprocess.Popen[str] | None = None
    """Lives as long as the port is forwarded."""


@contextmanager
def way_to(stack: Stack, system: str) -> Iterator[Way]:
    """An address that works from here, for as long as the block lasts.

    Raises:
        OpsError: if there is none.
    """
    url = stack.url()
    if "<pending>" in url:
        raise OpsError(
            "the load balancer has no address yet",
            where=url,
            fix=f"wait a little, then make up STACK={stack.name} reads it",
        )
    host = urlsplit(url).hostname or ""
    if "." in host or host == "localhost":
        yield Way(cluster.address(url, stack.file, system))
        return
    # Without NodePort, Ingress or load balancer the address is the Service's own name.
    with _forwarded(stack, service=host) as way:
        yield way


@contextmanager
def _forwarded(stack: Stack, service: str) -> Iterator[Way]:
    place = history.place(stack, history.updates(stack))
    command = ["kubectl", "--context", place.context, "--namespace", place.namespace]
    command += ["port-forward", "--address=127.0.0.1", f"service/{service}", ":http"]
    forward = subprocess.Popen(
        command,
        env=dict(stack.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert forward.stdout is not None
        said = forward.stdout.readline()
        found = FORWARDING.match(said)
        if found is None:
            raise OpsError(
                "no port can be forwarded to the frontend",
                where=said.strip(),
                fix="make status shows whether its pods are ready",
            )
        # Each connection is a line; unread, they would fill the pipe and stop it.
        threading.Thread(target=forward.stdout.read, daemon=True).start()
        yield Way(f"http://{found[1]}", forward)
    finally:
        forward.terminate()
        forward.wait()
