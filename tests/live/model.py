"""A language model for tests, as OpenAI's protocol has it. It runs in a pod: python -c "$(cat model.py)".

It takes its time, then does what the question says: `Add: title` adds a task, anything else is repeated. Told to
`break`, it answers at once and fails from then on.
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 8080
SECONDS = 10


def answer(messages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The next message of a conversation; None is a failure."""
    last = messages[-1]
    (*_, question) = (said["content"] for said in messages if said["role"] == "user")
    breaks = "break" in question
    if last["role"] == "tool":
        return None if breaks else {"role": "assistant", "content": "It is added."}
    time.sleep(0 if breaks else SECONDS)
    if not question.startswith("Add: "):
        return {"role": "assistant", "content": f"You said: {question}"}
    arguments = json.dumps({"title": question.removeprefix("Add: ")})
    call = {
        "id": "call-1",
        "type": "function",
        "function": {"name": "add_task", "arguments": arguments},
    }
    return {"role": "assistant", "content": None, "tool_calls": [call]}


class Model(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = answer(asked["messages"])
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 0,
                "model": asked["model"],
                "choices": [choice],
            }
        ).encode()
        # A 400, because clients try again after an error of the server's.
        self.send_response(200 if message else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Model).serve_forever()
