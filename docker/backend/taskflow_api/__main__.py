"""Runs the backend: `python -m taskflow_api`. Exits on SIGTERM without failing a request.

The promise behind the draining server: a rollout fails no request. Endpoints lag behind the signal, and a pooled
connection may carry a request that was sent before its client could know.
"""

import asyncio
import logging
import signal
import socket
import sys
import time
from types import FrameType

import uvicorn
from pydantic import ValidationError

from taskflow_api.app import create_app
from taskflow_api.logs import configure_logging
from taskflow_api.observe import Observe
from taskflow_api.settings import Settings
from taskflow_api.shed import Shed

logger = logging.getLogger("taskflow_api")

# Longer than clients and proxies keep an idle connection, so that they always close it first:
# a server that closes it can cut a request that is already on its way.
KEEP_ALIVE_SECONDS = 75


class DrainingServer(uvicorn.Server):
    """On SIGTERM first asks every client to close its connection, then closes as uvicorn does."""

    def __init__(self, config: uvicorn.Config, observe: Observe, drain_seconds: float) -> None:
        super().__init__(config)
        self._observe = observe
        self._drain_seconds = drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not uvicorn's own, which raises the signal again at the end: exiting is not a failure.
        # Its other rule stays: a second Ctrl-C exits at once.
        self.force_exit = self.force_exit or (self.should_exit and sig == signal.SIGINT)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logger.info("draining for %g s", self._drain_seconds)
        self._observe.draining = True
        end = time.monotonic() + self._drain_seconds
        while not self.force_exit and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await super().shutdown(sockets)


def application(settings: Settings | None = None) -> Observe:
    """The whole application; also the factory for uvicorn's reloader, which `make dev` runs."""
    settings = settings or Settings.from_environment()
    configure_logging(settings.log_level)
    return Observe(Shed(create_app(settings)))


def main() -> int:
    try:
        settings = Settings.from_environment()
    except ValidationError as error:
        configure_logging("info")
        for problem in error.errors(include_input=False, include_url=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            logger.error(
                "the environment variable %s: %s",
                name,
                problem["msg"].removeprefix("Value error, "),
            )
        return 2
    observe = application(settings)
    config = uvicorn.Config(
        observe,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # taskflow_api.observe writes it, with the request's id
        server_header=False,
        proxy_headers=False,  # nothing here depends on the client's address
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.finish_seconds,
    )
    server = DrainingServer(config, observe, settings.drain_seconds)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
