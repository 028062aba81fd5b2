"""`monitor.still_down`: after sixty intervals, then each time when the time that it has been down has doubled."""

import pytest

from schemas.base import SECOND
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once
from schemas.probes import DependencyChanged, MaintenanceDefined
from schemas.schedules import Cron, OnCalendar, Schedule, Simple
from tests.check_story import DAY, HOUR, MINUTE
from tests.check_story import Story as CheckStory
from tests.folding import of_type
from tests.monitor_story import Story, notices, seconds, t

STILL_DOWN = ["monitor.still_down"]
ROUTER = derived_id("test", "router")


def down(**definition: object) -> tuple[Story, float]:
    """A monitor that is down, and since when."""
    story = Story(**definition)
    story.probe(0)
    story.probe(1, ok=False)
    assert story.state.down_since is not None
    return story, since_of(story)


def since_of(story: Story) -> float:
    """Since when it is down, in milliseconds cut upwards, so that sums of it are exact enough to be compared."""
    assert story.state.down_since is not None
    return round(seconds(story.state.down_since) + 0.0005, 3)


def keep_failing(story: Story, until: float) -> list[tuple[str, float]]:
    """It fails up to then; the notices, and when each was due."""
    before, n = len(story.effects), 1
    while story.slot(n) <= story.time:
        n += 1
    while story.slot(n) < until:
        story.probe(n, ok=False)
        n += 1
    story.tick(until)
    told = of_type(story.effects[before:], DeliveryRequested)
    return [(notice, round(seconds(request.at), 3)) for request in told for notice in request.notices]


def test_the_first_comes_after_sixty_intervals_and_the_distance_doubles() -> None:
    story, since = down()
    hours = [since + hour * HOUR for hour in (1, 2, 4, 8)]
    assert keep_failing(story, hours[0] - 0.001) == []
    assert keep_failing(story, since + 9 * HOUR) == [("monitor.still_down", hour) for hour in hours]
    told = [each for each in of_type(story.effects, DeliveryRequested) if each.notices == ("monitor.still_down",)]
    assert len({each.transition for each in told}) == 4
    assert all(each.data["incident"]["id"] == story.state.incident for each in told)
    assert all(each.data["incident"]["status"] == "open" for each in told)


def test_what_is_back_is_not_reminded_of_and_starts_anew() -> None:
    story, since = down()
    keep_failing(story, since + HOUR)
    story.probe(90)
    assert story.state.status == "up"
    story.probe(91, ok=False)
    again = since_of(story)
    assert keep_failing(story, again + HOUR - 0.001) == []
    assert keep_failing(story, again + HOUR) == [("monitor.still_down", again + HOUR)]


def test_a_restart_repeats_none_and_loses_none() -> None:
    story, since = down()
    keep_failing(story, since + HOUR - 1)
    story.folding.restart()
    assert notices(story.tick(since + HOUR)) == STILL_DOWN
    story.folding.restart()
    assert notices(story.tick(since + HOUR + 1)) == []


def test_after_a_stop_a_monitor_is_reminded_of_as_far_as_it_was_observed() -> None:
    story, since = down()
    keep_failing(story, since + HOUR - 1)
    told = of_type(story.tick(since + 4 * HOUR + 1), DeliveryRequested)
    assert [(each.notices, round(seconds(each.at), 3)) for each in told] == [(("monitor.still_down",), since + HOUR)]
    assert story.state.reminders == 3


def test_after_a_stop_a_check_is_reminded_of_once() -> None:
    story = CheckStory(schedule=Simple(HOUR), grace=5 * MINUTE)
    story.ping(100, "fail")
    [told] = of_type(story.tick(9 * HOUR), DeliveryRequested)
    assert (told.notices, told.at) == (("monitor.still_down",), t(100 + 8 * HOUR))
    assert story.state.reminders == 4


def test_nobody_is_reminded_of_what_nobody_probes() -> None:
    story, since = down()
    assert notices(story.tick(since + 10 * HOUR)) == []
    assert story.state.unobserved
    assert story.state.reminders == 4


