"""The ticker: where something is due it ticks each second, elsewhere seldom, and it tells time to every journal."""

import asyncio
from pathlib import Path

import pytest

from infra.settings.settings import Settings
from ingest.ticker import TICKED_JOURNALS, Ticker
from schemas.base import SECOND, Micros
from schemas.ticks import NEVER
from schemas.topics import DELIVERIES, PINGS, PROBE_RESULTS, PROJECTS, Topic
from tests.conditions import until
from tests.memory_log import MemorySink
from tests.ping_world import HandClock

PARTITIONS = 4


class Dues:
    """What is known of the next deadlines: nothing at first."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], Micros] = {}

    def due(self, journal: Topic, partition: int) -> Micros | None:
        return self.known.get((journal.name, partition))


class Hand:
    """The rounds of a ticker, made by hand, and the monotonic clock."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.beat = 1_000.0
        monkeypatch.setattr("ingest.ticker.time.monotonic", lambda: self.beat)
        settings = Settings(data=tmp_path, test_clock=True)
        self.clock, self.sink, self.dues = HandClock(settings), MemorySink(PARTITIONS), Dues()
        self.ticker = Ticker(settings, self.clock, self.sink, PARTITIONS, self.dues)
        self.folder = tmp_path
        for journal in TICKED_JOURNALS:
            for partition in range(PARTITIONS):
                self.dues.known[journal.name, partition] = NEVER

    async def rounds(self, seconds: int = 1) -> dict[tuple[str, int], int]:
        """How many ticks each partition got, where it got any."""
        before = {place: len(log) for place, log in self.sink.logs.items()}
        for _ in range(seconds):
            self.clock.time += SECOND
            self.beat += 1
            self.ticker._round()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        after = {place: len(log) - before.get(place, 0) for place, log in self.sink.logs.items()}
        return {place: count for place, count in after.items() if count}


async def test_partitions_in_which_nothing_is_due_are_ticked_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand(tmp_path, monkeypatch)
    assert len(await hand.rounds()) == 3 * PARTITIONS
    assert await hand.rounds(79) == {}
    assert set((await hand.rounds()).values()) == {1}
    del hand.dues.known["deliveries", 2]
    assert await hand.rounds(10) == {("deliveries", 2): 10}, "what is not known is ticked every second"
    hand.dues.known["deliveries", 2] = hand.clock.time + 5 * SECOND
    assert await hand.rounds(4) == {}
    assert await hand.rounds(3) == {("deliveries", 2): 3}, "from its deadline on, until its fold tells the next"
    hand.dues.known["deliveries", 2] = NEVER
    assert await hand.rounds(40) == {}


async def test_a_step_of_the_test_clock_and_a_failure_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand(tmp_path, monkeypatch)
    await hand.rounds(2)
    (tmp_path / "clock").write_text("3600")
    assert len(await hand.rounds()) == 3 * PARTITIONS
    assert await hand.rounds(5) == {}
    (tmp_path / "clock").write_text("7200")
    hand.sink.fails = lambda record: record.partition == 1
    assert len(await hand.rounds(3)) == 3 * (PARTITIONS - 1)
    hand.sink.fails = lambda record: False
    assert set(await hand.rounds(3)) == {(journal.name, 1) for journal in TICKED_JOURNALS}


async def test_the_ticker_tells_plain_time_to_the_other_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.ticker.TICK_SECONDS", 0.01)
    settings = Settings()
    clock, sink, stop = HandClock(settings), MemorySink(PARTITIONS), asyncio.Event()
    ticker = Ticker(settings, clock, sink, PARTITIONS, Dues())
    sink.full = True
    running = asyncio.create_task(ticker.run(stop))
    await asyncio.sleep(0.05)
    sink.full = False
    await until(lambda: ticker.acknowledged >= 2 * 2 * PARTITIONS)
    stop.set()
    await running
    assert {topic for topic, _ in sink.logs} == {PROJECTS.name, PROBE_RESULTS.name, DELIVERIES.name}
    assert PINGS.name not in {topic for topic, _ in sink.logs}
    assert {partition for _, partition in sink.logs} == set(range(PARTITIONS))
