"""The source: ticks as low watermarks (docs/design.md, "Time"); refused pings and the public URL are told in them."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infra.clock import clock_of
from infra.log.partitioner import partition_of
from infra.log.sink import NotStored, Position
from infra.settings.settings import Settings
from ingest.ping import source as module
from ingest.ping.source import Source
from processors.checks.fold import Checks
from schemas.base import SECOND
from schemas.check_states import CheckState
from schemas.dead_letters import DeadLetter
from schemas.definitions import Check
from schemas.pings import CheckDefined, Ping
from schemas.ticks import Tick
from schemas.topics import PINGS
from tests.conditions import SOON, until
from tests.folding import Folding, Journal, of_type
from tests.front import Front
from tests.memory_log import MemorySink
from tests.ping_world import BY_UUID, NOON, UUID, HandClock, World

PARTITIONS = 4
decode = Checks.events.decode


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.02)


class Parts:
    def __init__(self, settings: Settings, installation: str | None = None) -> None:
        self.clock = HandClock(settings)
        self.sink = MemorySink(PARTITIONS)
        self.source = Source(settings, self.clock, self.sink, "web-0", PARTITIONS, installation)


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    parts = Parts(Settings(data=tmp_path, test_clock=True))
    yield parts
    parts.sink.fails = lambda record: False
    parts.sink.full = False
    parts.sink.release()
    await parts.source.close()


async def ticks(parts: Parts, more: int = 2) -> None:
    """Wait for some more ticks in every partition."""
    before = [len(parts.sink.ticks(p)) for p in range(PARTITIONS)]
    async with asyncio.timeout(SOON):
        while any(len(parts.sink.ticks(p)) < before[p] + more for p in range(PARTITIONS)):
            await asyncio.sleep(0.005)


async def test_the_first_tick_is_everywhere_before_it_listens(parts: Parts) -> None:
    parts.sink.hold()
    beginning = asyncio.create_task(parts.source.begin())
    await asyncio.sleep(0.02)
    assert not beginning.done()
    parts.sink.release()
    await beginning
    for partition in range(PARTITIONS):
        first = parts.sink.ticks(partition)[0]
        assert (first.slot, first.epoch, first.at, first.now) == ("web-0", parts.source.epoch, NOON, NOON)
        assert (first.offset, first.closing, first.refused_since, first.unreachable_since) == (0, False, None, None)


async def test_without_kafka_it_does_not_begin(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BEGIN_SECONDS", 0.3)
    parts.sink.fails = lambda record: record.partition == 2
    with pytest.raises(NotStored):
        await parts.source.begin()


async def test_a_later_source_has_a_higher_epoch(parts: Parts) -> None:
    await asyncio.sleep(0.001)
    assert Parts(Settings()).source.epoch > parts.source.epoch


async def test_the_watermark_waits_for_the_oldest_ping_not_answered(parts: Parts) -> None:
    await parts.source.begin()
    first, at = parts.source.receive()
    parts.clock.time += SECOND
    second, _ = parts.source.receive()
    parts.clock.time += SECOND
    await ticks(parts)
    assert {(tick.at, tick.now) for tick in (parts.sink.ticks(p)[-1] for p in range(PARTITIONS))} == {
        (at, at + 2 * SECOND)
    }
    parts.source.answered(first)
    await ticks(parts)
    assert parts.sink.ticks(0)[-1].at == at + SECOND
    parts.source.answered(second)
    await ticks(parts)
    assert parts.sink.ticks(0)[-1].at == at + 2 * SECOND


async def test_what_was_acknowledged_from_before_a_tick_lies_ahead_of_it() -> None:
    world = World(pings_per_minute=0)
    await world.source.begin()
    for _ in range(200):
        world.clock.time += 1000
        world.sink.hold()
        task = asyncio.create_task(world.ask(BY_UUID))
        await asyncio.sleep(0.001)
        world.sink.release()
        await task
    await world.source.close()
    assert len(world.sink.pings) == 200
    seen: dict[int, int] = {}
    for record, (_, event) in zip(world.sink.order, world.sink.events(), strict=True):
        if isinstance(event, Tick):
            seen[record.partition] = event.at
        else:
            assert isinstance(event, Ping)
            assert event.at is not None
            assert event.at >= seen[record.partition]  # no ping comes after a tick that is later than it


@pytest.mark.parametrize("step", [90 * SECOND, 7_200 * SECOND])
async def test_a_step_of_the_clock_between_two_ticks_makes_no_dead_letter(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The clock of an ingest host is set right, forward: what it acknowledges before its next round of ticks counts."""
    monkeypatch.setattr(module, "TICK_SECONDS", 60.0)
    world = World(pings_per_minute=0)
    await world.source.begin()
    assert (await world.ask(BY_UUID)).line == "200 OK"
    world.clock.time += step
    for _ in range(3):
        assert (await world.ask(BY_UUID)).line == "200 OK"
    fold, journal = Folding(Checks()), Journal()
    journal.add(UUID, CheckDefined(at=NOON, check=Check(id=UUID, project="p", version=1, created=NOON)), NOON)
    partition = partition_of(UUID.encode(), 8)
    for record in world.sink.logs[PINGS.name, partition]:
        event = decode(record.value or b"")  # Kafka's clock was right all the time
        assert isinstance(event, Ping | Tick)
        journal.add((record.key or b"").decode(), event, event.at or 0)
    effects = fold.feed(journal)
    assert of_type(effects, DeadLetter) == []
    assert fold.state(CheckState, UUID).pings == 4
    # One tick leads the pings after the step; they do not cost one each.
    assert len(world.sink.ticks(partition)) == 2
    await world.source.close()


