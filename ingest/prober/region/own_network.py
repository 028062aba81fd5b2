"""Detects an outage of the prober's own network, during which failures do not count against targets.

The contract:

- A failure without any answer, which may be caused by the own network, is held back until something shows that the
  network worked after it: an answer of a target or of a control target (`watch` defines which count). Control targets
  are asked at once. If those that answered recently do not answer, the failure becomes a `prober_error`; so targets are
  safe in the first seconds of an outage too. A failure is held for `HELD` seconds at most, and not at all if no control
  target can be judged. One that is held when the prober is stopped becomes a `prober_error`: nobody knows any more.
- During an outage the prober appends `region.troubled` to the partitions of `probe-results` whose monitors it probes,
  at once and every 10 s; with the first answer it appends `region.well`. Probes that began before the end are
  `prober_error` too. Other probers of the region, which may run elsewhere, report for the other partitions.
- The same applies if nothing has answered since the prober's start and a monitor that was up is silent, as on a machine
  that boots before its network.
- Control targets are asked every 20 s, and every second during an outage.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network

import structlog
from msgspec.structs import replace

from infra.clock import Clock
from infra.egress.guard import inner_address
from infra.log.ports import LogWriter
from infra.log.sink import NotStored, Position
from ingest.prober import metrics
from ingest.prober.probes.dns import UNKNOWN
from ingest.prober.region.controls import PATIENCE, Control, ask
from ingest.prober.region.watch import RegionWatch
from schemas.base import SECOND, encode
from schemas.probes import ProbeCompleted, RegionTroubled, RegionWell
from schemas.topics import PROBE_RESULTS

log = structlog.get_logger(__name__)

_REPEAT_SECONDS = 10.0
_ASK_SECONDS = 20.0
_ASK_AGAIN_SECONDS = 1.0
# Between the beginnings of two rounds of questions at least.
_GAP_SECONDS = 0.5
# A round begins, and ends.
HELD = _GAP_SECONDS + PATIENCE + 0.5
# Such a result says nothing of the network: no probe was made.
_NO_PROBE = frozenset({"prober_error", "refused target"})


# Addresses that are nobody's in the internet: RFC 1918, 6598, 3927, 4193, 4291; this host's own.
_LOCAL = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)


@lru_cache(4_096)
def is_local(address: str) -> bool:
    """Whether an address lies within the local network. "": it is not known, and then not said."""
    if not address:
        return False
    found = inner_address(ip_address(address.partition("%")[0]))
    return any(found in network for network in _LOCAL)


class OwnNetwork:
    """To be used inside a running event loop. partitions: those whose monitors this prober has now. monotonic: what
    answers and failures are dated by here."""

    def __init__(
        self,
        region: str,
        sink: LogWriter,
        clock: Clock,
        partitions: Callable[[], Iterable[int]],
        monotonic: Callable[[], float],
        controls: Sequence[Control] = (),
    ) -> None:
        self._region, self._sink, self._clock = region, sink, clock
        self._partitions, self._monotonic = partitions, monotonic
        self._controls = controls
        self._watch = RegionWatch([control.beyond for control in controls])
        self._rounds: set[asyncio.Task[None]] = set()
        self._began = float("-inf")
        self._next: asyncio.TimerHandle | None = None
        # Failures that are held, the oldest first: when each was found, and who waits.
        self._held: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._said_at: float | None = None
        self._said_to: set[int] = set()
        self._was_out = False
        self._out_until = float("-inf")
        self._is_closed = False
        metrics.troubled(region, False)

    async def judge(
        self, result: ProbeCompleted, began: float, answered: float | None, was_up: bool = False
    ) -> ProbeCompleted:
        """The result, of a probe that began then, as it is to be told. answered: when the network last answered it.
        was_up: the monitor was up."""
        if result.failure in _NO_PROBE:
            return result
        if answered is not None:
            self._answered(began, answered, not is_local(result.address))
            if result.failure != "timeout":  # one that was connected may have lost the network since
                return result
        elif result.ok or (result.failure == "answer" and result.detail != UNKNOWN):
            return result  # so the resolver of this host says, which need not ask anybody
        must_wait = self._watch.out_since is None and self._watch.may_tell(now := self._monotonic())
        if must_wait and not await self._hold(now):
            return replace(result, failure="prober_error", detail="this prober was stopped before it knew more")
        if was_up:
            self._watch.was_well()
            self._look()
        if self._watch.out_since is not None:
            self._say()
        elif began >= self._out_until:
            return result
        return replace(result, failure="prober_error", detail="the network of this region is out")

    def beat(self) -> None:
        """To be called often."""
        if not self._controls:
            return
        if self._watch.out_since is not None and self._said_at is not None:
            self._say()
        pause = _ASK_SECONDS if self._watch.out_since is None else _ASK_AGAIN_SECONDS
        if self._monotonic() - self._began >= pause:
            self._ask()

    def stood_still(self, seconds: float) -> None:
        """This process did, for so long."""
        self._watch.stood_still(seconds)

    async def close(self) -> None:
        """Ask nobody any more, and hold nothing."""
        self._is_closed = True
        if self._next is not None:
            self._next.cancel()
        for asking in self._rounds:
            asking.cancel()
        if self._rounds:
            await asyncio.wait(self._rounds)
        self._release(float("inf"))

    # ---- what is held

    async def _hold(self, found: float) -> bool:
        """Until more is known of the network after `found`. False: the prober was stopped before."""
        if self._is_closed:
            return False
        known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append((found, known))
        self._ask()
        await asyncio.wait({known}, timeout=HELD)
        return not self._is_closed

    def _release(self, sent: float) -> None:
        """What was found to fail up to `sent` can be told."""
        while self._held and self._held[0][0] <= sent:
            _, known = self._held.popleft()
            if not known.done():
                known.set_result(None)

    def _answered(self, sent: float, at: float, beyond: bool) -> None:
        """Something that was sent at `sent` has been answered at `at`. beyond: from beyond the local network."""
        if self._watch.answered(at, beyond) and self._held:
            self._release(sent)
        if self._was_out:
            self._look()

    # ---- the questions

    def _ask(self) -> None:
        """A round of questions begins, now or soon."""
        if self._next is None:
            pause = max(0.0, self._began + _GAP_SECONDS - self._monotonic())
            self._next = asyncio.get_running_loop().call_later(pause, self._begin)

    def _begin(self) -> None:
        self._next, self._began = None, self._monotonic()
        asking = asyncio.create_task(self._asking(self._began))
        self._rounds.add(asking)
        asking.add_done_callback(self._rounds.discard)

    async def _asking(self, began: float) -> None:
        answering: set[int] = set()

        def answered(number: int) -> None:
            answering.add(number)
            if self._watch.control_answered(number, self._monotonic()):
                self._release(began)
                self._look()

        try:
            await ask(self._controls, answered)
        except Exception:
            log.exception("prober.controls_failed")
        if not answering and self._watch.asked_at < 0:
            log.warning("prober.controls_silent", controls=[one.name for one in self._controls])
        self._watch.asked(began)
        metrics.controls(self._region, len(answering))
        self._look()
        self._release(began)

    # ---- what is said

    def _look(self) -> None:
        """The verdict may be another one."""
        is_out = self._watch.out_since is not None
        if is_out == self._was_out:
            return
        self._was_out = is_out
        if is_out:
            self._release(float("inf"))
            log.warning("prober.nothing_answers", region=self._region, controls=[one.name for one in self._controls])
            return
        self._out_until = self._monotonic()
        if self._said_at is not None:
            self._said_at = None
            log.warning("prober.region_well", region=self._region)
            metrics.troubled(self._region, False)
            self._tell(RegionWell(region=self._region, at=self._clock.now()), self._said_to)
            self._said_to = set()

    def _say(self) -> None:
        now, out_since = self._monotonic(), self._watch.out_since
        if out_since is None or (self._said_at is not None and now - self._said_at < _REPEAT_SECONDS):
            return
        if self._said_at is None:
            log.warning("prober.region_troubled", region=self._region)
            metrics.troubled(self._region, True)
        self._said_at, at = now, self._clock.now()
        since = max(0, at - round((now - out_since) * SECOND))
        mine = set(self._partitions())
        self._said_to |= mine
        self._tell(RegionTroubled(region=self._region, at=at, since=since, controls=len(self._controls)), mine)

    def _tell(self, event: RegionTroubled | RegionWell, partitions: set[int]) -> None:
        value = encode(event)
        try:
            for partition in sorted(partitions):
                self._sink.put(PROBE_RESULTS, self._region, value, partition).add_done_callback(_settled)
        except NotStored as error:
            log.warning("prober.region_not_stored", error=str(error))


def _settled(stored: asyncio.Future[Position]) -> None:
    if not stored.cancelled() and (error := stored.exception()) is not None:
        log.warning("prober.region_not_stored", error=str(error))
