"""A story of one monitor, told event by event to the `monitors` fold: what the tests of that fold are written in.

Times are seconds since midnight of 1 January 2024, UTC. The story's definition counts from second 1 on, which is slot
0. The monitor's id is one whose slots lie just after the whole multiples of its interval: slot 1 is at 60.456668,
and the regions take their turns in the order in which they are named.
"""

from typing import Any

import msgspec

from processors.fold.contract import Effect
from processors.monitors.fold import Monitors
from schemas.base import SECOND, Micros
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor, ProbeTarget
from schemas.probes import Failure, MonitorDefined, MonitorRemoved, ProbeCompleted
from schemas.slots import confirming_region, first_slot, region_of
from schemas.ticks import Tick
from tests.check_story import changes, moves, notices, seconds, t
from tests.folding import Folding, Journal

__all__ = ["changes", "moves", "notices", "seconds", "t"]

MONITOR = derived_id("test", "monitor", 47)
INTERVAL = 60
# A probe takes this long, unless it is said otherwise.
TOOK = 0.1


class Story:
    def __init__(self, *regions: str, **definition: Any) -> None:
        self.folding = Folding(Monitors())
        self.journal = Journal()
        self.version = 0
        # Those that were asked for, of a definition: to count them anew for each would take the square of a day.
        self._slots_since: tuple[Micros, int] | None = None
        self._slots: list[Micros] = []
        self.definition: dict[str, Any] = {
            "probed_from": regions or ("a",),
            "interval": INTERVAL,
            "timeout": 30,
            "confirmations": 1,
            "channels": ("hook",),
            "target": ProbeTarget(url="https://api.example.com/health"),
        }
        self.tick(0)
        self.define(1, **definition)

    def tell(self, event: msgspec.Struct | bytes, at: float, key: str = MONITOR, retried: bool = False) -> list[Effect]:
        record = self.journal.add(key, event, t(at), retried=retried)
        return self.folding.feed([record])

    def define(self, at: float, **fields: Any) -> list[Effect]:
        """The monitor's next version; fields that are not given stay."""
        self.version += 1
        self.definition |= fields
        return self.tell(MonitorDefined(at=t(at), monitor=self.monitor), at)

    @property
    def monitor(self) -> Monitor:
        return Monitor(
            id=MONITOR,
            project="p",
            version=self.version,
            created=t(0),
            revised=t(0),
            name="Production API",
            **self.definition,
        )

    def remove(self, at: float) -> list[Effect]:
        return self.tell(MonitorRemoved(at=t(at)), at)

    def tick(self, at: float) -> list[Effect]:
        return self.tell(Tick(slot="ticker", epoch=1, at=t(at), now=t(at)), at, key="tick")

    def slot(self, n: int) -> float:
        """The n-th slot since the definition began to count, which is slot 0."""
        if (since := (self.state.begun, self.version)) != self._slots_since:
            self._slots_since, self._slots = since, [self.state.begun]
        while len(self._slots) <= n:
            self._slots.append(first_slot(self.monitor, self._slots[-1]))
        return seconds(self._slots[n])

    def region(self, n: int) -> str:
        """The region whose turn the n-th slot is."""
        return region_of(self.monitor, t(self.slot(n)))

    def result(self, n: int, ok: bool = True, **fields: Any) -> ProbeCompleted:
        """The result of the n-th slot, as the prober of its region would find it at once."""
        slot = t(self.slot(n))
        found: dict[str, Any] = {"region": self.region(n), "at": slot, "took": round(TOOK * SECOND)}
        return ProbeCompleted(**found | {"slot": slot, "ok": ok, "failure": failing(ok)} | fields)

    def probe(self, n: int, ok: bool = True, **fields: Any) -> list[Effect]:
        """The n-th slot is probed, and ticks come before and after."""
        result = self.result(n, ok, **fields)
        at = seconds(result.at)
        before = self.tick(at) if at > self.time else []
        return before + self.tell(result, at)

    def confirm(self, ok: bool = False, **fields: Any) -> list[Effect]:
        """The confirmation that is asked for is made, when it is asked for."""
        result = self.confirmation(ok, **fields)
        at = seconds(result.at)
        before = self.tick(at) if at > self.time else []
        return before + self.tell(result, at)

    def confirmation(self, ok: bool = False, **fields: Any) -> ProbeCompleted:
        """The result that is asked for."""
        doubt = self.state.pending_change
        assert doubt is not None
        region = confirming_region(self.monitor, doubt.region, doubt.asked)
        at = max(doubt.asked_at, t(self.time))
        found: dict[str, Any] = {"region": region, "at": at, "took": round(TOOK * SECOND), "confirm": doubt.asked}
        return ProbeCompleted(**found | {"slot": doubt.since, "ok": ok, "failure": failing(ok)} | fields)

    @property
    def time(self) -> float:
        return seconds(self.folding.progress.time)

    @property
    def state(self) -> MonitorState:
        return self.folding.state(MonitorState, MONITOR)

    @property
    def effects(self) -> list[Effect]:
        return self.folding.effects


def failing(ok: bool) -> Failure:
    return "" if ok else "timeout"
