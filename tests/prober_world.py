"""A region in virtual time: the real prober and the real fold of monitors; only sockets, Kafka and the ticker are
imitated. What a target does is told by plans, second by second.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.clock import SystemClock
from infra.egress.guard import Guard
from infra.log.sink import Position
from ingest.prober import running_probes
from ingest.prober.prober import Prober
from ingest.prober.probes.connection import Connector
from ingest.prober.probes.outcome import Trace
from ingest.prober.region.controls import PATIENCE, Control
from processors.monitors.fold import Monitors
from schemas.base import SECOND, Micros
from schemas.ids import derived_id
from schemas.monitors import Monitor, Sealed
from schemas.probes import Failure, MonitorDefined, ProbeCompleted
from schemas.slots import time_limit
from schemas.ticks import Tick
from schemas.transitions import StatusChanged
from tests import virtual_time
from tests.check_story import MIDNIGHT
from tests.folding import Folding, Journal, of_type
from tests.imitated_sink import ImitatedSink
from tests.probe_targets import system_trust

REGION = "here"
ROUND_TRIP = 0.05
# What becomes of a probe: an answer, well or not; a refusal; a connection and nothing more; nothing at all.
ANSWERS = ("ok", "status", "refused")
Behaviour = str
# When packets that got lost are sent again, as TCP does.
_SENT_AGAIN = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0)


@dataclass(frozen=True)
class Plan:
    """What a target, or a control target, does: from each second on, until the next one.

    name: of a monitor, unique. before: from the beginning. near: within the local network, which is never out.
    """

    name: str
    project: str = "p"
    before: Behaviour = "ok"
    turns: tuple[tuple[float, Behaviour], ...] = ()
    interval: int = 10
    timeout: int = 5
    confirmations: int = 2
    recoveries: int = 1
    confirm_interval: float | None = None
    near: bool = False

    def at(self, second: float) -> Behaviour:
        done = [what for since, what in self.turns if since <= second]
        return done[-1] if done else self.before

    @property
    def id(self) -> str:
        return derived_id("monitor", self.name)

    @property
    def monitor(self) -> Monitor:
        return Monitor(
            id=self.id, project=self.project, version=1, created=0, revised=0, name=self.name, interval=self.interval,
            timeout=self.timeout, confirmations=self.confirmations, recoveries=self.recoveries,
            confirm_interval=self.confirm_interval, probed_from=(REGION,), channels=("hook",),
        )  # fmt: skip


@dataclass
class World(ImitatedSink):
    """monitors: what is watched. controls: whether each shows the way out, and what it does. outages: of the region's
    own network, begin and end. restarts: of the prober. All in seconds from the beginning. skew: of the prober's clock,
    as it has measured it.
    """

    monitors: Sequence[Plan]
    controls: Sequence[tuple[bool, Plan]] = ()
    outages: Sequence[tuple[float, float]] = ()
    restarts: Sequence[float] = ()
    skew: Micros | None = None
    journal: Journal = field(default_factory=Journal)
    folding: Folding = field(default_factory=lambda: Folding(Monitors()))

    def run(self, seconds: float) -> "World":
        """Let so much time pass."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(running_probes, "probe", self._probe)
            virtual_time.run(self._run(seconds))
        return self

    def went(self, now: str, after: float = 0) -> dict[str, tuple[float, float]]:
        """By name of the monitor: since when it was first shown so after a moment, and when that was detected."""
        names = {plan.id: plan.name for plan in self.monitors}
        found: dict[str, tuple[float, float]] = {}
        for change in of_type(self.folding.effects, StatusChanged):
            if change.now == now and change.at >= MIDNIGHT + after * SECOND:
                found.setdefault(
                    names[change.thing], ((change.at - MIDNIGHT) / SECOND, (change.detected_at - MIDNIGHT) / SECOND)
                )
        return found

    async def _run(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        clock = _VirtualClock(loop)
        self._tick()
        for plan in self.monitors:
            self._add(plan.id, MonitorDefined(at=MIDNIGHT, monitor=plan.monitor))
        connector = Connector(Guard(), verify=system_trust())
        controls = [
            Control(plan.name, beyond, lambda plan=plan: self._control(plan))  # type: ignore[misc]
            for beyond, plan in self.controls
        ]
        for end in (*self.restarts, seconds):
            self._prober = Prober(
                REGION,
                connector,
                self,
                clock,
                lambda sealed, *_: sealed,
                monotonic=lambda: 1_000.0 + loop.time(),
                controls=controls,
            )
            self._prober.whole(0)
            self._tell(self.folding.committed)
            stop = asyncio.Event()
            probing = asyncio.create_task(self._prober.run(stop))
            while loop.time() < end:
                await asyncio.sleep(1.0)
                self._tick()
            stop.set()
            await probing
        await connector.close()

    # ---- the log, and what follows it

    def store(self, topic: str, key: str | bytes | None, value: bytes | None) -> Position:
        self._add(str(key), value or b"")
        return Position(0, 0)

    def _tick(self) -> None:
        now = MIDNIGHT + round(asyncio.get_running_loop().time() * SECOND)
        self._add("tick", Tick(slot="ticker", epoch=1, at=now, now=now))

    def _add(self, key: str, event: Any) -> None:
        now = MIDNIGHT + round(asyncio.get_running_loop().time() * SECOND)
        before = dict(self.folding.committed)
        self.folding.feed([self.journal.add(key, event, now)])
        changed = {key: value for key, value in self.folding.committed.items() if before.get(key) != value}
        asyncio.get_running_loop().call_later(0.01, self._tell, changed)

    def _tell(self, changed: dict[str, bytes]) -> None:
        if hasattr(self, "_prober"):
            self._prober.heard(0, list(changed.items()))

    # ---- the network

    def _is_cut(self) -> bool:
        now = asyncio.get_running_loop().time()
        return any(begin <= now < end for begin, end in self.outages)

    async def _reaches(self, what: Callable[[float], Behaviour], limit: float, near: bool = False) -> Behaviour:
        """What comes of packets that are sent again and again while nothing answers."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for after in _SENT_AGAIN:
            if after >= limit:
                break
            await asyncio.sleep(began + after - loop.time())
            behaviour = "silent" if self._is_cut() and not near else what(loop.time())
            if behaviour != "silent":
                await asyncio.sleep(ROUND_TRIP)
                if near or not self._is_cut():
                    return behaviour
        await asyncio.sleep(max(0.0, began + limit - loop.time()))
        return "silent"

    async def _control(self, plan: Plan) -> bool:
        return await self._reaches(plan.at, PATIENCE - 0.1) in ANSWERS

    async def _probe(
        self,
        connector: Connector,
        monitor: Monitor,
        sealed: Sealed,
        slot: Micros,
        confirm: int,
        region: str,
        at: Micros,
        trace: Trace,
    ) -> ProbeCompleted:
        """As `ingest.prober.probes.kinds.probe`."""
        loop = asyncio.get_running_loop()
        began, limit = loop.time(), time_limit(monitor) / SECOND
        plan = next(plan for plan in self.monitors if plan.id == monitor.id)
        behaviour, failure = await self._reaches(plan.at, limit, plan.near), "timeout"
        connected = loop.time()
        if behaviour == "no name":  # says the resolver, as far as it can be asked
            failure = "name"
        elif behaviour == "slow":
            await asyncio.sleep(max(0.0, began + limit - connected))
            trace.answered = time.perf_counter_ns() - round((loop.time() - connected) * 1e9)
        elif behaviour != "silent":
            failure = {"ok": "", "status": "status", "refused": "connect"}[behaviour]
            trace.answered = time.perf_counter_ns()
        return ProbeCompleted(
            slot=slot, confirm=confirm, version=1, region=region, at=at, took=round((loop.time() - began) * SECOND),
            ok=not failure, failure=_failure(failure), address="192.168.1.9" if plan.near else "192.0.2.9",
        )  # fmt: skip


def _failure(text: str) -> Failure:
    return text  # type: ignore[return-value]


class _VirtualClock(SystemClock):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop

    def now(self) -> Micros:
        return MIDNIGHT + round(self._loop.time() * SECOND)
