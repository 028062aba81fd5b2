"""How available a thing was, day by day, as bars. Days are those of UTC, as history sums them up. Pure."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from query_api.history.status_pages import DAY, DayRow
from query_api.history.uptime import UP, format_percent, of_times
from query_api.web.shown.plots import Bar
from schemas.base import SECOND, Micros
from schemas.duration_words import duration_words
from schemas.times import to_day
from schemas.transitions import VisibleStatus

DAYS = 90


class Availability(NamedTuple):
    """bars: one a day, oldest first. uptime: of all days, in percent; empty: nothing was observed."""

    bars: list[Bar]
    uptime: str
    down: str


def availability(rows: Sequence[DayRow], status: VisibleStatus, since: Micros, now: Micros) -> Availability:
    """rows: what history tells of closed spans; status, since: the span that is open."""
    spent = {row.day: (row.up, row.down) for row in rows}
    bars, all_up, all_down = list[Bar](), 0, 0
    last = now // DAY
    for day in range(last - DAYS + 1, last + 1):
        up, down = spent.get(day, (0, 0))
        lasted = max(0, min(now, (day + 1) * DAY) - max(since, day * DAY))
        if status in UP:
            up += lasted
        elif status == "down":
            down += lasted
        all_up, all_down = all_up + up, all_down + down
        bars.append(_bar(to_day(day * DAY), of_times(up, down), down))
    whole = of_times(all_up, all_down)
    uptime = "" if whole is None else _percent(whole)
    return Availability(bars, uptime, duration_words(all_down / SECOND) if all_down else "")


def _bar(date: str, share: Fraction | None, down: Micros) -> Bar:
    if share is None:
        return Bar("none", f"{date}: not observed", 0.3)
    words = f"{date}: {_percent(share)} up"
    if not down:
        return Bar("up", words)
    # A short outage does not paint a whole day red.
    look = "down" if share < Fraction(95, 100) else "part"
    return Bar(look, f"{words}, down {duration_words(down / SECOND)}")


def _percent(share: Fraction) -> str:
    return "100 %" if share == 1 else f"{format_percent(share, 2)} %"
