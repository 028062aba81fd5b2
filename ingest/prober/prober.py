"""The prober: one process of a region. Probes its share of the monitors, slot by slot, and appends each result.

- Slots come from the definition alone, confirmations from the state (`schemas.slots`), so probing goes on while nothing
  folds. A slot that was missed is not made up for: the fold notices that it stayed empty.
- The time of day says what is due. When it is set back, everything is planned anew. While our clock is known to be
  wrong nothing is probed: such results would count for nothing, or be dated ahead of everything.
"""

import asyncio
import heapq
import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from infra.clock import AdjustedClock
from infra.disk import Disk
from infra.log.ports import MeasuredLogWriter
from infra.secrets.secrets import Decrypts, SecretError, of_monitor
from ingest.prober import metrics
from ingest.prober.domains.expiry import Domains
from ingest.prober.probes.connection import Connector
from ingest.prober.region.controls import Control
from ingest.prober.running_probes import RunningProbes
from schemas.base import SECOND, Micros
from schemas.certificates import RETRY, certificate_place, next_test
from schemas.monitor_states import VALIDITY, MonitorCopy, MonitorState, MonitorStatesRecord, PendingChange, Validity
from schemas.monitors import Monitor, Sealed
from schemas.origins import may_be_sent_to
from schemas.slots import confirming_region, first_slot, region_of, step
from schemas.ticks import Progress

log = structlog.get_logger(__name__)

# The loop looks at the clock this often: a test moves it, and its silence tells of a standstill.
_BEAT = 0.25
# Slots closer together than this begin in one turn of the loop.
_TURN = 0.002
# In the queue, in place of the number of a confirmation: the slot in which a definition began to count.
_FIRST = -1
# A test of the certificate.
_TEST = -2

_record = msgspec.json.Decoder(MonitorStatesRecord).decode
_sealed = msgspec.json.Decoder(Sealed).decode


class _Watched:
    """A monitor of ours. `due`: its next slot; `asked`: slot and number of what was begun last out of turn.
    `test`, `tested`: the slots in which its certificate is tested next, and was tested last."""

    __slots__ = ("asked", "due", "monitor", "sealed", "state", "test", "tested", "validity")

    def __init__(self) -> None:
        self.monitor: Monitor | None = None
        self.state: MonitorState | None = None
        self.sealed: Sealed | None = None
        self.due: Micros = 0
        self.asked = (0, 0)
        self.validity: Validity | None = None
        self.test: Micros = 0
        self.tested: Micros = 0


