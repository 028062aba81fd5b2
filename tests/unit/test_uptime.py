"""Uptime against a brute-force oracle that looks at every moment of the window."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.history.uptime import (
    Span,
    apart,
    format_percent,
    of_counts,
    of_observed,
    of_window,
    percent,
    time_in_states,
)
from schemas.base import SECOND
from schemas.transitions import VisibleStatus

STATES: tuple[VisibleStatus, ...] = ("new", "up", "late", "not_observed", "down", "paused", "maintenance")

moments = st.integers(0, 60)
spans = st.lists(st.builds(Span, moments, moments, st.sampled_from(STATES)), max_size=8)
windows = st.tuples(moments, moments).filter(lambda window: window[0] < window[1])


def state_at(spans: list[Span], moment: int) -> VisibleStatus | None:
    """The state at a moment: that of the newest span that has begun, if it has not ended."""
    for span in reversed(spans):
        if span.start <= moment and span.end > span.start:
            return span.state if moment < span.end else None
    return None


def unbroken(lengths: list[tuple[int, VisibleStatus]]) -> list[Span]:
    """Spans as a fold makes them: each begins where the one before ends."""
    made, start = [], 0
    for length, state in lengths:
        made.append(Span(start, start + length, state))
        start += length
    return made


class TestTimeInStates:
    @given(spans, windows)
    def test_agrees_with_a_look_at_every_moment(self, spans: list[Span], window: tuple[int, int]) -> None:
        seen = [state_at(spans, moment) for moment in range(*window)]
        assert time_in_states(spans, *window) == {state: seen.count(state) for state in STATES if seen.count(state)}

    @given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(STATES))), windows)
    def test_unbroken_spans_fill_the_window(
        self, lengths: list[tuple[int, VisibleStatus]], window: tuple[int, int]
    ) -> None:
        spans = unbroken(lengths)
        covered = max(0, min(window[1], sum(length for length, _ in lengths)) - window[0])
        assert time_in_states(spans, *window).total() == covered

    @given(spans, windows, moments)
    def test_parts_of_a_window_add_up(self, spans: list[Span], window: tuple[int, int], cut: int) -> None:
        start, end = window
        cut = min(max(cut, start), end)
        parts = time_in_states(spans, start, cut) + time_in_states(spans, cut, end)
        assert parts == time_in_states(spans, start, end)

    @given(spans, windows, st.data())
    def test_a_span_told_in_two_pieces_is_the_same(
        self, spans: list[Span], window: tuple[int, int], data: st.DataObject
    ) -> None:
        pieces: list[Span] = []
        for span in spans:
            if span.end > span.start + 1:
                cut = data.draw(st.integers(span.start + 1, span.end - 1))
                pieces += [span._replace(end=cut), span._replace(start=cut)]
            else:
                pieces.append(span)
        assert time_in_states(pieces, *window) == time_in_states(spans, *window)

    @given(spans, windows)
    def test_spans_that_are_cut_apart_are_the_same(self, spans: list[Span], window: tuple[int, int]) -> None:
        cut = apart(spans)
        assert all(before.end <= after.start for before, after in pairwise(cut))
        assert all(span.start < span.end for span in cut)
        assert time_in_states(cut, *window) == time_in_states(spans, *window)


class TestFigures:
    @given(spans, windows)
    def test_agree_with_a_look_at_every_moment(self, spans: list[Span], window: tuple[int, int]) -> None:
        seen = [state_at(spans, moment) for moment in range(*window)]
        down, up = seen.count("down"), seen.count("up") + seen.count("late")
        assert of_window(spans, *window) == 1 - Fraction(down, len(seen))
        assert of_observed(spans, *window) == (Fraction(up, up + down) if up + down else None)

    @given(
        st.lists(st.builds(Span, st.integers(0, 5_400), st.integers(0, 5_400), st.sampled_from(STATES)), max_size=6),
        st.integers(0, 3_600),
        st.integers(1, 1_800),
    )
    def test_agree_second_by_second_at_real_times(self, told: list[Span], begin: int, length: int) -> None:
        """Whole seconds of a real day, each looked at in its middle."""
        noon = 1_795_089_600 * SECOND
        real = [Span(noon + span.start * SECOND, noon + span.end * SECOND, span.state) for span in told]
        start, end = noon + begin * SECOND, noon + (begin + length) * SECOND
        seen = Counter(state_at(real, moment) for moment in range(start + SECOND // 2, end, SECOND))
        up, down = seen["up"] + seen["late"], seen["down"]
        assert of_window(real, start, end) == 1 - Fraction(down, length)
        assert of_observed(real, start, end) == (Fraction(up, up + down) if up + down else None)

    @given(spans, windows, st.integers(1, 60))
    def test_what_was_not_watched_changes_no_share(
        self, spans: list[Span], window: tuple[int, int], length: int
    ) -> None:
        start, end = window
        paused = Span(end, end + length, "paused")
        assert of_observed([*spans, paused], start, end + length) == of_observed(spans, start, end)

    def test_updown_vector_fixed_window_of_30_days_on_a_new_check(self) -> None:
        day = 86_400
        spans = [Span(0, 106, "down"), Span(106, 1_000, "up"), Span(1_000, 1_145, "down"), Span(1_145, 4_000, "up")]
        assert format_percent(of_window(spans, 4_000 - 30 * day, 4_000), 2) == Decimal("99.99")

    def test_nothing_watched_is_no_figure(self) -> None:
        assert of_observed([Span(0, 10, "paused"), Span(10, 20, "not_observed")], 0, 20) is None
        assert of_counts(0, 0) is None

    def test_a_window_must_have_a_length(self) -> None:
        with pytest.raises(ValueError, match="window"):
            of_window([], 5, 5)


class TestShown:
    def test_poppaping_vector_is_rounded_not_cut(self) -> None:
        share = of_counts(43_187, 43_200)
        assert share is not None
        assert format_percent(share, 2) == Decimal("99.97")

    @pytest.mark.parametrize(
        ("share", "decimals", "expected"),
        [
            (Fraction(1), 2, "100.00"),
            (1 - Fraction(1, 10**15), 2, "99.99"),
            (1 - Fraction(1, 10**15), 3, "99.999"),
            (1 - Fraction(1, 10**40), 0, "99"),
            (Fraction(0), 2, "0.00"),
            (Fraction(99_995, 100_000), 2, "99.99"),
            (Fraction(12_345, 100_000), 2, "12.35"),
        ],
    )
    def test_rounds_but_never_up_to_100(self, share: Fraction, decimals: int, expected: str) -> None:
        assert str(format_percent(share, decimals)) == expected

    @given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(0, 4))
    def test_100_means_no_downtime_at_all(self, counts: tuple[int, int], decimals: int) -> None:
        good, total = counts
        figure = format_percent(Fraction(good, total), decimals)
        assert (figure == 100) == (good == total)
        assert abs(figure - Decimal(100 * good) / total) <= Decimal(1).scaleb(-decimals)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 4))
def test_both_ways_to_round_agree(part: int, more: int, decimals: int) -> None:
    whole = part + more
    told = percent(part, whole, decimals)
    assert told == (float(format_percent(Fraction(part, whole), decimals)) if whole else None)
    assert told is None or (told == 100) == (not more)
