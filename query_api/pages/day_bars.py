"""A day of a component as a bar and in words, alike on status pages and on the pages of monitors. Pure.

Red is as much of a bar as the day was down, so that a short outage does not paint a whole day; it is seen all the same.
"""

from fractions import Fraction

from query_api.history.uptime import format_percent
from schemas.base import SECOND, Micros
from schemas.duration_words import duration_words

# The least of a bar that is red where there was an outage.
_LEAST_DOWN = 0.125


def down_share(uptime: Fraction | None, down: Micros) -> float:
    """How much of a bar is red, 0 to 1: the share of the observed time that was down. uptime: None: not observed."""
    if uptime is None or not down:
        return 0.0
    return max(_LEAST_DOWN, float(1 - uptime))


def day_words(date: str, uptime: Fraction | None, down: Micros) -> str:
    """`2026-03-01: 99.93 % up, down 1 min`. uptime: the share that was up; None: not observed."""
    if uptime is None:
        return f"{date}: not observed"
    lasted = f", down {duration_words(down / SECOND)}" if down else ""
    return f"{date}: {percent_words(uptime)} up{lasted}"


def percent_words(share: Fraction) -> str:
    """`99.93 %`; only the whole is `100 %`."""
    return "100 %" if share == 1 else f"{format_percent(share, 2)} %"
