"""Roll-ups: recomputed from the rows for the hours or days that new rows touched, and replaced; never added to.

ClickHouse itself knows what is new (`inserted_at`), so a roll-up that was missed by a crash is made up by the next, and
one that is made twice changes nothing. How one kind of row is rolled up is a `RollUp`.

Much that is new, such as all rows of before this roll-up was made, is rolled up in slices of the time in which it came.
The mark moves on with each slice: who is killed in the middle goes on from there, and readers know from the mark what
they have to count themselves.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from infra.clickhouse.client import unavailable_errors
from infra.clickhouse.expired_rows import kept_since

_AFTER_ALL = "\U0010ffff"

# Rows that are recomputed at once: the memory that it takes in ClickHouse grows with them.
CHUNK = 300_000
# New rows of a slice, about: it ends with an hour.
SLICE = 2_000_000
# What came within so long is one slice.
_SHORT = timedelta(hours=2)
# The last slice has no end: what comes while it is rolled up may be in it.
_NO_END = datetime(2106, 1, 1, tzinfo=UTC)

# A roll-up answers for the rows of two minutes before it; later ones may be inserts under way, or of a server whose
# clock is behind.
_BEGIN = """
SELECT now('UTC') - 120, (SELECT max(done_to) FROM rolled_up WHERE source = {source:String})
"""
_END = "INSERT INTO rolled_up (source, done_to) SELECT {source:String}, {done_to:DateTime('UTC')}"

_ARRIVALS = """
SELECT toStartOfHour(inserted_at) AS hour, count() FROM ({tables}) GROUP BY hour ORDER BY hour
"""
_ARRIVED = "SELECT inserted_at FROM {table} WHERE inserted_at >= {{since:DateTime('UTC')}}"


class RollUp(NamedTuple):
    """How the rows of some tables are rolled up: SQL about the things from `first` to `last` and the rows inserted from
    `since` on and before `until`.

    source: the name of its mark. tables: where new rows stand.
    new: things in order, each with the number of its new rows.
    touched: things in order, each with the number of all rows in the hours or days that the new ones touched.
    steps: what recomputes those, and then what is made of them. `kept`: a moment from which on all rows that were
    inserted are there; what is made of rows of before is left alone.
    """

    source: str
    tables: tuple[str, ...]
    new: str
    touched: str
    steps: tuple[str, ...]


class _Slice(NamedTuple):
    """Rows inserted from `since` on and before `until`; when they are rolled up, all before `done_to` is."""

    since: datetime
    until: datetime
    done_to: datetime


def roll_up(client: Client, kind: RollUp, beat: Callable[[], None] = lambda: None) -> None:
    """Bring the roll-ups of one kind up to what its rows hold; `beat` is called after each query. Raises
    `Unavailable`."""
    with unavailable_errors():
        source = {"source": kind.source}
        done_to, rolled_to = (at.replace(tzinfo=UTC) for at in client.query(_BEGIN, parameters=source).result_rows[0])
        kept = kept_since(client, kind.tables)
        for slice in _slices(client, kind, rolled_to, done_to):
            beat()
            for first, last in _chunks(client, kind, slice, kept, beat):
                asked = {"since": slice.since, "until": slice.until, "first": first, "last": last, "kept": kept}
                for step in kind.steps:
                    client.command(step, parameters=asked)
                    beat()
            client.command(_END, parameters=source | {"done_to": slice.done_to})


def _slices(client: Client, kind: RollUp, since: datetime, done_to: datetime) -> Iterator[_Slice]:
    if done_to - since > _SHORT:
        tables = " UNION ALL ".join(_ARRIVED.format(table=table) for table in kind.tables)
        found = client.query(_ARRIVALS.format(tables=tables), parameters={"since": since}).result_rows
        arrivals = [(hour.replace(tzinfo=UTC), many) for hour, many in found]
        for until in slice_ends(arrivals, done_to):
            yield _Slice(since, until, until)
            since = until
    yield _Slice(since, _NO_END, max(since, done_to))


def slice_ends(arrivals: Iterable[tuple[datetime, int]], done_to: datetime) -> Iterator[datetime]:
    """Where the slices before the last one end. arrivals: hours in order, each with the number of rows that came in
    it."""
    size = 0
    for hour, many in arrivals:
        size += many
        end = hour + timedelta(hours=1)
        if end > done_to:
            return
        if size >= SLICE:
            yield end
            size = 0


def _chunks(
    client: Client, kind: RollUp, slice: _Slice, kept: datetime, beat: Callable[[], None]
) -> Iterator[tuple[str, str]]:
    """First and last thing of each chunk; neither what is new nor what must be read again is ever asked of all at
    once when there is much of it."""

    def counted(sql: str, first: str, last: str) -> list[tuple[str, int]]:
        asked = {"since": slice.since, "until": slice.until, "first": first, "last": last, "kept": kept}
        rows = client.query(sql, parameters=asked).result_rows
        beat()
        return [(row[0], row[1]) for row in rows]

    for first, last in chunks_of(counted(kind.new, "", _AFTER_ALL)):
        yield from chunks_of(counted(kind.touched, first, last))


def chunks_of(counted: list[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """First and last thing of each chunk, for things in order with their numbers of rows."""
    first, size = "", 0
    for number, (thing, rows) in enumerate(counted):
        if size == 0:
            first = thing
        size += rows
        if size >= CHUNK or number == len(counted) - 1:
            yield first, thing
            size = 0
