"""A run of a check that was due in a gap: the table of docs/design.md, for gaps of every cause."""

from collections.abc import Callable

import pytest

from processors.fold.contract import Effect
from processors.fold.partition_time import RETIRED
from schemas.base import SECOND
from schemas.deliveries import DeliveryRequested
from schemas.schedules import Cron, Schedule, Simple
from schemas.transitions import StatusChanged
from tests.check_story import (
    DAY,
    HOUR,
    MINUTE,
    A,
    B,
    Story,
    changes,
    clock,
    gaps,
    moves,
    notices,
    t,
)
from tests.folding import Source, of_type

# ---- the table of docs/design.md, "A run that was due in a gap", for gaps of every cause

Making = Callable[[Story, float, float], list[Effect]]


def orderly(story: Story, start: float, end: float) -> list[Effect]:
    return story.gap(start, end)


def lost(story: Story, start: float, end: float) -> list[Effect]:
    effects = story.tick(start)
    story.source.epoch += 1
    return effects + story.tick(end)


def frozen(story: Story, start: float, end: float) -> list[Effect]:
    return story.tick(start) + story.tick(end, after=t(end) - t(start))


def refused(story: Story, start: float, end: float) -> list[Effect]:
    return story.tick(start) + story.tick(end, refused_since=t(start))


def unreachable(story: Story, start: float, end: float) -> list[Effect]:
    return story.tick(start, unreachable_since=t(start)) + story.tick(end)


CAUSES = {
    "no source": orderly,
    "lost source": lost,
    "silent source": frozen,
    "refused": refused,
    "unreachable": unreachable,
}


