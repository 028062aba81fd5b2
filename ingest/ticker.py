"""The ticker: plain time for the journals that are not `pings` (DESIGN section 2). Two at once are harmless."""

import asyncio
import contextlib
import time

import structlog

from infra.disk import Disk
from infra.liveness import LIVENESS
from infra.log.sink import NotStored, Position
from infra.settings import Settings
from ingest.clock import Clock
from ingest.needs import Log
from schemas.base import encode
from schemas.ticks import Tick
from schemas.topics import DELIVERIES, PROBE_RESULTS, PROJECTS

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
SLOT = "ticker"
JOURNALS = (PROJECTS, PROBE_RESULTS, DELIVERIES)


class Ticker:
    """Appends a tick to every partition of the journals once a second, whether or not Kafka took the last one."""

    def __init__(self, settings: Settings, clock: Clock, sink: Log, partitions: int, disk: Disk | None = None) -> None:
        self._disk = disk or Disk(settings, "nothing is taken, and time stops below half of it")
        self._clock = clock
        self._sink = sink
        self._partitions = partitions
        self._epoch = time.time_ns() // 1000
        self.acknowledged = 0
        self._reports = LIVENESS.activity("ticks", needs=("kafka",))

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop` is set."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            try:
                if self._disk.may_tick:
                    self._tick()
                else:
                    self._reports.beat()
            except NotStored as error:
                log.warning("ticker.not_stored", error=str(error))
            except Exception:
                log.exception("ticker.failed")
            due = max(due + TICK_SECONDS, loop.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), due - loop.time())

    def _tick(self) -> None:
        self._clock.refresh()
        now = self._clock.now()
        value = encode(Tick(slot=SLOT, epoch=self._epoch, at=now, now=now, offset=self._clock.offset))
        for journal in JOURNALS:
            for partition in range(self._partitions):
                self._sink.put(journal, None, value, partition).add_done_callback(self._settled)

    def _settled(self, stored: "asyncio.Future[Position]") -> None:
        # Stored or not: a producer that no longer reports at all is one that hangs.
        self._reports.beat()
        if stored.cancelled():
            return
        error = stored.exception()
        if error is None:
            self.acknowledged += 1
        else:
            log.warning("ticker.not_stored", error=str(error))
