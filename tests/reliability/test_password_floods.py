"""Many passwords tried at once: only the attacker waits, and nobody else."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import pytest

from tests.live_release import LiveRelease
from tests.load import Result
from tests.reliability.conftest import FRONTEND, Record
from tests.reliability.person import Person

AT_ONCE = 40
SPRAYED = 1_000
PATIENCE_SECONDS = 30
HANGS_UP_SECONDS = 0.3
HUNG_UP = 499  # As the frontend logs it.
EVERY_SECONDS = {"pages": 0.5, "probes": 0.5, "sign-ins": 3.0}
LONGEST_SECONDS = {
    "pages": 5.0,  # As under any other load; see test_overload.py.
    "probes": 3.0,  # A readiness probe waits as long, a liveness probe longer.
    "sign-ins": 12.0,  # 8 in the queue, or one gets a 503; then the check itself, on a quarter of a core.
}


def account() -> dict[str, str]:
    return {
        "name": "Ada",
        "email": f"{secrets.token_hex(6)}@example.com",
        "password": secrets.token_urlsafe(16),
    }


@dataclass
class Series:
    """The results of one kind of request."""

    latencies: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    async def add(self, request: Awaitable[httpx.Response]) -> None:
        start = time.monotonic()
        try:
            status = str((await request).status_code)
        except httpx.TransportError as error:
            status = repr(error)
        self.latencies.append(time.monotonic() - start)
        if status != "200":
            self.failures[status] += 1

    def result(self, name: str) -> Result:
        return Result(name, len(self.latencies), self.failures, sorted(self.latencies))


@pytest.mark.parametrize(
    ("tries", "one_account", "hangs_up"),
    [
        (AT_ONCE, False, False),
        (SPRAYED, False, False),
        (SPRAYED, True, False),
        (SPRAYED, False, True),
    ],
)
def test_a_flood_of_passwords_fails_nobody_else(
    release: LiveRelease,
    person: Person,
    full: bool,
    record: Record,
    tries: int,
    one_account: bool,
    hangs_up: bool,
) -> None:
    """Of one account it is the owner who signs in meanwhile, from a known browser.

    Who hangs up waits for no answer, and sends the next one sooner.
    """
    tries = tries if full else min(tries, 3 * AT_ONCE)
    restarts = release.kubectl.restarts()
    tried, others = asyncio.run(_flood(person, tries, one_account, hangs_up))
    restarted = release.kubectl.restarts_since(restarts)
    accounts = "one account" if one_account else "as many accounts"
    refusals = {429, 503} if one_account else {503}
    gone = {HUNG_UP} if hangs_up else set()
    record(
        f"{tries} passwords of {accounts} tried, {AT_ONCE} at a time" + ", hung up" * hangs_up,
        [
            ", ".join(f"{count} x {status}" for status, count in sorted(tried.items())),
            *others,
            f"{restarted} restarts",
        ],
    )
    assert set(tried) <= {401} | refusals | gone, "refusals are sent with Retry-After"
    assert [result.failed for result in others] == [0, 0, 0], "\n".join(map(str, others))
    for result in others:
        assert result.percentile(99) <= LONGEST_SECONDS[result.name], result
    assert restarted == 0


async def _flood(
    person: Person, tries: int, one_account: bool, hangs_up: bool
) -> tuple[Counter[int], list[Result]]:
    """The statuses of the tries, and what everybody else met meanwhile."""
    async with httpx.AsyncClient(
        base_url=FRONTEND,
        headers={"Origin": FRONTEND},
        timeout=PATIENCE_SECONDS,
        # A connection each, so any pod.
        limits=httpx.Limits(max_connections=4 * AT_ONCE, max_keepalive_connections=0),
        # And a browser each.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    ) as web:
        neighbour = account()
        signed_up = await web.post("/api/auth/sign-up/email", json=neighbour)
        signed_up.raise_for_status()
        # The browser of somebody who has signed in before, and out.
        known = "; ".join(
            cookie.partition(";")[0]
            for cookie in signed_up.headers.get_list("set-cookie")
            if "known_browser=" in cookie
        )
        left = iter(range(tries))
        tried: Counter[int] = Counter()
        over = asyncio.Event()

        async def guess() -> None:
            for _ in left:
                target = account()
                if one_account:
                    target["email"] = neighbour["email"]
                patience = HANGS_UP_SECONDS if hangs_up else PATIENCE_SECONDS
                try:
                    answer = await web.post(
                        "/api/auth/sign-in/email",
                        json=target,
                        timeout=httpx.Timeout(PATIENCE_SECONDS, read=patience),
                    )
                except httpx.ReadTimeout:
                    tried[HUNG_UP] += 1
                    continue
                assert answer.status_code not in (429, 503) or answer.headers["Retry-After"]
                tried[answer.status_code] += 1

        async def repeat(name: str, ask: Callable[[], Awaitable[httpx.Response]]) -> Result:
            series = Series()
            async with asyncio.TaskGroup() as asked:
                while not over.is_set() or not series.latencies:
                    asked.create_task(series.add(ask()))
                    await asyncio.sleep(EVERY_SECONDS[name])
            return series.result(name)

        others = [
            repeat("pages", lambda: web.get("/tasks", headers={"Cookie": person.cookie})),
            repeat("probes", lambda: web.get("/healthz")),
            repeat(
                "sign-ins",
                lambda: web.post(
                    "/api/auth/sign-in/email", json=neighbour, headers={"Cookie": known}
                ),
            ),
        ]
        running = asyncio.gather(*others)
        await asyncio.gather(*(guess() for _ in range(AT_ONCE)))
        over.set()
        return tried, list(await running)
