"""Ticks and heartbeats of a source: which partition needs a tick now, and its contents.

The contract:

- With `peers` the source appends a heartbeat each second, and ticks only to partitions that need one: a deadline may be
  due (`dues`), something is not reported yet, the test clock has stepped, another source is silent, this source has
  just started, or the last tick is older than `SELDOM_SECONDS`. Without `peers` it appends a tick to every partition
  each second, and no heartbeats.
- A heartbeat is a low watermark, like a tick: its `at` is before every unanswered ping and every unreported gap.
- A silence is reported to every partition in its very next tick, whatever the reason of that tick. A silence is a time
  of more than 2 s between heartbeats (the process was frozen), or heartbeats that are not in the log or do not count.
- A tick does not count if Kafka appended it more than `CLOCK_BOUND` before or after its creation by this clock. Its
  contents are reported again. While heartbeats of this source do not count, ticks would not either, and are rare.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from infra.clock import AdjustedClock
from infra.log.ports import DueTimes, LogWriter
from infra.log.sink import NotStored, Position
from ingest.ping.other_sources import ROLE, OtherSources
from ingest.ping.unreported import UnreportedGaps
from schemas.base import SECOND, Micros, encode
from schemas.ticks import CLOCK_BOUND, SELDOM_SECONDS, Heartbeat, Relayed, Tick, ahead_of_kafka
from schemas.topics import HEARTBEATS, PINGS

log = structlog.get_logger(__name__)

# So long after the start every partition is ticked in each round: what was before us is retired meanwhile.
EAGER_SECONDS = 70.0
_SILENT: Micros = 2 * SECOND
# A process of which nothing has been acknowledged for so long does not lead to the log.
_LOG_SECONDS = 10.0
# A ping whose stamp is further than this from the newest tick of its partition has a tick put before it. A little more
# than the time from tick to tick, so that a late round does not make each ping cost a tick of its own.
_NEAR: Micros = SECOND + SECOND // 4

Ends = asyncio.Future[list[BaseException | None]]


class Ticking:
    """Of the source `slot` and `epoch`. `watermark`: the receipt time of the oldest ping not yet answered, or `now`.

    reported: called with every report of the sink.
    untold: what the partitions have to be told. stored: set by what is acknowledged first after a while without.
    """

    def __init__(
        self,
        slot: str,
        epoch: int,
        partitions: int,
        clock: AdjustedClock,
        sink: LogWriter,
        watermark: Callable[[Micros], Micros],
        dues: DueTimes | None = None,
        peers: OtherSources | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        reported: Callable[[], None] = lambda: None,
    ) -> None:
        self._reported = reported
        self._monotonic = monotonic
        self._slot, self._epoch, self._partitions = slot, epoch, partitions
        self._clock, self._sink, self._watermark = clock, sink, watermark
        self._dues, self._peers = dues, peers
        self.untold = UnreportedGaps(partitions)
        self.stored = asyncio.Event()
        self._stored_at = -_LOG_SECONDS  # by the monotonic clock, as all that follows
        self._began_at: float | None = None
        # What the newest tick of each partition told as now; 0 before the first.
        self._told_now: list[Micros] = [0] * partitions
        # A ping stamped between these is near the newest tick of every partition, whichever its own is.
        self._near: tuple[Micros, Micros] = (0, 0)
        # When Kafka took the newest tick of each partition, and the offset of the test clock that it told.
        self._ticked: list[tuple[float, Micros] | None] = [None] * partitions
        # The newest heartbeat that was made: real time, and its `at`; the `at` of the newest that is in the log.
        self._made: tuple[Micros, Micros] | None = None
        self._kept: Micros | None = None
        self._lost = False
        self._counts = True  # what our clock says, by that heartbeat
        self._set_back = clock.set_back

    @property
    def leads_to_the_log(self) -> bool:
        """Whether anything of ours was acknowledged a moment ago."""
        return self._monotonic() - self._stored_at <= _LOG_SECONDS

    def begun(self) -> None:
        """The first tick is everywhere."""
        self._began_at = self._monotonic()
        self._beat()

    def everywhere(self, closing: bool = False) -> Ends:
        """Append a tick to every partition now; the future tells how each ended and never fails."""
        self._open_round()
        return asyncio.gather(*(self._try(partition, closing) for partition in range(self._partitions)))

    def closed(self) -> "asyncio.Future[BaseException | None] | None":
        """The closing tick is everywhere: the last heartbeat says so."""
        return self._beat(closing=True)

    def where_needed(self) -> Ends:
        """A round: a heartbeat, and ticks where they are needed."""
        self._open_round()
        self._beat()
        now, beat = self._clock.now(), self._monotonic()
        all_of_them = self._counts and self._are_all_needed(beat)
        needed = [number for number in range(self._partitions) if all_of_them or self._is_needed(number, now, beat)]
        return asyncio.gather(*(self._try(partition, False) for partition in needed))

    def is_near(self, at: Micros) -> bool:
        """Whether `precede` has nothing to do, whatever the partition. Without a look at each of them."""
        first, last = self._near
        return first <= at <= last

    def precede(self, partition: int, at: Micros) -> None:
        """See `Source.precede`."""
        told = self._told_now[partition]
        if told and abs(at - told) > _NEAR:
            self._append(partition, False).add_done_callback(_note_failure)

    def _open_round(self) -> None:
        self._clock.refresh()
        if by := self._clock.set_back - self._set_back:
            self._set_back += by
            self.untold.set_back(by, self._clock.now())
        self.untold.round += 1
        self._look_for_silence()

    def _are_all_needed(self, beat: float) -> bool:
        peers = self._peers
        if peers is None or self._began_at is None or beat - self._began_at < EAGER_SECONDS:
            return True
        return not peers.is_followed or peers.is_one_silent()

    def _is_needed(self, partition: int, now: Micros, beat: float) -> bool:
        ticked = self._ticked[partition]
        if ticked is None or beat - ticked[0] >= SELDOM_SECONDS or ticked[1] != self._clock.offset:
            return True
        if not self._counts:
            return False
        due = None if self._dues is None else self._dues.due(PINGS, partition)
        return due is None or due <= now or self.untold.is_there(partition)

    # One of them.

    def _try(self, partition: int, closing: bool) -> "asyncio.Future[BaseException | None]":
        try:
            return self._append(partition, closing)
        except NotStored as error:
            failed: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
            failed.set_result(error)
            return failed

    def _append(self, partition: int, closing: bool) -> "asyncio.Future[BaseException | None]":
        """Append a tick to one partition; the future tells how it ended. Raises `NotStored` when the sink is full."""
        self._look_for_silence()
        now, offset, round, untold = self._clock.now(), self._clock.offset, self.untold.round, self.untold
        unreachable, beat = untold.unreachable_since, self._monotonic()
        tick = Tick(
            slot=self._slot,
            epoch=self._epoch,
            at=min(now, self._watermark(now)),
            now=now,
            offset=offset,
            closing=closing,
            refused_since=untold.refused(partition),
            unreachable_since=unreachable,
            beats=self._peers is not None,
            silent_since=untold.silent(partition),
            heard=() if self._peers is None else self._heard(self._peers),
        )

        def stored(position: Position) -> None:
            self._ticked[partition] = beat, offset
            if _counts(tick, position):
                untold.stored(partition, round, unreachable)

        ended = self._put(PINGS.name, None, encode(tick), partition, stored)
        self._told_now[partition] = now
        self._near = max(self._told_now) - _NEAR, min(self._told_now) + _NEAR
        return ended

    def _heard(self, peers: OtherSources) -> tuple[Relayed, ...]:
        before = peers.predecessor(self._epoch) if self._began_at is None else None
        return peers.others() if before is None else (before, *peers.others())

    def _beat(self, closing: bool = False) -> "asyncio.Future[BaseException | None] | None":
        """Append a heartbeat; None when the sink is full, or when there are none."""
        if self._peers is None:
            return None
        now, offset = self._clock.now(), self._clock.offset
        at = min(now, self._watermark(now), self.untold.oldest() or now)
        beat = Heartbeat(role=ROLE, slot=self._slot, epoch=self._epoch, at=at, now=now, offset=offset, closing=closing)
        self._made = now - offset, at

        def stored(position: Position) -> None:
            counted, self._counts = self._counts, _counts(beat, position)
            if not self._counts:
                self._lost = True
                return
            self._kept, self._lost = at, False
            if not counted:  # every partition is to know soon
                self._ticked = [None] * self._partitions

        with contextlib.suppress(NotStored):
            ended = self._put(HEARTBEATS.name, self._slot, encode(beat), 0, stored)
            ended.add_done_callback(self._look_for_loss)
            return ended
        self._lost = True
        return None

    def _look_for_loss(self, ended: "asyncio.Future[BaseException | None]") -> None:
        if ended.result() is not None:
            self._lost = True

    def _look_for_silence(self) -> None:
        """To be called before a tick is made."""
        if self._made is None:
            return
        real, at = self._made
        if self._clock.now() - self._clock.offset - real > _SILENT:
            if self._kept is not None:
                at = min(at, self._kept) if self._counts else self._kept
            self.untold.be_silent(at)
        elif self._lost and self._kept is not None:
            self.untold.be_silent(self._kept)

    def _put(
        self, topic: str, key: str | None, value: bytes, partition: int, then: Callable[[Position], None]
    ) -> "asyncio.Future[BaseException | None]":
        ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

        def settle(stored: "asyncio.Future[Position]") -> None:
            # Stored or not: a producer that no longer reports at all is one that hangs.
            self._reported()
            error = asyncio.CancelledError() if stored.cancelled() else stored.exception()
            if error is None:
                self._note_stored()
                then(stored.result())
            if not ended.done():
                ended.set_result(error)

        self._sink.put(topic, key, value, partition).add_done_callback(settle)
        return ended

    def _note_stored(self) -> None:
        if not self.leads_to_the_log:
            self.stored.set()
        self._stored_at = self._monotonic()


def _counts(told: Tick | Heartbeat, position: Position) -> bool:
    return abs(ahead_of_kafka(told, position.appended)) <= CLOCK_BOUND


def note_failures(ended: Ends) -> None:
    """Say in the log which ticks are not."""
    failed = [] if ended.cancelled() else [error for error in ended.result() if error is not None]
    if failed:
        log.warning("source.tick_not_stored", partitions=len(failed), error=str(failed[0]))


def _note_failure(ended: "asyncio.Future[BaseException | None]") -> None:
    if (error := ended.result()) is not None:
        log.warning("source.tick_not_stored", partitions=1, error=str(error))
