"""Ingest processes that append to one partition of `pings`, which the fold of checks folds as it comes."""

import asyncio
from collections.abc import Callable

from infra.log.sink import Position
from ingest.ping.other_sources import OtherSources
from ingest.ping.ticking import Ticking
from processors.checks.fold import Checks
from processors.fold.contract import Record
from schemas.base import SECOND, Micros, encode
from schemas.pings import Ping
from schemas.topics import HEARTBEATS, PINGS, Topic
from schemas.transitions import StatusChanged
from tests.check_story import CHECK
from tests.folding import Folding
from tests.given_settings import settings_of
from tests.imitated_sink import ImitatedSink
from tests.ping_world import NOON, HandClock


class Log(ImitatedSink):
    """One partition, folded as it comes; and the heartbeats."""

    def __init__(self, stalled: Callable[[float], bool]) -> None:
        self.folding, self.offset, self.now = Folding(Checks()), 0, 0.0
        self.told: list[tuple[str, str, Micros, str]] = []
        self.noticed: list[float] = []
        self.ticks = 0
        self.listeners: list[OtherSources] = []
        self._stalled = stalled
        self._waiting: list[Record] = []
        self._due: Micros | None = None

    def store(self, topic: str, key: str | bytes | None, value: bytes | None) -> Position:
        at = NOON + round(self.now * SECOND)
        if topic == HEARTBEATS.name:
            for peers in self.listeners:
                peers.apply(0, str(key), value)
        else:
            self.ticks += key is None
            self._waiting.append(Record(self.offset, at, str(key or "").encode(), value))
            self.offset += 1
        self.fold()
        return Position(0, self.offset, at)

    def fold(self) -> None:
        """Unless the worker stands still: then nothing is folded, and what is due next is what it told before."""
        if self._stalled(self.now) or not self._waiting:
            return
        effects = self.folding.feed(self._waiting)
        self._waiting = []
        for effect in effects:
            if isinstance(change := effect.value, StatusChanged):
                self.told.append((change.was, change.now, change.at, change.detail))
                self.noticed.append(self.now)
        self._due = self.folding.session.due()

    def due(self, journal: Topic, partition: int) -> Micros | None:
        return self._due


class Process:
    """An ingest process; its rounds are at `phase` after each second while it lives and does not stand still."""

    def __init__(self, log: Log, slot: str, phase: float, seldom: bool) -> None:
        self.log, self.slot, self.phase, self.seldom = log, slot, phase, seldom
        self.clock = HandClock(settings_of())
        self.epoch = 0
        self.lives = False
        self.frozen_until = 0.0
        self.ticking: Ticking
        self.peers: OtherSources | None = None

    async def start(self) -> None:
        self.epoch += 1
        if self.seldom:
            before, self.peers = self.peers, OtherSources(self.slot, lambda: self.log.now)
            if before is not None:  # what is kept of the topic
                self.log.listeners.remove(before)
                for last in before._last.values():
                    self.peers.apply(0, "", encode(last.beat))
            self.log.listeners.append(self.peers)
            self.peers.begin(self.clock.now())
        self.ticking = Ticking(
            self.slot, self.epoch, 1, self.clock, self.log, lambda now: now, self.log, self.peers, lambda: self.log.now
        )
        self.lives = True
        await self.ticking.everywhere()
        self.ticking.begun()

    async def stop(self, closing: bool) -> None:
        self.lives = False
        if closing:
            await self.ticking.everywhere(closing=True)
            self.ticking.closed()

    @property
    def serves(self) -> bool:
        return self.lives and self.log.now >= self.frozen_until

    async def ping(self) -> None:
        at = self.clock.now()
        self.ticking.precede(0, at)
        self.log.put(PINGS, CHECK, encode(Ping(kind="success", at=at)))
        await asyncio.sleep(0)
