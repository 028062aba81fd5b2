"""What roles tell of their clocks, and what is made of it: warnings, problems, and ticks that were only late."""

from collections.abc import Callable

import msgspec
import pytest
from structlog.testing import capture_logs

from infra.clock_skew.reports import ClockReports, Fault, Level, clock_fault, level_of, time_faults
from infra.clock_skew.watch import ClockWatch
from infra.log.progress import FoldProgress
from infra.settings.settings import Settings
from schemas.base import SECOND, Micros, encode
from schemas.ticks import PROGRESS_KEY, Heartbeat, Progress
from schemas.topics import CHECK_STATES, DEFINITIONS, HEARTBEATS
from tests.memory_log import MemorySink
from tests.ping_world import NOON, HandClock

beat_of = msgspec.json.Decoder(Heartbeat).decode
Hear = Callable[[int, str, bytes | None], None]


class Clocks:
    def __init__(self) -> None:
        self.seconds = 500.0
        self.reports = ClockReports(lambda: self.seconds)
        self.passed_on: list[bytes | None] = []
        self._hear = self.reports.listen(lambda partition, key, value: self.passed_on.append(value))

    def hear(self, role: str, name: str, skew: Micros | None, closing: bool = False, at: Micros = NOON) -> None:
        beat = Heartbeat(role=role, slot=name, epoch=1, at=at, now=at, skew=skew, closing=closing)
        self._hear(0, name, encode(beat))


@pytest.mark.parametrize(
    ("skew", "level"),
    [(None, 0), (0, 0), (2, 0), (-2, 0), (2.1, 1), (-10, 1), (10.1, 2), (-10.1, 2), (7_200, 2)],
)
def test_from_two_seconds_on_it_is_told_and_beyond_ten_it_is_a_problem(skew: float | None, level: int) -> None:
    assert level_of(None if skew is None else round(skew * SECOND)) is Level(level)


@pytest.mark.parametrize("role", ["web", "api", "worker", "ticker", "prober", "of a later version"])
def test_what_is_wrong_says_by_how_much_and_what_to_do(role: str) -> None:
    assert clock_fault(role, f"{role}-0", SECOND) is None
    off, wrong = clock_fault(role, f"{role}-0", -3 * SECOND), clock_fault(role, f"{role}-0", 12_340_000)
    assert off is not None
    assert wrong is not None
    assert (off.part, off.grave, wrong.grave) == (f"clock of {role}-0", False, True)
    assert "is 3.0 s behind Kafka's clock" in off.what
    assert "is 12.3 s ahead of Kafka's clock" in wrong.what
    assert "set the clock of its host right" in off.do


def test_who_is_not_heard_of_or_has_closed_is_forgotten() -> None:
    clocks = Clocks()
    clocks.hear("web", "web-0", 0)
    clocks.hear("ingest", "web-0", None)
    clocks.hear("ingest", "web-0", None, closing=True)
    clocks.hear("prober", "prober-riga-7", -12 * SECOND)
    assert len(clocks.passed_on) == 4
    assert list(clocks.reports) == [("prober", "prober-riga-7", -12 * SECOND), ("web", "web-0", 0)]
    assert [fault.part for fault in clocks.reports.faults()] == ["clock of prober-riga-7"]
    clocks.seconds += 60.0
    clocks.hear("prober", "prober-riga-7", -12 * SECOND, closing=True)
    assert clocks.reports.faults() == []
    clocks.seconds += 41.0
    assert list(clocks.reports) == []


def test_what_was_told_long_before_this_process_began_tells_nothing() -> None:
    """By Kafka's clock: that of whoever told it is wrong."""
    clocks = Clocks()
    clocks.hear("prober", "gone", -3_000 * SECOND, at=NOON - 6_200 * SECOND)
    clocks.hear("prober", "there", -3_000 * SECOND, at=NOON - 3_005 * SECOND)
    clocks.reports.begin(NOON)
    assert [name for _, name, _ in clocks.reports] == ["there"]


def listening() -> tuple[FoldProgress, Hear]:
    progress = FoldProgress(3)
    return progress, progress.listen(CHECK_STATES)


def test_a_time_that_has_run_ahead_is_one_problem_however_many_partitions_it_is_in() -> None:
    progress, hear = listening()
    hear(0, PROGRESS_KEY, encode(Progress(time=NOON + 10 * SECOND)))
    assert time_faults(progress, Clocks().reports, NOON) == []
    hear(1, PROGRESS_KEY, encode(Progress(time=NOON + 60 * SECOND)))
    progress.listen(DEFINITIONS)(1, PROGRESS_KEY, encode(Progress(time=NOON + 7_200 * SECOND)))
    (fault,) = time_faults(progress, Clocks().reports, NOON)
    assert fault.what == "the time of projects/1 and 1 other partition is up to 7200 s ahead"
    assert "pingfold time mend" in fault.do
    assert fault.grave


