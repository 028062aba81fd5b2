"""What time does to checks: deadlines, gaps of every cause, parking (docs/design.md, "Time")."""

from collections.abc import Callable
from typing import Any

import pytest

from processors.checks import rules as check_rules
from processors.fold.contract import Effect
from processors.fold.gap_records import KEPT, REACH, GapRecords
from processors.fold.partition_time import RETIRED
from schemas.base import SECOND, Micros, encode
from schemas.check_states import CheckState
from schemas.dead_letters import DeadLetter
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.pings import CheckDefined, Ping
from schemas.schedules import Cron, OnCalendar, Schedule, Simple, next_after
from schemas.ticks import Gap, Progress
from schemas.transitions import StatusChanged
from tests.check_story import (
    CHECK,
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
    seconds,
    t,
)
from tests.folding import Source, of_type

# ---- deadlines


def test_deadlines_are_inclusive() -> None:
    story = Story()
    story.ping(0)
    assert story.tick(HOUR - 0.000001) == []
    assert changes(story.tick(HOUR)) == [("up", "late", "deadline", HOUR)]
    assert story.tick(HOUR + 300 - 0.000001) == []
    effects = story.tick(HOUR + 300)
    assert changes(effects) == [("late", "down", "deadline", HOUR + 300)]
    assert of_type(effects, StatusChanged)[0].detail == (
        "No ping for 1:05:00 (expected at 2024-01-01T01:00:00+00:00, late limit 0:05:00)"
    )
    assert notices(effects) == ["monitor.down", "incident.created"]


def test_a_jump_over_everything_tells_it_all_at_its_true_time() -> None:
    story = Story()
    story.ping(0)
    effects = story.tick(400 * DAY)
    assert changes(effects) == [("up", "late", "deadline", HOUR), ("late", "down", "deadline", HOUR + 300)]
    assert {c.detected_at for c in of_type(effects, StatusChanged)} == {t(400 * DAY)}
    assert of_type(effects, StatusChanged)[1].since == t(HOUR)


def test_a_ping_before_the_tick_that_passes_the_deadline_is_in_time() -> None:
    story = Story()
    story.ping(0)
    story.tick(HOUR - 1)
    assert story.ping(HOUR + 40) == []
    assert story.tick(HOUR + 300) == []


def test_late_is_no_notice_and_a_ping_ends_it() -> None:
    story = Story()
    story.ping(0)
    assert notices(story.tick(HOUR + 10)) == []
    effects = story.ping(HOUR + 20)
    assert changes(effects) == [("late", "up", "ping", HOUR + 20)]
    assert notices(effects) == []
    assert changes(story.tick(2 * HOUR + 20)) == [("up", "late", "deadline", 2 * HOUR + 20)]


def test_an_early_ping_counts_from_its_own_time() -> None:
    story = Story()
    story.ping(0)
    story.ping(10)
    story.tick(HOUR + 5)
    assert moves(story.effects) == ["new>up"]
    assert changes(story.tick(HOUR + 10)) == [("up", "late", "deadline", HOUR + 10)]


def test_a_grace_longer_than_the_period() -> None:
    story = Story(schedule=Simple(60), grace=HOUR)
    story.ping(0)
    story.tick(61)
    story.ping(62)
    assert changes(story.tick(122)) == [("up", "late", "deadline", 122)]


def test_cron_counts_strictly_after_the_last_ping() -> None:
    story = Story(schedule=Cron("0 2 * * *", "Europe/Berlin"), grace=HOUR)
    story.ping(clock("01:00") - 1)
    assert changes(story.tick(clock("02:00"))) == [
        ("up", "late", "deadline", clock("01:00")),
        ("late", "down", "deadline", clock("02:00")),
    ]
    story.ping(clock("01:00", day=2))
    assert story.tick(clock("23:00", day=2)) == []


def test_an_exhausted_schedule_is_up_for_ever() -> None:
    story = Story(schedule=OnCalendar("2024-01-01 01:00", "UTC"))
    story.ping(HOUR)
    assert story.tick(1000 * DAY) == []
    assert story.state.status == "up"


def test_things_expire_in_the_order_of_deadline_and_id() -> None:
    story = Story()
    others = sorted(derived_id("order", n) for n in range(3))
    for key, grace in zip(others, (60, 60, 90), strict=True):
        check = Check(id=key, project="p", version=1, created=t(0), schedule=Simple(HOUR), grace=grace)
        story.tell(CheckDefined(at=t(0), check=check), 0, key=key)
    for key in [*reversed(others), CHECK]:
        story.tell(Ping(kind="success", at=t(1)), 1, key=key)
    told = [(c.thing, c.now, seconds(c.at)) for c in of_type(story.tick(DAY), StatusChanged)]
    assert told == [
        *((key, "late", HOUR + 1) for key in sorted([*others, CHECK])),
        (others[0], "down", HOUR + 61),
        (others[1], "down", HOUR + 61),
        (others[2], "down", HOUR + 91),
        (CHECK, "down", HOUR + 301),
    ]


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


# ---- what is kept of gaps


def test_closed_gaps_are_records() -> None:
    story = Story()
    story.gap(100, 103)
    assert story.folding.state(Gap, f"gap/{t(100)}/no source") == Gap(start=t(100), end=t(103), cause="no source")
    assert story.folding.progress.gaps == ()


