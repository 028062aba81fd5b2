"""What a look at everything finds, with the answers of Kafka and ClickHouse given by hand."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaException

from infra.clock_skew.reports import ClockReports
from infra.disk import Disk
from infra.log.groups import Committed
from infra.log.lag_age import Partition
from infra.log.progress import FoldProgress
from infra.settings.settings import Settings
from query_api.ops import readiness
from query_api.ops.readiness import Readiness
from query_api.state.delivery_states import DeliveryStates
from schemas.base import SECOND, Micros, encode
from schemas.ticks import PROGRESS_KEY, Heartbeat, Progress
from schemas.topics import JOURNAL_OF, JOURNALS, MONITOR_STATES, PINGS, TRANSITIONS

PARTITIONS = 4
START: Micros = 1_800_000_000 * SECOND


class World:
    """Kafka and ClickHouse, as far as they are asked. markers: partitions whose tails are markers of transactions."""

    def __init__(self) -> None:
        self.ends: dict[Partition, int] = {
            (journal.name, number): 10 for journal in JOURNALS for number in range(PARTITIONS)
        }
        self.ends |= {(TRANSITIONS.name, number): 10 for number in range(PARTITIONS)}
        self.committed: dict[str, dict[Partition, Committed]] = {
            "writer": {(TRANSITIONS.name, number): Committed(10, "") for number in range(PARTITIONS)},
            "probers": {},
        }
        self.markers: set[Partition] = set()
        self.clickhouse_answers = True
        self.tails_asked: list[set[Partition]] = []

    def end_offsets(self, _: Any, partitions: Iterable[Partition], timeout: float) -> dict[Partition, int]:
        assert timeout < 5
        return {tp: self.ends[tp] for tp in partitions}

    def holding_records(
        self, _: str, stretches: Mapping[Partition, tuple[int, int]], timeout: float
    ) -> dict[Partition, bool]:
        self.tails_asked.append(set(stretches))
        return {tp: tp not in self.markers for tp in stretches}

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        if not self.clickhouse_answers:
            raise OSError("connection refused")
        return [(1,)]


class Looking:
    """A `Readiness` whose clock is moved by hand; every partition is folded up to its end when it begins."""

    def __init__(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, regions: Mapping[str, str] = {"local": "probers"}
    ) -> None:
        self.world, self.seconds = World(), 1_000.0
        world = self.world

        class Offsets:
            def __init__(self, _: str, group: str) -> None:
                self._group = group

            def committed(self, partitions: Iterable[Partition], timeout: float) -> dict[Partition, Committed]:
                if self._group not in world.committed:
                    raise KafkaException("no coordinator")
                return world.committed[self._group]

        monkeypatch.setattr(readiness, "GroupOffsets", Offsets)
        monkeypatch.setattr(readiness, "end_offsets", world.end_offsets)
        monkeypatch.setattr(readiness, "holding_records", world.holding_records)
        monkeypatch.setattr(readiness, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        settings = Settings(data=tmp_path, probers=0)
        self.progress = FoldProgress(PARTITIONS)
        self._heard = {journal.name: self.progress.listen(states) for states, journal in JOURNAL_OF.items()}
        clock = SimpleNamespace(now=lambda: START + round((self.seconds - 1_000) * SECOND))
        clocks = ClockReports(lambda: self.seconds)
        self._hear_of_clock = clocks.listen(lambda *_: None)
        self.readiness = Readiness(
            settings,
            "127.0.0.1:1",
            PARTITIONS,
            clock,
            self.progress,
            world,
            DeliveryStates(),
            Disk(settings),
            history=("writer", [TRANSITIONS.name]),
            prober_groups=regions,
            has_monitors=lambda: self.has_monitors,
            clocks=clocks,
            public_fault=lambda: self.public_fault,
            secrets_fault=lambda: self.secrets_fault,
        )
        self.has_monitors, self.public_fault, self.secrets_fault = False, "", ""
        self.fold()

    def fold(self, up_to: int = 9) -> None:
        """All folds have done what is before that offset, and the time is that of the clock."""
        time = START + round((self.seconds - 1_000) * SECOND)
        for heard in self._heard.values():
            for number in range(PARTITIONS):
                heard(number, PROGRESS_KEY, encode(Progress(applied=up_to, time=time, due=time + 3_600 * SECOND)))

    def tell_clock(self, role: str, name: str, skew: Micros) -> None:
        """A process tells how far its clock is ahead of Kafka's."""
        beat = Heartbeat(role=role, slot=name, epoch=1, at=START, now=START, skew=skew)
        self._hear_of_clock(0, name, encode(beat))

    def refuse(self, slot: str, by: Micros) -> None:
        """A partition has not counted a tick that was so far ahead of Kafka's clock."""
        time = START + round((self.seconds - 1_000) * SECOND)
        progress = Progress(applied=9, time=time, due=time + 3_600 * SECOND, refused={slot: by})
        self._heard[PINGS.name](0, PROGRESS_KEY, encode(progress))

    async def after(self, seconds: float) -> list[tuple[str, str]]:
        """Time goes on, with looks on the way; the problems of the last one."""
        end = self.seconds + seconds
        while self.seconds < end:
            self.seconds = min(end, self.seconds + 2.0)
            await self.readiness.look()
        return [(problem.part, problem.reason) for problem in self.readiness.report.problems]


