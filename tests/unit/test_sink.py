"""The sink over a fake producer: every future that `put` returned ends within a bound, whatever the producer does."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, KafkaException

from infra.log import sink as sink_module
from infra.log.sink import NotStored, Position, Sink
from infra.settings.settings import Settings
from ingest.ping.source import Source
from tests.ping_world import HandClock

FATAL = KafkaError(KafkaError._FATAL, "out of order", True)
PATIENCE = 0.4

Report = Callable[[KafkaError | None, "FakeMessage"], None]


class FakeMessage:
    def __init__(self, offset: int | None, stamp: tuple[int, int] = (TIMESTAMP_NOT_AVAILABLE, 0)) -> None:
        self._offset, self._stamp = offset, stamp

    def partition(self) -> int:
        return 3

    def offset(self) -> int | None:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return self._stamp


def tell_fatal() -> None:
    """The client tells of a fatal error by an exception from within `poll`."""
    raise KafkaException(FATAL)


class FakeProducer:
    """Reports only what it is told to, from within `poll`, as librdkafka's does."""

    made: ClassVar[list["FakeProducer"]] = []

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.reports: list[Report] = []
        self.due: list[Callable[[], None]] = []
        self.broken = self.purged = False
        self.flushed: list[float] = []
        FakeProducer.made.append(self)

    def __len__(self) -> int:
        return len(self.reports)

    def produce(self, topic: str, value: Any, key: Any, partition: int, delivered: Report, **_: Any) -> None:
        if self.broken:
            raise KafkaException(FATAL)
        self.reports.append(delivered)

    def poll(self, timeout: float) -> int:
        due, self.due = self.due, []
        for call in due:
            call()
        if not due:
            time.sleep(min(timeout, 0.01))
        return len(due)

    def flush(self, timeout: float) -> int:
        self.flushed.append(timeout)
        return len(self)

    def purge(self, **_: Any) -> None:
        self.purged = True
        purged = KafkaError(KafkaError._PURGE_QUEUE)
        while self.reports:
            self.report(error=purged)

    # What a test lets happen.

    def report(self, offset: int | None = 0, error: KafkaError | None = None) -> None:
        report = self.reports.pop(0)
        self.due.append(lambda: report(error, FakeMessage(offset)))

    def break_down(self) -> None:
        self.broken = True
        self.due.append(tell_fatal)


@pytest.fixture(autouse=True)
def forget_producers() -> None:
    FakeProducer.made.clear()


def sink(patience: float = PATIENCE, answers: Callable[[], bool] | None = None) -> Sink:
    return Sink("nowhere.invalid:9092", patience, FakeProducer, answers)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def ended(future: "asyncio.Future[Position]") -> Position:
    """The future's outcome; it must come, at the latest, long after the sink's patience."""
    async with asyncio.timeout(30):
        return await future


async def test_without_a_report_the_future_ends_after_the_patience() -> None:
    log = sink()
    began = time.monotonic()
    with pytest.raises(NotStored, match=r"within 0\.4 s"):
        await ended(log.put("t", "k", b"v"))
    assert time.monotonic() - began >= PATIENCE
    assert FakeProducer.made[0].config["message.timeout.ms"] > 10 * 8_000  # the client has not given it up
    await log.close()


async def test_a_report_that_comes_later_harms_nobody() -> None:
    log = sink()
    with pytest.raises(NotStored):
        await ended(log.put("t", "k", b"1"))
    again = log.put("t", "k", b"2")
    FakeProducer.made[0].report(7)
    FakeProducer.made[0].report(8)
    assert await ended(again) == Position(3, 8)
    await log.close()


async def test_a_report_without_an_offset_confirms_nothing() -> None:
    """The client concludes it from what it has heard of later records."""
    log = sink(5.0)
    concluded, confirmed = log.put("t", "k", b"1"), log.put("t", "k", b"2")
    FakeProducer.made[0].report(None)
    FakeProducer.made[0].report(0)
    with pytest.raises(NotStored, match="concludes"):
        await ended(concluded)
    assert await ended(confirmed) == Position(3, 0)
    await log.close()


async def test_one_that_waits_long_holds_up_the_failing_of_no_other() -> None:
    log = sink(0.2)
    first, second = log.put("t", "k", b"1"), log.put("t", "k", b"2")
    FakeProducer.made[0].reports.reverse()
    FakeProducer.made[0].report(1)
    assert await ended(second) == Position(3, 1)
    with pytest.raises(NotStored):
        await ended(first)
    await log.close()


async def test_after_a_fatal_error_it_goes_on_with_a_new_producer() -> None:
    log = sink()
    FakeProducer.made[0].break_down()
    await until(lambda: len(FakeProducer.made) == 2)
    future = log.put("t", "k", b"v")
    FakeProducer.made[1].report(5)
    assert await ended(future) == Position(3, 5)
    await log.close()


async def test_a_put_that_meets_the_fatal_error_is_refused_and_the_next_one_is_not() -> None:
    """It may have been made in the belief that it follows what the former producer has in hand."""
    log = sink()
    FakeProducer.made[0].broken = True  # nobody has heard of it yet
    with pytest.raises(NotStored):
        log.put("t", "k", b"v")
    assert log.generation == 1
    future = log.put("t", "k", b"v")
    FakeProducer.made[1].report(5)
    assert await ended(future) == Position(3, 5)
    await log.close()


