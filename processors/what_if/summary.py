"""What the partitions come to, summed. Pure.

Memory: eight bytes for each long down time; of one case alone the uptime of each thing and at most `MOST_SHOWN`
compared alerts, of those beyond, the newest are only counted; of the cases of a sweep neither, for they are not shown.
"""

from array import array
from collections.abc import Sequence
from statistics import median_low

from processors.what_if.alerts import AlertLog
from processors.what_if.comparison import compare, delay, in_order, is_long, is_short
from schemas.base import Micros
from schemas.what_if.answers import Case, Compared, Counts, Uptime, Watched
from schemas.what_if.settings import Changes

MOST_SHOWN = 1_000


class Tally:
    """One case. short: the limit of a short down time. shown: its alerts and things are, not only its sums."""

    def __init__(self, changes: Changes, short: Micros, *, shown: bool) -> None:
        self._changes, self._short, self._shown = changes, short, shown
        self._sent = self._imagined = self._short_imagined = self._short_sent = self._long_sent = self._missed = 0
        self._delays = array("q")
        self._counts = Counts()
        self._alerts: list[Compared] = []
        self._left_out = 0
        self._uptimes: dict[str, Uptime] = {}
        self._in_all = Uptime(Watched(), Watched())

    def add(self, was: AlertLog, imagined: AlertLog) -> None:
        """Add what one partition comes to."""
        since, until, short = was.span.since, was.span.until, self._short
        sent, compared = [alert for alert in was.alerts if alert.told >= since], compare(was, imagined)
        self._sent += len(sent)
        self._short_sent += sum(is_short(alert, short) for alert in sent)
        self._long_sent += sum(is_long(alert, short, until) for alert in sent)
        for one in compared:
            self._count(one, until)
        for thing in {*was.watched, *imagined.watched}:
            self._watch(thing, Uptime(was.watched.get(thing, Watched()), imagined.watched.get(thing, Watched())))
        if self._shown:
            shown = sorted((*self._alerts, *compared), key=in_order)
            self._alerts, self._left_out = shown[:MOST_SHOWN], self._left_out + max(0, len(shown) - MOST_SHOWN)

    def case(self) -> Case:
        """What all partitions come to."""
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
            in_all=self._in_all,
        )

    def _watch(self, thing: str, uptime: Uptime) -> None:
        for summed, one in ((self._in_all.was, uptime.was), (self._in_all.imagined, uptime.imagined)):
            summed.up, summed.down = summed.up + one.up, summed.down + one.down
        if self._shown:
            self._uptimes[thing] = uptime

    def _count(self, one: Compared, until: Micros) -> None:
        counts, verdict, sent, imagined = self._counts, one.verdict, one.sent, one.imagined
        setattr(counts, verdict, getattr(counts, verdict) + 1)
        if imagined is not None:
            self._imagined += 1
            self._short_imagined += is_short(imagined, self._short)
        if sent is None:
            return
        if imagined is not None and sent.channels != imagined.channels:
            counts.changed += 1
        if not is_long(sent, self._short, until) or verdict == "undecided":
            return
        later = delay(one)
        if later is None:
            self._missed += 1
        else:
            self._delays.append(later)


def add_partition(tallies: Sequence[Tally], was: AlertLog, imagined: Sequence[AlertLog]) -> None:
    """Add what one partition comes to, to each case."""
    for tally, log in zip(tallies, imagined, strict=True):
        tally.add(was, log)
