"""A time that has run ahead is taken back: every fold goes on as if the clock had never been wrong."""

from typing import Any

from processors.checks.fold import Checks
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Record
from processors.monitors.fold import Monitors
from processors.projects.fold import Projects
from schemas.base import SECOND, Micros, encode
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    DeliveryRequested,
    Endpoint,
    EndpointDefined,
    delivery_id,
    event_id,
)
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor, ProbeTarget
from schemas.notice_choices import ChoiceCopy, NoticesChosen, choice_key
from schemas.pings import CheckDefined, Ping
from schemas.probes import MonitorDefined, ProbeCompleted
from schemas.schedules import Simple
from schemas.ticks import Gap, Tick, TimeCorrected
from schemas.transitions import StatusChanged
from tests.check_story import CHECK
from tests.folding import Folding, of_type
from tests.monitor_story import MONITOR

HOURS = 7_200
NOW: Micros = 1_790_000_000 * SECOND


def plain(at: Micros) -> Tick:
    return Tick(slot="ticker", epoch=1, at=at, now=at)


class Partition:
    """A fold and the time of Kafka's clock."""

    def __init__(self, fold: Any) -> None:
        self.folding, self.offset = Folding(fold), 0

    def tell(self, event: Any, appended: Micros, key: str = "") -> list[Any]:
        record = Record(self.offset, appended, key.encode(), encode(event))
        self.offset += 1
        return self.folding.feed([record])


def seconds(number: float) -> Micros:
    return NOW + round(number * SECOND)


def source(number: float) -> Tick:
    """Of a source whose clock shows so many seconds."""
    return Tick(slot="web-0", epoch=1, at=seconds(number), now=seconds(number))


def a_check() -> Partition:
    one = Partition(Checks())
    one.tell(source(0), seconds(0))
    check = Check(id=CHECK, project="p", version=1, created=NOW, schedule=Simple(600), grace=60)
    one.tell(CheckDefined(at=NOW, check=check), seconds(0), CHECK)
    one.tell(source(1), seconds(1))
    one.tell(Ping(kind="success", at=seconds(1)), seconds(1), CHECK)
    return one


def test_a_check_goes_down_at_its_deadline_after_the_time_was_mended() -> None:
    """Kafka's own clock was two hours ahead for ten seconds, so nothing could refuse the ticks."""
    one = a_check()
    for second in range(2, 12):
        one.tell(source(second + HOURS), seconds(second + HOURS))
    for second in range(12, 15):
        one.tell(source(second), seconds(second))
    one.tell(Ping(kind="success", at=seconds(14)), seconds(14), CHECK)
    assert one.folding.state(CheckState, CHECK).base == seconds(11 + HOURS), "the harm"
    one.tell(TimeCorrected(reason="two hours ahead"), seconds(15))
    state = one.folding.state(CheckState, CHECK)
    assert (one.folding.progress.time, state.last_ping, state.base) == (seconds(15), seconds(15), seconds(15))
    told = []
    for second in range(16, 676):
        told += one.tell(source(second), seconds(second))
    changes = [(change.was, change.now, change.at) for change in of_type(told, StatusChanged)]
    assert changes == [("up", "late", seconds(615)), ("late", "down", seconds(675))]
    assert all(gap.end is not None and gap.end <= seconds(15) for gap in gaps(one))


def test_a_repeat_of_a_channel_is_not_held_up_by_the_time_that_ran_ahead() -> None:
    for one, tick in ((a_check(), source), (Partition(Monitors()), lambda second: plain(seconds(second)))):
        one.tell(tick(2 + HOURS), seconds(2 + HOURS))
        chosen = NoticesChosen(at=seconds(2), notices=("monitor.down",), name="hook", repeat=10)
        one.tell(chosen, seconds(2), "hook")
        assert one.folding.state(ChoiceCopy, choice_key("hook")).repeat_since == seconds(2 + HOURS)
        one.tell(TimeCorrected(), seconds(15))
        assert one.folding.state(ChoiceCopy, choice_key("hook")).repeat_since == seconds(15)


def gaps(one: Partition) -> list[Gap]:
    return [record for _, record in one.folding.session.view.items() if isinstance(record, Gap)]


def test_nothing_happens_to_a_time_that_is_not_ahead() -> None:
    one = a_check()
    before = dict(one.folding.committed)
    for appended in (1, 2, 500):
        assert one.tell(TimeCorrected(), seconds(appended)) == []
    del before["partition"]
    assert {key: value for key, value in one.folding.committed.items() if key != "partition"} == before
    assert one.folding.progress.time == seconds(1)


