"""Questions to history about things that may not be there any more. Raises `ClickHouseUnavailable`."""

from infra.clickhouse.client import ClickHouse

_PROJECT = "SELECT project FROM spans WHERE thing = {thing:String} ORDER BY n DESC LIMIT 1"


class PastThings:
    def __init__(self, clickhouse: ClickHouse) -> None:
        self._rows = clickhouse.rows

    async def project_of(self, thing: str) -> str | None:
        """The project that a check or a monitor is of, or was; None: its status never changed."""
        rows = await self._rows(_PROJECT, {"thing": thing})
        return str(rows[0][0]) if rows else None