async def test_what_the_former_producer_still_reports_counts() -> None:
    log = sink(5.0)
    stored, failed = log.put("t", "k", b"1"), log.put("t", "k", b"2")
    former = FakeProducer.made[0]
    former.break_down()
    await until(lambda: len(FakeProducer.made) == 2)
    former.report(9)
    former.report(error=KafkaError(KafkaError._PURGE_QUEUE))
    assert await ended(stored) == Position(3, 9)
    with pytest.raises(NotStored):
        await ended(failed)
    await until(lambda: former.purged)  # and is then let go
    await log.close()


async def test_a_former_producer_that_reports_nothing_is_let_go() -> None:
    log = sink(0.2)
    future = log.put("t", "k", b"v")
    former = FakeProducer.made[0]
    former.break_down()
    with pytest.raises(NotStored):
        await ended(future)
    await until(lambda: former.purged and not log._former)
    await log.close()


async def test_renewals_are_a_second_apart() -> None:
    log = sink()
    for broken, made in ((0, 2), (1, 2)):
        FakeProducer.made[broken].broken = True
        with pytest.raises(NotStored):
            log.put("t", "k", b"v")
        assert len(FakeProducer.made) == made
    log._renewed_at -= 1.0
    with pytest.raises(NotStored):
        log.put("t", "k", b"v")
    assert (len(FakeProducer.made), log.generation) == (3, 2)
    await log.close()


async def test_an_error_within_poll_stops_no_reports() -> None:
    log = sink(5.0)
    future = log.put("t", "k", b"v")

    def fail() -> None:
        raise RuntimeError("a callback failed")

    FakeProducer.made[0].report(1)
    FakeProducer.made[0].due.append(fail)
    await until(lambda: not FakeProducer.made[0].due)
    third = log.put("t", "k", b"v")
    FakeProducer.made[0].report(2)
    assert await ended(third) == Position(3, 2)
    assert await ended(future) == Position(3, 1)
    await log.close()


async def test_close_ends_what_is_left() -> None:
    log = sink(60.0)
    future = log.put("t", "k", b"v")
    await log.close(0.5)
    assert FakeProducer.made[0].flushed == [0.5]
    assert future.done()
    with pytest.raises(NotStored, match="closed"):
        await future
    with pytest.raises(NotStored, match="closed"):
        log.put("t", "k", b"v")


async def test_reports_that_wait_are_heard_before_anything_is_given_up() -> None:
    """A loop that stood still for longer than the patience: what Kafka confirmed meanwhile is stored."""
    log = sink(0.2)
    future = log.put("t", "k", b"v")
    FakeProducer.made[0].report(4)
    time.sleep(0.5)  # noqa: ASYNC251
    assert await ended(future) == Position(3, 4)
    await log.close()


async def test_a_producer_that_does_not_find_its_broker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is in hand gets no confirmation for long, and says nothing; whoever else asks gets an answer."""
    monkeypatch.setattr(sink_module, "_ASK_SECONDS", 0.1)
    monkeypatch.setattr(sink_module, "_BLIND_SECONDS", 0.3)
    there, asked = [False], [0]

    def answers() -> bool:
        asked[0] += 1
        return there[0]

    log = sink(answers=answers)
    timed_out = KafkaError(KafkaError._MSG_TIMED_OUT)
    for _ in range(3):  # the client's own errors are no sign of a broker
        with pytest.raises(NotStored):
            await ended(log.put("t", "k", b"v"))
        FakeProducer.made[0].report(error=timed_out)
    await until(lambda: asked[0] >= 8)
    assert len(FakeProducer.made) == 1, "a broker that is away is waited for"
    there[0] = True
    await until(lambda: len(FakeProducer.made) == 2)
    future = log.put("t", "k", b"v")
    FakeProducer.made[1].report(5)
    assert await ended(future) == Position(3, 5)
    before = asked[0]
    await asyncio.sleep(0.5)
    assert asked[0] == before, "while all is confirmed nobody is asked"
    await log.close()


async def test_a_broker_that_refuses_is_no_broker_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "_ASK_SECONDS", 0.2)
    asked = [0]

    def answers() -> bool:
        asked[0] += 1
        return True

    log = sink(answers=answers)
    future = log.put("t", "k", b"v")
    FakeProducer.made[0].report(error=KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
    with pytest.raises(NotStored):
        await ended(future)
    assert log._unconfirmed_since is None
    await log.close()


async def test_a_ping_of_the_former_producer_does_not_hold_the_time_of_its_source() -> None:
    log = sink(0.2)
    clock = HandClock(Settings())
    source = Source(Settings(), clock, log, "web-0", 8, installation=None)

    async def ping() -> None:
        number, at = source.receive()
        try:
            await log.put("pings", "k", b"v")
        except NotStored:
            source.refuse(3, at)
        finally:
            source.answered(number)

    pinging = asyncio.create_task(ping())
    await until(lambda: source.in_flight == 1)
    FakeProducer.made[0].break_down()
    await until(lambda: len(FakeProducer.made) == 2)
    async with asyncio.timeout(60):
        await pinging
    assert source.in_flight == 0
    await log.close()