def test_a_monitor_is_judged_again() -> None:
    one = Partition(Monitors())
    one.tell(plain(NOW), NOW)
    monitor = Monitor(
        id=MONITOR,
        project="p",
        version=1,
        created=NOW,
        revised=NOW,
        name="API",
        probed_from=("a",),
        interval=60,
        timeout=30,
        confirmations=1,
        target=ProbeTarget(url="https://api.example.com/health"),
    )
    one.tell(MonitorDefined(at=NOW, monitor=monitor), NOW, MONITOR)
    one.tell(plain(seconds(HOURS)), seconds(HOURS))
    assert one.folding.state(MonitorState, MONITOR).unobserved
    one.tell(TimeCorrected(), seconds(2))
    state = one.folding.state(MonitorState, MONITOR)
    assert one.folding.progress.time == seconds(2)
    assert (state.expected, state.begun) == (seconds(2), seconds(2))
    assert state.since <= seconds(2)
    one.tell(plain(seconds(3)), seconds(3))
    failed = ProbeCompleted(
        slot=seconds(2), region="a", at=seconds(3), took=SECOND, ok=False, version=1, failure="timeout", detail="slow"
    )
    told = one.tell(failed, seconds(4), MONITOR)
    assert [change.now for change in of_type(told, StatusChanged)][-1] == "down"


def test_a_retry_waits_as_long_as_it_would_have() -> None:
    one = Partition(DeliveriesFold())
    channel = "c"
    one.tell(plain(NOW), NOW)
    endpoint = Endpoint(id=channel, project="p", url="https://a.invalid", secret="", notices=("monitor.down",))
    one.tell(EndpointDefined(at=NOW, endpoint=endpoint), NOW, channel)
    late = NOW + HOURS * SECOND
    one.tell(plain(late), late)
    one.tell(DeliveryRequested(at=NOW, transition="x", notices=("monitor.down",), data={}), NOW + 1, channel)
    name = delivery_id(event_id("x", "monitor.down"), channel)
    one.tell(DeliveryAttempted(delivery=name, attempt=1, at=NOW, status=500), NOW + 2, channel)
    waiting = one.folding.state(Delivery, f"delivery/{name}")
    assert waiting.due is not None
    delay = waiting.due - late
    assert delay > 0
    one.tell(TimeCorrected(), NOW + 3)
    mended = one.folding.state(Delivery, f"delivery/{name}")
    assert mended.due == NOW + 3 + delay
    one.tell(plain(mended.due), mended.due)
    assert one.folding.state(Delivery, f"delivery/{name}").attempt == 2


def test_requests_count_at_their_own_time_again() -> None:
    one = Partition(Projects())
    late = NOW + HOURS * SECOND
    one.tell(plain(late), late)
    one.tell(TimeCorrected(), NOW)
    assert one.folding.progress.time == NOW


def test_one_that_is_put_back_from_the_dead_letters_does_nothing() -> None:
    one = Partition(Monitors())
    one.tell(plain(NOW), NOW)
    one.folding.feed([Record(5, NOW - SECOND, b"", encode(TimeCorrected()), retried=True)])
    assert one.folding.progress.time == NOW


def test_a_source_that_began_in_the_future_is_followed_by_one_of_today() -> None:
    """The whole host was ahead, so its ticks counted; its epochs would have outlived the mending of the time."""
    one = a_check()
    late = seconds(HOURS)
    one.tell(Tick(slot="web-0", epoch=late, at=late, now=late), late)
    # The clock is right again, and so is the next process; its ticks count nothing until the time is mended.
    today = Tick(slot="web-0", epoch=seconds(20), at=seconds(20), now=seconds(20))
    one.tell(today, seconds(20))
    one.tell(TimeCorrected(), seconds(21))
    assert one.folding.progress.time == seconds(21)
    # Deadlines pass with its ticks again, be it that it was started before.
    for second in range(22, 30):
        one.tell(Tick(slot="web-0", epoch=seconds(20), at=seconds(second), now=seconds(second)), seconds(second))
    assert one.folding.progress.time == seconds(29)


def test_mending_forgets_what_was_refused_also_when_no_time_is_ahead() -> None:
    one = a_check()
    one.tell(Tick(slot="web-9", epoch=1, at=seconds(HOURS), now=seconds(HOURS)), seconds(2))
    assert one.folding.progress.refused == {"web-9": (HOURS - 2) * SECOND}
    one.tell(TimeCorrected(), seconds(3))
    assert one.folding.progress.refused == {}
    assert one.folding.progress.time == seconds(1)
