"""The time of a partition and its gaps, tick by tick (docs/design.md, "Time")."""

from typing import Any

import pytest

from processors.fold.partition_time import MOST_REFUSED, fold_plain_tick, fold_tick, vouched
from schemas.base import SECOND
from schemas.ticks import Progress, Tick

Told = tuple[str, float, float | None]


class Ticks:
    """Folds ticks whose times are in seconds; `now` is `at` and real time unless said otherwise."""

    def __init__(self) -> None:
        self.progress = Progress()

    def __call__(
        self,
        at: float,
        slot: str = "a",
        epoch: int = 1,
        now: float | None = None,
        offset: float = 0,
        refused_since: float | None = None,
        unreachable_since: float | None = None,
        closing: bool = False,
        appended: float | None = None,
    ) -> list[Told]:
        def micros(seconds: float) -> int:
            return round((1000 + seconds) * SECOND)

        tick = Tick(
            slot=slot,
            epoch=epoch,
            at=micros(at),
            now=micros(at if now is None else now),
            offset=round(offset * SECOND),
            closing=closing,
            refused_since=None if refused_since is None else micros(refused_since),
            unreachable_since=None if unreachable_since is None else micros(unreachable_since),
        )
        self.progress, gaps = fold_tick(self.progress, tick, 0 if appended is None else micros(appended))
        return [(g.cause, self._seconds(g.start), None if g.end is None else self._seconds(g.end)) for g in gaps]

    @staticmethod
    def _seconds(micros: int) -> float:
        return (micros - 1000 * SECOND) / SECOND

    @property
    def time(self) -> float:
        return self._seconds(self.progress.time)

    @property
    def open(self) -> list[tuple[str, float]]:
        return [(gap.cause, self._seconds(gap.start)) for gap in self.progress.gaps]


@pytest.fixture
def tick() -> Ticks:
    return Ticks()


def test_the_first_tick_ever_is_no_gap(tick: Ticks) -> None:
    assert tick(5) == []
    assert tick.time == 5
    assert tick.open == []


def test_the_time_is_the_least_watermark_and_never_goes_back(tick: Ticks) -> None:
    tick(1, "a")
    tick(2, "b")
    assert tick.time == 1
    tick(3, "a")
    assert tick.time == 2
    tick(2.5, "b", now=3)
    assert tick.time == 2.5
    tick(2.2, "b", now=4)
    assert tick.time == 2.5


def test_a_source_that_joins_later_does_not_take_the_time_back(tick: Ticks) -> None:
    tick(5, "a")
    tick(4, "b", now=5)
    assert tick.time == 5


@pytest.mark.parametrize(("pause", "expected"), [(2, []), (2.001, [("silent source", 10, 12.001)])])
def test_a_single_source_that_returns_from_a_silence_tells_its_gap(
    tick: Ticks, pause: float, expected: list[Told]
) -> None:
    tick(10)
    assert tick(10 + pause) == expected
    assert tick.time == 10 + pause


def test_a_frozen_source_that_still_owes_an_answer_has_its_gap_until_it_ticks(tick: Ticks) -> None:
    tick(10)
    assert tick(10.5, now=40) == [("silent source", 10, 40)]
    assert tick.time == 10.5


def test_the_silence_of_one_of_two(tick: Ticks) -> None:
    tick(1, "a")
    tick(1, "b")
    assert tick(3, "b") == []
    assert tick(3.5, "b") == [("silent source", 1, None)]
    assert tick.time == 1, "it holds the time back"
    assert tick(5, "b") == [], "a gap opens once"
    assert tick(6, "a") == [("silent source", 1, 6)]
    assert tick.open == []
    assert tick.time == 5


def test_a_silent_source_stops_counting_after_10_s_and_is_retired_after_60(tick: Ticks) -> None:
    told = []
    tick(1, "a")
    for second in range(1, 12):
        told += tick(second, "b")
    assert tick.time == 1
    told += tick(11.5, "b")
    assert tick.time == 11.5
    for second in range(12, 62):
        told += tick(second, "b")
    assert told == [("silent source", 1, None)]
    assert tick(61.5, "b") == [("silent source", 1, 61.5)]
    assert tick(62, "b") == []
    assert tick(63, "a") == [], "back from retirement it is as good as new"
    assert tick.time == 62
    assert tick.progress.sources["a"].closed is False


def test_two_frozen_sources_both_have_their_gap(tick: Ticks) -> None:
    tick(1, "a")
    tick(1.5, "b")
    assert tick(100, "a") == [("silent source", 1, 100), ("silent source", 1.5, 100)]
    assert tick.time == 100


def test_a_source_that_is_heard_again_counts_again(tick: Ticks) -> None:
    tick(1, "a")
    for second in range(1, 20):
        tick(second, "b")
    tick(20, "a")
    tick(21, "b")
    assert tick.time == 20


