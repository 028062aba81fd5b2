"""Answers about what is rolled up, kept for as long as the marks of the roll-ups stay where they are.

What came before a mark does not change: spans that came since are read beside it each time, and counts go as far as
the mark. So an answer that was given under the same marks is as right, and whoever looks again within a minute, such as
a dashboard, costs ClickHouse little.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, TypeVar

from infra.clickhouse.client import ClickHouse

Row = TypeVar("Row", bound=tuple[Any, ...])

# Rows of a thing and month, or day: some hundred bytes each.
_MOST_ROWS = 10_000


class RolledRows:
    """Asks `clickhouse`; of the answers those asked for last are kept."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._plain_rows = clickhouse.plain_rows
        self._marks: tuple[int, ...] = ()
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], list[Any]] = OrderedDict()
        self._rows = 0

    async def plain_rows(
        self, question: str, row: type[Row], things: Sequence[str], marks: tuple[int, ...]
    ) -> list[Row]:
        """The rows of a question about `things`, which nobody may change. Raises
        `infra.clickhouse.client.ClickHouseUnavailable`."""
        if marks != self._marks:
            self._marks, self._rows = marks, 0
            self._kept.clear()
        key = question, tuple(things)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = await self._plain_rows(question, row, {"things": list(things)})
        if marks == self._marks and key not in self._kept:
            self._kept[key] = found
            self._rows += len(found) + 1
            while self._rows > _MOST_ROWS:
                _, old = self._kept.popitem(last=False)
                self._rows -= len(old) + 1
        return found