async def test_a_ping_after_a_pause_of_the_ticks_has_one_put_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 60.0)
    world = World(pings_per_minute=0)
    await world.source.begin()
    world.clock.time += 30 * SECOND
    world.sink.fails = lambda record: record.key is None  # the tick is not confirmed: the ping is what counts
    assert (await world.ask(BY_UUID)).line == "200 OK"
    world.sink.fails = lambda record: False
    world.clock.time += 30 * SECOND
    assert (await world.ask(BY_UUID)).line == "200 OK"
    partition = partition_of(UUID.encode(), 8)
    assert [tick.now for tick in world.sink.ticks(partition)] == [NOON, NOON + 60 * SECOND]
    await world.source.close()


async def test_a_refusal_is_told_until_it_is_in_the_log(parts: Parts) -> None:
    await parts.source.begin()
    parts.sink.fails = lambda record: record.partition == 1
    since = parts.clock.time + 5
    parts.source.refuse(1, since)
    parts.source.refuse(2, since)
    parts.clock.time += SECOND
    parts.source.refuse(1)
    await asyncio.sleep(0.05)
    parts.sink.fails = lambda record: False
    told = len(parts.sink.ticks(1))
    await ticks(parts, 3)
    assert parts.sink.ticks(1)[told].refused_since == since
    assert since in [tick.refused_since for tick in parts.sink.ticks(2)]
    # Ticks that were on their way when that was stored may tell it once more.
    await until(lambda: all(parts.sink.ticks(partition)[-1].refused_since is None for partition in (1, 2)))
    assert all(tick.refused_since is None for partition in (0, 3) for tick in parts.sink.ticks(partition))


async def test_a_refusal_while_a_tick_is_under_way_is_told_by_the_next(parts: Parts) -> None:
    await parts.source.begin()
    await ticks(parts, 1)
    parts.sink.hold()
    await asyncio.sleep(0.03)  # ticks that know nothing of it
    parts.source.refuse(None)
    parts.sink.release()
    await ticks(parts, 2)
    for partition in range(PARTITIONS):
        assert any(tick.refused_since == NOON for tick in parts.sink.ticks(partition))


async def test_failures_do_not_stop_the_ticks(parts: Parts) -> None:
    await parts.source.begin()
    parts.sink.full = True
    await asyncio.sleep(0.05)
    parts.sink.full = False
    await ticks(parts)


async def test_the_closing_tick_comes_after_the_last_ping(parts: Parts) -> None:
    await parts.source.begin()
    number, _ = parts.source.receive()
    closing = asyncio.create_task(parts.source.close())
    await asyncio.sleep(0.05)
    assert not any(tick.closing for tick in parts.sink.ticks(0))
    parts.source.answered(number)
    await closing
    assert [parts.sink.ticks(p)[-1].closing for p in range(PARTITIONS)] == [True] * PARTITIONS


async def test_a_ping_never_answered_leaves_the_source_unclosed(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 0.2)
    await parts.source.begin()
    number, _ = parts.source.receive()
    await parts.source.close()
    assert not any(tick.closing for tick in parts.sink.ticks(0))
    parts.source.answered(number)


async def test_where_acknowledged_pings_stand(parts: Parts) -> None:
    for offset in (3, 7, 5):
        parts.source.acknowledge(Position(2, offset))
    assert parts.source.acked == [-1, -1, 7, -1]


async def test_the_test_clock_is_read_at_each_tick(parts: Parts, tmp_path: Path) -> None:
    await parts.source.begin()
    (tmp_path / "clock").write_text("90.5\n")
    await ticks(parts)
    last = parts.sink.ticks(0)[-1]
    assert (last.offset, last.now) == (90_500_000, NOON + 90_500_000)
    for garbage in ("", "soon", "nan", "inf", "9" * 400):
        (tmp_path / "clock").write_text(garbage)
        parts.clock.refresh()
        assert parts.clock.offset == 90_500_000
    assert clock_of(Settings(data=tmp_path)).offset == 0  # only when the setting is on


