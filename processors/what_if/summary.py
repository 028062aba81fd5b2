"""What the partitions come to, summed. Pure.

Memory: the uptime of each thing, eight bytes for each long down time, and at most `MOST_SHOWN` compared alerts of each
case; of those beyond, the newest are only counted.
"""

from array import array
from collections.abc import Sequence
from statistics import median_low

from processors.what_if.alerts import AlertLog
from processors.what_if.comparison import compare, delay, in_order, is_short
from schemas.base import Micros
from schemas.what_if.answers import Case, Compared, Counts, Uptime, Watched
from schemas.what_if.settings import Changes

MOST_SHOWN = 1_000


class Tally:
    """One case. short: the limit of a short down time."""

    def __init__(self, changes: Changes, short: Micros) -> None:
        self._changes, self._short = changes, short
        self._sent = self._imagined = self._short_imagined = self._short_sent = self._long_sent = self._missed = 0
        self._delays = array("q")
        self._counts = Counts()
        self._alerts: list[Compared] = []
        self._left_out = 0
        self._uptimes: dict[str, Uptime] = {}

    def add(self, was: AlertLog, imagined: AlertLog) -> None:
        """Add what one partition comes to."""
        self._sent += len(was.alerts)
        self._imagined += len(imagined.alerts)
        self._short_sent += sum(is_short(alert, self._short) for alert in was.alerts)
        self._short_imagined += sum(is_short(alert, self._short) for alert in imagined.alerts)
        compared = compare(was.alerts, imagined.alerts)
        for one in compared:
            self._count(one)
        shown = sorted((*self._alerts, *compared), key=in_order)
        self._alerts, self._left_out = shown[:MOST_SHOWN], self._left_out + max(0, len(shown) - MOST_SHOWN)
        for thing in {*was.watched, *imagined.watched}:
            self._uptimes[thing] = Uptime(was.watched.get(thing, Watched()), imagined.watched.get(thing, Watched()))

    def case(self) -> Case:
        """What all partitions come to."""
        was, imagined = Watched(), Watched()
        for uptime in self._uptimes.values():
            was.up, was.down = was.up + uptime.was.up, was.down + uptime.was.down
            imagined.up, imagined.down = imagined.up + uptime.imagined.up, imagined.down + uptime.imagined.down
        return Case(
            changes=self._changes,
            sent=self._sent,
            imagined=self._imagined,
            short=self._short_imagined,
            short_sent=self._short_sent,
            long_sent=self._long_sent,
            missed=self._missed,
            median_delay=median_low(self._delays) if self._delays else None,
            worst_delay=max(self._delays, default=None),
            counts=self._counts,
            alerts=self._alerts,
            left_out=self._left_out,
            uptimes=dict(sorted(self._uptimes.items())),
            in_all=Uptime(was, imagined),
        )

    def _count(self, one: Compared) -> None:
        counts, verdict = self._counts, one.verdict
        setattr(counts, verdict, getattr(counts, verdict) + 1)
        if one.sent is not None and one.imagined is not None and one.sent.channels != one.imagined.channels:
            counts.changed += 1
        if one.sent is None or one.sent.what != "down" or is_short(one.sent, self._short):
            return
        self._long_sent += 1
        later = delay(one)
        if later is None:
            self._missed += 1
        else:
            self._delays.append(later)


def add_partition(tallies: Sequence[Tally], was: AlertLog, imagined: Sequence[AlertLog]) -> None:
    """Add what one partition comes to, to each case."""
    for tally, log in zip(tallies, imagined, strict=True):
        tally.add(was, log)
