"""How fast a monitor's target answered, by hour or day and region, and when the monitor was down, for any time.

Days and hours are whole ones: of an hour that a window touches, all counts. They come from the roll-ups; the newest
hours are counted from the results themselves, which stand beside them. A row may come late, to an hour before those:
then the hours that such rows are of are counted anew from all their rows, as the next roll-up will.

One plain question reads all pieces (infra/clickhouse/tables/0009_response_times.sql), as it does for the uptime
(`query_api.history.windows`). Raises `infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import astuple

from infra.clickhouse.client import ClickHouse
from infra.clickhouse.response_times import FIGURES, JUDGED
from infra.clock import SYSTEM_CLOCK, Clock
from query_api.history.pieces import (
    DAY_ANSWERED,
    HOUR_ANSWERED,
    RESULT,
    SPAN,
    AnsweredPiece,
    Answers,
    Closed,
    Phases,
    Result,
)
from query_api.history.rolled_to import RolledTo
from query_api.history.uptime import Span
from schemas.base import SECOND, Micros
from schemas.response_times import BUCKETS, answered_in, bucket

HOUR, DAY = 3_600, 86_400  # seconds

# A result is in within this time after its slot, nearly always; clocks differ by less than the other.
_USUALLY = 600
_SKEW = 120
# The newest hours are there for three hours: when the last roll-up is longer ago, ClickHouse counts the rows.
_FRESH_WITHIN = 5_400

# Nothing is computed there, and rows that stand twice are told apart here: all of that costs planning.
_PIECES = """
SELECT kind, at, n, results, made, result, phases, span, answers FROM uptime_pieces
PREWHERE monitor = {{monitor:String}} AND ({which})
SETTINGS output_format_json_named_tuples_as_objects = 0
"""
_WHICH = """kind = 0 AND at >= {inserted} OR kind = 4 AND at >= {first} AND at < {end} AND ({hours})
    OR kind = 5 AND at >= {day} AND at < {last_day}
    OR kind = 3 AND at >= {first} AND span.state = 'down' AND span.since < {until}"""

_MINE = "probe_results FINAL WHERE monitor = {monitor:String} AND confirm = 0"
_ANEW = f"""
SELECT hour, CAST(region, 'String'), count(), {FIGURES}
FROM (
    SELECT toUnixTimestamp(toStartOfHour(slot)) AS hour, region, {JUDGED}
    FROM {_MINE} AND toStartOfHour(slot) IN (
        SELECT toStartOfHour(slot) FROM probe_results
        WHERE monitor = {{monitor:String}} AND confirm = 0 AND inserted_at >= {{rolled_to:DateTime('UTC')}}
          AND slot >= toDateTime({{first:UInt32}}, 'UTC') AND slot < toDateTime({{end:UInt32}}, 'UTC')
    )
)
GROUP BY hour, region
"""

_SINCE = f"""
SELECT {FIGURES} FROM (
    SELECT {JUDGED} FROM {_MINE} AND slot >= fromUnixTimestamp64Micro({{start:Int64}}, 'UTC')
)
"""

_MAINTENANCE = 2


class Figures(Struct):
    """Results that count. samples: all; failures: those that failed. The others stand in `times`, a histogram of
    `schemas.response_times`, and in the sums of how long each phase took, microseconds."""

    samples: int = 0
    failures: int = 0
    times: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    redirect: int = 0
    lookup: int = 0
    connect: int = 0
    tls: int = 0
    first_byte: int = 0

    @property
    def well(self) -> int:
        """How many did not fail."""
        return self.samples - self.failures

    def add(self, other: "Figures") -> None:
        """Add what other results came to."""
        self.samples += other.samples
        self.failures += other.failures
        self.times = [mine + more for mine, more in zip(self.times, other.times, strict=True)]
        self.redirect += other.redirect
        self.lookup += other.lookup
        self.connect += other.connect
        self.tls += other.tls
        self.first_byte += other.first_byte


class Place(NamedTuple):
    """An hour or a day, in seconds, and a region."""

    at: int
    region: str


class Measured(NamedTuple):
    """figures: by hour or day and region, where there are results. downs: the spans that are closed in which it was
    down, oldest first, uncut."""

    figures: dict[Place, Figures]
    downs: list[Span]


class _Piece(NamedTuple):
    kind: int
    at: int
    n: int
    results: int
    made: Micros
    result: Result
    phases: Phases
    span: Closed
    answers: Answers


class Window(NamedTuple):
    """From the hour `first` to `end`, which is not in it any more, seconds; all that was inserted before `rolled_to` is
    in the roll-ups. by_day: whole days may stand for their hours."""

    monitor: str
    first: int
    end: int
    rolled_to: int
    by_day: bool

    @property
    def recent(self) -> int:
        """From this hour on, results are counted one by one: they are usually not rolled up yet."""
        return max(DAY, (self.rolled_to - _USUALLY) // HOUR * HOUR)

    @property
    def days(self) -> range:
        """The days that are read as such."""
        if not self.by_day:
            return range(0)
        return range(-(-self.first // DAY) * DAY, min(self.end, self.recent) // DAY * DAY, DAY)

    def which(self, by_hour: Iterable[int] = ()) -> str:
        """Which pieces it is made of; the days in `by_hour` are read by the hour."""
        days = self.days
        hours = f"at < {days.start} OR at >= {days.stop}" if days else "1"
        if days and (some := ", ".join(str(day) for day in sorted(by_hour))):
            hours += f" OR intDiv(at, {DAY}) * {DAY} IN ({some})"
        inserted = min(self.rolled_to, self.recent - _SKEW) if self.end > self.recent else self.rolled_to
        return _WHICH.format(
            inserted=inserted, first=self.first, end=self.end, hours=hours,
            day=days.start if days else 0, last_day=days.stop if days else 0, until=self.end * SECOND,
        )  # fmt: skip

    @property
    def asked(self) -> dict[str, Any]:
        """The parameters of `_ANEW`."""
        return {"monitor": self.monitor, "first": self.first, "end": self.end, "rolled_to": max(self.rolled_to, DAY)}


class ResponseTimes:
    def __init__(self, clickhouse: ClickHouse, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._rows, self._plain_rows = clickhouse.rows, clickhouse.plain_rows
        self._rolled_to = RolledTo(clickhouse, "response_times")

    async def window(self, monitor: str, start: Micros, end: Micros, by_day: bool) -> Window:
        """What to ask for, of all hours that [start, end) touches. by_day: those of whole days may stand as one."""
        # ClickHouse takes a small number for no time at all; of the first day of 1970 there are no results.
        first = max(DAY, start // SECOND // HOUR * HOUR)
        return Window(monitor, first, -(-end // (HOUR * SECOND)) * HOUR, await self._rolled_to.known(), by_day)

    def is_fresh(self, window: Window) -> bool:
        """Whether the newest hours stand beside the roll-ups."""
        return self._clock.real() // SECOND - window.rolled_to < _FRESH_WITHIN

    async def read(self, monitor: str, start: Micros, end: Micros, by_day: bool) -> Measured:
        """All hours that [start, end) touches. by_day: those of whole days may stand as one."""
        window = await self.window(monitor, start, end, by_day)
        asked = {"monitor": monitor}
        if self.is_fresh(window):
            pieces = await self._plain_rows(_PIECES.format(which=window.which()), _Piece, asked)
            if (known := measured_by(window, pieces)) is not None:
                return known
        anew = {
            Place(hour, region): (count, Figures(*figures))
            for hour, region, count, *figures in await self._rows(_ANEW, window.asked)
        }
        days = {place.at // DAY * DAY for place in anew}
        pieces = await self._plain_rows(_PIECES.format(which=window.which(days)), _Piece, asked)
        return _measured(window, pieces, anew)

    async def since(self, monitor: str, start: Micros) -> Figures:
        """All regions since a moment a short time ago, to the microsecond."""
        [row] = await self._rows(_SINCE, {"monitor": monitor, "start": start})
        return Figures(*row)


def measured_by(window: Window, pieces: Sequence[AnsweredPiece]) -> Measured | None:
    """What these pieces tell, others among them; None: hours have to be counted anew."""
    return None if any(_is_late(window, piece) for piece in pieces) else _measured(window, pieces, None)


def _is_late(window: Window, piece: AnsweredPiece) -> bool:
    """Whether it is a result of an hour that is read from the roll-ups, which may not have it."""
    return (
        piece.kind == RESULT
        and piece.at >= window.rolled_to
        and window.first <= piece.result.slot // SECOND < min(window.end, window.recent)
    )


def _measured(
    window: Window, pieces: Sequence[AnsweredPiece], anew: dict[Place, tuple[int, Figures]] | None
) -> Measured:
    """anew: hours of which rows may not be rolled up, as they are now, with their numbers of rows; where there are
    fewer than were rolled up once, some have expired, and the roll-up counts. None: all such rows are among the
    pieces."""
    found = _newest(window, pieces) if anew is None else {}
    rolled_up_until = window.recent if anew is None else window.end
    anew = dict(anew or {})
    by_hour = {place.at // DAY * DAY for place in anew}
    for piece in _counting(pieces):
        place = Place(piece.at, piece.answers.region)
        if piece.kind == DAY_ANSWERED:
            if piece.at in window.days and piece.at not in by_hour:
                found[place] = _figures(piece.answers)
        elif place in anew:
            if piece.results > anew[place][0]:
                anew[place] = 0, _figures(piece.answers)
        elif piece.at < rolled_up_until:
            found[place] = _figures(piece.answers)
    found |= {place: figures for place, (_, figures) in anew.items()}
    downs = {piece.n: piece.span for piece in pieces if piece.kind == SPAN and _is_down(window, piece)}
    spans = [Span(downs[n].since, downs[n].until, "down") for n in sorted(downs)]
    return Measured({place: figures for place, figures in found.items() if figures.samples}, spans)


def _is_down(window: Window, piece: AnsweredPiece) -> bool:
    return piece.span.state == "down" and piece.at >= window.first and piece.span.since < window.end * SECOND


def _figures(answers: Answers) -> Figures:
    return Figures(*astuple(answers)[1:])


def _newest(window: Window, pieces: Iterable[AnsweredPiece]) -> dict[Place, Figures]:
    """The hours whose results are counted one by one; of one that stands twice the one inserted last."""
    results = [piece for piece in pieces if piece.kind == RESULT]
    results.sort(key=lambda piece: (piece.at, piece.made))
    counting = {(piece.result.slot, piece.result.region): piece for piece in results}
    found: dict[Place, Figures] = {}
    for (slot, region), piece in counting.items():
        hour = slot // SECOND // HOUR * HOUR
        if window.recent <= hour < window.end and hour >= window.first:
            _add(found.setdefault(Place(hour, region), Figures()), piece.result, piece.phases)
    return found


def _add(figures: Figures, result: Result, phases: Phases) -> None:
    if result.outcome == _MAINTENANCE:
        return
    figures.samples += 1
    if not result.outcome:
        figures.failures += 1
        return
    redirect, lookup, connect, tls, first_byte = (took if took >= 0 else None for took in astuple(phases))
    figures.times[bucket(answered_in(result.took, connect, first_byte))] += 1
    figures.redirect += redirect or 0
    figures.lookup += lookup or 0
    figures.connect += connect or 0
    figures.tls += tls or 0
    figures.first_byte += first_byte or 0


def _counting(pieces: Iterable[AnsweredPiece]) -> Iterable[AnsweredPiece]:
    """Hours and days, each once: of those that stand twice the one that counts."""
    counts: dict[tuple[int, int, int], AnsweredPiece] = {}
    for piece in pieces:
        if piece.kind in (HOUR_ANSWERED, DAY_ANSWERED):
            known = counts.setdefault((piece.kind, piece.at, piece.n), piece)
            if (piece.results, piece.made) > (known.results, known.made):
                counts[piece.kind, piece.at, piece.n] = piece
    return counts.values()
