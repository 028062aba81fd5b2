"""Metrics of the ping application: responses by kind, pings in flight.

The hot path only increments plain integers; once a second the difference is added to the process's metrics.
"""

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from ingest.ping.app import PingApp
    from ingest.ping.source import Source

_ANSWERS = Counter("pingfold_ping_answers_total", "Answers to requests on ping URLs", ["status", "text"])
_IN_FLIGHT = Gauge("pingfold_pings_in_flight", "Pings received and not yet answered", multiprocess_mode="livesum")
_REACHABLE = Gauge(
    "pingfold_public_url_reachable",
    "1 while synthetic pings through the public URL get here, 0 while they do not",
    multiprocess_mode="livemin",
)


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
