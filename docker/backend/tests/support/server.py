"""The real backend as a process of its own, and a client that speaks for one user."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import jwt

ROOT = Path(__file__).parents[2]
# Every client would load the machine's certificates otherwise, for addresses without TLS.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
SECRET = "the-signing-key-of-the-tests-0123456789"  # noqa: S105 - signs nothing real


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def token(
    user_id: str, *, key: str | bytes = SECRET, algorithm: str = "HS256", **claims: object
) -> str:
    """A token like the frontend's; a claim given as None is left out."""
    now = int(time.time())
    frontend = {"iss": "taskflow-frontend", "aud": "taskflow-backend", "iat": now, "exp": now + 60}
    payload = {"sub": user_id, **frontend, **claims}
    present = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(present, key, algorithm)


class Backend:
    """Started on entry, ended on exit; `ready=False` does not wait for the database."""

    def __init__(self, database_url: str, *, ready: bool = True, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._wait_for = "/health" if ready else "/health/live"
        # Without this process's own environment: everything that the backend needs is here.
        self._environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "BETTER_AUTH_SECRET": SECRET,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DRAIN_SECONDS": "0",
            **environment,
        }
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on exit

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "taskflow_api"],
            cwd=ROOT,
            env=self._environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        try:
            self.wait_until(self._wait_for, 200)
        except AssertionError:
            self._end()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._output.close()

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """On a connection of its own."""
        with httpx2.Client(base_url=self.url, timeout=10, verify=NO_TLS) as client:
            return client.request(method, path, **options)

    def as_user(self, user_id: str) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {token(user_id)}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=10, verify=NO_TLS)

    def wait_until(self, path: str, status: int, *, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        seen: object = None
        while time.monotonic() < deadline:
            try:
                seen = self.get(path).status_code
            except httpx2.TransportError as error:
                seen = error
            if seen == status:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{path} did not become {status} but {seen}; logs:\n{self.logs()}")

    def metric(self, name: str, **labels: str) -> float:
        """One sample of /metrics; labels are given in the order in which they are printed."""
        wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
        found = re.search(
            rf"^{re.escape(f'{name}{{{wanted}}}')} (\S+)$", self.get("/metrics").text, re.M
        )
        return float(found[1]) if found else 0

    def logs(self) -> str:
        self._output.seek(0)
        return self._output.read()

    def log_line(self, **fields: object) -> dict[str, Any]:
        """Waits for the line that has all these fields: some are written after the response."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for text in self.logs().splitlines():
                line: dict[str, Any] = json.loads(text)
                if fields.items() <= line.items():
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no line with {fields} in:\n{self.logs()}")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)