@pytest.fixture
def looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Looking:
    return Looking(tmp_path, monkeypatch)


async def test_nothing_is_wrong(looking: Looking) -> None:
    assert await looking.after(90.0) == []


async def test_a_clock_that_is_a_little_off_is_a_warning_and_a_wrong_one_a_problem(looking: Looking) -> None:
    looking.tell_clock("worker", "worker-0", 2_100_000)
    looking.tell_clock("prober", "prober-riga-7", -11 * SECOND)
    ((part, reason),) = await looking.after(2.0)
    assert part == "clock of prober-riga-7"
    assert reason.startswith("is 11.0 s behind Kafka's clock: it probes nothing")
    report = looking.readiness.report
    assert [warning.part for warning in report.warnings] == ["clock of worker-0"]
    assert report.wrong_time == []
    assert [part for part, _ in await looking.after(120.0) if part.startswith("clock")] == []
    assert looking.readiness.report.warnings == []


async def test_ticks_of_a_wrong_clock_are_a_problem_and_ticks_that_came_late_a_warning(looking: Looking) -> None:
    looking.refuse("web-1", -40 * SECOND)
    looking.tell_clock("web", "web-1", -40 * SECOND)
    assert [part for part, _ in await looking.after(2.0)] == ["time", "clock of web-1"]
    assert len(looking.readiness.report.wrong_time) == 1
    looking.tell_clock("web", "web-1", 0)
    assert await looking.after(2.0) == []
    (late,) = looking.readiness.report.warnings
    assert "its clock is right" in late.reason
    assert looking.readiness.report.wrong_time == []
    looking.fold()
    await looking.after(2.0)
    assert looking.readiness.report.warnings == []


async def test_a_time_that_stands_ahead_is_a_problem(looking: Looking) -> None:
    looking.seconds += 7_200
    looking.fold()
    looking.seconds -= 7_200
    ((part, reason),) = await looking.after(2.0)
    assert part == "time"
    assert "pingfold time mend" in reason


async def test_markers_of_transactions_in_every_partition_are_no_events(looking: Looking) -> None:
    """A definition that goes to every partition leaves them everywhere, and no tick comes for 80 s."""
    for number in range(PARTITIONS):
        looking.world.ends[PINGS.name, number] += 2
        looking.world.markers.add((PINGS.name, number))
    for _ in range(40):
        assert await looking.after(2.0) == []
    assert looking.world.tails_asked == [looking.world.markers]


async def test_events_that_nobody_folds_are_told(looking: Looking) -> None:
    await looking.after(2.0)
    for number in range(PARTITIONS):
        looking.world.ends[PINGS.name, number] += 2
    looking.world.markers = {(PINGS.name, number) for number in range(1, PARTITIONS)}
    assert await looking.after(18.0) == []
    assert await looking.after(6.0) == [("folds", "1 partition is not folded up to now: pings/0")]
    assert looking.readiness.report.fold_lag[PINGS.name, 0] == 2
    looking.fold(up_to=11)
    assert await looking.after(2.0) == []


