"""A TCP proxy in front of Postgres that can be shut, or fall silent, and open again."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit


class Gate:
    """`url` leads through the gate to the database at `target`."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._lost_with: bytes | None = None
        self._port = 0
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.open()
        parts = self._target
        login = parts.netloc.rpartition("@")[0]
        host = f"127.0.0.1:{self._port}"
        self.url = urlunsplit(parts._replace(netloc=f"{login}@{host}" if login else host))
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        self._run(self._listen())

    def shut(self) -> None:
        """Cuts every connection and refuses new ones, like a stopped database."""
        self._run(self._cut())

    def silence(self) -> None:
        """Accepts and keeps connections but passes nothing on, like a node that hangs."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def resume(self) -> None:
        self._loop.call_soon_threadsafe(self._flowing.set)

    def lose(self, text: bytes) -> None:
        """Passes nothing on from the connection that sends this text next, like a network that forgot it."""
        self._lost_with = text

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=5)

    async def _listen(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._server.close()
        self._flowing.set()
        for writer in self._writers:
            writer.transport.abort()
        while self._writers:
            await asyncio.sleep(0.01)

    async def _accept(
        self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter
    ) -> None:
        server_in, server_out = await asyncio.open_connection(
            self._target.hostname, self._target.port or 5432
        )
        mine = {client_out, server_out}
        self._writers |= mine
        await asyncio.gather(self._pump(client_in, server_out), self._pump(server_in, client_out))
        self._writers -= mine

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        is_lost = False
        try:
            while data := await source.read(65536):
                await self._flowing.wait()
                if self._lost_with and self._lost_with in data:
                    self._lost_with, is_lost = None, True
                if is_lost:
                    continue
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()
