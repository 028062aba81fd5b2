"""Runs of checks: their beginnings, ends, ids and times."""

import pytest

from schemas.base import SECOND
from schemas.check_states import WATCHED_RUNS
from schemas.ids import derived_id
from schemas.pings import Kind
from schemas.transitions import StatusChanged
from tests.check_outcomes import DOWN, NOW, told_as
from tests.check_story import (
    DAY,
    HOUR,
    MINUTE,
    A,
    B,
    C,
    Story,
    changes,
    folded,
    moves,
    notices,
    t,
)
from tests.folding import of_type


def durations(story: Story) -> list[float | None]:
    return [None if told.duration is None else told.duration / SECOND for told in folded(story.effects)]


def test_start_a_start_b_ok_a_ok_b_closes_each_by_its_id() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.ping(10, "start", rid=B)
    story.ping(100, rid=A)
    assert story.state.last_duration == 100 * SECOND
    assert [run.rid for run in story.state.runs] == [B]
    story.ping(130, rid=B)
    assert story.state.last_duration == 120 * SECOND
    assert durations(story) == [100, 120]
    story.tick(50 * MINUTE)
    assert moves(story.effects) == ["new>up"]


def test_a_hanging_run_is_not_hidden_by_an_overlapping_one() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.ping(10, "start", rid=B)
    story.ping(20, rid=B)
    assert moves(story.tick(5 * MINUTE - 1)) == []
    effects = story.tick(5 * MINUTE)
    assert changes(effects) == [("up", "down", "run limit", 300)]
    assert of_type(effects, StatusChanged)[0].detail == (
        f"Run {A} exceeded its limit of 0:05:00 (started at 2024-01-01T00:00:00+00:00)"
    )
    assert notices(effects) == DOWN


@pytest.mark.parametrize("rid", [A, None])
def test_an_ok_with_another_id_leaves_the_run_open(rid: str | None) -> None:
    story = Story()
    story.ping(0, "start", rid=rid)
    story.ping(20, rid=B)
    assert [run.rid for run in story.state.runs] == [rid]
    assert story.state.last_duration is None
    assert changes(story.tick(5 * MINUTE)) == [("up", "down", "run limit", 300)]


def test_an_ok_without_an_id_closes_the_run_started_last_without_a_duration() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.ping(5, "start", rid=B)
    story.ping(20)
    assert [run.rid for run in story.state.runs] == [A]
    assert durations(story) == []


def test_an_ok_without_an_id_closes_the_run_without_an_id_first() -> None:
    story = Story()
    story.ping(0, "start")
    story.ping(5, "start", rid=B)
    story.ping(20)
    assert [run.rid for run in story.state.runs] == [B]
    assert durations(story) == [20]


def test_a_fail_with_a_foreign_id_hides_no_other_run() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    assert moves(story.ping(20, "fail", rid=B)) == ["new>down"]
    assert [run.rid for run in story.state.runs] == [A]
    story.ping(30, rid=B)
    assert changes(story.tick(5 * MINUTE)) == [("up", "down", "run limit", 300)]


@pytest.mark.parametrize("kind", ["success", "fail"])
def test_the_end_of_a_run_without_an_id(kind: Kind) -> None:
    story = Story()
    story.ping(0, "start")
    story.ping(0.4, kind)
    assert story.state.runs == ()
    assert story.state.last_duration == 400_000
    story.ping(1)
    assert story.state.last_duration is None


def test_a_start_on_a_down_check_does_not_alert_again() -> None:
    story = told_as("down")
    story.ping(NOW + 1, "start", rid=A)
    assert notices(story.tick(NOW + DAY)) == ["monitor.still_down"]
    assert [(run.rid, run.overdue) for run in story.state.runs] == [(A, True)]
    story.ping(NOW + DAY + 1, rid=A)
    assert folded(story.effects)[-1].duration == DAY * SECOND


@pytest.mark.parametrize("status", ["new", "paused"])
def test_a_start_on_a_new_or_paused_check_arms_the_run_limit(status: str) -> None:
    story = told_as(status)
    story.ping(NOW + 1, "start")
    assert story.tick(NOW + 300) == []
    effects = story.tick(NOW + 301)
    assert changes(effects) == [(status, "down", "run limit", NOW + 301)]
    assert notices(effects) == DOWN


def test_a_start_can_only_shorten() -> None:
    story = Story()
    story.ping(0)
    story.ping(HOUR + 299, "start", rid=A)
    assert changes(story.tick(HOUR + 300)) == [("late", "down", "deadline", HOUR + 300)]
    assert story.tick(HOUR + 299 + 300) == []


def test_late_limit_and_run_limit_apart() -> None:
    story = Story(late_limit=120, run_limit=600)
    story.ping(0)
    story.ping(60, "start")
    assert changes(story.tick(660)) == [("up", "down", "run limit", 660)]
    story.ping(700)
    assert changes(story.tick(700 + HOUR + 120))[-1] == ("late", "down", "deadline", 700 + HOUR + 120)


def test_a_second_start_of_the_same_id_takes_the_place_of_the_first() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.ping(100, "start", rid=A)
    assert story.tick(300) == []
    story.ping(350, rid=A)
    assert durations(story) == [250]


@pytest.mark.parametrize(("length", "told"), [(72 * HOUR - 1, [72 * HOUR - 1]), (72 * HOUR, [])])
def test_a_run_of_72_hours_tells_no_duration_in_history(length: int, told: list[float]) -> None:
    story = Story(run_limit=31_536_000)
    story.ping(0, "start", rid=A)
    story.tick(length)
    story.ping(length, rid=A)
    assert durations(story) == told
    assert story.state.last_duration == length * SECOND


def rid(n: int) -> str:
    return derived_id("run", n)


def test_runs_beyond_the_bound_are_counted_and_the_older_keep_their_watch() -> None:
    story = Story()
    for n in range(WATCHED_RUNS + 5):
        story.ping(n / 10, "start", rid=rid(n))
    state = story.state
    assert state.pings == WATCHED_RUNS + 5
    assert [run.rid for run in state.runs] == [rid(n) for n in range(WATCHED_RUNS)]
    assert state.last_start == t((WATCHED_RUNS + 4) / 10)


def test_overdue_runs_make_room_for_new_ones() -> None:
    story = Story()
    for n in range(WATCHED_RUNS):
        story.ping(n, "start", rid=rid(n))
    story.tick(302)
    story.ping(303, "start", rid=A)
    runs = story.state.runs
    assert len(runs) == WATCHED_RUNS
    assert [run.rid for run in runs if run.overdue] == [rid(1), rid(2)]
    assert runs[-1].rid == A


def test_old_overdue_runs_are_let_go() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.tick(72 * HOUR - 1)
    story.ping(72 * HOUR - 1, "start", rid=B)
    assert [run.rid for run in story.state.runs] == [A, B]
    story.tick(72 * HOUR)
    story.ping(72 * HOUR, "start", rid=C)
    assert [run.rid for run in story.state.runs] == [B, C]
