"""A small server that speaks OpenAI's chat protocol: it records requests and plays a script."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

KEY = "sk-test-key-that-must-stay-secret"


@dataclass(frozen=True)
class Raw:
    """An answer that need not be one of OpenAI's."""

    body: bytes
    status: int = 200


# Given the messages of a request, the answer's message, or all of the answer; a script is a list of such steps.
Step = Callable[[list[dict[str, Any]]], dict[str, Any] | Raw]


def says(text: str) -> Step:
    return lambda _messages: {"role": "assistant", "content": text}


def sends(body: bytes, status: int = 200) -> Step:
    return lambda _messages: Raw(body, status)


def calls(name: str, **arguments: object) -> Step:
    """A tool call; an argument may be a function of the previous tool's result."""

    def step(messages: list[dict[str, Any]]) -> dict[str, Any]:
        previous = messages[-1]
        result = json.loads(previous["content"]) if previous["role"] == "tool" else None
        given = {key: made(result) if callable(made) else made for key, made in arguments.items()}
        function = {"name": name, "arguments": json.dumps(given)}
        call = {"id": f"call-{len(messages)}", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    return step


@dataclass
class Request:
    path: str
    authorization: str | None
    body: dict[str, Any]

    def tool_result(self) -> Any:
        return json.loads(self.body["messages"][-1]["content"])


@dataclass
class Provider:
    """Started on entry. The last step of the script is repeated for ever."""

    script: list[Step] = field(default_factory=lambda: [says("Hello.")])
    status: int = 200
    delay: float = 0
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.requests.append(Request(self.path, self.headers["Authorization"], body))
                answer = provider.answer(body)
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def play(self, *script: Step, status: int = 200, delay: float = 0) -> None:
        """Starts a new script and forgets the requests so far."""
        self.script, self.status, self.delay, self.requests = list(script), status, delay, []

    def answer(self, body: dict[str, Any]) -> Raw:
        time.sleep(self.delay)
        if self.status != 200:
            error = {"message": f"Incorrect API key provided: {KEY}", "type": "invalid"}
            return Raw(json.dumps({"error": error}).encode(), self.status)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        message = step(body["messages"])
        if isinstance(message, Raw):
            return message
        completion = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        return Raw(json.dumps(completion).encode())
