"""A moment before which all that was inserted is rolled up. An older one is as right, and only slower."""

import time

from infra.clickhouse.client import ClickHouse

LOOK_SECONDS = 10.0

_ROLLED_TO = "SELECT max(toUnixTimestamp(done_to)) FROM rolled_up WHERE source = {source:String}"


class RolledTo:
    """The mark of the roll-ups of `source`, in seconds; 0 before the first. It is asked for now and then."""

    def __init__(self, clickhouse: ClickHouse, source: str) -> None:
        self._rows, self._source = clickhouse.rows, source
        self._known, self._looked_at = 0, -LOOK_SECONDS

    async def known(self) -> int:
        """Raises `infra.clickhouse.client.ClickHouseUnavailable`."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            [(self._known,)] = await self._rows(_ROLLED_TO, {"source": self._source})
            self._looked_at = now
        return self._known
