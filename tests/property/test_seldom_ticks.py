"""Ticks that come when they are needed decide the same as a tick a second: whatever stands still, dies or comes back.

Two ingest processes append to one partition of `pings`, which the fold of checks folds as it comes. The same story is
told twice: once by processes that tick every second, once by processes with heartbeats that tick where it is needed.
"""

import asyncio
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.base import SECOND, encode
from schemas.definitions import Check
from schemas.pings import CheckDefined
from schemas.schedules import Simple
from schemas.topics import PINGS
from tests.check_story import CHECK
from tests.ping_world import NOON
from tests.ticking_story import Log, Process

LENGTH = 420
END = 260  # at last both live, nobody pings, and every deadline passes


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
