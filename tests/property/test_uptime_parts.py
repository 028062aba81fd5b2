"""Uptimes of parts of a span against an oracle that looks at every second: random spans, zones in which clocks change,
ranges that cut days.

Roll-ups are imitated here: days and months made of whole seconds. The real ones are compared in
tests/integration/test_uptimes.py.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from query_api.history.time_parts import DAY, Parts
from query_api.history.uptime import Span
from query_api.history.uptime_sums import AllDays, Day, Month, Part, Piece, Rolled, put_together, rolled_up
from schemas.base import SECOND, Micros
from schemas.time_bins import BinKind, borders
from schemas.transitions import VisibleStatus

# Clocks are moved in these days: 2026-03-29 in Europe, 2026-04-05 by half an hour on Lord Howe, 2026-04-24 in Cairo,
# where the day begins at one.
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "America/St_Johns")
BEGINS = [int(datetime(2026, month, day, tzinfo=UTC).timestamp()) for month, day in ((3, 28), (4, 4), (4, 23), (1, 31))]
STATES: tuple[VisibleStatus, ...] = ("up", "late", "down", "not_observed", "paused", "maintenance")
KINDS: tuple[BinKind | None, ...] = (None, "hour", "day", "week", "month")

moments = st.integers(0, 3 * 86_400)
pasts = st.lists(st.tuples(moments, st.sampled_from(STATES)), min_size=1, max_size=12, unique_by=lambda one: one[0])
ranges = st.tuples(moments, moments).filter(lambda one: one[0] != one[1]).map(sorted)


def spent(state: VisibleStatus, seconds: int) -> tuple[int, int, int]:
    """Up, down and not observed."""
    return (
        seconds if state in ("up", "late") else 0,
        seconds if state == "down" else 0,
        seconds if state == "not_observed" else 0,
    )


@settings(max_examples=60)
@given(st.sampled_from(BEGINS), pasts, ranges, st.sampled_from(ZONES), st.sampled_from(KINDS), st.data())
def test_agree_with_a_look_at_every_second(
    begin: int,
    past: list[tuple[int, VisibleStatus]],
    range_: list[int],
    tz: str,
    by: BinKind | None,
    data: st.DataObject,
) -> None:
    past = sorted(past)
    closed = [
        Piece(n, (begin + since) * SECOND, (begin + until) * SECOND, state)
        for n, ((since, state), (until, _)) in enumerate(pairwise(past))
    ]
    end = begin + 3 * 86_400
    current = Span((begin + past[-1][0]) * SECOND, end * SECOND, past[-1][1])
    cuts = borders(by, tz, (begin + range_[0]) * SECOND, (begin + range_[1]) * SECOND, 1_000)
    new = data.draw(st.integers(0, len(closed)))  # so many spans are not rolled up yet
    rolled, fresh = closed[: len(closed) - new], closed[len(closed) - new :]
    told = of_roll_ups(rolled, fresh, cuts, current)
    # Summed up for other borders in the same quarters.
    moved = [data.draw(within_quarter(cut)) for cut in cuts]
    if moved == sorted(set(moved)):
        assert Parts(moved).in_quarters == Parts(cuts).in_quarters
        assert of_roll_ups(rolled, fresh, cuts, current, summed_for=moved) == told
    by_second: dict[int, VisibleStatus] = {}
    for since, until, state in [*(piece[1:] for piece in closed), current]:
        by_second |= dict.fromkeys(range(since // SECOND, until // SECOND), state)
    for part, (start, until) in zip(told, pairwise(cuts), strict=True):
        seen = Counter(by_second.get(second) for second in range(start // SECOND, until // SECOND))
        sums = [spent(state, many) for state, many in seen.items() if state is not None] or [(0, 0, 0)]
        assert part[:3] == tuple(SECOND * sum(column) for column in zip(*sums, strict=True))


def within_quarter(border: Micros) -> st.SearchStrategy[Micros]:
    """Borders in the same quarter of an hour; at its beginning, that only."""
    quarter = 900 * SECOND
    begin = border // quarter * quarter
    return st.just(border) if border == begin else st.integers(begin + 1, begin + quarter - 1)


def of_roll_ups(
    rolled: list[Piece], new: list[Piece], cuts: list[Micros], current: Span, summed_for: list[Micros] | None = None
) -> list[Part]:
    """What roll-ups of some spans, and others that came later, give; those of roll-ups summed up for these borders."""
    fresh = {"a": list(new)} if new else {}
    summed, days = summed_up(rolled, summed_for or cuts)
    parts = Parts(cuts)
    anew = [AllDays("a", pieces) for day, pieces in days.items() if day in parts.all_days] if new else []
    return put_together(parts, {"a": summed}, anew, fresh, {"a": current})["a"]


def summed_up(rolled: list[Piece], cuts: list[Micros]) -> tuple[Rolled, dict[int, list[Piece]]]:
    """What is rolled up, and the pieces of each day."""
    parts = Parts(cuts)
    days: dict[int, list[Piece]] = {}
    for piece in rolled:
        for day in range(piece.since // DAY, (piece.until - 1) // DAY + 1):
            cut = piece._replace(since=max(piece.since, day * DAY), until=min(piece.until, (day + 1) * DAY))
            days.setdefault(day, []).append(cut)
    months = []
    for place, (month, slices) in enumerate(parts.months.items(), 1):
        lists = [[
            sum(spent(piece.state, piece.until - piece.since)[which]
                for day in range(month + first - 1, month + first - 1 + length) for piece in days.get(day, ()))
            for first, length, _ in slices
        ] for which in range(3)]  # fmt: skip
        none = [0] * len(slices)
        months.append(Month("a", place, none, none, *lists))
    cut_days = [
        Day("a", day, [0] * len(slices), [0] * len(slices), days.get(day, []))
        for day in parts.cut_days
        if (slices := parts.quarters(day)) is not None
    ]
    return rolled_up(parts, ["a"], months, cut_days)["a"], days


@given(st.sampled_from(BEGINS), ranges, st.sampled_from(ZONES), st.sampled_from(KINDS))
def test_days_months_and_quarters_are_each_in_one_part(
    begin: int, range_: list[int], tz: str, by: BinKind | None
) -> None:
    cuts = borders(by, tz, (begin + range_[0]) * SECOND, (begin + range_[1]) * SECOND, 1_000)
    parts, quarter = Parts(cuts), 900 * SECOND
    found: dict[Micros, int] = {}
    for month, slices in parts.months.items():
        for first, length, part in slices:
            for day in range(month + first - 1, month + first - 1 + length):
                found |= {day * DAY + number * quarter: part for number in range(96)}
    for day in parts.cut_days:
        for first, length, part in parts.quarters(day):
            for number in range(first - 1, first - 1 + length):
                assert day * DAY + number * quarter not in found
                found[day * DAY + number * quarter] = part
    expected = {}
    for at in range(cuts[0] // quarter * quarter, cuts[-1], quarter):
        expected[at] = max(0, sum(border <= at for border in cuts) - 1)
    assert found == expected


@given(st.sampled_from(BEGINS), ranges, st.sampled_from(ZONES), st.sampled_from(KINDS[1:]))
def test_parts_begin_where_clocks_of_the_zone_say_so(begin: int, range_: list[int], tz: str, by: BinKind) -> None:
    """Against the wall clock of every minute."""
    start, end = begin + range_[0], begin + range_[1]
    cuts = borders(by, tz, start * SECOND, end * SECOND, 1_000)
    assert (cuts[0], cuts[-1]) == (start * SECOND, end * SECOND)

    def label(second: int) -> object:
        local = datetime.fromtimestamp(second, ZoneInfo(tz))
        day = local.date()
        week = day - timedelta(days=day.weekday())
        # An hour that comes twice is two.
        ahead = (local.utcoffset() or timedelta()).total_seconds()
        hour = (second + int(ahead)) // 3_600, ahead
        return {"hour": hour, "day": day, "week": week, "month": day.replace(day=1)}[by]

    changes = [
        second
        for second in range(start // 60 * 60 + 60, end, 60)
        if label(second) != label(second - 60) and second > start
    ]
    assert [cut // SECOND for cut in cuts[1:-1]] == changes
