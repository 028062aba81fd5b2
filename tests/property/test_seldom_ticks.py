"""Ticks that come when they are needed decide the same as a tick a second: whatever stands still, dies or comes back.

Two ingest processes append to one partition of `pings`, which the fold of checks folds as it comes. The same story is
told twice: once by processes that tick every second, once by processes with heartbeats that tick where it is needed.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.log.sink import Position
from infra.settings.settings import Settings
from ingest.ping.peers import Peers
from ingest.ping.ticking import Ticking
from processors.checks.fold import Checks
from processors.fold.contract import Record
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Check
from schemas.pings import CheckDefined, Ping
from schemas.schedules import Simple
from schemas.topics import HEARTBEATS, PINGS, Topic
from schemas.transitions import StatusChanged
from tests.check_story import CHECK
from tests.folding import Folding
from tests.unit.ping_world import NOON, HandClock

LENGTH = 420
END = 260  # at last both live, nobody pings, and every deadline passes


class Log:
    """One partition, folded as it comes; and the heartbeats."""

    def __init__(self, stalled: Callable[[float], bool]) -> None:
        self.folding, self.offset, self.now = Folding(Checks()), 0, 0.0
        self.told: list[tuple[str, str, Micros, str]] = []
        self.noticed: list[float] = []
        self.ticks = 0
        self.listeners: list[Peers] = []
        self._stalled = stalled
        self._waiting: list[Record] = []
        self._due: Micros | None = None

    def put(
        self,
        topic: Topic | str,
        key: str | bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> asyncio.Future[Position]:
        at = NOON + round(self.now * SECOND)
        if str(topic) == HEARTBEATS.name:
            for peers in self.listeners:
                peers.apply(0, str(key), value)
        else:
            self.ticks += key is None
            self._waiting.append(Record(self.offset, at, str(key or "").encode(), value))
            self.offset += 1
        self.fold()
        stored: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        stored.set_result(Position(0, self.offset, at))
        return stored

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
        self.clock = HandClock(Settings())
        self.epoch = 0
        self.lives = False
        self.frozen_until = 0.0
        self.ticking: Ticking
        self.peers: Peers | None = None

    async def start(self) -> None:
        self.epoch += 1
        if self.seldom:
            before, self.peers = self.peers, Peers(self.slot, lambda: self.log.now)
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


class Event(NamedTuple):
    second: int
    what: str
    who: int
    lasts: int


events = st.builds(
    Event,
    st.integers(2, LENGTH),
    st.sampled_from(["ping", "ping", "ping", "freeze", "kill", "stop"]),
    st.integers(0, 1),
    st.integers(1, 90),
)
stories = st.lists(events, max_size=12)


async def tell(story: list[Event], seldom: bool, stalls: list[tuple[int, int]]) -> Log:
    log = Log(lambda now: any(start <= now < start + lasts for start, lasts in stalls))
    processes = [Process(log, f"web-{n}", phase, seldom) for n, phase in enumerate((0.0, 0.4))]
    check = Check(id=CHECK, project="p", version=1, created=NOON, schedule=Simple(60), grace=30)
    log.put(PINGS, CHECK, encode(CheckDefined(at=NOON, check=check)))
    back: dict[int, int] = {}
    for second in range(LENGTH + END):
        for number, process in enumerate(processes):
            log.now = second + process.phase
            process.clock.time = NOON + round(log.now * SECOND)
            if second == 0 or back.get(number) == second:
                await process.start()
            elif process.serves:
                await process.ticking.where_needed()
            await asyncio.sleep(0)  # what was acknowledged is known
        log.now = second + 0.7
        for process in processes:
            process.clock.time = NOON + round(log.now * SECOND)
        for event in story:
            process = processes[event.who]
            if event.second != second or not process.serves:
                continue
            if event.what == "ping":
                await process.ping()
            elif event.what == "freeze":
                process.frozen_until = log.now + event.lasts
            else:
                await process.stop(event.what == "stop")
                back[event.who] = second + event.lasts
        log.fold()
    return log


@given(stories)
@settings(deadline=None, max_examples=15)
def test_the_same_is_told_as_with_a_tick_a_second(story: list[Event]) -> None:
    often, seldom = (asyncio.run(tell(story, mode, [])) for mode in (False, True))
    assert seldom.told == often.told
    # Whoever holds the time back does so alike; what is noticed is noticed as soon, but for one round.
    for late, early in zip(seldom.noticed, often.noticed, strict=True):
        assert late <= early + 1.2


@given(stories, st.lists(st.tuples(st.integers(10, LENGTH), st.integers(1, 120)), max_size=2))
@settings(deadline=None, max_examples=15)
def test_a_worker_that_stands_still_changes_no_outcome(story: list[Event], stalls: list[tuple[int, int]]) -> None:
    """What is due next is not told meanwhile: pings still come after a tick, and so too late for their deadline."""
    often, seldom = (asyncio.run(tell(story, mode, stalls)) for mode in (False, True))
    assert [change[:2] for change in seldom.told] == [change[:2] for change in often.told]


def test_seldom_is_seldom() -> None:
    often, seldom = (asyncio.run(tell([], mode, [])) for mode in (False, True))
    assert often.told == seldom.told == []
    assert seldom.ticks < often.ticks / 4