@pytest.fixture(params=CAUSES)
def cause(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_cron_with_a_gap_in_the_night(cause: str) -> None:
    story = Story(schedule=Cron("0 2 * * *", "UTC"), grace=6 * HOUR)
    story.ping(clock("01:59:59"))
    story.tick(clock("02:09"))
    effects = CAUSES[cause](story, clock("02:10:00"), clock("02:10:11"))
    assert gaps(effects)[-1] == (cause, clock("02:10:00"), clock("02:10:11"))
    assert story.tick(clock("07:59:59")) == []
    effects = story.tick(clock("08:00"))
    assert changes(effects) == [("late", "not_observed", "gap", clock("08:00"))]
    assert notices(effects) == ["monitor.not_observed"]
    assert of_type(effects, StatusChanged)[0].detail == (
        "no ping since 2024-01-01T01:59:59+00:00; "
        "Pingfold could not be reached from 2024-01-01T02:10:00+00:00 to 2024-01-01T02:10:11+00:00"
    )
    request = of_type(effects, DeliveryRequested)[0]
    assert request.data["incident"] is None
    assert request.data["monitor"]["current_status"] == "late"
    assert story.tick(clock("07:59:59", day=2)) == []
    assert changes(story.tick(clock("08:00", day=2))) == [
        ("not_observed", "down", "deadline", clock("08:00", day=2)),
    ]


def test_hourly_with_a_gap_over_the_deadline(cause: str) -> None:
    story = Story()
    story.ping(clock("11:00"))
    effects = CAUSES[cause](story, clock("11:58"), clock("12:10"))
    assert changes(effects) == [
        ("up", "late", "deadline", clock("12:00")),
        ("late", "not_observed", "gap", clock("12:10")),
    ]
    assert story.tick(clock("13:14:59")) == []
    assert changes(story.tick(clock("13:15"))) == [("not_observed", "down", "deadline", clock("13:15"))]


def test_every_minute_with_a_gap_of_3_seconds(cause: str) -> None:
    story = Story(schedule=Simple(60), grace=60)
    story.ping(0)
    CAUSES[cause](story, 100, 103)
    assert changes(story.tick(119)) == []
    assert changes(story.tick(120)) == [("late", "not_observed", "gap", 120)]
    assert changes(story.tick(222)) == []
    assert changes(story.tick(223)) == [("not_observed", "down", "deadline", 223)]


def test_a_ping_clears_it(cause: str) -> None:
    story = Story()
    story.ping(clock("11:00"))
    CAUSES[cause](story, clock("11:58"), clock("12:10"))
    effects = story.ping(clock("12:11"))
    assert changes(effects) == [("not_observed", "up", "ping", clock("12:11"))]
    assert notices(effects) == []
    assert changes(story.tick(clock("13:16"))) == [
        ("up", "late", "deadline", clock("13:11")),
        ("late", "down", "deadline", clock("13:16")),
    ]


def test_a_fail_is_evidence_whatever_the_gap(cause: str) -> None:
    story = Story()
    story.ping(clock("11:00"))
    CAUSES[cause](story, clock("11:58"), clock("12:10"))
    assert changes(story.ping(clock("12:11"), "fail")) == [("not_observed", "down", "fail", clock("12:11"))]


@pytest.mark.parametrize(
    ("start", "end", "touches"),
    [
        (3200, 3299.999999, False),
        (3200, 3300, True),
        (3500, 3600, True),
        (3700, 3700.000001, True),
        (3900, 3950, True),
        (3900.000001, 3950, False),
    ],
)
def test_a_gap_from_a_late_limit_before_the_expected_time_to_the_deadline(
    start: float, end: float, touches: bool
) -> None:
    story = Story()
    story.ping(0)
    story.gap(start, end)
    story.tick(DAY)
    assert (changes(story.effects)[2][1] == "not_observed") is touches


@pytest.mark.parametrize(("start", "end", "touches"), [(0.5, 1, True), (100, 103, True), (3600, 3601, True)])
def test_without_a_late_limit_a_gap_anywhere_since_the_last_ping_counts(
    start: float, end: float, touches: bool
) -> None:
    """The period has the tolerance in it: nobody knows when in it the ping would have come."""
    story = Story(late_limit=0)
    story.ping(0)
    story.gap(start, end)
    story.tick(DAY)
    assert ("not_observed" in [change[1] for change in changes(story.effects)]) is touches


def test_without_a_late_limit_it_is_down_at_the_expected_moment() -> None:
    story = Story(late_limit=0)
    story.ping(0)
    story.gap(-10, -5)
    assert story.tick(3599) == []
    effects = story.tick(3600)
    assert [change[1:] for change in changes(effects)] == [("late", "deadline", 3600), ("down", "deadline", 3600)]
    assert of_type(effects, StatusChanged)[1].detail == "No ping for 1:00:00 (expected at 2024-01-01T01:00:00+00:00)"


def test_a_run_that_is_open_in_a_gap_is_not_observed(cause: str) -> None:
    story = Story(schedule=Simple(DAY))
    story.ping(0)
    story.ping(10, "start", rid=A)
    CAUSES[cause](story, 100, 103)
    assert story.tick(309) == []
    effects = story.tick(310)
    assert changes(effects) == [("up", "not_observed", "gap", 310)]
    assert of_type(effects, StatusChanged)[0].detail.startswith(f"run {A} started at 2024-01-01T00:00:10+00:00")
    assert [run.overdue for run in story.state.runs] == [True]
    assert changes(story.tick(2 * DAY)) == [("not_observed", "down", "deadline", 103 + DAY + 300)]


def test_a_run_on_a_new_check_that_was_open_in_a_gap(cause: str) -> None:
    story = Story()
    story.ping(10, "start", rid=A)
    CAUSES[cause](story, 100, 103)
    assert changes(story.tick(310)) == [("new", "not_observed", "gap", 310)]
    assert story.state.status == "new"
    assert story.tick(DAY) == []
    assert moves(story.ping(DAY + 1, rid=A)) == ["not_observed>up"]


def test_many_runs_open_in_one_gap_make_one_notice() -> None:
    story = Story(schedule=Simple(DAY))
    story.ping(0)
    story.ping(10, "start", rid=A)
    story.ping(11, "start", rid=B)
    story.gap(100, 103)
    assert moves(story.tick(400)) == ["up>not_observed"]
    assert [run.overdue for run in story.state.runs] == [True, True]


def test_a_run_started_after_the_gap_is_judged() -> None:
    story = Story()
    story.gap(100, 103)
    story.ping(104, "start", rid=A)
    assert changes(story.tick(DAY)) == [("new", "down", "run limit", 404)]


def test_a_frozen_source_shows_its_gap_before_deadlines_in_it_are_judged() -> None:
    story = Story()
    story.ping(0)
    effects = story.tick(DAY, after=DAY * SECOND)
    assert gaps(effects) == [("silent source", 0, DAY)]
    assert effects[0].key.startswith("gap/")
    assert changes(effects) == [("up", "late", "deadline", HOUR), ("late", "not_observed", "gap", DAY)]
    assert changes(story.tick(2 * DAY)) == [("not_observed", "down", "deadline", DAY + HOUR + 300)]


def test_a_step_of_the_test_clock_is_no_excuse() -> None:
    story = Story()
    story.ping(0)
    assert moves(story.tick(DAY)) == ["up>late", "late>down"]
    assert gaps(story.effects) == []


def test_an_unobserved_check_may_meet_another_gap() -> None:
    story = Story()
    story.ping(0)
    story.gap(HOUR, HOUR + 60)
    story.tick(HOUR + 301)
    story.gap(2 * HOUR + 100, 2 * HOUR + 110)
    effects = story.tick(3 * HOUR)
    assert changes(effects) == [("not_observed", "not_observed", "gap", 2 * HOUR + 360)]
    assert notices(effects) == ["monitor.not_observed"]
    assert changes(story.tick(4 * HOUR)) == [("not_observed", "down", "deadline", 3 * HOUR + 410)]


@pytest.mark.parametrize(("schedule", "verdict"), [(Simple(HOUR), "not_observed"), (Cron("0 * * * *", "UTC"), "down")])
def test_after_a_gap_a_simple_period_may_have_lost_its_ping_in_any_other_gap(schedule: Schedule, verdict: str) -> None:
    story = Story(schedule=schedule)
    story.ping(0)
    story.gap(HOUR, HOUR + 60)
    story.gap(HOUR + 20 * MINUTE, HOUR + 21 * MINUTE)
    story.tick(HOUR + 22 * MINUTE)
    assert moves(story.effects)[-1] == "late>not_observed"
    assert moves(story.tick(2 * HOUR + 360)) == [f"not_observed>{verdict}"]


def test_several_gaps_in_one_run_are_named_and_the_last_counts() -> None:
    story = Story()
    story.ping(0)
    for n in range(5):
        story.gap(HOUR + 10 * n, HOUR + 10 * n + 5)
    story.tick(HOUR + 300)
    detail = of_type(story.effects, StatusChanged)[-1].detail
    assert "from 2024-01-01T01:00:00+00:00 to 2024-01-01T01:00:05+00:00, from 2024-01-01T01:00:10" in detail
    assert detail.endswith(" and 2 more times")
    assert story.state.base == t(HOUR + 45)


# ---- a gap that is still open at the deadline


def test_a_deadline_in_an_open_gap_is_told_at_once_and_counts_on_from_its_end() -> None:
    story = Story()
    story.ping(0)
    story.tick(HOUR - 10, unreachable_since=t(HOUR - 15))
    effects = story.tick(HOUR + 300, unreachable_since=t(HOUR - 15))
    assert changes(effects) == [
        ("up", "late", "deadline", HOUR),
        ("late", "not_observed", "gap", HOUR + 300),
    ]
    assert of_type(effects, StatusChanged)[1].detail.endswith("could not be reached from 2024-01-01T00:59:45+00:00 on")
    waiting = story.state
    assert waiting.base is None
    assert story.tick(9 * HOUR, unreachable_since=t(HOUR - 15)) == []
    story.folding.restart()
    assert moves(story.tick(10 * HOUR)) == []
    assert story.state.base == t(10 * HOUR)
    assert changes(story.tick(12 * HOUR)) == [("not_observed", "down", "deadline", 11 * HOUR + 300)]


def test_a_ping_through_another_door_ends_the_waiting_for_an_open_gap() -> None:
    story = Story()
    story.ping(0)
    story.tick(HOUR + 300, unreachable_since=t(HOUR))
    assert moves(story.ping(HOUR + 310)) == ["not_observed>up"]
    story.tick(HOUR + 320)
    assert story.state.base == t(HOUR + 310)


def test_it_waits_for_the_last_of_several_open_gaps() -> None:
    story = Story()
    story.ping(0)
    other = Source("web-1")
    other.real = story.source.real
    story.send(other.tick(t(HOUR + 300), unreachable_since=t(HOUR + 1)), HOUR + 300)
    story.tick(HOUR + 300, unreachable_since=t(HOUR))
    assert story.state.unobserved
    story.send(other.tick(t(HOUR + 301)), HOUR + 301)
    waiting = story.state
    assert waiting.base is None
    story.tick(HOUR + 302)
    assert story.state.base == t(HOUR + 302)


def test_one_of_two_sources_dies_and_is_retired() -> None:
    story = Story(schedule=Simple(60), grace=60)
    other = Source("web-1")
    story.send(other.tick(t(0)), 0)
    story.ping(0.5)
    for second in range(1, 200):
        story.tick(second)
    assert gaps(story.effects) == [("silent source", 0, None), ("silent source", 0, RETIRED // SECOND + 1)]
    assert changes(story.effects)[1:] == [
        ("up", "late", "deadline", 60.5),
        ("late", "not_observed", "gap", 120.5),
        ("not_observed", "down", "deadline", 181),
    ]
