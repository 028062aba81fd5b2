"""A load of pings for a running Pingfold, which knows what was acknowledged."""

import asyncio
import itertools
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold


@dataclass
class Load:
    """Pings checks from a thread as long as the body of its `with` runs; each ping has a name of its own (User-Agent).

    `lanes` jobs go on side by side, each with checks of its own and one ping at a time, so that the pings of a check
    have an order. `flapping` checks fail and recover in turn: two pings each. Outcome, by check: names of the pings
    that were acknowledged, in order; `refused`: answered 503; `unknown`: nobody knows (the connection broke); `wrong`:
    answers that must not be.
    """

    pingfold: Pingfold
    steady: Sequence[str]
    flapping: Sequence[str] = ()
    per_second: float = 120.0
    body: bytes = b""
    name: str = field(default_factory=lambda: f"load-{secrets.token_hex(4)}")
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        for outcome in (self.acknowledged, self.refused, self.unknown):
            outcome.update({check: [] for check in (*self.steady, *self.flapping)})
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")
        self._thread.start()
        self.wait_for(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        assert self._thread is not None
        self._thread.join(30.0)
        assert not self._thread.is_alive()

    def wait_for(self, more: int, timeout: float = 60.0) -> None:
        """Wait until every check has had so many more pings acknowledged."""
        goal = {check: len(names) + more for check, names in self.acknowledged.items()}
        wait_until(
            lambda: all(len(self.acknowledged[check]) >= count for check, count in goal.items()),
            timeout,
            f"{more} more pings of every check are acknowledged",
        )

    @property
    def total(self) -> int:
        return sum(map(len, self.acknowledged.values()))

    async def _run(self) -> None:
        checks = [*self.steady, *self.flapping]
        lanes = [checks[start::8] for start in range(min(8, len(checks)))]
        pause = len(lanes) / self.per_second
        timeout = aiohttp.ClientTimeout(total=20.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await asyncio.gather(*(self._lane(session, lane, pause) for lane in lanes))

    async def _lane(self, session: aiohttp.ClientSession, checks: Sequence[str], pause: float) -> None:
        actions = {check: itertools.cycle(["/fail", ""] if check in self.flapping else [""]) for check in checks}
        for number, check in enumerate(itertools.cycle(checks)):
            if self._ending.is_set():
                return
            await self._ping(session, check, next(actions[check]), f"{self.name}-{check}-{number}")
            await asyncio.sleep(pause)

    async def _ping(self, session: aiohttp.ClientSession, check: str, action: str, name: str) -> None:
        url = f"{self.pingfold.url}/ping/{check}{action}"
        try:
            async with session.post(url, data=self.body, headers={"User-Agent": name}) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.unknown[check].append(name)
            return
        if (status, text) == (200, "OK"):
            self.acknowledged[check].append(name)
        elif status == 503:
            self.refused[check].append(name)
        else:
            self.wrong.append(f"{name}: {status} {text}")