async def test_a_time_that_stands_is_told_though_nothing_is_due(looking: Looking) -> None:
    assert await looking.after(118.0) == []
    assert [part for part, _ in await looking.after(4.0)] == ["folds"]


async def test_history_that_does_not_move(looking: Looking) -> None:
    await looking.after(2.0)
    looking.world.ends[TRANSITIONS.name, 1] += 5
    assert await looking.after(28.0) == []
    assert await looking.after(6.0) == [("history", "5 records wait, and transitions/1 has not moved for 30 s")]
    assert looking.readiness.report.history_records == 5


async def test_probers_are_judged_by_what_they_commit(looking: Looking) -> None:
    looking.has_monitors = True
    assert await looking.after(28.0) == []
    assert await looking.after(4.0) == [("probers of local", "none makes progress")]
    looking.world.committed["probers"] = {
        (MONITOR_STATES.name, number): Committed(1, "a sign") for number in range(PARTITIONS - 1)
    }
    assert await looking.after(2.0) == [("probers of local", "none has partitions 3")]


async def test_what_kafka_does_not_tell_is_told_and_nobody_is_accused(looking: Looking) -> None:
    looking.has_monitors = True
    committed = looking.world.committed

    def sign(text: str) -> dict[Partition, Committed]:
        return {(MONITOR_STATES.name, number): Committed(1, text) for number in range(PARTITIONS)}

    committed["probers"] = sign("1")
    assert await looking.after(2.0) == []
    writer = committed.pop("writer")
    committed.pop("probers")
    assert await looking.after(28.0) == []
    assert await looking.after(2.0) == [
        ("history", "Kafka has not told for 30 s how far the writer is"),
        ("probers of local", "Kafka has not told for 30 s whether they make progress"),
    ]
    await looking.after(60.0)
    looking.fold()
    committed |= {"writer": writer, "probers": sign("1")}
    assert await looking.after(20.0) == [], "their next sign may not have been due"
    assert await looking.after(12.0) == [("probers of local", "none makes progress")]
    committed["probers"] = sign("2")
    assert await looking.after(2.0) == []


async def test_one_region_of_which_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = Looking(tmp_path, monkeypatch, regions={"local": "probers", "far": "away"})
    looking.has_monitors = True
    assert await looking.after(32.0) == [
        ("probers of local", "none makes progress"),
        ("probers of far", "Kafka has not told for 32 s whether they make progress"),
    ]


async def test_servers_that_do_not_answer(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    looking.world.clickhouse_answers = False
    assert await looking.after(2.0) == [("clickhouse", "does not answer")]
    looking.world.clickhouse_answers = True

    def no_broker(*_: Any) -> dict[Partition, int]:
        raise KafkaException("all brokers are down")

    monkeypatch.setattr(readiness, "end_offsets", no_broker)
    assert await looking.after(2.0) == [("kafka", "does not answer")]


async def test_a_public_address_that_does_not_answer_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything works here; a proxy that asks whether it may let people in must not be told no."""
    looking = Looking(tmp_path, monkeypatch)
    looking.public_fault = "connection refused"
    assert await looking.after(2.0) == []
    (warning,) = looking.readiness.report.warnings
    assert warning.part == "public address"
    assert warning.reason.startswith("no ping gets through http://127.0.0.1:8000/ping/: connection refused;")
    looking.public_fault = ""
    await looking.after(2.0)
    assert looking.readiness.report.warnings == []


async def test_secrets_that_cannot_be_read_are_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = Looking(tmp_path, monkeypatch)
    looking.secrets_fault = "1 stored secrets were encrypted with another key"
    assert await looking.after(2.0) == [("secrets", looking.secrets_fault)]
    looking.secrets_fault = ""
    looking.fold()
    assert [part for part, _ in await looking.after(32.0) if part == "secrets"] == []


async def test_a_look_that_fails_is_a_problem_and_no_defect_of_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For want of threads, for example: nobody knows then whether everything works."""
    looking = Looking(tmp_path, monkeypatch)

    def no_thread() -> str:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(looking.readiness, "_secrets_fault", no_thread)
    [(part, why)] = await looking.after(2.0)
    assert part == "readiness"
    assert "can't start new thread" in why
