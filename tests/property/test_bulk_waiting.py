"""Nobody is called down for lines of a bulk request that wait for Pingfold: the fold says so, in virtual time.

A producer sends the pings of many checks just before their deadlines. Kafka is slow, or freezes for a while, and the
room for bulk pings is small, so that lines wait: read or not. Ticks go on all the while.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.log.sink import NotStored, Position
from ingest.ping.request import Limits
from processors.checks.fold import Checks
from processors.fold.contract import Record
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Check
from schemas.pings import CheckDefined, Ping
from schemas.schedules import Simple
from schemas.topics import PINGS
from schemas.transitions import GapSeen, StatusChanged
from tests import virtual_time
from tests.folding import Folding, of_type
from tests.memory_log import MemorySink, add
from tests.ping_world import NOON, PROJECT, HandClock, World

PERIOD = GRACE = 60
DEADLINE = float(PERIOD + GRACE)  # of all checks, in virtual seconds
PATIENCE = 8.0
END = 175.0  # of the story: before anybody who was heard then is expected again


class RunningClock(HandClock):
    """The time of the event loop."""

    def now(self) -> Micros:
        return NOON + round(asyncio.get_running_loop().time() * SECOND)

    real = now


class SlowSink(MemorySink):
    """Takes records one after the other, `latency` seconds each, and none while it is frozen. Whoever waits too long is
    told so, and the record stands in the log all the same, as with Kafka."""

    def __init__(self, latency: float, freezes: list[tuple[float, float]]) -> None:
        super().__init__()
        self._latency, self._freezes = latency, freezes
        self._free_at = 0.0
        self.appended: list[tuple[Micros, Any]] = []

    def put(self, *what: Any, **more: Any) -> asyncio.Future[Position]:
        loop = asyncio.get_running_loop()
        self.hold()
        stored = super().put(*what, **more)
        (report,) = self._held or []
        self._free_at = max(self._free_at, loop.time()) + self._latency
        for begin, end in self._freezes:
            if begin <= self._free_at < end:
                self._free_at = end
        loop.call_at(self._free_at, self._append, report)
        loop.call_at(loop.time() + PATIENCE, _give_up, stored)
        return stored

    def _append(self, report: Callable[[], None]) -> None:
        report()
        self.appended.append((NOON + round(asyncio.get_running_loop().time() * SECOND), self.order[-1]))


def _give_up(stored: asyncio.Future[Position]) -> None:
    if not stored.done():
        stored.set_exception(NotStored("not in time"))


class Told(NamedTuple):
    """answers: what each check's line was told, 503 if it was not read. changes: each check's, to which status."""

    answers: dict[str, int]
    changes: dict[str, list[str]]
    gaps: set[str]


def id_of(number: int) -> str:
    return f"{number:08d}-d4c7-4bf5-bcc8-b8d8a82ea278"


async def story(limits: Limits, sink: SlowSink, lines: int, size: int, early: float) -> Told:
    """A request whose lines are all sent `early` seconds before the deadline of their checks, in pieces of `size`."""
    world, loop = World(limits, clock=RunningClock, sink=sink, pings_per_minute=0), asyncio.get_running_loop()
    await world.source.begin()
    checks = [id_of(number) for number in range(lines)]
    for id in checks:
        check = Check(id=id, project=PROJECT, version=1, created=NOON, name=id, schedule=Simple(PERIOD), grace=GRACE)
        add(world.directory, check)
        sink.put(PINGS, id, encode(CheckDefined(at=NOON, check=check)))
        sink.put(PINGS, id, encode(Ping(kind="success", at=NOON, by=1)))
    await asyncio.sleep(DEADLINE - early - loop.time())
    body = b"".join(json.dumps({"uuid": id}).encode() + b"\n" for id in checks)
    reply = await world.ask("/ping/bulk", "POST", body=[body[at : at + size] for at in range(0, len(body), size)])
    assert loop.time() < DEADLINE - early + limits.bulk_wait + PATIENCE + 1, "the answer came in bounded time"
    told = {one["line"]: one for one in map(json.loads, reply.body.splitlines())}
    unread = min((number for number, one in told.items() if one.get("unread")), default=lines + 1)
    await asyncio.sleep(END - loop.time())
    await world.source.close()
    answers = {id: told[number]["status"] for number, id in enumerate(checks, 1) if number < unread}
    return judged(sink, {id: answers.get(id, 503) for id in checks})


def judged(sink: SlowSink, answers: dict[str, int]) -> Told:
    """What the folds say of the journal."""
    foldings = [Folding(Checks()) for _ in range(sink.partitions)]
    for at, stored in sink.appended:
        key = (stored.key or b"tick").decode()
        foldings[stored.partition].feed([Record(stored.offset, at, key.encode(), stored.value)])
    assert min(seconds(folding.progress.time) for folding in foldings) > END - 5, "the time has gone on"
    effects = [effect for folding in foldings for effect in folding.effects]
    changes = dict[str, list[str]]()
    for change in of_type(effects, StatusChanged):
        if seconds(change.at) < END:
            changes.setdefault(change.thing, []).append(change.now)
    return Told(answers, changes, {gap.cause for gap in of_type(effects, GapSeen)})


def seconds(at: Micros) -> float:
    return (at - NOON) / SECOND


FREEZES = st.lists(st.tuples(st.floats(100, 150), st.floats(0.1, 12.0)), max_size=2).map(
    lambda spans: [(begin, begin + length) for begin, length in spans]
)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 40), st.integers(1, 2_000), st.floats(0.001, 5.0), st.floats(0.0, 0.09), FREEZES
)  # fmt: skip
def test_nobody_is_called_down_for_a_line_that_waits(
    room: int, lines: int, size: int, early: float, latency: float, freezes: list[tuple[float, float]]
) -> None:
    limits = Limits(bulk_in_flight=room)
    told = virtual_time.run(story(limits, SlowSink(latency, freezes), lines, size, early))
    for id, status in told.answers.items():
        assert "down" not in told.changes[id], f"{id} was answered {status}"


def test_lines_that_find_room_late_are_recorded_and_no_gap_is_told() -> None:
    told = virtual_time.run(story(Limits(bulk_in_flight=2), SlowSink(0.02, [(119, 125)]), 40, 300, early=0.5))
    assert set(told.answers.values()) == {200}
    assert all("down" not in changes for changes in told.changes.values())
    assert told.gaps == {"no source"}, "before the source began"


def test_lines_that_wait_too_long_are_refused_and_the_gap_is_told() -> None:
    limits = Limits(bulk_in_flight=2, bulk_wait=1.0)
    told = virtual_time.run(story(limits, SlowSink(0.02, [(119, 125)]), 40, 300, early=0.5))
    assert sorted(told.answers.values()) == [200] * 2 + [503] * 38
    assert "refused" in told.gaps
    for id, status in told.answers.items():
        assert told.changes[id] == (["up", "late", "up"] if status == 200 else ["up", "late", "not_observed"])
