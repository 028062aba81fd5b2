"""What the uptime of a monitor is made of: its regular results since a moment, counted exactly, and its spans.

Whole days and hours come from the roll-ups. The hour in which the window begins is counted from its results, which the
roll-up holds packed; so are the newest hours, together with the rows that may not be rolled up yet. A row may come
late, to an hour before those: then the hours that such rows are of are counted anew from all their rows, as the next
roll-up will. For that it is enough to know a moment before which all that was inserted is rolled up.

What ClickHouse needs for a question is mostly its planning: so there is one plain question for all pieces
(infra/clickhouse/tables/0005_uptime_pieces.sql), and they are put together here.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from msgspec.structs import astuple

from infra.clickhouse.client import ClickHouse
from infra.clock import SYSTEM_CLOCK, Clock
from query_api.history.pieces import DAY_COUNTED, HOUR_COUNTED, RESULT, SPAN, Closed, Counted, CountedPiece, Result
from query_api.history.rolled_to import RolledTo
from query_api.history.uptime import Span
from schemas.base import SECOND, Micros

HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR
_DAY = 86_400  # seconds

# A result is in within this time after its slot, nearly always.
_USUALLY: Micros = 600 * SECOND
# When the last roll-up is longer ago, or there was none, rows may be many: ClickHouse counts them.
_FEW_WITHIN = 7_200

# Bucket b is from 1.04^(b-1), exclusive, to 1.04^b microseconds (infra/clickhouse/tables/0005_uptime_pieces.sql).
_STEP = 1.04
_LOG_STEP = math.log(_STEP)
_SHARES = (0.5, 0.95, 0.99)
_MOST_TOOK = 2**32

_DOWN, _UP, _MAINTENANCE = 0, 1, 2

# Numbers are written out, nothing is computed there, and rows that stand twice are told apart here: all of that costs
# planning, too, and FINAL a third of the time.
_PIECES = """
SELECT kind, at, n, results, made, figures, result, span FROM uptime_pieces
PREWHERE monitor = {{monitor:String}} AND ({which})
SETTINGS output_format_json_named_tuples_as_objects = 0
"""
_WHICH = """kind = 0 AND at >= {rolled_to} OR kind = 1 AND at >= {first_hour} AND ({hours})
    OR kind = 2 AND at >= {first_hour} OR kind = 3 AND at >= {start}"""
# The rows of all hours of which one is new; those before the window tell only whether the hour is whole.
_ANEW = f"""
SELECT hour, sum(many), sumIf(many, outcome < 2), sumIf(many, outcome = 1), sumIf(spent, outcome = 1),
       groupArrayIf(bucket, outcome = 1), groupArrayIf(many, outcome = 1)