def test_nobody_is_reminded_while_what_it_depends_on_is_down() -> None:
    story, since = down(depends_on=(ROUTER,), dependency_wait=0)
    assert keep_failing(story, since + 600) == [("monitor.down", since), ("incident.created", since)]
    story.tell(DependencyChanged(at=t(story.time), monitor=ROUTER, down=True), story.time, key=ROUTER)
    assert keep_failing(story, since + HOUR + 60) == []
    story.tell(DependencyChanged(at=t(story.time), monitor=ROUTER, down=False), story.time, key=ROUTER)
    assert keep_failing(story, since + 2 * HOUR + 60) == [("monitor.still_down", since + 2 * HOUR)]


def test_nobody_is_reminded_in_maintenance() -> None:
    story, since = down()
    window = Maintenance(
        id=derived_id("window"), project="p", version=1, created=t(0), revised=t(0), name="Works",
        window=Once(start=t(since + 600), end=t(since + HOUR + 600)),
    )  # fmt: skip
    story.tell(MaintenanceDefined(at=t(story.time), maintenance=window), story.time, key=window.id)
    assert keep_failing(story, since + HOUR + 60) == []
    assert story.state.status == "down"
    assert keep_failing(story, since + 2 * HOUR + 60) == [("monitor.still_down", since + 2 * HOUR)]


def test_nobody_is_reminded_of_what_is_muted() -> None:
    story, since = down()
    story.define(story.time, mute_until="forever")
    assert keep_failing(story, since + HOUR + 60) == []
    story.define(story.time, mute_until=None)
    assert keep_failing(story, since + 2 * HOUR + 60) == [("monitor.still_down", since + 2 * HOUR)]


def test_a_pause_ends_the_reminders() -> None:
    story, since = down()
    story.define(story.time, paused=True)
    assert notices(story.tick(since + 10 * HOUR)) == []
    assert story.state.reminders == 0


@pytest.mark.parametrize(
    ("schedule", "first"),
    [
        (Simple(60), HOUR),
        (Simple(HOUR), HOUR),
        (Simple(DAY), DAY),
        (Cron("*/5 * * * *", "UTC"), HOUR),
        # Down since the late limit of 3:00 passed; the next run is expected a day later.
        (Cron("0 3 * * *", "UTC"), DAY - 5 * MINUTE),
        # No run is expected any more.
        (OnCalendar("2024-01-01 03:00", "UTC"), DAY),
    ],
)
def test_a_check_is_reminded_of_when_another_run_should_have_come(schedule: Schedule, first: int) -> None:
    story = CheckStory(schedule=schedule, grace=5 * MINUTE)
    story.ping(0)
    story.tick(3 * DAY) if first == DAY and isinstance(schedule, Simple) else story.tick(3 * HOUR + 5 * MINUTE)
    assert story.state.status == "down"
    assert story.state.down_since is not None
    since = seconds(story.state.down_since)
    assert seconds(story.state.down_since) <= story.time
    before = story.state.reminders
    due = since + (first << before)
    assert notices(story.tick(due - 0.001)) == []
    [request] = of_type(story.tick(due), DeliveryRequested)
    assert (request.notices, request.at) == (("monitor.still_down",), t(due))
    assert request.data["incident"]["status"] == "open"
    assert request.data["monitor"]["kind"] == "heartbeat"
    assert notices(story.tick(due + (first << before) - 0.001)) == []
    assert notices(story.tick(due + (first << before))) == STILL_DOWN


def test_a_check_that_reports_a_failure_is_reminded_of() -> None:
    story = CheckStory(schedule=Simple(HOUR), grace=5 * MINUTE)
    story.ping(0)
    story.ping(100, "fail")
    story.folding.restart()
    assert notices(story.tick(100 + HOUR)) == STILL_DOWN
    story.ping(100 + HOUR + 10)
    assert story.state.reminders == 0
    assert notices(story.tick(100 + 2 * HOUR)) == []


def test_the_time_of_a_reminder_is_a_deadline_that_ticks_are_sent_for() -> None:
    story, since = down()
    keep_failing(story, since + HOUR - 10)
    assert story.folding.session.due() <= t(since + HOUR)
    assert story.folding.session.due() // SECOND > 0
