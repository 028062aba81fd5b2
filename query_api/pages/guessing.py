"""Passwords that people show: how fast they may be guessed, and where the costly look at them is taken.

Wrong passwords are counted by who shows them (an address, or an IPv6 customer's /64) and by the thing they are to open.
Each has a budget that fills up again with time; an empty one makes the next answer 429 with the seconds to wait, right
or wrong. The thing's own budget is larger: who guesses from many addresses at once is slowed down, too, and then so are
new visitors of that thing, but nobody from where the right password came before, and nobody at another thing.

A look at a hash takes a tenth of a second of a core. It is taken in a pool of its own at low priority, so that pings go
on; of one thing only a few wait, so that guesses at one do not keep others waiting.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import structlog
from fastapi import Request
from prometheus_client import Counter

from infra.forwarded import Forwarded, customer_of
from infra.passwords import is_password
from query_api.refusals import Refusal

log = structlog.get_logger(__name__)

_NICENESS = 10
_THREADS = 2
_MOST_WAITING_AT_ONE = 10
_MOST_REMEMBERED = 1_000
_MOST_BUDGETS = 20_000
# A wrong password is logged, then no other of the same door for so long; the counter has them all.
_LOG_SECONDS = 10.0

_WRONG = Counter("pingfold_wrong_passwords_total", "Wrong passwords shown, and refused unseen", ["door", "outcome"])


@dataclass(frozen=True)
class Budget:
    """So many wrong passwords at once, and one more every `seconds`."""

    most: int
    seconds: float


OF_PEER = Budget(10, 30.0)
OF_THING = Budget(100, 2.0)


class Budgets:
    """What is spent, by key: at most `_MOST_BUDGETS`, those that were touched longest ago forgotten first."""

    def __init__(self, budget: Budget, monotonic: Callable[[], float]) -> None:
        self._budget, self._monotonic = budget, monotonic
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until one more may be shown; 0 at once."""
        return max(0.0, self._spent_now(key) - self._budget.most + 1) * self._budget.seconds

    def spend(self, key: str) -> None:
        """A wrong one was shown."""
        self._spent[key] = (min(float(self._budget.most), self._spent_now(key) + 1), self._monotonic())
        self._spent.move_to_end(key)
        if len(self._spent) > _MOST_BUDGETS:
            self._spent.popitem(last=False)

    def forgive(self, key: str) -> None:
        """The right one was shown."""
        self._spent.pop(key, None)

    def _spent_now(self, key: str) -> float:
        spent, at = self._spent.get(key, (0.0, 0.0))
        return max(0.0, spent - (self._monotonic() - at) / self._budget.seconds)


class Guesses:
    """The brakes of one kind of things. `door`: its name in logs and figures."""

    def __init__(self, door: str, forwarded: Forwarded, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._door, self._forwarded, self._monotonic = door, forwarded, monotonic
        self._of_peer, self._of_thing = Budgets(OF_PEER, monotonic), Budgets(OF_THING, monotonic)
        self._known: OrderedDict[str, None] = OrderedDict()  # peers that have shown the right one
        self._logged_at = float("-inf")

    def must_wait(self, thing: str, request: Request) -> None:
        """Ends the request with 429 when too many wrong passwords were shown."""
        peer = self._peer(thing, request)
        seconds = max(self._of_peer.wait(peer), 0.0 if peer in self._known else self._of_thing.wait(thing))
        if seconds > 0:
            _WRONG.labels(self._door, "refused").inc()
            wait = {"Retry-After": str(ceil(seconds)), "Cache-Control": "no-store"}
            raise Refusal(429, f"too many wrong passwords; try again in {ceil(seconds)} s", wait)

    def wrong(self, thing: str, request: Request) -> None:
        """A wrong password was shown."""
        self._of_peer.spend(self._peer(thing, request))
        self._of_thing.spend(thing)
        _WRONG.labels(self._door, "wrong").inc()
        if self._monotonic() - self._logged_at >= _LOG_SECONDS:
            self._logged_at = self._monotonic()
            log.warning("password.wrong", door=self._door, thing=thing, address=self._client(request))

    def right(self, thing: str, request: Request) -> None:
        """The right password was shown: what this peer got wrong before was forgetfulness."""
        peer = self._peer(thing, request)
        self._of_peer.forgive(peer)
        self._known[peer] = None
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)

    def _client(self, request: Request) -> str:
        return self._forwarded.client(request.client.host if request.client else "", request.headers.raw)

    def _peer(self, thing: str, request: Request) -> str:
        client = self._client(request)
        return f"{customer_of(client) or client} {thing}"


class Hashes:
    """Looks at passwords of stored hashes, few at once; remembers which were right, as digests of this process only."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        self._pool = ThreadPoolExecutor(_THREADS, "passwords", initializer=_lower_priority)
        self._waiting: dict[str, int] = {}

    def remembers(self, password: str, stored: str) -> bool:
        """Whether this password was right before; takes no time."""
        return self._digest(password, stored) in self._remembered

    async def is_right(self, thing: str, password: str, stored: str) -> bool:
        """Whether it is the password. Raises `Refusal` 503 while many of this thing are looked at."""
        if self._waiting.get(thing, 0) >= _MOST_WAITING_AT_ONE:
            raise Refusal(503, "too many passwords to look at", {"Retry-After": "2", "Cache-Control": "no-store"})
        self._waiting[thing] = self._waiting.get(thing, 0) + 1
        try:
            right = await asyncio.get_running_loop().run_in_executor(self._pool, is_password, password, stored)
        finally:
            self._waiting[thing] -= 1
            if not self._waiting[thing]:
                del self._waiting[thing]
        if right:
            self._remembered[self._digest(password, stored)] = None
            if len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return right

    def _digest(self, password: str, stored: str) -> bytes:
        return hmac.digest(self._secret, f"{stored}\n{password}".encode(), "sha256")


def _lower_priority() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux knows the priority of a thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