# Synthetic pings; what the public URL must be like is in test_public_url.py.


async def test_unreachable_until_the_public_url_answers_and_when_it_ceases_to(
    unused_tcp_port: int, tmp_path: Path
) -> None:
    parts = Parts(Settings(data=tmp_path, port=unused_tcp_port), "a cluster")
    await parts.source.begin()
    assert parts.sink.ticks(0)[0].unreachable_since == NOON  # nothing listens yet
    async with Front(unused_tcp_port, "a cluster") as front:
        await until(lambda: parts.sink.ticks(0)[-1].unreachable_since is None)
        assert front.asked[0].startswith("/ping/~synthetic/web-0-")
        parts.clock.time += SECOND
        asked = len(front.asked)
        await until(lambda: len(front.asked) >= asked + 3)  # one that began since then has been answered
        parts.clock.time += SECOND
        front.status = 502
        await until(lambda: parts.sink.ticks(0)[-1].unreachable_since is not None)
        since = parts.sink.ticks(0)[-1].unreachable_since
        assert since is not None
        assert NOON + SECOND <= since <= parts.clock.time  # from the last that got through
        front.status = 200
        await until(lambda: parts.sink.ticks(0)[-1].unreachable_since is None)
        await parts.source.close()


async def test_an_address_that_never_answered_is_told_and_taken_back_when_it_does(
    unused_tcp_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_PATIENCE_SECONDS", 0.05)
    parts = Parts(Settings(data=tmp_path, public_url=f"http://127.0.0.1:{unused_tcp_port}/up"), "a cluster")
    with capture_logs() as logs:
        await parts.source.begin()
        assert parts.source.public_fault == ""  # it may be that nobody knows of this process yet
        await until(lambda: parts.source.public_fault != "")
        await asyncio.sleep(0.1)
        assert [one["log_level"] for one in logs if one["event"] == "source.unreachable"] == ["warning"]
        assert parts.sink.ticks(0)[-1].unreachable_since == NOON
        async with Front(unused_tcp_port, "a cluster"):
            await until(lambda: parts.source.public_fault == "")
        await parts.source.close()


async def test_an_address_that_answers_late_is_not_told(
    unused_tcp_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_PATIENCE_SECONDS", 600.0)
    parts = Parts(Settings(data=tmp_path, port=unused_tcp_port), "a cluster")
    with capture_logs() as logs:
        await parts.source.begin()
        async with Front(unused_tcp_port, "a cluster"):
            await until(lambda: parts.source.unreachable_since is None)
            await parts.source.close()
    assert [one["event"] for one in logs if "reachable" in one["event"]] == ["source.reachable"]


async def test_no_two_pings_have_one_stamp() -> None:
    """However coarse the clock is. Where stamps do not grow in the log, they are another receiver's."""
    world = World()
    source, by = world.source, world.source.by
    stamps = [source.receive()[1] for _ in range(3)]
    world.clock.time += 1
    stamps.append(source.receive()[1])
    assert (stamps, source.by) == ([NOON, NOON + 1, NOON + 2, NOON + 3], by)
    world.clock.time = NOON - SECOND  # set back, and believed
    assert (source.receive()[1], source.by) == (NOON - SECOND, by + 1)
    world.clock.time = NOON + SECOND
    assert (source.receive()[1], source.by) == (NOON + SECOND, by + 1)
    world.sink.generation = 1  # a new producer: what the former one has in hand may come later
    assert (source.receive()[1], source.by) == (NOON + SECOND + 1, by + 2)
    assert (source.receive()[1], source.by) == (NOON + SECOND + 2, by + 2)


async def test_pings_tell_who_stamped_them() -> None:
    world = World()
    await world.ask(BY_UUID)
    ((_, ping),) = world.sink.pings
    assert (ping.by, ping.at) == (world.source.by, NOON)


async def test_an_epoch_is_above_every_one_before(tmp_path: Path) -> None:
    """A clock that was set back between two starts would make every tick count nothing."""
    ahead = time.time_ns() // 1000 + 7_200 * SECOND
    settings = Settings(data=tmp_path)
    sources = [
        Source(settings, clock_of(settings), MemorySink(), "web-0", 1, None, after=after)
        for after in (0, ahead, ahead + 1)
    ]
    assert sources[0].epoch < ahead
    assert [source.epoch for source in sources[1:]] == [ahead + 1, ahead + 2]
    assert sources[1].by == sources[1].epoch
