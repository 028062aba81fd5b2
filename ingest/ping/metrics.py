"""Metrics of the ping application: responses by kind, pings in flight.

The hot path only increments plain integers; once a second the difference is added to the process's metrics.
"""

import asyncio
from typing import TYPE_CHECKING

from infra import metrics as metrics_table

if TYPE_CHECKING:
    from ingest.ping.app import PingApp
    from ingest.ping.source import Source

_ANSWERS = metrics_table.PING_ANSWERS.create()
_IN_FLIGHT = metrics_table.PINGS_IN_FLIGHT.create()
_REACHABLE = metrics_table.PUBLIC_URL_REACHABLE.create()


def reachable(is_reached: bool) -> None:
    """A synthetic ping has got through, or not."""
    _REACHABLE.set(is_reached)


async def keep_measuring(app: "PingApp", source: "Source") -> None:
    """Until cancelled."""
    counted: dict[int, int] = {}
    while True:
        for response in app.responses.all():
            new = response.given - counted.get(id(response), 0)
            if new:
                counted[id(response)] = response.given
                _ANSWERS.labels(str(response.status), response.text).inc(new)
        _IN_FLIGHT.set(source.in_flight)
        await asyncio.sleep(1.0)
