"""Questions to history about deliveries that are finished, each counted once.

A delivery that was sent again has a row for each sending. Raises `infra.clickhouse.client.ClickHouseUnavailable` when
ClickHouse does not answer, or does not yet hold what the fold has said.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from infra.clickhouse.client import ClickHouse
from infra.log.group_progress import GroupProgress
from infra.log.partitioner import partition_of
from query_api.history.behind import must_be_written
from schemas.base import Micros


class FinishedRow(NamedTuple):
    """A sending that is finished. `began` None: not known (written by an older version)."""

    delivery: str
    replay: str
    event: str
    notice: str
    outcome: str
    attempts: int
    began: Micros | None
    at: Micros
    detail: str


class NewestRow(NamedTuple):
    """The sending of a channel that finished last. body: what it sent; empty: never made or not kept."""

    row: FinishedRow
    body: str


class SentRow(NamedTuple):
    """What a delivery sent; an empty body was never made or not kept."""

    delivery: str
    event: str
    notice: str
    body: str


class EndedRow(NamedTuple):
    """The end of a delivery. body: what it sent; empty: never made or not kept."""

    at: Micros
    body: str


_ONCE = "LIMIT 1 BY at, delivery, replay"

_LOG = f"""
SELECT delivery, replay, event, CAST(notice, 'String'), CAST(outcome, 'String'), attempts, began, at, detail
FROM deliveries_finished WHERE channel = {{channel:String}}
ORDER BY at DESC, delivery DESC {_ONCE} LIMIT {{limit:UInt64}} OFFSET {{skip:UInt64}}
"""

# One part for each channel, so that ClickHouse reads only the end of each.
_NEWEST = """
(SELECT channel, delivery, replay, event, CAST(notice, 'String'), CAST(outcome, 'String'), attempts, began, at, detail
FROM deliveries_finished WHERE channel = {{channel{n}:String}} ORDER BY at DESC, delivery DESC LIMIT 1)
"""

_BODIES_OF = """
SELECT delivery, body FROM deliveries_finished
WHERE channel IN {channels:Array(String)} AND delivery IN {deliveries:Array(String)}
ORDER BY body != '' DESC LIMIT 1 BY delivery
"""

# How each ended that was asked for; of one that was sent again, the last end.
_OUTCOMES = """
SELECT delivery, replay, event, CAST(notice, 'String'), CAST(outcome, 'String'), attempts, began, at, detail
FROM deliveries_finished WHERE channel = {channel:String} AND delivery IN {deliveries:Array(String)}
ORDER BY at DESC LIMIT 1 BY delivery
"""

_ENDED_ONE = """
SELECT at, body FROM deliveries_finished WHERE channel IN {channels:Array(String)} AND delivery = {delivery:String}
ORDER BY body != '' DESC, at DESC LIMIT 1
"""

_TOTAL = "SELECT uniqExact(at, delivery, replay) FROM deliveries_finished WHERE channel = {channel:String}"

_ENDED = """
SELECT delivery FROM deliveries_finished
WHERE channel = {channel:String} AND at >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')
  AND at < fromUnixTimestamp64Micro({end:Int64}, 'UTC') AND outcome != 'gathered'
GROUP BY delivery ORDER BY min(at), delivery LIMIT {limit:UInt64}
"""

# The newest end of a delivery that has one since `start` is among those rows.
_FAILED = """
SELECT delivery FROM deliveries_finished
WHERE channel = {channel:String} AND at >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')
GROUP BY delivery HAVING argMax(outcome, (at, replay != '')) NOT IN ('delivered', 'gathered', 'muted')
ORDER BY min(at), delivery LIMIT {limit:UInt64}
"""

_BODIES = """
SELECT delivery, event, CAST(notice, 'String'), body FROM deliveries_finished
WHERE channel = {channel:String} AND delivery IN {deliveries:Array(String)}
ORDER BY body != '' DESC LIMIT 1 BY delivery
"""


class DeliveryHistory:
    """`facts` tells whether all that the folds said before a moment has been written."""

    def __init__(self, clickhouse: ClickHouse, partitions: int, facts: GroupProgress | None = None) -> None:
        self._rows, self._partitions, self._facts = clickhouse.rows, partitions, facts

    async def caught_up(self, channel: str) -> None:
        """Wait until all that has finished of the channel is written. Raises `query_api.history.behind.Behind`."""
        await must_be_written(self._facts, partition=partition_of(channel.encode(), self._partitions))

    async def log(self, channel: str, skip: int, limit: int) -> list[FinishedRow]:
        """What is finished, newest first, after the first `skip`."""
        rows = await self._rows(_LOG, {"channel": channel, "skip": skip, "limit": limit})
        return [_finished(row) for row in rows]

    async def all_caught_up(self) -> None:
        """The same of all channels."""
        await must_be_written(self._facts)

    async def newest(self, channels: Sequence[str]) -> dict[str, NewestRow]:
        """What finished last, by channel; without those of which nothing has."""
        if not channels:
            return {}
        parts = " UNION ALL ".join(_NEWEST.format(n=n) for n in range(len(channels)))
        rows = await self._rows(
            f"SELECT * FROM ({parts})", {f"channel{n}": channel for n, channel in enumerate(channels)}
        )
        found = {channel: _finished(row) for channel, *row in rows}
        asked = {"channels": [*found], "deliveries": [row.delivery for row in found.values()]}
        bodies = dict(await self._rows(_BODIES_OF, asked)) if found else {}
        return {channel: NewestRow(row, bodies.get(row.delivery, "")) for channel, row in found.items()}

    async def total(self, channel: str) -> int:
        """How many sendings are finished."""
        [(total,)] = await self._rows(_TOTAL, {"channel": channel})
        return int(total)

    async def ended(self, channel: str, start: Micros, end: Micros, limit: int) -> list[str]:
        """The deliveries that ended in [start, end), however, oldest first; not those that a list tells of."""
        asked = {"channel": channel, "start": start, "end": end, "limit": limit}
        return [id for (id,) in await self._rows(_ENDED, asked)]

    async def failed(self, channel: str, start: Micros, limit: int) -> list[str]:
        """Those that ended without success since `start`, and were not delivered later or muted, oldest first."""
        return [id for (id,) in await self._rows(_FAILED, {"channel": channel, "start": start, "limit": limit})]

    async def sent(self, channel: str, deliveries: list[str]) -> dict[str, SentRow]:
        """What these deliveries sent, those that are finished."""
        rows = await self._rows(_BODIES, {"channel": channel, "deliveries": deliveries})
        return {row[0]: SentRow(*row) for row in rows}

    async def outcomes(self, channel: str, deliveries: list[str]) -> list[FinishedRow]:
        """How these deliveries ended, those that are finished; one that was sent again, the last time."""
        rows = await self._rows(_OUTCOMES, {"channel": channel, "deliveries": deliveries})
        return [_finished(row) for row in rows]

    async def ended_one(self, channels: list[str], delivery: str) -> EndedRow | None:
        """When a delivery of one of these channels ended, and what it sent; None: it has not, or is none of them."""
        rows = await self._rows(_ENDED_ONE, {"channels": channels, "delivery": delivery})
        return EndedRow(*rows[0]) if rows else None


def _finished(row: Iterable[Any]) -> FinishedRow:
    found = FinishedRow(*row)
    return found._replace(began=found.began or None)
