"""Escalations while nobody is to be called: muted, in a window, below something that is down, after an outage."""

from schemas.maintenance import Maintenance, Once
from schemas.probes import DependencyChanged, MaintenanceDefined
from tests.check_story import HOUR, MINUTE, t
from tests.escalation_story import (
    FIRST,
    OWN,
    POLICY,
    ROUTER,
    SECOND,
    Down,
    DownCheck,
    DownMonitor,
    acknowledge,
    both,
    define,
    told,
)


def test_after_an_outage_each_channel_is_told_once_and_the_rest_keeps_its_distance() -> None:
    story = DownCheck()
    define(story, 2, repeat=None)
    since = story.time
    assert told(story.tick(since + 7 * HOUR + 7 * MINUTE)) == [
        ("monitor.down", FIRST), ("monitor.down", SECOND), ("monitor.down", OWN)
    ]  # fmt: skip
    back = story.time
    rest = [(minute, channel) for minute in range(1, 31) for _, channel in told(story.tick(back + minute * MINUTE))]
    # The newest step that was overdue is the first of its round.
    assert rest == [(10, SECOND), (10, OWN), (15, FIRST), (25, SECOND), (25, OWN), (30, FIRST)]


def test_of_a_limited_number_of_rounds_an_outage_takes_what_is_overdue() -> None:
    story = DownCheck()
    define(story, 2, repeat=3)
    since = story.time
    assert [name for _, name in told(story.tick(since + 9 * HOUR))][:3] == [FIRST, SECOND, OWN]
    later = told(story.tick(since + 20 * HOUR))
    assert [notice for notice, _ in later if notice == "monitor.down"] == []


@both
def test_a_snooze_ends_and_then_it_goes_on(down: Down) -> None:
    story = down()
    story.tick(story.since + 5 * MINUTE + 2)
    until = story.time + 30 * MINUTE
    acknowledge(story, until)
    assert told(story.tick(until - 3)) == []
    assert told(story.tick(until + 3)) == [("monitor.down", OWN)]
    assert story.state.acknowledged is None
    again = story.time
    assert told(story.tick(again + 10 * MINUTE - 5)) == []
    assert told(story.tick(again + 10 * MINUTE + 3)) == [("monitor.down", SECOND), ("monitor.down", OWN)]


@both
def test_while_it_is_muted_nobody_is_called(down: Down) -> None:
    story = down()
    story.define(story.time, mute_until="forever")
    assert told(story.tick(story.since + 40 * MINUTE)) == []
    assert told(story.define(story.time, mute_until=None)) == []
    again = story.time
    assert told(story.tick(again + 5 * MINUTE - 3)) == []
    assert told(story.tick(again + 5 * MINUTE + 3)) == [("monitor.down", FIRST)]
    story.define(story.time, mute_until="forever")
    assert told(story.recover()) == []
    assert told(story.define(story.time, mute_until=None)) == [("monitor.recovered", FIRST), ("monitor.recovered", OWN)]


@both
def test_what_went_down_muted_counts_from_the_end_of_the_mute(down: Down) -> None:
    story = down(mute_until="forever")
    assert story.state.escalation is None
    story.tick(story.since + 30 * MINUTE)
    story.define(story.time, mute_until=None)
    story.tick(story.time + 1)
    again = story.time
    assert told(story.tick(again + 5 * MINUTE - 5)) == []
    assert told(story.tick(again + 5 * MINUTE + 3)) == [("monitor.down", FIRST)]


def test_while_what_it_depends_on_is_down_nobody_is_called() -> None:
    story = DownMonitor(depends_on=(ROUTER,), dependency_wait=0)
    story.tell(DependencyChanged(at=t(story.time), monitor=ROUTER, down=True), story.time, key=ROUTER)
    assert told(story.tick(story.since + 40 * MINUTE)) == []
    story.tell(DependencyChanged(at=t(story.time), monitor=ROUTER, down=False), story.time, key=ROUTER)
    again = story.time
    assert told(story.tick(again + 5 * MINUTE - 3)) == []
    assert told(story.tick(again + 5 * MINUTE + 3)) == [("monitor.down", FIRST)]


def test_what_is_told_late_counts_from_then() -> None:
    story = DownMonitor(depends_on=(ROUTER,), dependency_wait=120)
    assert story.state.escalation is None
    assert told(story.tick(story.since + 125)) == [("monitor.down", OWN)]
    again = story.time
    assert told(story.tick(again + 5 * MINUTE - 10)) == []
    assert told(story.tick(again + 5 * MINUTE + 3)) == [("monitor.down", FIRST)]


def test_in_a_window_nobody_is_called() -> None:
    story = DownMonitor()
    start, end = story.time + 60, story.time + 20 * MINUTE
    window = Once(t(start), t(end))
    maintenance = Maintenance(
        id=POLICY, project="p", version=1, created=t(0), revised=t(0), name="Deploy", window=window
    )
    story.tell(MaintenanceDefined(at=t(story.time), maintenance=maintenance), story.time, key=POLICY)
    assert told(story.tick(end - 3)) == []
    assert told(story.tick(end + 3)) == [("monitor.down", FIRST), ("monitor.down", SECOND), ("monitor.down", OWN)]


def test_while_nothing_is_known_of_it_nobody_is_called() -> None:
    story = DownMonitor()
    n, story.n = story.n, 0
    story.tick(story.since + 30 * MINUTE)
    assert story.state.unobserved
    assert told(story.effects)[-1:] == [("monitor.down", OWN)]
    while story.slot(n) <= story.time:
        n += 1
    assert told(story.probe(n, ok=False)) == []
    assert told(story.tick(story.time + 2)) == [
        ("monitor.down", FIRST),
        ("monitor.down", SECOND),
        ("monitor.down", OWN),
    ]
