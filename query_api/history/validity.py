"""Questions to history about what people were told of certificates and domains, each notice counted once.

Raises `infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

from typing import Any, NamedTuple

import msgspec

from infra.clickhouse.client import ClickHouse
from schemas.base import Micros

# FINAL: a notice that stands twice is one.
_TOLD = """
SELECT at, detected_at, CAST(notice, 'String'), silent, detail, data FROM validity_told FINAL
WHERE thing = {monitor:String} ORDER BY n DESC LIMIT {limit:UInt64} OFFSET {skip:UInt64}
"""
_TOTAL = "SELECT uniqExact(n) FROM validity_told WHERE thing = {monitor:String}"

_data = msgspec.json.Decoder(dict[str, Any]).decode


class ToldRow(NamedTuple):
    """A notice. silent: nobody was sent it. data: what it says besides the monitor."""

    at: Micros
    detected_at: Micros
    notice: str
    silent: bool
    detail: str
    data: dict[str, Any]


class ValidityHistory:
    def __init__(self, clickhouse: ClickHouse) -> None:
        self._rows = clickhouse.rows

    async def told(self, monitor: str, skip: int, limit: int) -> list[ToldRow]:
        """Notices, newest first, after the first `skip`."""
        rows = await self._rows(_TOLD, {"monitor": monitor, "skip": skip, "limit": limit})
        return [
            ToldRow(at, detected_at, notice, bool(silent), detail, _data(data))
            for at, detected_at, notice, silent, detail, data in rows
        ]

    async def total(self, monitor: str) -> int:
        """How many notices there are."""
        [(total,)] = await self._rows(_TOTAL, {"monitor": monitor})
        return int(total)
