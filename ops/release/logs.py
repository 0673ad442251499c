"""The logs of a release's pods, followed together; new pods join as they come.

`kubectl logs --follow --selector` stays with the pods that it has found, and a rollout replaces them all. So each
container that starts has a `kubectl logs` of its own, and the list of pods is asked for again and again.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from ops.errors import OpsError
from ops.processes import ask

LOOK_SECONDS = 2.0
"""How long a new pod may go unseen; its log is shown from its first line all the same."""

LOOKS = 15
"""How often in a row the cluster may not answer before following it is given up."""

ALL = -1
COLOURS = (
    "cyan",
    "magenta",
    "yellow",
    "green",
    "blue",
    "bright_cyan",
    "bright_magenta",
    "bright_green",
)


def as_json(pod: str, line: str) -> None:
    """Print a line for a program."""
    print(json.dumps({"pod": pod, "line": line}), flush=True)


@dataclass
class Coloured:
    """Prints lines for people, each pod's in a colour of its own."""

    console: Console
    _colours: dict[str, str] = field(default_factory=dict)

    def __call__(self, pod: str, line: str) -> None:
        colour = self._colours.setdefault(pod, COLOURS[len(self._colours) % len(COLOURS)])
        self.console.print(Text.assemble((pod, colour), " ", line))


@dataclass(frozen=True)
class Start:
    """One run of a container; it writes one log."""

    pod: str
    container: str
    restarts: int


@dataclass
class Follower:
    """Shows the logs of the pods that a selector finds.

    Args:
        kubectl: the command, bound to a context and a namespace.
        tail: how many lines of the past are shown of each container that is there at the start.
        say: takes a pod's name and one line; called from several threads.
    """

    kubectl: Sequence[str]
    selector: str
    tail: int
    env: Mapping[str, str]
    say: Callable[[str, str], None]
    _children: list[subprocess.Popen[str]] = field(default_factory=list)
    _readers: list[threading.Thread] = field(default_factory=list)
    _seen: set[Start] = field(default_factory=set)
    _running: set[Start] = field(default_factory=set)
    _broken: dict[Start, str] = field(default_factory=dict)
    """When each stream ended, in the form that kubectl takes."""

    def show(self) -> None:
        """The last lines of every container, once."""
        self._begin()
        for reader in self._readers:
            reader.join()

    def follow(self, stop: threading.Event) -> None:
        """Everything that is written until `stop` is set, or the person presses Ctrl-C."""
        try:
            self._begin("--follow")
            failures = 0
            while not stop.wait(LOOK_SECONDS):
                try:
                    unseen = self._unseen()
                except OpsError:
                    failures += 1
                    if failures == LOOKS:
                        raise
                    continue
                failures = 0
                self._read(unseen, "--follow", f"--tail={ALL}")
                self._take_up_again()
        finally:
            for child in self._children:
                child.terminate()
            for reader in self._readers:
                reader.join(timeout=2)

    def _begin(self, *flags: str) -> None:
        found = self._unseen()
        if not found:
            raise OpsError(
                f"no pod with {self.selector} has started a container",
                where=" ".join(self.kubectl),
                fix="make status shows what there is, and why it does not start",
            )
        self._read(found, *flags, f"--tail={self.tail}")

    def _unseen(self) -> list[Start]:
        command = [*self.kubectl, "get", "pods", "--selector", self.selector, "--output=json"]
        answer = ask(command, env=self.env)
        if answer.code != 0:
            raise OpsError("the pods cannot be listed", where=answer.output.strip())
        states = [
            (Start(pod["metadata"]["name"], status["name"], status["restartCount"]), status)
            for pod in json.loads(answer.output)["items"]
            for status in pod["status"].get("containerStatuses", [])
        ]
        starts = [
            start
            for start, status in states
            if "waiting" not in status["state"] or status["lastState"]
        ]
        self._running = {start for start, status in states if "running" in status["state"]}
        found = [start for start in starts if start not in self._seen]
        self._seen.update(found)
        return found

    def _take_up_again(self) -> None:
        """A connection that was lost ends the stream of a container that goes on writing."""
        for start in self._running.intersection(list(self._broken)):
            self._read([start], "--follow", f"--since-time={self._broken.pop(start)}")

    def _read(self, starts: Sequence[Start], *flags: str) -> None:
        for start in starts:
            command = [*self.kubectl, "logs", start.pod, "--container", start.container, *flags]
            child = subprocess.Popen(
                command,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            reader = threading.Thread(target=self._pass_on, args=(start, child), daemon=True)
            reader.start()
            self._children.append(child)
            self._readers.append(reader)

    def _pass_on(self, start: Start, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        # Not when kubectl ended: of a dead connection it may hear minutes later.
        heard = datetime.now(UTC)
        for line in child.stdout:
            self.say(start.pod, line.rstrip("\n"))
            heard = datetime.now(UTC)
        child.wait()
        self._broken[start] = heard.isoformat()
