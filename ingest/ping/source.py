"""A source of pings and of the time in `pings`: one per ingest process, identified by slot and epoch.

Its ticks (`ticking`) are low watermarks: `at` is the receipt time of the oldest unanswered ping, or now. So every ping
that was acknowledged with an earlier timestamp precedes the tick in the log. Ticks also report what causes gaps:
refused pings of the partition, a silence of this process, an unreachable public URL.

The time of a partition must not be far behind its pings. If the timestamp of a ping is far from the newest tick of its
partition (the clock has stepped, or no tick was appended for a while), a tick is appended first (`precede`). So
deadlines are evaluated as with a tick per second.
"""

import asyncio
import contextlib
import time

import structlog

from infra.clock import AdjustedClock
from infra.disk import Disk
from infra.log.partitioner import partition_of
from infra.log.ports import DueTimes, OrderedLogWriter
from infra.log.sink import NotStored, Position
from infra.process.liveness import LIVENESS
from infra.process.tasks import vital
from infra.settings.settings import Settings
from ingest.ping import metrics
from ingest.ping.backlog import Backlog
from ingest.ping.other_sources import OtherSources
from ingest.ping.public_url import PublicUrl, proof_of
from ingest.ping.ticking import Ticking, note_failures
from schemas.base import Micros

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
_COARSE: Micros = 20_000  # no clock is coarser than this; one that was set back by more is believed
PROBE_SECONDS = 5.0
_PROBE_AGAIN_SECONDS = 0.1  # while the public URL has never answered, and then ever more slowly
# So long after its beginning this process may not listen yet, or a proxy not know of it: people are not told before.
_FIRST_PATIENCE_SECONDS = 3.0
_BEGIN_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