def test_old_gaps_are_dropped_and_many_become_few() -> None:
    story = Story()
    view = story.folding.session.view
    records = GapRecords(view)
    for n in range(KEPT + 2):
        records.record(Gap(start=t(10 * n), end=t(10 * n + 1), cause="refused", slot="s"), t(10 * n + 1))
    kept = sorted(record.start for _, record in view.items() if isinstance(record, Gap))
    assert len(kept) == KEPT
    assert kept[:2] == [t(0), t(30)]
    assert records.touching(t(15), t(16)) == [Gap(start=t(0), end=t(21), cause="refused")]
    assert records.touching(t(22), t(29)) == []
    assert records.touching(t(30), t(30)) == [Gap(start=t(30), end=t(31), cause="refused", slot="s")]
    late = t(0) + REACH + 31 * SECOND
    records.record(Gap(start=late, end=late, cause="refused"), late)
    assert records.touching(t(0), t(30)) == [Gap(start=t(30), end=t(31), cause="refused", slot="s")]
    assert records.touching(t(0), t(29)) == []


def test_gaps_that_begin_together_and_gaps_that_are_undone() -> None:
    view = Story().folding.session.view
    records = GapRecords(view)
    view.keep()
    records.record(Gap(start=5, end=9, cause="silent source", slot="a"), 9)
    records.record(Gap(start=5, end=7, cause="silent source", slot="b"), 9)
    assert [gap.end for gap in records.touching(0, 10)] == [9]
    view.keep()
    records.record(Gap(start=6, end=20, cause="refused"), 20)
    assert len(records.touching(0, 30)) == 2
    view.undo()
    assert len(records.touching(0, 30)) == 1
    progress = view.edit(Progress, "partition")
    progress.gaps = (Gap(start=8, cause="unreachable"),)
    assert [gap.cause for gap in records.touching(8, 8)] == ["silent source", "unreachable"]
    assert records.touching(10, 10) == [Gap(start=8, cause="unreachable")]
    assert [gap.cause for gap in records.touching(6, 7)] == ["silent source"]


# ---- parking


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Periods whose schedule cannot be computed."""
    periods: set[int] = set()

    def computed(schedule: Schedule, at: Micros) -> Micros | None:
        if isinstance(schedule, Simple) and schedule.period in periods:
            raise ZeroDivisionError("cannot be computed")
        return next_after(schedule, at)

    monkeypatch.setattr(check_rules, "next_after", computed)
    return periods


def parked_story(broken: set[int]) -> tuple[Story, str]:
    """A check whose schedule breaks after its ping, and another, whose does not."""
    story = Story()
    other = derived_id("test", "other")
    check = Check(id=other, project="p", version=1, created=t(0), schedule=Simple(HOUR + 1), grace=60)
    story.tell(CheckDefined(at=t(0), check=check), 0, key=other)
    story.ping(1)
    story.tell(Ping(kind="success", at=t(1)), 1, key=other)
    broken.add(HOUR)
    return story, other


def test_a_check_that_cannot_be_judged_is_parked_and_stops_no_other(broken: set[int]) -> None:
    story, other = parked_story(broken)
    effects = story.tick(2 * HOUR)
    [letter] = of_type(effects, DeadLetter)
    assert letter.key == CHECK
    assert letter.reason.endswith("is parked: ZeroDivisionError: cannot be computed")
    assert story.state.parked == "ZeroDivisionError: cannot be computed"
    assert story.state.status == "up"
    assert [(c.thing, c.now) for c in of_type(effects, StatusChanged)] == [(other, "late"), (other, "down")]
    assert story.tick(3 * HOUR) == []
    story.folding.restart()
    assert story.tick(4 * HOUR) == []


@pytest.mark.parametrize("by", ["ping", "definition", "letter"])
def test_the_next_event_of_a_parked_check_takes_it_up_again(broken: set[int], by: str) -> None:
    story, _ = parked_story(broken)
    [letter] = of_type(story.tick(2 * HOUR), DeadLetter)
    broken.clear()
    if by == "ping":
        story.ping(2 * HOUR, "log")
    elif by == "definition":
        story.define(2 * HOUR)
    else:
        assert story.tell(letter.value, 2 * HOUR, key=letter.key, retried=True) == []
    assert story.state.parked is None
    assert changes(story.tick(2 * HOUR + 1)) == [
        ("up", "late", "deadline", HOUR + 1),
        ("late", "down", "deadline", HOUR + 301),
    ]


def test_what_fails_half_way_leaves_the_state_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story()
    story.ping(1)

    def fails(*_: Any) -> str:
        raise OverflowError("no such date")

    monkeypatch.setattr("processors.checks.expiry.missed", fails)
    story.tick(HOUR + 10)
    before = story.state
    story.tick(2 * HOUR)
    before.parked = "OverflowError: no such date"
    assert encode(story.state) == encode(before)


def test_a_broken_schedule_does_not_refuse_pings(broken: set[int]) -> None:
    broken.add(HOUR)
    story = Story()
    assert of_type(story.ping(1) + story.ping(2), DeadLetter) == []
    assert story.folding.state(CheckState, CHECK).pings == 2
