"""Which partition needs a tick now, what heartbeats say, and what they make known of other sources."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from infra.settings.settings import Settings
from ingest.ping.other_sources import OtherSources
from ingest.ping.ticking import Ticking
from schemas.base import SECOND, Micros, encode
from schemas.ticks import NEVER, Heartbeat, Relayed, Tick
from schemas.topics import HEARTBEATS, PINGS, Topic
from tests.memory_log import MemorySink, Stored
from tests.ping_world import NOON, HandClock

PARTITIONS = 4
EPOCH = 1_000
beat_of = msgspec.json.Decoder(Heartbeat).decode
tick_of = msgspec.json.Decoder(Tick).decode


class Dues:
    def __init__(self) -> None:
        self.known: dict[int, Micros | None] = dict.fromkeys(range(PARTITIONS), NEVER)

    def due(self, journal: Topic, partition: int) -> Micros | None:
        assert journal is PINGS
        return self.known[partition]


class Process:
    """An ingest process whose rounds are made by hand; what it appends comes back to it, and to `others`."""

    def __init__(self, tmp_path: Path, slot: str = "web-0", epoch: int = EPOCH) -> None:
        self.seconds = 500.0
        self.folder = tmp_path
        self.clock = HandClock(Settings(data=tmp_path, test_clock=True))
        self.sink, self.dues, self.oldest = MemorySink(PARTITIONS), Dues(), 0
        self.peers = OtherSources(slot, lambda: self.seconds)
        self.read = 0
        self.ticking = Ticking(
            slot,
            epoch,
            PARTITIONS,
            self.clock,
            self.sink,
            lambda now: self.oldest or now,
            self.dues,
            self.peers,
            lambda: self.seconds,
        )
        self.follows = True

    async def begin(self, eager: bool = False) -> None:
        self.peers.begin(self.clock.now())
        await self.ticking.everywhere()
        self.ticking.begun()
        await self.settle()
        if not eager:
            self.peers.apply(0, "", encode(self.other("web-9", closing=True)))
            await self.rounds(71)

    async def settle(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        beats = self.sink.logs.get((HEARTBEATS.name, 0), [])
        for record in beats[self.read :] if self.follows else []:
            self.peers.apply(0, "", record.value)
        self.read = len(beats)

    async def rounds(self, seconds: int = 1, step: float = 1.0) -> dict[int, int]:
        """How many ticks each partition got, where it got any."""
        before = [len(self.sink.ticks(number)) for number in range(PARTITIONS)]
        for _ in range(seconds):
            self.pass_time(step)
            self.ticking.where_needed()
            await self.settle()
        after = [len(self.sink.ticks(number)) - before[number] for number in range(PARTITIONS)]
        return {number: count for number, count in enumerate(after) if count}

    def pass_time(self, seconds: float) -> None:
        self.clock.time += round(seconds * SECOND)
        self.seconds += seconds

    def other(self, slot: str, epoch: int = 7, closing: bool = False, role: str = "ingest") -> Heartbeat:
        now = self.clock.now()
        return Heartbeat(role=role, slot=slot, epoch=epoch, at=now - 5, now=now, closing=closing)

    @property
    def beats(self) -> list[Heartbeat]:
        return [beat_of(record.value or b"") for record in self.sink.logs.get((HEARTBEATS.name, 0), [])]

    def last(self, partition: int) -> Tick:
        return self.sink.ticks(partition)[-1]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


async def test_at_first_every_partition_is_ticked_then_those_where_something_is_due(process: Process) -> None:
    await process.begin(eager=True)
    assert await process.rounds(69) == dict.fromkeys(range(PARTITIONS), 69)
    assert await process.rounds(60) == {}
    assert len(process.beats) == 1 + 69 + 60, "a heartbeat in every round"
    process.dues.known[2] = process.clock.time + 5 * SECOND
    assert await process.rounds(4) == {}
    assert await process.rounds(3) == {2: 3}
    process.dues.known[2] = None
    assert await process.rounds(3) == {2: 3}, "what is not known is ticked every second"
    process.dues.known[2] = NEVER
    assert set(await process.rounds(80)) == set(range(PARTITIONS)), "seldom, but it is ticked"


async def test_what_there_is_to_tell_is_told_at_once(process: Process) -> None:
    await process.begin()
    process.ticking.untold.refuse(1, process.clock.now())
    assert await process.rounds(3) == {1: 1}
    process.ticking.untold.unreachable_since = process.clock.now()
    assert await process.rounds(3) == dict.fromkeys(range(PARTITIONS), 1)
    process.ticking.untold.unreachable_since = None
    assert await process.rounds(3) == dict.fromkeys(range(PARTITIONS), 1)
    (process.folder / "clock").write_text("3600")
    assert await process.rounds(3) == dict.fromkeys(range(PARTITIONS), 1)


async def test_a_heartbeat_is_before_all_that_is_not_answered_or_not_told(process: Process) -> None:
    await process.begin()
    process.oldest = process.clock.time - 3 * SECOND
    await process.rounds()
    assert process.beats[-1].at == process.oldest
    process.oldest = 0
    process.sink.fails = lambda record: record.key is None and record.partition == 2
    process.ticking.untold.refuse(2, process.clock.time - SECOND)
    since = process.clock.time - SECOND
    await process.rounds(3)
    assert process.beats[-1].at == since, "the partition has not been told"
    process.sink.fails = lambda record: False
    await process.rounds(2)
    assert process.beats[-1].at == process.beats[-1].now


@pytest.mark.parametrize("through", ["round", "ping"])
async def test_a_standstill_is_told_by_the_next_tick_whatever_it_is_for(process: Process, through: str) -> None:
    await process.begin()
    at = process.beats[-1].at
    if through == "round":
        assert await process.rounds(1, 3.5) == dict.fromkeys(range(PARTITIONS), 1)
    else:
        process.pass_time(3.5)
        process.ticking.precede(1, process.clock.now())
        await process.settle()
    assert process.last(1).silent_since == at
    assert process.last(1).beats
    await process.rounds(2)
    assert all(process.last(number).silent_since is not None for number in range(PARTITIONS))
    process.ticking.everywhere()
    await process.settle()
    assert all(process.last(number).silent_since is None for number in range(PARTITIONS)), "told once"


async def test_heartbeats_that_are_lost_are_a_silence(process: Process) -> None:
    await process.begin()
    at = process.beats[-1].at

    def is_beat(record: Stored) -> bool:
        return record.key is not None

    process.sink.fails = is_beat
    await process.rounds(5)
    process.sink.fails = lambda record: False
    await process.rounds(2)
    told = [tick.silent_since for number in range(PARTITIONS) for tick in process.sink.ticks(number)]
    assert {since for since in told if since is not None} == {at}
    assert await process.rounds(10) == {}


async def test_a_tick_that_kafka_took_too_late_has_told_nothing(process: Process) -> None:
    await process.begin()
    since = process.clock.now()
    process.ticking.untold.refuse(1, since)
    process.sink.hold()
    assert await process.rounds(1) == {}
    process.sink.kafka_clock = lambda: process.clock.time + 11 * SECOND
    process.sink.release()
    await process.settle()
    assert process.last(1).refused_since == since
    process.sink.kafka_clock = lambda: process.clock.time
    assert await process.rounds(2) == dict.fromkeys(range(PARTITIONS), 1), "as soon as a heartbeat counts"
    assert process.last(1).refused_since == since, "the fold has not counted it"
    await process.rounds(3)
    process.ticking.everywhere()
    await process.settle()
    assert process.last(1).refused_since is None


@pytest.mark.parametrize("wrong", [11, 7_200, -11, -7_200])
async def test_a_wrong_clock_is_a_silence_that_is_told_when_it_is_right(process: Process, wrong: int) -> None:
    await process.begin()
    begun, kept = process.clock.time - round(process.seconds * SECOND), process.beats[-1].at
    process.sink.kafka_clock = lambda: begun + round(process.seconds * SECOND)
    process.clock.time += wrong * SECOND
    for partition in range(PARTITIONS):
        process.dues.known[partition] = 0
    await process.rounds(3)
    refused = process.sink.kafka_clock()
    process.ticking.untold.refuse(2, process.clock.now())
    assert await process.rounds(15) == {}, "ticks would not count either"
    process.clock.time -= wrong * SECOND
    process.clock.set_back += max(0, wrong * SECOND)
    await process.rounds(3)
    for partition in range(PARTITIONS):
        (told,) = {tick.silent_since for tick in process.sink.ticks(partition) if tick.silent_since is not None}
        assert told == kept
    (told,) = {tick.refused_since for tick in process.sink.ticks(2) if tick.refused_since is not None}
    assert told == (refused if wrong == 7_200 else refused + wrong * SECOND)
    process.ticking.everywhere()
    await process.settle()
    assert {process.last(number).silent_since for number in range(PARTITIONS)} == {None}


async def test_another_source_is_relayed_and_ticked_for_while_it_is_silent(process: Process) -> None:
    await process.begin()
    for _ in range(3):
        process.peers.apply(0, "", encode(process.other("web-1")))
        process.peers.apply(0, "", encode(process.other("prober-1", role="prober")))
        assert await process.rounds() == {}
    process.dues.known[0] = 0
    process.peers.apply(0, "", encode(process.other("web-1")))
    heard = process.clock.now()
    await process.rounds()
    assert process.last(0).heard == (Relayed(slot="web-1", epoch=7, at=heard - 5, now=heard, age=SECOND),)
    process.dues.known[0] = NEVER
    assert await process.rounds(68) == dict.fromkeys(range(PARTITIONS), 67), "every second, from 2 s after"
    assert process.last(3).heard[0].age == 69 * SECOND
    await process.rounds(2)
    assert await process.rounds(5) == {}, "it is retired everywhere"
    process.peers.apply(0, "", encode(process.other("web-1")))
    process.peers.apply(0, "", encode(process.other("web-1", closing=True)))
    assert await process.rounds(5) == {}


async def test_without_its_own_heartbeats_coming_back_it_trusts_nothing(process: Process) -> None:
    await process.begin()
    process.follows = False
    assert await process.rounds(3) == {}
    assert await process.rounds(3) == dict.fromkeys(range(PARTITIONS), 3)
    assert process.last(0).heard == ()
    process.follows = True
    await process.rounds()
    assert await process.rounds(3) == {}


async def test_the_first_ticks_tell_how_far_the_source_before_came(tmp_path: Path) -> None:
    process = Process(tmp_path)
    before = process.other("web-0", epoch=EPOCH - 1)
    process.peers.apply(0, "", encode(before))
    dead, alive = process.other("web-1"), process.other("web-2")
    process.peers.apply(0, "", encode(replace(dead, at=NOON - 80 * SECOND, now=NOON - 80 * SECOND)))
    process.peers.apply(0, "", encode(alive))
    await process.begin(eager=True)
    first = process.sink.ticks(0)[0]
    other = Relayed(slot="web-2", epoch=7, at=alive.at, now=alive.now)
    assert first.heard == (Relayed(slot="web-0", epoch=EPOCH - 1, at=before.at, now=before.now), other)
    await process.rounds()
    assert process.last(0).heard == (replace(other, age=SECOND),)


@pytest.mark.parametrize("why", ["closed", "of a later one", "nothing"])
async def test_what_is_not_known_of_the_source_before_is_not_told(tmp_path: Path, why: str) -> None:
    process = Process(tmp_path)
    if why != "nothing":
        epoch = EPOCH + 1 if why == "of a later one" else EPOCH - 1
        process.peers.apply(0, "", encode(process.other("web-0", epoch, closing=why == "closed")))
    await process.begin(eager=True)
    assert process.sink.ticks(0)[0].heard == ()


async def test_the_last_heartbeat_says_that_it_closed(process: Process) -> None:
    await process.begin()
    await process.ticking.everywhere(closing=True)
    last = process.ticking.closed()
    assert last is not None
    assert await last is None
    assert process.beats[-1].closing
