"""The state of the sender for one channel: its due deliveries, and how quickly its receiver answered."""

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import msgspec

from processors.sender.slots import SLOW, Kind, Pool
from schemas.base import Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import Delivery, Endpoint

# Which attempt of a delivery: the sending that it is of, and its number.
Attempt = tuple[str, int]
# The key of a record and what it has become, None when it is no more.
Change = tuple[str, msgspec.Struct | None]

# Requests at once of a channel that fails, and of each when slots are scarce; of a channel that seems to be dead.
GRANTED = 2
PROBE = 1
# Failed attempts in a row after which a channel gets only what is granted.
FAILING = 5
# Of the attempts at a dead channel every so many-th has the usual limit for its connection, so that a receiver which
# needs longer than the dead are given is found again.
_PATIENT_EVERY = 4
# A channel may have this part of what is free in its pool.
_SHARES = 14
_WIDEST = 1_000_000


@lru_cache(maxsize=1024)
def _first_sending(attempt: int) -> Attempt:
    return "", attempt


def attempt_of(delivery: Delivery) -> Attempt:
    """Which attempt of the delivery is the newest; one object for all that are equal, where many are."""
    return (delivery.replay, delivery.attempt) if delivery.replay else _first_sending(delivery.attempt)


class Secrets(NamedTuple):
    """The secret of a channel, decrypted; "" when it has none. formers: what was rotated out, each until when."""

    current: str
    formers: tuple[tuple[str, Micros], ...] = ()

    def formers_at(self, moment: Micros) -> list[str]:
        """Those that still count, oldest first."""
        return [secret for secret, until in self.formers if moment < until]


# Of a channel that has none.
NO_SECRETS = Secrets("")


class Lane:
    """One channel: its endpoint, and the keys of the deliveries to be sent, in the order of their sending.

    waiting: the pool in whose queue it stands. running, overdue: requests under way, and those of them that are slow.
    works: the last attempt that ended was a success. seen: that is known from an attempt of this process, not from the
    states. window: requests at once when there is room; a success doubles it.
    """

    __slots__ = (
        "endpoint",
        "failures",
        "host",
        "kind",
        "overdue",
        "owner",
        "project",
        "queue",
        "running",
        "secrets",
        "seen",
        "waiting",
        "window",
        "works",
    )

    def __init__(self, owner: "Owned") -> None:
        self.owner = owner
        self.endpoint: Endpoint | None = None
        self.secrets: Secrets | None = None
        self.queue: deque[str] = deque()
        self.waiting: Pool[Self] | None = None
        self.running = self.overdue = 0
        self.project = self.host = ""
        self._forget()

    def _forget(self) -> None:
        self.kind, self.works, self.seen = Kind.NEW, False, False
        self.failures, self.window = 0, _WIDEST

    def redefine(self, endpoint: Endpoint | None) -> None:
        """The channel was made, changed or removed. A change of where it sends to makes it new."""
        before, self.endpoint, self.secrets = self.endpoint, endpoint, None
        if endpoint is None:
            return
        if before is None or (before.kind, before.url) != (endpoint.kind, endpoint.url):
            self._forget()
        self.project, self.host = endpoint.project, _host(endpoint.url)
        if CHANNEL_KINDS[endpoint.kind].limits.slots == "mail server":
            self.kind = Kind.MAIL

    def recall(self, failures: int, succeeded: bool) -> None:
        """What the states say of the channel; it counts until something is known first hand."""
        if self.kind is Kind.MAIL:
            return
        if not failures and not succeeded and not self.overdue:
            self._forget()  # it is new, or was enabled again
        elif not self.seen:
            self.works, self.failures = succeeded and not failures, failures
            self.kind = Kind.QUICK if self.works else Kind.DEAD if failures >= FAILING else Kind.NEW

    def finished(self, delivered: bool, seconds: float, limit: int) -> None:
        """An attempt ended. limit: the most requests at once."""
        slow = seconds > SLOW
        if delivered:
            self.failures, self.window = 0, min(limit, self.window * 2)
        else:
            self.failures += 1
            self.window = GRANTED if slow or self.failures >= FAILING else max(GRANTED, self.window // 2)
        self.works, self.seen = delivered, True
        if self.kind is Kind.MAIL:
            return
        if slow:
            self.kind = Kind.SLOW if delivered else Kind.DEAD
        elif not self.overdue:
            self.kind = Kind.QUICK

    def hang(self) -> None:
        """A request under way has become slow."""
        self.overdue, self.seen = self.overdue + 1, True
        self.kind = Kind.SLOW if self.works else Kind.DEAD

    def is_hopeless(self) -> bool:
        """Whether an attempt made now is to find out soon that there is no connection."""
        return self.kind is Kind.DEAD and self.failures % _PATIENT_EVERY != 0

    def allowance(self, pool: Pool[Self], limit: int) -> int:
        """How many requests it may have under way, as things stand."""
        if self.kind is Kind.DEAD:
            return PROBE
        if self.kind is Kind.MAIL:
            return GRANTED
        return min(self.window, limit, max(GRANTED, (pool.free + self.running) // _SHARES))


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return url


class Owned:
    """One partition: its lanes, what is queued in them, and the newest attempt begun of each pending delivery.

    unread: what is still to be taken in, in order; None stands for the beginning of sending.
    """

    __slots__ = ("begun", "begun_sending", "lanes", "queued", "reader", "sending", "unread")

    def __init__(self) -> None:
        self.sending = self.begun_sending = False
        self.lanes: dict[str, Lane] = {}
        self.queued: dict[str, Delivery] = {}
        self.begun: dict[str, Attempt] = {}
        self.unread: deque[Iterable[Change] | None] = deque()
        self.reader: asyncio.Task[None] | None = None

    def lane(self, channel: str) -> Lane:
        lane = self.lanes.get(channel)
        if lane is None:
            lane = self.lanes[channel] = Lane(self)
        return lane
