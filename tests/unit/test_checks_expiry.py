"""What time does to checks: deadlines, what is kept of gaps, parking (docs/design.md, "Time")."""

from typing import Any

import pytest

from processors.checks import rules as check_rules
from processors.fold.gap_records import KEPT, REACH, GapRecords
from schemas.base import SECOND, Micros, encode
from schemas.check_states import CheckState
from schemas.dead_letters import DeadLetter
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.pings import CheckDefined, Ping
from schemas.schedules import Cron, OnCalendar, Schedule, Simple, next_after
from schemas.ticks import Gap, Progress
from schemas.transitions import StatusChanged
from tests.check_story import (
    CHECK,
    DAY,
    HOUR,
    Story,
    changes,
    clock,
    moves,
    notices,
    seconds,
    t,
)
from tests.folding import of_type

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