def test_hosts_whose_clocks_differ_do_not_make_each_other_silent(tick: Ticks) -> None:
    tick(1, "a")
    tick(6, "b")
    tick(2, "a")
    for second in range(3, 30):
        assert tick(second + 4, "b") == []
        assert tick(second, "a") == []
    assert tick.time == 29


def test_the_next_epoch_closes_the_one_before(tick: Ticks) -> None:
    tick(1)
    assert tick(1.7, epoch=2) == [("lost source", 1, 1.7)]
    assert tick.time == 1.7


def test_a_lost_source_that_was_found_silent_is_one_gap(tick: Ticks) -> None:
    tick(1, "a")
    for second in range(1, 6):
        tick(second, "b")
    assert tick.open == [("silent source", 1)]
    assert tick(6, "a", epoch=2) == [("silent source", 1, 6)]


def test_ticks_of_a_lower_epoch_are_ignored_also_after_closing(tick: Ticks) -> None:
    tick(1, epoch=2)
    before = tick.progress
    assert tick(50, epoch=1) == []
    assert tick.progress is before
    tick(2, epoch=2, closing=True)
    before = tick.progress
    assert tick(51, epoch=1) == []
    assert tick.progress is before


def test_an_orderly_restart_is_a_gap_without_a_source(tick: Ticks) -> None:
    tick(1)
    assert tick(2, closing=True) == [("no source", 2, None)]
    assert tick.time == 2
    stopped = tick.progress
    assert stopped.stopped_at == 1002 * SECOND
    assert tick(9, epoch=2) == [("no source", 2, 9)]
    assert tick.progress.stopped_at is None
    assert tick.time == 9


def test_no_gap_while_one_source_lives(tick: Ticks) -> None:
    tick(1, "a")
    tick(1, "b")
    assert tick(2, "a", closing=True) == []
    assert tick(2.5, "b") == []
    assert tick.time == 2.5
    assert tick(3, "a", epoch=2) == []
    assert tick(3.5, "b", closing=True) == []


def test_the_last_of_two_to_close_begins_the_gap(tick: Ticks) -> None:
    tick(1, "a")
    tick(1, "b")
    tick(2, "a", closing=True)
    assert tick(2.25, "b", closing=True) == [("no source", 2.25, None)]
    assert tick(4, "c") == [("no source", 2.25, 4)]


def test_closing_beside_a_source_that_died_leaves_no_moment_uncovered(tick: Ticks) -> None:
    tick(1, "dead")
    tick(1.5, "a")
    tick(2, "a", closing=True)
    assert tick(500, "c") == [("silent source", 1, 500)]
    assert tick.time == 500


def test_a_refusal_is_a_gap_until_the_tick_that_tells_it(tick: Ticks) -> None:
    tick(1)
    assert tick(2, refused_since=1.4) == [("refused", 1.4, 2)]
    assert tick(2.5, now=3, refused_since=2.8) == [("refused", 2.8, 3)], "a stuck ping does not cut it short"


def test_unreachable_is_a_gap_until_a_tick_without_it(tick: Ticks) -> None:
    tick(1)
    assert tick(2, unreachable_since=1.2) == [("unreachable", 1.2, None)]
    assert tick(3, unreachable_since=1.2) == []
    assert tick(4) == [("unreachable", 1.2, 4)]
    assert tick(5) == []


@pytest.mark.parametrize("end", ["closing", "epoch", "retired"])
def test_an_unreachable_gap_ends_with_the_source_that_tells_it(tick: Ticks, end: str) -> None:
    tick(1, "a")
    tick(1, "b")
    tick(2, "a", unreachable_since=1.5)
    if end == "closing":
        told = tick(3, "a", closing=True, unreachable_since=1.5)
    elif end == "epoch":
        told = tick(3, "a", epoch=2)
    else:
        told = tick(70, "b")
    assert [gap for gap in told if gap[0] == "unreachable"] == [("unreachable", 1.5, 70 if end == "retired" else 3)]
    assert ("unreachable", 1.5) not in tick.open


def test_a_step_of_the_test_clock_is_no_gap(tick: Ticks) -> None:
    tick(1)
    assert tick(3602, offset=3600) == []
    assert tick.time == 3602
    assert tick(3605.5, offset=3600) == [("silent source", 3602, 3605.5)], "a silence is, whatever the offset"


def test_sources_may_step_at_different_ticks(tick: Ticks) -> None:
    tick(1, "a")
    tick(1.2, "b")
    assert tick(3602, "a", offset=3600) == []
    assert tick.time == 1.2
    assert tick(3602.2, "b", offset=3600) == []
    assert tick.time == 3602
    assert tick(3603, "a", offset=3600) == []
    assert tick.time == 3602.2


def test_a_step_back_lets_the_time_stand(tick: Ticks) -> None:
    tick(3601, offset=3600)
    assert tick(2) == []
    assert tick.time == 3601


