"""Runs the probes that are due concurrently, each within its own time limit, and appends their results.

- No project can take all capacity: it may have as many running probes as could still be started, so other projects
  always find capacity. A probe without capacity gets the result `prober_error`.
- After this process was frozen or starved, failures of probes that were running do not count: they are `prober_error`.
- Failures during an outage of the region's own network are `prober_error` too; see `own_network`.
- Tests of certificates run beside the probes, within the same capacity. What a registry says of a domain is told once a
  day, by the region whose day it is.
- A target that may not be probed is not probed; its result says so and does not count as a failure.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog
from msgspec.structs import replace

from infra.clock import AdjustedClock
from infra.clock_skew.reports import may_probe
from infra.disk import Disk
from infra.log.ports import MeasuredLogWriter
from infra.log.sink import NotStored
from ingest.prober import metrics
from ingest.prober.domains.expiry import Domains
from ingest.prober.probes.certificate import inspect_certificate
from ingest.prober.probes.connection import Connector
from ingest.prober.probes.kinds import probe
from ingest.prober.probes.outcome import Trace
from ingest.prober.region.controls import Control
from ingest.prober.region.own_network import OwnNetwork
from schemas.base import Fact, Micros, encode
from schemas.certificates import region_of_day
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor, Sealed
from schemas.probes import DomainTested, ProbeCompleted
from schemas.topics import PROBE_RESULTS

log = structlog.get_logger(__name__)

STANDSTILL = 0.75
_ENDING_SECONDS = 3.0
_TELLING_SECONDS = 1.0


class RunningProbes:
    """To be made inside a running event loop. most: probes under way at once. monotonic: tells of a standstill.

    domains: None when nobody is to be asked when they expire. disk: where Kafka writes, if that is on this machine.
    controls: what tells whether the own network is there.
    """

    def __init__(
        self,
        region: str,
        connector: Connector,
        sink: MeasuredLogWriter,
        clock: AdjustedClock,
        partitions: Callable[[], Iterable[int]],
        most: int,
        monotonic: Callable[[], float],
        domains: Domains | None = None,
        disk: Disk | None = None,
        controls: Sequence[Control] = (),
    ) -> None:
        self._region, self._connector, self._sink, self._clock = region, connector, sink, clock
        self._domains, self._disk = domains, disk
        self._most, self._monotonic = most, monotonic
        self._network = OwnNetwork(region, sink, clock, partitions, monotonic, controls)
        self._beat_at = monotonic()
        self._stood_until = 0.0
        self._under_way = 0
        self._of_project: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def beat(self) -> None:
        """To be called often: its silence tells of a standstill."""
        now = self._monotonic()
        if now - self._beat_at > STANDSTILL:
            self._stood_until = now
            log.warning("prober.stood_still", seconds=round(now - self._beat_at, 1))
            self._network.stood_still(now - self._beat_at)
        self._beat_at = now
        self._network.beat()

    def begin(
        self, monitor: Monitor, sealed: Sealed | None, slot: Micros, confirm: int, state: MonitorState | None = None
    ) -> None:
        """Probe `monitor` and append the result. `sealed` None: what is sealed cannot be read. `state`: as far as it is
        known; that it is in maintenance the result tells. Nothing is probed while Kafka has no room for results, nor
        while our clock is known to be so wrong that they would not count."""
        project = monitor.project
        if (self._disk is not None and not self._disk.has_room) or not may_probe(self._sink.skew):
            metrics.missed(1)
            return
        if sealed is None:
            work = self._refuse(monitor, slot, confirm, "what is sealed in this monitor cannot be read")
        elif self._of_project[project] >= self._most - self._under_way:
            work = self._refuse(monitor, slot, confirm, "too many probes are under way")
        else:
            weight = _weight(monitor)
            self._under_way += weight
            self._of_project[project] += weight
            work = self._probe(monitor, sealed, slot, confirm, state)
        self._start(work)

    def begin_test(self, monitor: Monitor, slot: Micros, sealed: Sealed | None = None) -> None:
        """Test the certificate of `monitor` and append the result. Where a probe could not begin it is not tested: the
        test is made in a later slot. `sealed`: what its probes send, as far as it can be read."""
        is_full = self._of_project[monitor.project] >= self._most - self._under_way
        if (self._disk is not None and not self._disk.has_room) or not may_probe(self._sink.skew) or is_full:
            return
        self._under_way += 1
        self._of_project[monitor.project] += 1
        self._start(self._test(monitor, slot, sealed))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Give what is under way a moment to end."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_ENDING_SECONDS)
        await self._network.close()
        if self._tasks:  # what was held is told now
            await asyncio.wait(self._tasks, timeout=_TELLING_SECONDS)

    async def _probe(
        self, monitor: Monitor, sealed: Sealed, slot: Micros, confirm: int, state: MonitorState | None
    ) -> None:
        began, at, trace = self._monotonic(), max(slot, self._clock.now()), Trace()
        if state is not None and state.version == monitor.version:
            trace.verb, trace.down = state.verb, state.status == "down"
        try:
            result = await probe(self._connector, monitor, sealed, slot, confirm, self._region, at, trace)
        except Exception:
            log.exception("prober.failed", monitor=monitor.id)
            await self._refuse(monitor, slot, confirm, "this prober failed")
            return
        finally:
            self._leave(monitor.project, _weight(monitor))
        if not result.ok and (self._stood_until > began or self._monotonic() - self._beat_at > STANDSTILL):
            result = replace(result, failure="prober_error", detail="this prober stood still")
        # A target that answered, and leads to what may not be probed, has a status: that is a fault of its own.
        if result.failure == "refused target" and result.status is None:
            result = replace(result, failure="prober_error")
        if self._domains is not None and (expires := self._domains.expires(monitor)) is not None:
            result = replace(result, domain_expires=expires)
            if region_of_day(monitor, at) == self._region and self._domains.is_news(monitor):
                await self._append(monitor, self._domain_fact(monitor, at, expires))
        if state is not None and state.maintained and not confirm:
            result = replace(result, maintenance=True)
        answered = None
        if trace.answered is not None:
            answered = self._monotonic() - (time.perf_counter_ns() - trace.answered) / 1e9
        was_up = state is not None and state.status == "up"
        await self._report(monitor, await self._network.judge(result, began, answered, was_up))

    async def _test(self, monitor: Monitor, slot: Micros, sealed: Sealed | None) -> None:
        began = self._monotonic()
        try:
            at = max(slot, self._clock.now())
            result = await inspect_certificate(self._connector, monitor, slot, self._region, at, sealed)
        except Exception:
            log.exception("prober.test_failed", monitor=monitor.id)
            return
        finally:
            self._leave(monitor.project, 1)
        if result.valid is None and self._stood_until > began:
            return  # this prober stood still: another slot tells more
        await self._append(monitor, result)

    def _domain_fact(self, monitor: Monitor, at: Micros, expires: Micros) -> DomainTested:
        return DomainTested(region=self._region, at=at, expires=expires, source="RDAP", version=monitor.version)

    def _leave(self, project: str, weight: int) -> None:
        self._under_way -= weight
        self._of_project[project] -= weight
        if not self._of_project[project]:
            del self._of_project[project]

    async def _refuse(self, monitor: Monitor, slot: Micros, confirm: int, why: str) -> None:
        at = max(slot, self._clock.now())
        result = ProbeCompleted(
            slot=slot,
            confirm=confirm,
            region=self._region,
            at=at,
            took=0,
            ok=False,
            version=monitor.version,
            failure="prober_error",
            detail=why,
        )
        await self._report(monitor, result)

    async def _report(self, monitor: Monitor, result: ProbeCompleted) -> None:
        metrics.completed(result)
        await self._append(monitor, result)

    async def _append(self, monitor: Monitor, fact: Fact) -> None:
        try:
            await self._sink.put(PROBE_RESULTS, monitor.id, encode(fact))
        except NotStored as error:
            log.warning("prober.not_stored", monitor=monitor.id, error=str(error))


def _weight(monitor: Monitor) -> int:
    """The connections that a probe has at once."""
    return 2 if monitor.target.families else 1
