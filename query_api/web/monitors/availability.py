"""How available a thing was, day by day, as bars. Days are those of UTC, cut from its spans. Pure."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from query_api.history.status_pages import DAY
from query_api.history.uptime import UP, Span, apart, of_times
from query_api.pages.day_bars import day_words, down_share, percent_words
from query_api.web.shown.plots import Bar
from schemas.base import SECOND, Micros
from schemas.duration_words import duration_words
from schemas.times import to_day
from schemas.transitions import VisibleStatus

DAYS = 90


class Availability(NamedTuple):
    """bars: one a day, oldest first. uptime: of all days, in percent; empty: nothing was observed. down: how long in
    all; empty: never. bad_days: in words, those with an outage, newest first."""

    bars: list[Bar]
    uptime: str
    down: str
    bad_days: list[str]


def availability(closed: Sequence[Span], status: VisibleStatus, since: Micros, now: Micros) -> Availability:
    """closed: the spans that are over, oldest first. status, since: the span that is open."""
    last = now // DAY
    start = (last - DAYS + 1) * DAY
    ups, downs = [0] * DAYS, [0] * DAYS
    for span in apart([*closed, Span(since, now, status)]):
        spent = ups if span.state in UP else downs if span.state == "down" else None
        begin, end = max(span.start, start), min(span.end, now)
        while spent is not None and begin < end:
            until = min(end, (begin // DAY + 1) * DAY)
            spent[(begin - start) // DAY] += until - begin
            begin = until
    days = range(last - DAYS + 1, last + 1)
    bars = [_bar(to_day(day * DAY), of_times(up, down), down) for day, up, down in zip(days, ups, downs, strict=True)]
    whole, down = of_times(sum(ups), sum(downs)), sum(downs)
    uptime = "" if whole is None else percent_words(whole)
    bad_days = [bar.title for bar in reversed(bars) if bar.down]
    return Availability(bars, uptime, duration_words(down / SECOND) if down else "", bad_days)


def _bar(date: str, share: Fraction | None, down: Micros) -> Bar:
    words = day_words(date, share, down)
    return Bar("none", words, 0.3) if share is None else Bar("up", words, down=down_share(share, down))