FROM (
    SELECT toUnixTimestamp(toStartOfHour(slot)) AS hour,
           multiIf(slot < {{start:DateTime64(6, 'UTC')}}, 3, maintenance, 2, ok) AS outcome,
           if(outcome = 1, toUInt16(ceil(log(greatest(took, 1)) / log({_STEP}))), 0) AS bucket,
           count() AS many, sum(took) AS spent
    FROM probe_results FINAL
    WHERE monitor = {{monitor:String}} AND confirm = 0 AND toStartOfHour(slot) IN (
        SELECT toStartOfHour(slot) FROM probe_results
        WHERE monitor = {{monitor:String}} AND confirm = 0 AND slot >= {{start:DateTime64(6, 'UTC')}}
          AND inserted_at >= {{rolled_to:DateTime('UTC')}}
    )
    GROUP BY hour, outcome, bucket
)
GROUP BY hour
"""

# (microseconds into the hour, region) -> (outcome, microseconds it took)
_Results = dict[tuple[int, str], tuple[int, int]]


class _Piece(NamedTuple):
    kind: int
    at: int
    n: int
    results: int
    made: Micros
    figures: Counted
    result: Result
    span: Closed


class Figures(NamedTuple):
    """Of results that count: how many, how many were well, how long these took in all, microseconds, and of that, to a
    fiftieth, the median, the 95th and the 99th percentile; none without any."""

    total: int
    up: int
    took: int
    percentiles: tuple[float, ...]


class Told(NamedTuple):
    """spans: that are closed, oldest first, uncut."""

    figures: Figures
    spans: list[Span]


class _Sum:
    def __init__(self) -> None:
        self.total, self.up, self.took = 0, 0, 0
        self.times = [0] * (_bucket(_MOST_TOOK) + 1)

    def add_counted(self, told: Counted) -> None:
        self.add(told.counted, told.up, told.took, told.buckets, told.times)

    def add(self, total: int, up: int, took: int, buckets: Iterable[int], times: Iterable[int]) -> None:
        self.total += total
        self.up += up
        self.took += took
        counted = self.times
        for bucket, many in zip(buckets, times, strict=True):
            counted[bucket] += many

    def add_results(self, results: Iterable[tuple[int, int]]) -> None:
        for outcome, took in results:
            self.total += outcome in (_DOWN, _UP)
            if outcome == _UP:
                self.up += 1
                self.took += took
                self.times[_bucket(took)] += 1

    def percentiles(self) -> tuple[float, ...]:
        """In the middle, by ratio, of the bucket that the result of each share is in; none without any."""
        if not (many := sum(self.times)):
            return ()
        reached = list(accumulate(self.times))
        return tuple(_STEP ** (bisect_left(reached, share * many) - 0.5) for share in _SHARES)


def _bucket(took: int) -> int:
    return math.ceil(math.log(max(took, 1)) / _LOG_STEP)


class Window(NamedTuple):
    """Since `start`; all that was inserted before `rolled_to`, in seconds, is in the roll-ups."""

    monitor: str
    start: Micros
    rolled_to: int

    @property
    def first_hour(self) -> int:
        """The hour in which it begins, in seconds."""
        return self.start // HOUR * HOUR // SECOND

    @property
    def days(self) -> range:
        """The days that are whole and over, in seconds."""
        return range(-(-self.start // DAY) * _DAY, self.recent // _DAY * _DAY, _DAY)

    @property
    def recent(self) -> int:
        """From this hour on, in seconds, results are usually not rolled up yet."""
        return max(DAY, (self.rolled_to * SECOND - _USUALLY) // HOUR * HOUR) // SECOND

    def which(self, by_hour: Iterable[int] = ()) -> str:
        """Which pieces it is made of: hours are those of days that are not whole, not over, or in `by_hour`."""
        hours = f"at < {self.days.start} OR at >= {self.days.stop}"
        if days := ", ".join(str(day) for day in sorted(by_hour)):
            hours += f" OR intDiv(at, {_DAY}) * {_DAY} IN ({days})"
        return _WHICH.format(
            rolled_to=self.rolled_to, first_hour=self.first_hour, start=self.start // SECOND, hours=hours
        )

    @property
    def asked(self) -> dict[str, Any]:
        """The parameters of `_ANEW`."""
        start = f"{self.start // SECOND}.{self.start % SECOND:06}"
        return {"monitor": self.monitor, "start": start, "rolled_to": max(self.rolled_to, _DAY)}


class ProbeWindows:
    def __init__(self, clickhouse: ClickHouse, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._rows, self._plain_rows = clickhouse.rows, clickhouse.plain_rows
        self._rolled_to = RolledTo(clickhouse, "probe_results")

    async def window(self, monitor: str, start: Micros) -> Window:
        """What to ask for, of all since `start`."""
        # ClickHouse takes a small number for no time at all; of the first day of 1970 there are no results.
        return Window(monitor, max(start, DAY), await self._rolled_to.known())

    def is_fresh(self, window: Window) -> bool:
        """Whether rows that are not rolled up are few."""
        return self._clock.real() / SECOND - window.rolled_to < _FEW_WITHIN

    async def read(self, monitor: str, start: Micros) -> Told:
        """All since `start`."""
        window = await self.window(monitor, start)
        asked = {"monitor": monitor}
        if self.is_fresh(window):
            pieces = await self._plain_rows(_PIECES.format(which=window.which()), _Piece, asked)
            if (known := told_by(window, pieces)) is not None:
                return known
        anew = {hour: figure for hour, *figure in await self._rows(_ANEW, window.asked)}
        days = {hour // _DAY * _DAY for hour in anew}
        pieces = await self._plain_rows(_PIECES.format(which=window.which(days)), _Piece, asked)
        return Told(_summed(window, pieces, {}, anew), closed_spans(pieces, window.start))


def told_by(window: Window, pieces: Sequence[CountedPiece]) -> Told | None:
    """What these pieces tell, others among them; None: hours have to be counted anew."""
    new = _by_hour(pieces, window)
    if any(hour < window.recent for hour in new):
        return None
    return Told(_summed(window, pieces, new, {}), closed_spans(pieces, window.start))


def closed_spans(pieces: Iterable[CountedPiece], start: Micros) -> list[Span]:
    """The spans among these pieces that ended after `start`, oldest first, uncut."""
    closed = {piece.n: piece.span for piece in pieces if piece.kind == SPAN and piece.span.until > start}
    in_order = (closed[n] for n in sorted(closed))
    return [Span(span.since, span.until, span.state) for span in in_order if span.state]


def _by_hour(pieces: Iterable[CountedPiece], window: Window) -> dict[int, _Results]:
    """Results that may not be rolled up, since `start`; of one that stands twice the one inserted last."""
    hours: dict[int, _Results] = {}
    new = (piece for piece in pieces if piece.kind == RESULT and piece.at >= window.rolled_to)
    for piece in sorted(new, key=_inserted):
        slot, region, outcome, took = astuple(piece.result)
        if slot >= window.start:
            hour, offset = divmod(slot, HOUR)
            hours.setdefault(hour * HOUR // SECOND, {})[offset, region] = outcome, took
    return hours


def _rolled_up(pieces: Iterable[CountedPiece]) -> Iterable[CountedPiece]:
    """Hours and days, each once: of those that stand twice the one that counts."""
    counts: dict[tuple[int, int], CountedPiece] = {}
    for piece in pieces:
        if piece.kind in (HOUR_COUNTED, DAY_COUNTED):
            known = counts.setdefault((piece.kind, piece.at), piece)
            if (piece.results, piece.made) > (known.results, known.made):
                counts[piece.kind, piece.at] = piece
    return counts.values()


def _inserted(piece: CountedPiece) -> tuple[int, Micros]:
    return piece.at, piece.made


def _summed(
    window: Window, pieces: Iterable[CountedPiece], new: dict[int, _Results], anew: dict[int, list[Any]]
) -> Figures:
    """new: rows that may not be rolled up, by hour. anew: hours as they are now. Where there are fewer rows than were
    rolled up once, some have expired, and the roll-up counts."""
    whole = _Sum()
    by_hour = {hour // _DAY * _DAY for hour in anew}
    new, anew = dict(new), dict(anew)
    for piece in _rolled_up(pieces):
        begin, results, figures = piece.at, piece.results, piece.figures
        if piece.kind == DAY_COUNTED:
            if begin in window.days and begin not in by_hour:
                whole.add_counted(figures)
            continue
        if begin in anew:
            if anew[begin][0] >= results:
                continue
            del anew[begin]
        cut = begin < window.start / SECOND
        if cut or begin in new:
            known: _Results = {(at, region): (outcome, spent) for at, region, outcome, spent in figures.packed}
            known |= new.pop(begin, {})
            if cut or len(known) >= results:
                after = window.start - begin * SECOND
                whole.add_results(result for (at, _), result in known.items() if at >= after)
                continue
        whole.add_counted(figures)
    for rows in new.values():
        whole.add_results(rows.values())
    for _, *sums in anew.values():
        whole.add(*sums)
    return Figures(whole.total, whole.up, whole.took, whole.percentiles())