class Source:
    """To be made inside a running event loop. `begin` before listening; `close` after the last request is answered.

    acked: per partition, the newest offset of a ping that this process has acknowledged; -1 before.
    `dues`, `peers`: see `Ticking`; without them every partition is ticked every second. after: the newest epoch that
    is known of the slot.
    `installation`: the id of the Kafka cluster with our prefix, which answers to synthetic pings prove; None: none are
    sent, none answered (tests).
    """

    def __init__(
        self,
        settings: Settings,
        clock: AdjustedClock,
        sink: OrderedLogWriter,
        slot: str,
        partitions: int,
        installation: str | None,
        disk: Disk | None = None,
        dues: DueTimes | None = None,
        peers: OtherSources | None = None,
        after: int = 0,
    ) -> None:
        self.slot = slot
        # Of the real clock, and it must grow, also when that clock was set back: ticks of an older epoch count nothing.
        self.epoch = max(clock.real(), after + 1)
        self.partitions = partitions
        self.acked = [-1] * partitions
        self._clock = clock
        self._sink = sink
        self._disk = disk or Disk(settings)
        self._received = 0
        self.by = self.epoch  # of the pings that this process stamps; see `receive`
        self._generation = sink.generation
        self._stamped: Micros = 0
        self._in_flight: dict[int, Micros] = {}
        self._backlogs: set[Backlog] = set()
        self._idle = asyncio.Event()
        self._closing = False
        self._reports = LIVENESS.activity("ticks", needs=("kafka",))
        self._ticking = Ticking(
            slot, self.epoch, partitions, clock, sink, self._watermark, dues, peers, reported=self._reports.beat
        )
        self._untold = self._ticking.untold
        self._installation = installation
        self._public = None if installation is None else PublicUrl(settings, installation, f"{slot}-{self.epoch}")
        self._reached: Micros | None = None  # when the newest successful probe began
        # Why synthetic pings do not get through the public URL, once people are told; empty: they do, or may soon.
        self.public_fault = ""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def unreachable_since(self) -> Micros | None:
        """Since when synthetic pings through the public URL have been failing."""
        return self._untold.unreachable_since

    @unreachable_since.setter
    def unreachable_since(self, since: Micros | None) -> None:
        self._untold.unreachable_since = since

    # What the ping application tells.

    @property
    def in_flight(self) -> int:
        """Pings received and not yet answered."""
        return len(self._in_flight)

    def receive(self) -> tuple[int, Micros]:
        """Stamp a ping whose body is complete. It holds the source's time back until `answered` with its number.

        Pings that are handed to the sink in the order of receiving stand in the log in the order of their stamps as
        long as `by` is the same: it changes when the clock is set back, and with the sink's producer. No two have one
        stamp, however coarse the clock is.
        """
        number = self._received = self._received + 1
        at = self._clock.now()
        if at <= self._stamped:
            if at > self._stamped - _COARSE:
                at = self._stamped + 1
            else:
                self.by += 1
        if self._generation != self._sink.generation:
            self._generation = self._sink.generation
            self.by += 1
        self._stamped = self._in_flight[number] = at
        return number, at

    def answered(self, number: int) -> None:
        """The ping is acknowledged, ignored or refused."""
        del self._in_flight[number]
        if self._closing and not self._in_flight:
            self._idle.set()

    def backlog(self) -> Backlog:
        """Of a request with many pings that has just begun. Our time waits for what it says has come."""
        return Backlog(asyncio.get_running_loop().time, self._backlogs)

    def came(self, backlog: Backlog | None) -> Micros:
        """Since when a ping may have been there that is judged now. backlog: of its request, if it has many."""
        now = self._clock.now()
        return now if backlog is None else backlog.came(now)

    def precede(self, check: str, at: Micros) -> None:
        """Call before a ping of `check` stamped `at` is handed to the sink: its partition's time is near, ahead of it.

        Both go through the same producer, so they stand in the log in this order. Raises `NotStored` when the sink is
        full, as it would be for the ping.
        """
        if not self._ticking.is_near(at):  # else the hash of the key is not needed, which costs more than all of this
            self._ticking.precede(self.partition_of(check), at)

    def partition_of(self, check: str) -> int:
        """The partition of a check's pings."""
        return partition_of(check.encode(), self.partitions)

    def acknowledge(self, position: Position) -> None:
        """Note where an acknowledged ping stands, for reads after it."""
        if position.offset > self.acked[position.partition]:
            self.acked[position.partition] = position.offset

    def refuse(self, partition: int | None, since: Micros | None = None) -> None:
        """A ping of this partition (None: of any) is answered 503. Told in every tick until one is acknowledged."""
        self._untold.refuse(partition, self._clock.now() if since is None else since)

    def refuse_check(self, check: str | None) -> None:
        """A ping of this check (None: of any) is answered 503."""
        self.refuse(None if check is None else self.partition_of(check))

    def prove(self, name: str) -> str | None:
        """The answer to the synthetic ping `name` of any process; None when a ping would not get into the log here."""
        if self._installation is None or not self._ticking.leads_to_the_log:
            return None
        return proof_of(self._installation, name)

    # Life.

    async def begin(self) -> None:
        """Have the first tick acknowledged in every partition, and go on ticking. Raises `NotStored` if Kafka cannot.

        Until the public URL has answered for the first time pings may be refused, unless another process serves it.
        """
        if self._public is not None and await self._probe(self._public, first=True):
            self.unreachable_since = self._clock.now()
        deadline = time.monotonic() + _BEGIN_SECONDS
        while failed := [error for error in await self._ticking.everywhere() if error is not None]:
            if time.monotonic() > deadline:
                raise NotStored(f"the first tick of source {self.slot} is not acknowledged: {failed[0]}")
            await asyncio.sleep(0.2)
        self._ticking.begun()
        self._tasks.append(vital(self._keep_ticking(), name="source-ticks"))
        if self._public is not None:
            self._tasks.append(vital(self._keep_probing(self._public), name="source-probes"))

    async def close(self) -> None:
        """Wait for the pings in flight and append the closing tick. Without it our end will count as a loss."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._public is not None:
            self._public.close()
        LIVENESS.end(self._reports)
        self._closing = True
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                if self._in_flight:
                    await self._idle.wait()
                failed = [error for error in await self._ticking.everywhere(closing=True) if error is not None]
                if not failed and (last := self._ticking.closed()) is not None:
                    await last
        except TimeoutError:
            failed = [NotStored(f"not within {_CLOSE_SECONDS:.0f} s")]
        if failed:
            log.warning("source.not_closed", error=str(failed[0]), in_flight=len(self._in_flight))

    # Ticks.

    def _watermark(self, now: Micros) -> Micros:
        oldest = next(iter(self._in_flight.values()), now)
        return min([oldest, *(backlog.since(now) for backlog in self._backlogs)])

    async def _keep_ticking(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + TICK_SECONDS, loop.time())
            await asyncio.sleep(due - loop.time())
            if not self._disk.may_tick:  # no pings are taken, either: when there is room the silence becomes a gap
                self._reports.beat()
                continue
            try:
                self._ticking.where_needed().add_done_callback(note_failures)
            except Exception:
                log.exception("source.tick_failed")

    # Synthetic pings.

    async def _keep_probing(self, public: PublicUrl) -> None:
        pause, patient_until = _PROBE_AGAIN_SECONDS, time.monotonic() + _FIRST_PATIENCE_SECONDS
        while True:
            self._ticking.stored.clear()
            with contextlib.suppress(TimeoutError):  # when the log is back, pings may get through again
                async with asyncio.timeout(PROBE_SECONDS if self.unreachable_since is None else pause):
                    await self._ticking.stored.wait()
            began = self._clock.now()
            fault = await self._probe(public)
            metrics.reachable(not fault)
            if not fault and self.unreachable_since is not None:
                log.info("source.reachable", url=public.url)
                self.unreachable_since, pause, self.public_fault = None, _PROBE_AGAIN_SECONDS, ""
                with contextlib.suppress(Exception):
                    self._ticking.everywhere()  # at once, so that the gap ends here
            elif fault:
                pause = min(pause * 1.5, PROBE_SECONDS)
                if self.unreachable_since is None:
                    # Since the last one that did get through, anybody's ping may have been lost.
                    self.unreachable_since = began if self._reached is None else min(began, self._reached)
                if self._reached is not None or time.monotonic() >= patient_until:
                    if not self.public_fault:
                        log.warning("source.unreachable", url=public.url, reason=fault)
                    self.public_fault = fault

    async def _probe(self, public: PublicUrl, first: bool = False) -> str:
        """Why a ping of ours does not get through the public URL, empty when it does; by a connection of its own."""
        began = self._clock.now()
        fault = await public.probe(first)
        if not fault:
            self._reached = began
        return fault
