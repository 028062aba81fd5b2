"""The ticker: plain time for the journals that are not `pings` (docs/decisions/0026). Two at once are harmless.

A partition is ticked once a second while something may be due in it, and seldom otherwise. Its fold publishes with the
states when something is due next (`Progress.due`), at or before the truth. Where that is not known, or has not been
heard of for long, a tick a second is the safe side. Whatever the clock of the tests does is told at once.
"""

import asyncio
import contextlib
import time

import structlog

from infra.clock import AdjustedClock
from infra.disk import Disk
from infra.log.ports import DueTimes, LogWriter
from infra.log.sink import NotStored, Position
from infra.process.liveness import LIVENESS
from infra.settings.settings import Settings
from schemas.base import Micros, encode
from schemas.ticks import SELDOM_SECONDS, Tick
from schemas.topics import JOURNALS, Topic

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
SLOT = "ticker"
TICKED_JOURNALS = tuple(journal for journal in JOURNALS if journal.ticked)


class Ticker:
    """Appends ticks to the partitions of the journals, whether or not Kafka took the last ones.

    `dues`: what is known of the next deadline of each partition; None: nothing.
    """

    def __init__(
        self,
        settings: Settings,
        clock: AdjustedClock,
        sink: LogWriter,
        partitions: int,
        dues: DueTimes | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._disk = disk or Disk(settings, "nothing is taken, and time stops below half of it")
        self._clock = clock
        self._sink = sink
        self._dues = dues
        self._partitions = partitions
        self._places = [(journal, partition) for journal in TICKED_JOURNALS for partition in range(partitions)]
        self._ticked: dict[tuple[Topic, int], float] = {}  # when, by the monotonic clock; those that Kafka has
        self._offset: Micros | None = None
        self._epoch = clock.real()
        self.acknowledged = 0
        self._unreported = 0
        self._reports = LIVENESS.activity("ticks", needs=("kafka",))

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop` is set."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            try:
                if self._disk.may_tick:
                    self._round()
                else:
                    self._reports.beat()
            except NotStored as error:
                log.warning("ticker.not_stored", error=str(error))
            except Exception:
                log.exception("ticker.failed")
            due = max(due + TICK_SECONDS, loop.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), due - loop.time())

    def _round(self) -> None:
        self._clock.refresh()
        now, beat = self._clock.now(), time.monotonic()
        stepped, self._offset = self._offset != self._clock.offset, self._clock.offset
        value = encode(
            Tick(slot=SLOT, epoch=self._epoch, at=now, now=now, offset=self._offset, partition_count=self._partitions)
        )
        if stepped:
            self._ticked.clear()
        for place in self._places:
            if self._is_to_be_ticked(place, now, beat):
                self._append(place, value, beat)
        if not self._unreported:  # there was nothing to tick
            self._reports.beat()

    def _is_to_be_ticked(self, place: tuple[Topic, int], now: Micros, beat: float) -> bool:
        ticked = self._ticked.get(place)
        if ticked is None or beat - ticked >= SELDOM_SECONDS:
            return True
        due = None if self._dues is None else self._dues.due(*place)
        return due is None or due <= now

    def _append(self, place: tuple[Topic, int], value: bytes, beat: float) -> None:
        offset = self._offset

        def settle(stored: "asyncio.Future[Position]") -> None:
            # Stored or not: a producer that no longer reports at all is one that hangs.
            self._unreported -= 1
            self._reports.beat()
            if stored.cancelled():
                return
            error = stored.exception()
            if error is None:
                self.acknowledged += 1
                if offset == self._offset:
                    self._ticked[place] = beat
            else:
                log.warning("ticker.not_stored", error=str(error))

        journal, partition = place
        self._sink.put(journal, None, value, partition).add_done_callback(settle)
        self._unreported += 1
