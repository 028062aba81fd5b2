"""Passwords that people show: how fast they may be guessed, and where the costly look at them is taken.

Wrong passwords are counted by who shows them (an address, or an IPv6 customer's /64) and by the thing they are to open.
Each has a budget that fills up again with time; an empty one makes the next answer 429 with the seconds to wait, right
or wrong. The thing's own budget is larger: who guesses from many addresses at once is slowed down, too, and then so are
new visitors of that thing, but nobody from where the right password came before, and nobody at another thing.

Looks at hashes are taken in `query_api.password_pool`. Peers that are known are remembered for each thing, so that no
visitors of other things push them out.
"""

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import TypeVar

import structlog
from fastapi import Request

from infra import metrics as metrics_table
from infra.budgets import Budget, Budgets
from infra.http_server.forwarded import Forwarded, customer_of
from infra.process.repeats import Repeats
from infra.secrets.passwords import is_password
from query_api.http.refusals import ApiError
from query_api.password_pool import PasswordPool

log = structlog.get_logger(__name__)

K = TypeVar("K")

_MOST_REMEMBERED = 1_000
_MOST_KNOWN_AT_ONE = 100

_WRONG = metrics_table.WRONG_PASSWORDS.create()


OF_PEER = Budget(10, 30.0)
OF_THING = Budget(100, 2.0)


class PasswordGuessLimiter:
    """The brakes of one kind of things. `door`: its name in logs and figures.

    Every look at a password `begin`s, and ends as `wrong`, `right` or `unseen`. It is paid for when it begins: many
    that are taken at once are as dear as one after the other.
    """

    def __init__(self, door: str, forwarded: Forwarded, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._door, self._forwarded = door, forwarded
        self._of_peer, self._of_thing = Budgets(OF_PEER, monotonic), Budgets(OF_THING, monotonic)
        # Peers that have shown the right one, of each thing; the last to do so last.
        self._known: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._lines = Repeats(clock=monotonic)

    def begin(self, thing: str, request: Request) -> None:
        """Ends the request with 429 when too many wrong passwords were shown."""
        client = self._customer(request)
        peer = f"{client} {thing}"
        is_known = client in self._known.get(thing, ())
        seconds = max(self._of_peer.wait(peer), 0.0 if is_known else self._of_thing.wait(thing))
        if seconds > 0:
            _WRONG.labels(self._door, "refused").inc()
            wait = {"Retry-After": str(ceil(seconds)), "Cache-Control": "no-store"}
            raise ApiError(429, f"too many wrong passwords; try again in {ceil(seconds)} s", wait)
        self._of_peer.spend(peer)
        self._of_thing.spend(thing)

    def wrong(self, thing: str, request: Request) -> None:
        """A wrong password was shown."""
        _WRONG.labels(self._door, "wrong").inc()
        if (left_out := self._lines.admit(self._door)) is not None:
            address = self._client(request)
            log.warning("password.wrong", door=self._door, thing=thing, address=address, left_out=left_out)

    def right(self, thing: str, request: Request) -> None:
        """The right password was shown: what this peer got wrong before was forgetfulness."""
        client = self._customer(request)
        self._of_peer.forgive(f"{client} {thing}")
        self._of_thing.give_back(thing)
        known = self._known.setdefault(thing, OrderedDict())
        self._known.move_to_end(thing)
        _remember(known, client, _MOST_KNOWN_AT_ONE)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)

    def unseen(self, thing: str, request: Request) -> None:
        """The password was not looked at."""
        self._of_peer.give_back(f"{self._customer(request)} {thing}")
        self._of_thing.give_back(thing)

    def _client(self, request: Request) -> str:
        return self._forwarded.client(request.client.host if request.client else "", request.headers.raw)

    def _customer(self, request: Request) -> str:
        client = self._client(request)
        return customer_of(client) or client


def _remember(known: OrderedDict[K, None], one: K, most: int) -> None:
    known[one] = None
    known.move_to_end(one)
    if len(known) > most:
        known.popitem(last=False)


class PasswordHashes:
    """Looks at passwords of stored hashes; remembers which were right, as digests of this process only."""

    def __init__(self, pool: PasswordPool) -> None:
        self._secret = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        self._pool = pool

    def remembers(self, password: str, stored: str) -> bool:
        """Whether this password was right before; takes no time."""
        return self._digest(password, stored) in self._remembered

    async def is_right(self, thing: str, password: str, stored: str) -> bool:
        """Whether it is the password. Raises `ApiError` 503 while many of this thing are looked at."""
        right = await self._pool.run(thing, is_password, password, stored)
        if right:
            _remember(self._remembered, self._digest(password, stored), _MOST_REMEMBERED)
        return right

    def _digest(self, password: str, stored: str) -> bytes:
        return hmac.digest(self._secret, f"{stored}\n{password}".encode(), "sha256")
