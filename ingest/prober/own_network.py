"""The network of a prober's own region: while it is out nothing that it finds failing is told against a target.

A prober that finds its region in trouble (`region_watch`) says so to every partition of `probe-results`, at once and
again every 10 s, and says it when that is over. From its finding on it reports what fails for reasons of the network as
`ours`, so that nothing counts before the fold disregards the region; and what began before the end of the trouble, so
that nothing counts after it.
"""

import asyncio
from collections.abc import Callable

import structlog
from msgspec.structs import replace

from infra.log.sink import NotStored, Position
from ingest.clock import Clock
from ingest.needs import Log
from ingest.prober import measures
from ingest.prober.hosts import host_of
from ingest.prober.region_watch import RegionWatch
from schemas.base import encode
from schemas.monitors import Monitor
from schemas.probes import OF_THE_NETWORK, ProbeCompleted, RegionTroubled, RegionWell
from schemas.topics import PROBE_RESULTS

log = structlog.get_logger(__name__)

_REPEAT_SECONDS = 10.0
# What such a result says of the network is nothing: no probe was made.
_NO_PROBE = frozenset({"ours", "refused target"})


class OwnNetwork:
    """To be used inside a running event loop. monotonic: what the results are dated by here."""

    def __init__(self, region: str, sink: Log, clock: Clock, partitions: int, monotonic: Callable[[], float]) -> None:
        self._region, self._sink, self._clock = region, sink, clock
        self._partitions, self._monotonic = partitions, monotonic
        self._watch = RegionWatch()
        self._said_at: float | None = None
        self._out_until = 0.0
        measures.troubled(region, False)

    def judge(self, monitor: Monitor, result: ProbeCompleted, began: float) -> ProbeCompleted:
        """The result, of a probe that began then, as it is to be told."""
        if result.failure in _NO_PROBE:
            return result
        failing = _is_of_the_network(result)
        if not result.confirm:
            self._watch.saw(host_of(monitor), result.address, failing, self._monotonic())
            self._say()
        if failing and (self._watch.troubled or began < self._out_until):
            return replace(result, failure="ours", detail="the network of this region is out")
        return result

    def beat(self) -> None:
        """To be called often."""
        if self._watch.troubled:
            self._watch.look(self._monotonic())
            self._say()

    def _say(self) -> None:
        watch, now = self._watch, self._monotonic()
        if not watch.troubled:
            if self._said_at is not None:
                self._said_at, self._out_until = None, now
                log.warning("prober.region_well", region=self._region)
                measures.troubled(self._region, False)
                self._broadcast(RegionWell(region=self._region, at=self._clock.now()))
        elif self._said_at is None or now - self._said_at >= _REPEAT_SECONDS:
            self._said_at = now
            log.warning("prober.region_troubled", region=self._region, failing=watch.failing, hosts=watch.hosts)
            measures.troubled(self._region, True)
            at = self._clock.now()
            self._broadcast(RegionTroubled(region=self._region, at=at, failing=watch.failing, hosts=watch.hosts))

    def _broadcast(self, event: RegionTroubled | RegionWell) -> None:
        value = encode(event)
        try:
            for partition in range(self._partitions):
                self._sink.put(PROBE_RESULTS, self._region, value, partition).add_done_callback(_settled)
        except NotStored as error:
            log.warning("prober.region_not_stored", error=str(error))


def _is_of_the_network(result: ProbeCompleted) -> bool:
    """Whether a probe failed as all would without a network; one that was connected ran out of time elsewhere."""
    return result.failure in OF_THE_NETWORK and result.phases.connect is None


def _settled(stored: asyncio.Future[Position]) -> None:
    if not stored.cancelled() and (error := stored.exception()) is not None:
        log.warning("prober.region_not_stored", error=str(error))