class Prober:
    """To be made inside a running event loop.

    decrypt: opens what is sealed in a definition. most: probes under way at once.
    monotonic: what a standstill of this process is seen by, and the age of what was found. domains: None when nobody is
    to be asked when they expire. disk: where Kafka writes, if that is on this machine. controls: what tells whether the
    own network is there.
    """

    def __init__(
        self,
        region: str,
        connector: Connector,
        sink: MeasuredLogWriter,
        clock: AdjustedClock,
        decrypt: Decrypts,
        most: int = 4_096,
        monotonic: Callable[[], float] = time.monotonic,
        domains: Domains | None = None,
        disk: Disk | None = None,
        controls: Sequence[Control] = (),
    ) -> None:
        self._region, self._clock, self._decrypt = region, clock, decrypt
        self._running = RunningProbes(
            region, connector, sink, clock, lambda: self._known, most, monotonic, domains, disk, controls
        )
        self._known: dict[int, dict[str, _Watched]] = {}
        self._whole: set[int] = set()
        # (when, monitor, partition, confirmation): lazy, a watched monitor says itself whether an entry still counts.
        self._queue: list[tuple[Micros, str, int, int]] = []
        self._turned_at = clock.now()
        self._wake: asyncio.Future[None] | None = None

    # ---- what the assignment tells

    def heard(self, partition: int, records: list[tuple[str, bytes | None]]) -> None:
        """New records of `monitor-states`."""
        known = self._known.setdefault(partition, {})
        for key, value in records:
            kind, _, id = key.rpartition("/")
            if value is None:
                if kind == "definition":
                    known.pop(id, None)
                elif kind == VALIDITY and id in known:
                    known[id].validity = None
                    self._plan_test(partition, known[id])
                continue
            try:
                record = _record(value)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                log.warning("prober.skipped", key=key)
                continue
            match record:
                case MonitorCopy(monitor=monitor):
                    self._define(known, monitor)
                    self._plan(partition, known[monitor.id])
                    self._plan_test(partition, known[monitor.id])
                case MonitorState():  # in one transaction it may stand before the definition that it belongs to
                    watched = known.setdefault(key, _Watched())
                    is_other = watched.state is None or watched.state.begun != record.begun
                    watched.state = record
                    self._plan(partition, watched)
                    if is_other:
                        self._plan_test(partition, watched)
                case Validity():
                    watched = known.setdefault(id, _Watched())
                    watched.validity = record
                    self._plan_test(partition, watched)
                case Progress():
                    pass

    def whole(self, partition: int) -> None:
        """All that is there of a partition has been heard."""
        if partition in self._whole:
            return
        self._whole.add(partition)
        for watched in self._known.setdefault(partition, {}).values():
            self._plan(partition, watched)
            self._plan_test(partition, watched)
        log.info("prober.taken", partition=partition, monitors=len(self._known[partition]))

    def lost(self, partition: int) -> None:
        """A partition is no longer ours."""
        self._whole.discard(partition)
        self._known.pop(partition, None)

    def _define(self, known: dict[str, _Watched], monitor: Monitor) -> None:
        watched = known.setdefault(monitor.id, _Watched())
        watched.monitor, watched.due = monitor, 0
        try:
            watched.sealed = self._opened(monitor)
        except (SecretError, msgspec.MsgspecError) as error:
            watched.sealed = None
            log.error("prober.sealed", monitor=monitor.id, error=str(error))

    def _opened(self, monitor: Monitor) -> Sealed:
        if not (stored := monitor.target.sealed):
            return Sealed()
        sealed = _sealed(self._decrypt(stored, of_monitor(monitor.id)))
        if sealed.origin and not may_be_sent_to(sealed.origin, monitor.target.url):
            raise SecretError("what is sealed was given for another origin than the URL's")
        return sealed

    # ---- what is due

    def _plan(self, partition: int, watched: _Watched) -> None:
        """Queue what a monitor is due for next."""
        monitor, state = watched.monitor, watched.state
        if monitor is None or partition not in self._whole:
            return
        if monitor.paused or self._region not in monitor.probed_from:
            return
        now = self._clock.now()
        if state is not None and state.version == monitor.version:
            self._plan_first(partition, watched, monitor, state, now)
            self._plan_confirmation(partition, watched, monitor, state.pending_change)
        if watched.due <= now:
            watched.due = self._next_slot(monitor, now)
            self._push(watched.due, monitor.id, partition, 0)

    def _plan_first(
        self, partition: int, watched: _Watched, monitor: Monitor, state: MonitorState, now: Micros
    ) -> None:
        """The moment of a definition is a slot; it is not waited for."""
        begun = state.begun
        fresh = not state.seen and now < begun + step(monitor)
        if not fresh or watched.asked == (begun, 0) or region_of(monitor, begun) != self._region:
            return
        if now < begun:  # by the clock of whoever defined it
            self._push(begun, monitor.id, partition, _FIRST)
            return
        watched.asked = (begun, 0)
        self._running.begin(monitor, watched.sealed, begun, 0, state)

    def _plan_confirmation(
        self, partition: int, watched: _Watched, monitor: Monitor, change: PendingChange | None
    ) -> None:
        if change is None or watched.asked == (change.since, change.asked):
            return
        if confirming_region(monitor, change.region, change.asked) == self._region:
            self._push(change.asked_at, monitor.id, partition, change.asked)

    def _plan_test(self, partition: int, watched: _Watched, after: Micros | None = None) -> None:
        """Queue the next test of a certificate; of those that are later than `after`, where one was begun then."""
        monitor, state, validity = watched.monitor, watched.state, watched.validity
        if monitor is None or state is None or partition not in self._whole or state.version != monitor.version:
            return
        if monitor.paused or certificate_place(monitor) is None:
            return
        due, turn = (0, 0) if validity is None else (validity.due, validity.turn)
        now = self._clock.now() if after is None else max(self._clock.now(), after + RETRY)
        slot = next_test(monitor, due or state.begun, turn, self._region, now)
        if slot is None or slot in (watched.test, watched.tested):
            return
        watched.test = slot
        self._push(slot, monitor.id, partition, _TEST)

    def _next_slot(self, monitor: Monitor, after: Micros) -> Micros:
        slot = first_slot(monitor, after)
        while region_of(monitor, slot) != self._region:
            slot += step(monitor)
        return slot

    def _push(self, at: Micros, id: str, partition: int, confirm: int) -> None:
        heapq.heappush(self._queue, (at, id, partition, confirm))
        if self._queue[0][0] == at:
            self._wake_up()

    async def run(self, stop: asyncio.Event) -> None:
        """Probe until `stop` is set; then let what is under way end."""
        loop = asyncio.get_running_loop()
        ending = asyncio.ensure_future(stop.wait())
        ending.add_done_callback(lambda _: self._wake_up())
        while not stop.is_set():
            pause = self.turn()
            self._wake = loop.create_future()
            timer = loop.call_later(pause, self._wake_up)
            await self._wake
            timer.cancel()
        await self._running.end()

    def turn(self) -> float:
        """Begin what is due. Returns the seconds until the next turn."""
        self._running.beat()
        self._clock.refresh()
        now = self._clock.now()
        if now < self._turned_at - SECOND:
            self._plan_anew()
        self._turned_at = now
        while self._queue and self._queue[0][0] <= now:
            self._due(*heapq.heappop(self._queue), now)
        return _BEAT if not self._queue else min(_BEAT, max(_TURN, (self._queue[0][0] - now) / SECOND))

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _plan_anew(self) -> None:
        log.warning("prober.clock_set_back")
        self._queue.clear()
        for partition in self._whole:
            for watched in self._known[partition].values():
                watched.due = watched.test = 0
                self._plan(partition, watched)
                self._plan_test(partition, watched)

    def _due(self, at: Micros, id: str, partition: int, confirm: int, now: Micros) -> None:
        watched = self._known.get(partition, {}).get(id)
        if watched is None or partition not in self._whole or watched.monitor is None or watched.monitor.paused:
            return
        monitor = watched.monitor
        if confirm == _FIRST:
            if watched.state is not None and watched.state.version == monitor.version:
                self._plan_first(partition, watched, monitor, watched.state, now)
            return
        if confirm == _TEST:
            if watched.test == at:  # nothing else has been heard since
                watched.tested = at
                self._running.begin_test(monitor, at, watched.sealed)
                self._plan_test(partition, watched, at)
            return
        if confirm:
            change = watched.state.pending_change if watched.state is not None else None
            # An entry may be of a former change: then this one is asked for later.
            is_due = change is not None and change.asked == confirm and change.asked_at <= at
            if change is not None and is_due and watched.asked != (change.since, confirm):
                watched.asked = (change.since, confirm)
                self._running.begin(monitor, watched.sealed, change.since, confirm, watched.state)
            return
        if watched.due != at:  # another definition has been heard since
            return
        watched.due = self._next_slot(monitor, now)
        if now - at < step(monitor):
            metrics.started(now - at)
            self._running.begin(monitor, watched.sealed, at, 0, watched.state)
        else:
            metrics.missed((watched.due - at) // (step(monitor) * len(monitor.probed_from)))
        self._push(watched.due, id, partition, 0)
