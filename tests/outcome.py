"""The prediction of `make diff` for an update, and its real effect, in the same terms."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx

from ops.review import live, needs, plan, risk
from ops.review.risk import Effect, Risk
from tests.engine_stack import EngineError
from tests.live_release import HEALTH, SETTLE_SECONDS, LiveRelease, node_port
from tests.reliability.person import Person

WORKLOADS = ("Deployment", "StatefulSet")
PAUSE_SECONDS = 0.25
# For one request: pods with a quarter of a core share two with the update and the tests.
PATIENCE_SECONDS = 15
# Until a controller has read a changed route: it waits two seconds for more changes.
CONTROLLER_SECONDS = 6


@dataclass(frozen=True)
class Page:
    """What a browser asks for."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def status(self) -> int:
        """Raises httpx.TransportError if nobody answers."""
        answer = httpx.get(self.address, headers=dict(self.headers), timeout=PATIENCE_SECONDS)
        return answer.status_code


@dataclass(frozen=True)
class Outcome:
    """What an update does to the release's users, and which components' pods are replaced."""

    risk: Risk
    rolls: frozenset[str]
    why: tuple[str, ...] = field(default=(), compare=False)
    """The reasons of `make diff`, or what was not answered with 200."""

    def __str__(self) -> str:
        why = "".join(f"\n  {line}" for line in self.why)
        return f"{self.risk}, pods of {', '.join(sorted(self.rolls)) or 'nothing'}{why}"


def effects(release: LiveRelease) -> list[Effect]:
    """The steps of `make diff` for what is configured now."""
    stack = release.stack.of_ops
    steps = plan.read(json.dumps({"steps": release.stack.preview()}))
    refused = live.unmet(steps, stack.file, stack.env).refusals
    return risk.judge(steps, refused | needs.unmet(steps, stack.file, stack.env).refusals)


def predicted(release: LiveRelease) -> Outcome:
    """The prediction of `make diff` for the present configuration."""
    try:
        found = effects(release)
    except EngineError:  # The preview itself fails, with the API server's words.
        return Outcome(Risk.REFUSED, frozenset())
    # This cluster's network enforces no policies, so that nobody here is cut off: tests/ops/test_risk.py.
    worst = risk.highest(
        effect
        for effect in found
        if effect.step.kind != "NetworkPolicy" or effect.risk is Risk.REFUSED
    )
    if worst is Risk.REFUSED:  # Nothing is applied.
        return Outcome(worst, frozenset())
    rolls = {
        str(effect.step.new["metadata"]["labels"]["component"])
        for effect in found
        if effect.step.kind in WORKLOADS and effect.step.new and effect.risk > Risk.NONE
    }
    why = tuple(f"{effect.step.title}: {effect.risk}: {effect.reason}" for effect in found)
    return Outcome(worst, frozenset(rolls), why)


def observed(release: LiveRelease, person: Person, route: Page | None = None) -> Outcome:
    """Bring up what is configured, while the release is used, and observe the effect.

    Args:
        route: a page at the public address, where a controller serves it.
    """
    pods, volume = release.generations(), _volume(release)
    with Visitors(release, person, route) as visitors:
        try:
            release.stack.up()
        except EngineError:
            return Outcome(Risk.REFUSED, frozenset())
        rolled = rolled_since(release, pods)
    if _volume(release) != volume:
        return Outcome(Risk.LOSS, rolled)
    if visitors.refused:
        return Outcome(Risk.OUTAGE, rolled, tuple(visitors.refused))
    return Outcome(Risk.ROLLING if rolled else Risk.NONE, rolled)


class Visitors:
    """Somebody's task page, the health of both services and a route, asked again and again at their old addresses.

    Attributes:
        refused: what was not answered with 200.
    """

    def __init__(self, release: LiveRelease, person: Person, route: Page | None) -> None:
        self.refused: list[str] = []
        self._pages = [Page(f"{person.frontend}/tasks", {"Cookie": person.cookie})]
        self._pages += [Page(address) for address in _addresses(release)]
        self._pages += [route] if route else []
        self._last_look = CONTROLLER_SECONDS if route else 2 * PAUSE_SECONDS
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._visit)

    def __enter__(self) -> "Visitors":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: TracebackType | Any) -> None:
        if kind is None:
            time.sleep(self._last_look)  # Once more, when all is done.
        self._leave.set()
        self._thread.join()

    def _visit(self) -> None:
        while not self._leave.wait(PAUSE_SECONDS):
            for page in self._pages:
                try:
                    status = page.status()
                except httpx.TransportError as error:
                    self.refused.append(f"{page.address}: {error!r}")
                else:
                    if status != 200:
                        self.refused.append(f"{page.address}: {status}")


def rolled_since(release: LiveRelease, before: dict[str, set[str]]) -> frozenset[str]:
    """The components with all pods replaced."""
    # The provider's wait may end a moment before the last old pod is marked for deletion.
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := _replaced(before, release.generations())) is None:
        assert time.monotonic() < deadline, "only some pods of a component were replaced"
        time.sleep(0.5)
    return found


def _replaced(before: dict[str, set[str]], now: dict[str, set[str]]) -> frozenset[str] | None:
    """None while a component has pods of both."""
    rolled = frozenset(
        part for part in before if before[part] and before[part].isdisjoint(now[part])
    )
    for component in before.keys() - rolled:
        survivors = before[component] & now[component]
        if survivors not in (before[component], now[component]):
            return None
    return rolled


def _volume(release: LiveRelease) -> set[str]:
    claims = release.kubectl.get("persistentvolumeclaims")["items"]
    return {claim["metadata"]["uid"] for claim in claims}


def _addresses(release: LiveRelease) -> Iterator[str]:
    """Where both services answer inside the cluster, of which this machine is the node, and from outside."""
    for service in release.kubectl.get("services")["items"]:
        path = HEALTH.get(service["metadata"].get("labels", {}).get("component"))
        for port in service["spec"]["ports"] if path else ():
            yield f"http://{service['spec']['clusterIP']}:{port['port']}{path}"
            if "nodePort" in port:
                yield f"{node_port(port['nodePort'])}{path}"
