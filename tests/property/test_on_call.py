"""Properties of on-call rotations, in any zone: somebody is always on call, and schedule and question agree."""

from bisect import bisect_right
from datetime import date
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.base import SECOND, Micros
from schemas.ids import derived_id
from schemas.on_call import Handover, Hours, OnCallRotation, Override, Turn
from schemas.on_call_times import gaps, next_handover, on_call, shifts
from schemas.schedules import moment_of

DAY: Micros = 86_400 * SECOND
# The changes of the clock there are by an hour, half an hour, a day, at midnight, by politics.
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"),
    *("Asia/Gaza", "Africa/Casablanca", "Asia/Tehran", "Pacific/Kiritimati", "America/Havana"),
)
zones = st.sampled_from(ZONES)
# 2007 to 2032.
times = st.integers(1_180_000_000, 1_980_000_000).map(lambda second: second * SECOND)
days = st.dates(min_value=date(2005, 1, 1), max_value=date(2035, 1, 1))
handovers = st.builds(
    Handover, first=days.map(str), every=st.sampled_from([1, 2, 7, 14, 30]), minute=st.integers(0, 1_439)
)
hours = st.builds(
    Hours,
    days=st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found))),
    start=st.integers(0, 1_439),
    end=st.integers(0, 1_440),
)
turns = st.integers(1, 4).map(lambda count: tuple(Turn((f"channel-{place}",)) for place in range(count)))


def rotation(tz: str, handover: Handover, people: tuple[Turn, ...], *more: Hours) -> OnCallRotation:
    return OnCallRotation(
        id=derived_id("test", "rotation"), project="p", version=1, created=0, revised=0, name="x", tz=tz,
        handover=handover, turns=people, hours=more,
    )  # fmt: skip


@given(zones, handovers, turns, times)
@settings(max_examples=300, deadline=None)
def test_somebody_is_always_on_call_and_turns_keep_their_order(
    tz: str, handover: Handover, people: tuple[Turn, ...], start: Micros
) -> None:
    one = rotation(tz, handover, people)
    assert gaps(one, start, start + 40 * DAY) == []
    at, turn = start, on_call(one, start).turn
    assert turn is not None
    for _ in range(8):
        following = next_handover(one, at)
        assert at < following
        # Where a whole day is skipped, so is its turn.
        now = on_call(one, following).turn
        assert now is not None
        assert (now - turn) % len(people) in {step % len(people) for step in (1, 2)}
        assert on_call(one, following - 1).turn == turn
        at, turn = following, now


@given(zones, handovers, turns, st.lists(hours, max_size=3), st.lists(st.tuples(times, st.integers(1, 60)), max_size=4),
       times, st.lists(st.integers(0, 40 * 86_400), max_size=20))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_the_schedule_says_what_is_asked_at_any_time(
    tz: str,
    handover: Handover,
    people: tuple[Turn, ...],
    open_at: list[Hours],
    spans: list[tuple[Micros, int]],
    start: Micros,
    seconds: list[int],
) -> None:
    overrides = tuple(
        Override(derived_id("test", place), start + (begin - start) % (40 * DAY), start + (begin - start) % (40 * DAY)
                 + length * 3_600 * SECOND, (f"other-{place}",))
        for place, (begin, length) in enumerate(spans)
    )  # fmt: skip
    made = rotation(tz, handover, people, *open_at)
    one = OnCallRotation(**{name: getattr(made, name) for name in made.__struct_fields__} | {"overrides": overrides})
    end = start + 40 * DAY
    found = list(shifts(one, start, end))
    assert found[0].start == start
    assert found[-1].end == end
    for before, after in pairwise(found):
        assert before.end == after.start
        assert before.duty != after.duty
    for shift in found:
        assert on_call(one, shift.start) == shift.duty
        assert on_call(one, shift.end - 1) == shift.duty
    starts = [shift.start for shift in found]
    for second in seconds:
        at = min(start + second * SECOND, end - 1)
        assert on_call(one, at) == found[bisect_right(starts, at) - 1].duty


@given(zones, handovers, turns, st.integers(0, 1_439), times)
@settings(max_examples=150, deadline=None)
def test_hours_that_meet_on_the_clock_meet(
    tz: str, handover: Handover, people: tuple[Turn, ...], minute: int, start: Micros
) -> None:
    """Whatever the clock does, no time is outside of all of them, as far as the day is not skipped as a whole."""
    one = rotation(tz, handover, people, Hours(tuple(range(7)), minute, minute))
    assert gaps(one, start, start + 40 * DAY) == []


@given(zones, st.integers(1_180_000_000, 1_980_000_000), st.integers(0, 200_000))
@settings(max_examples=300, deadline=None)
def test_later_on_the_clock_is_never_earlier(tz: str, local: int, more: int) -> None:
    assert moment_of(local, tz) <= moment_of(local + more, tz)