def test_closed_sources_are_forgotten_after_a_day(tick: Ticks) -> None:
    tick(1, "a")
    tick(2, "a", closing=True)
    tick(3, "b")
    assert set(tick.progress.sources) == {"a", "b"}
    tick(3 + 86_400, "b")
    assert set(tick.progress.sources) == {"b"}


def test_what_a_tick_leaves_does_not_share_with_what_was_before(tick: Ticks) -> None:
    tick(1, "a")
    before = tick.progress
    tick(2, "a")
    tick(2, "b")
    assert set(before.sources) == {"a"}
    assert before.sources["a"].at == 1001 * SECOND


@pytest.mark.parametrize("wrong", [10.001, 7_200, -10.001, -7_200])
def test_a_tick_far_from_its_records_time_does_not_count(tick: Ticks, wrong: float) -> None:
    """One source's clock is wrong; the other's goes on, and the time with it."""
    for second in range(5):
        tick(second, "a", appended=second)
        tick(second, "b", appended=second)
    told = []
    for second in range(5, 17):
        told += tick(second + wrong, "a", appended=second)
        told += tick(second, "b", appended=second)
    assert told == [("silent source", 4, None)]
    assert tick.time == 16
    assert tick.progress.refused == {"a": round(wrong * SECOND)}
    assert tick(17, "a", appended=17) == [("silent source", 4, 17)]
    assert tick.progress.refused == {}


def test_a_single_source_with_a_wrong_clock_stops_the_time_and_makes_a_gap(tick: Ticks) -> None:
    tick(1, appended=1)
    assert tick(7_202, appended=2) == []
    assert tick.time == 1
    assert tick(12, appended=12) == [("silent source", 1, 12)]
    assert tick.time == 12


@pytest.mark.parametrize("wrong", [10, -10])
def test_a_small_difference_of_clocks_is_nothing(tick: Ticks, wrong: float) -> None:
    for second in range(20, 25):
        assert tick(second + wrong, appended=second) == []
    assert tick.time == 24 + wrong


def test_the_test_clock_is_taken_off(tick: Ticks) -> None:
    tick(1, appended=1)
    assert tick(3_602, offset=3_600, appended=2) == []
    assert tick.time == 3_602
    assert tick.progress.offset == 3_600 * SECOND


def test_what_a_records_time_vouches_for() -> None:
    assert vouched(Progress(time=7), 9) == 9
    assert vouched(Progress(time=7), 0) == 7
    assert vouched(Progress(time=7, offset=5), 3) == 8


def test_a_plain_tick_that_is_ahead_is_refused_and_one_that_is_late_is_not() -> None:
    progress: Any = Progress()
    for at, appended, expected in [
        (1_000, 1_000, 1_000),
        (1_010 + 7_200, 1_010, 1_000),
        (1_011, 1_021, 1_011),
        (1_012, 1_100, 1_012),
    ]:
        tick = Tick(slot="ticker", epoch=1, at=at * SECOND, now=at * SECOND)
        progress = fold_plain_tick(progress, tick, appended * SECOND)
        assert progress.time == expected * SECOND
        assert bool(progress.refused) is (at > appended + 10)


def test_only_the_newest_refused_slots_are_kept(tick: Ticks) -> None:
    tick(1, appended=1)
    for number in range(3 * MOST_REFUSED):
        tick(7_200, f"pod-{number}", appended=2)
    assert list(tick.progress.refused) == [f"pod-{number}" for number in range(2 * MOST_REFUSED, 3 * MOST_REFUSED)]


def test_the_plain_time_of_other_journals(tick: Ticks) -> None:
    progress: Any = Progress()
    for at, expected in [(5, 5), (4, 5), (1000, 1000)]:
        progress = fold_plain_tick(progress, Tick(slot="ticker", epoch=1, at=at, now=at))
        assert progress.time == expected
    assert progress.gaps == ()
    assert progress.sources == {}


def test_ever_new_sources_with_wrong_clocks_are_not_all_remembered() -> None:
    ticks = Ticks()
    for number in range(3 * MOST_REFUSED):
        ticks(3600, slot=f"pod-{number}", appended=0)
    assert list(ticks.progress.refused) == [f"pod-{number}" for number in range(2 * MOST_REFUSED, 3 * MOST_REFUSED)]
    ticks(0, slot=f"pod-{2 * MOST_REFUSED}", appended=0)
    assert len(ticks.progress.refused) == MOST_REFUSED - 1


def test_what_was_refused_is_forgotten_a_day_later(tick: Ticks) -> None:
    """Also of a host that was taken away for good, and never sends the tick that would end it."""
    day = 86_400
    tick(1, appended=1)
    tick(500, "gone", appended=2)
    tick(3, appended=3)
    assert list(tick.progress.refused) == ["gone"]
    tick(day + 1, appended=day + 1)
    assert list(tick.progress.refused) == ["gone"]
    tick(day + 3, appended=day + 3)
    assert tick.progress.refused == {}
