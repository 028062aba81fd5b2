"""Uptime from spans, by arithmetic on whole microseconds. Pure.

Three figures that must never be mixed, each named:

`of_window`    1 - down / window. Updown's: the window is fixed, whatever the age of the check.
`of_observed`  up / (up + down). Ours: what was not watched (before the first ping, paused, not observed, no span) is in
               neither. None when nothing was watched: no data is not 0 % and not 100 %.
`of_counts`    good / all results. PoppaPing's.

`format_percent` rounds for people, and never up to 100; `percent` does the same, for thousands of figures.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import NamedTuple

from schemas.base import Micros
from schemas.transitions import VisibleStatus


class Span(NamedTuple):
    """A thing was `state` from `start` up to, not including, `end`."""

    start: Micros
    end: Micros
    state: VisibleStatus


# A late run may still come: the check is up until its deadline has passed.
UP: frozenset[VisibleStatus] = frozenset({"up", "late"})


def time_in_states(spans: Iterable[Span], start: Micros, end: Micros) -> Counter[VisibleStatus]:
    """Microseconds spent in each state within [start, end), each moment counted once.

    Spans come in the order of their transitions. Where one begins, those before it end, whatever they say.
    """
    spent: Counter[VisibleStatus] = Counter()
    taken = end
    for span in reversed(list(spans)):
        if span.end <= span.start:
            continue
        begins, ends = max(span.start, start), min(span.end, taken)
        if ends > begins:
            spent[span.state] += ends - begins
        taken = min(taken, begins)
    return spent


def apart(spans: Iterable[Span]) -> list[Span]:
    """The same times, in order and without overlap: where a span begins, those before it end."""
    cut: list[Span] = []
    for span in reversed(list(spans)):
        end = min(span.end, cut[-1].start) if cut else span.end
        if span.start < end:
            cut.append(Span(span.start, end, span.state))
    return cut[::-1]


def of_window(spans: Iterable[Span], start: Micros, end: Micros) -> Fraction:
    """1 - down / window."""
    if end <= start:
        raise ValueError("an uptime needs a window")
    return 1 - Fraction(time_in_states(spans, start, end)["down"], end - start)


def of_observed(spans: Iterable[Span], start: Micros, end: Micros) -> Fraction | None:
    """Up / (up + down), None when it was neither."""
    spent = time_in_states(spans, start, end)
    return of_times(sum(spent[state] for state in UP), spent["down"])


def of_times(up: Micros, down: Micros) -> Fraction | None:
    """Up / (up + down), for times that are summed already."""
    return Fraction(up, up + down) if up + down else None


def of_counts(good: int, total: int) -> Fraction | None:
    """Good / all results, None without any."""
    return Fraction(good, total) if total else None


def format_percent(share: Fraction, decimals: int) -> Decimal:
    """The share in per cent, rounded half up; below 1 it is never shown as 100."""
    step = Decimal(1).scaleb(-decimals)
    exact = Decimal(100) * share.numerator / share.denominator
    rounded = exact.quantize(step, ROUND_HALF_UP)
    return min(rounded, 100 - step) if share < 1 else rounded


def percent(part: int, whole: int, decimals: int) -> float | None:
    """`part` of `whole` in per cent, as `format_percent` of it; None without a whole."""
    if not whole:
        return None
    full = int(100 * 10**decimals)
    rounded = (2 * full * part + whole) // (2 * whole)
    return float((min(rounded, full - 1) if part < whole else rounded) / 10**decimals)
