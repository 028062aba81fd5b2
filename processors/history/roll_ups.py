"""Roll-ups: recomputed from the rows for the hours that new rows touched, and replaced; never added to.

ClickHouse itself knows what is new (`inserted_at`), so a roll-up that was missed by a crash is made up by the next, and
one that is made twice changes nothing. How one kind of row is rolled up is a `RollUp`.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from infra.clickhouse.client import unavailable_errors

_AFTER_ALL = "\U0010ffff"

# Rows that are recomputed at once: the memory that it takes in ClickHouse grows with them.
_CHUNK = 300_000

# A roll-up answers for the rows of two minutes before it; later ones may be inserts under way, or of a server whose
# clock is behind.
_BEGIN = """
SELECT now('UTC') - 120, (SELECT max(done_to) FROM rolled_up WHERE source = {source:String})
"""
_END = "INSERT INTO rolled_up (source, done_to) SELECT {source:String}, {done_to:DateTime('UTC')}"


class RollUp(NamedTuple):
    """How the rows of `source` are rolled up: SQL about the things from `first` to `last` and the rows inserted since
    `since`.

    new: things in order, each with the number of its new rows.
    touched: things in order, each with the number of all rows in the hours that the new ones touched.
    steps: what recomputes those hours, and then what is made of them.
    """

    source: str
    new: str
    touched: str
    steps: tuple[str, ...]


def roll_up(client: Client, kind: RollUp, beat: Callable[[], None] = lambda: None) -> None:
    """Bring the roll-ups of one kind up to what its rows hold; `beat` is called after each query. Raises
    `Unavailable`."""
    with unavailable_errors():
        source = {"source": kind.source}
        done_to, rolled_to = client.query(_BEGIN, parameters=source).result_rows[0]
        since = rolled_to.replace(tzinfo=UTC)
        for first, last in _chunks(client, kind, since, beat):
            for step in kind.steps:
                client.command(step, parameters={"since": since, "first": first, "last": last})
                beat()
        client.command(_END, parameters=source | {"done_to": done_to})


def _chunks(client: Client, kind: RollUp, since: datetime, beat: Callable[[], None]) -> Iterator[tuple[str, str]]:
    """First and last thing of each chunk; neither what is new nor what must be read again is ever asked of all at
    once when there is much of it."""

    def counted(sql: str, first: str, last: str) -> list[tuple[str, int]]:
        rows = client.query(sql, parameters={"since": since, "first": first, "last": last}).result_rows
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
        if size >= _CHUNK or number == len(counted) - 1:
            yield first, thing
            size = 0