def refused(by: int, clocks: Clocks, slot: str = "web-2") -> Fault:
    progress, hear = listening()
    hear(1, PROGRESS_KEY, encode(Progress(time=NOON, refused={slot: by * SECOND})))
    hear(2, PROGRESS_KEY, encode(Progress(time=NOON, refused={slot: by * SECOND + 7})))
    (fault,) = time_faults(progress, clocks.reports, NOON)
    return fault


def test_ticks_that_are_ahead_are_of_a_wrong_clock() -> None:
    fault = refused(30, Clocks())
    assert fault.grave
    assert fault.what.startswith("ticks of web-2 do not count, which are 30 s ahead of Kafka's clock, in pings/1 and 1")
    assert "set the clock" in fault.do


@pytest.mark.parametrize("slot", ["web-2", "ticker"])
def test_ticks_that_waited_for_kafka_are_told_from_those_of_a_wrong_clock(slot: str) -> None:
    clocks = Clocks()
    role, name = ("ticker", "ticker-0") if slot == "ticker" else ("web", slot)
    unknown = refused(-40, clocks, slot)
    assert "if Kafka was away, this passes by itself; else set the clock" in unknown.do
    clocks.hear(role, name, 1_000)
    late = refused(-40, clocks, slot)
    assert not late.grave
    assert "which Kafka took 40 s late" in late.what
    assert "its clock is right" in late.what
    assert "set the clock" not in late.do
    clocks.hear(role, name, -39 * SECOND)
    wrong = refused(-40, clocks, slot)
    assert wrong.grave
    assert wrong.do.startswith("set the clock of its host right")


def test_refusals_of_processes_that_are_gone_are_not_told_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 500.0
    monkeypatch.setattr("infra.log.progress.time.monotonic", lambda: seconds)
    progress, hear = listening()
    hear(0, PROGRESS_KEY, encode(Progress(refused={"gone": 9})))
    progress.loaded()
    assert progress.refused() == []
    hear(0, PROGRESS_KEY, encode(Progress(refused={"gone": 9, "web-1": 5})))
    seconds += 150
    hear(0, PROGRESS_KEY, encode(Progress(refused={"gone": 9, "web-1": 6})))
    seconds += 150
    hear(0, PROGRESS_KEY, encode(Progress(refused={"gone": 9, "web-1": 6})))
    assert progress.refused() == [("pings", 0, "web-1", 6)]
    seconds += 51
    assert progress.refused() == []


class Watched:
    """A process that watches its clock."""

    def __init__(self) -> None:
        self.sink, self.now = MemorySink(), 1_000.0
        self.watch = ClockWatch(self.sink, HandClock(Settings()), "prober", "prober-riga-7")

    def look(self, skew: Micros | None, seconds: float = 1.0) -> list[str]:
        """What the log says of it."""
        self.now += seconds
        self.sink.skew = skew
        with capture_logs() as said:
            self.watch.look(self.now)
        return [f"{line['log_level']} {line['event']}" for line in said]

    async def told(self) -> list[Micros | None]:
        await self.sink.put("settled", None, b"")
        return [beat_of(record.value or b"").skew for record in self.sink.logs.get((HEARTBEATS.name, 0), [])]


async def test_a_process_tells_of_its_clock_regularly_and_when_it_changes() -> None:
    process = Watched()
    assert process.look(None) == []
    assert await process.told() == [None], "at once: the report on it is the first measurement"
    for _ in range(30):
        assert process.look(200) == []
    assert await process.told() == [None, 200]
    process.look(300)
    assert await process.told() == [None, 200, 300]
    assert process.look(3 * SECOND) == ["warning clock.wrong"]
    assert process.look(3 * SECOND) == []
    assert process.look(-11 * SECOND) == ["error clock.wrong"]
    assert process.look(-11 * SECOND, 30.0) == []
    assert process.look(-11 * SECOND, 30.0) == ["error clock.wrong"]
    assert process.look(0) == ["info clock.right_again"]
    assert await process.told() == [None, 200, 300, 3 * SECOND, -11 * SECOND, -11 * SECOND, -11 * SECOND, 0]


async def test_a_full_queue_to_kafka_stops_nothing() -> None:
    process = Watched()
    process.sink.full = True
    assert process.look(12 * SECOND) == ["error clock.wrong"]
