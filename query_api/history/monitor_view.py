"""What the page of a monitor shows, by one question: how its results fared and how fast it answered in a range of time,
and its spans of a longer one.

All of it stands in one table, and what a question costs is mostly its planning. While the roll-ups are behind, or a row
came late, the parts are asked for one by one, as the APIs ask for them. Raises
`infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

import asyncio
from typing import NamedTuple

from infra.clickhouse.client import ClickHouse
from query_api.history.pieces import SPAN, WholePiece
from query_api.history.response_times import Measured, ResponseTimes, measured_by
from query_api.history.uptime import Span
from query_api.history.windows import ProbeWindows, Told, closed_spans, told_by
from schemas.base import SECOND, Micros

_PIECES = f"""
SELECT {", ".join(WholePiece._fields)} FROM uptime_pieces
PREWHERE monitor = {{{{monitor:String}}}} AND ({{which}} OR kind = {SPAN} AND at >= {{since}})
SETTINGS output_format_json_named_tuples_as_objects = 0
"""


class MonitorView(NamedTuple):
    """told: of all results since the beginning of the range; they go on to now. measured: of the range. closed: spans
    that ended since the longer time began, oldest first, uncut."""

    told: Told
    measured: Measured
    closed: list[Span]


class MonitorViews:
    """Made of the readers of its parts."""

    def __init__(self, clickhouse: ClickHouse, windows: ProbeWindows, response_times: ResponseTimes) -> None:
        self._plain_rows, self._windows, self._response_times = clickhouse.plain_rows, windows, response_times

    async def read(self, monitor: str, start: Micros, end: Micros, by_day: bool, since: Micros) -> MonitorView:
        """What is known of [start, end), and the spans since `since`. by_day: response times of whole days may stand as
        one."""
        window, times = await asyncio.gather(
            self._windows.window(monitor, start), self._response_times.window(monitor, start, end, by_day)
        )
        if self._windows.is_fresh(window) and self._response_times.is_fresh(times):
            question = _PIECES.format(which=f"{window.which()} OR {times.which()}", since=since // SECOND)
            pieces = await self._plain_rows(question, WholePiece, {"monitor": monitor})
            told, measured = told_by(window, pieces), measured_by(times, pieces)
            if told is not None and measured is not None:
                return MonitorView(told, measured, closed_spans(pieces, since))
        counted, answered, before = await asyncio.gather(
            self._windows.read(monitor, start),
            self._response_times.read(monitor, start, end, by_day),
            self._windows.read(monitor, since),
        )
        return MonitorView(counted, answered, before.spans)
