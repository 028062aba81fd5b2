"""Random courses of events of monitors, as the journal that a ticker and honest and odd probers would leave."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from processors.fold.contract import Record
from processors.monitors.expiry import definition_key
from processors.monitors.fold import Monitors
from schemas.base import SECOND, Micros
from schemas.ids import derived_id
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import Monitor
from schemas.probes import (
    DependencyChanged,
    MonitorDefined,
    MonitorRemoved,
    ProbeCompleted,
    RegionTroubled,
    RegionWell,
)
from schemas.slots import confirming_region, first_slot, region_of, step, time_limit
from schemas.ticks import PROGRESS_KEY, Tick
from tests.check_story import MIDNIGHT
from tests.folding import Folding, Journal

MONITORS = tuple(derived_id("monitor", n) for n in range(3))
ROUTER = derived_id("monitor", "router")
SHAPES: tuple[dict[str, Any], ...] = (
    {"probed_from": ("a",), "interval": 60, "confirmations": 3},
    {"probed_from": ("a", "b", "c"), "interval": 10, "confirmations": 3, "recoveries": 2},
    {"probed_from": ("a", "b"), "interval": 5, "timeout": 3, "confirmations": 1, "depends_on": (ROUTER,)},
    {"probed_from": ("a", "b", "c", "d", "e"), "interval": 20, "confirmations": 4},
    {"probed_from": ("a",), "confirmations": 1, "depends_on": (ROUTER,), "dependency_wait": 0, "depended_on": True},
    {"probed_from": ("a", "b", "c", "d", "e"), "interval": 20, "confirmations": 3, "confirm_interval": 10.0},
    {"probed_from": ("a",), "interval": 60, "confirmations": 2, "recoveries": 3, "confirm_interval": 120.0},
)

Step = tuple[Any, ...]

monitors = st.sampled_from(MONITORS)
waits = st.sampled_from([0.0, 0.3, 1.0, 4.0, 5.0, 12.0, 20.0, 61.0, 300.0])
verdicts = st.sampled_from([True, False, False])
took = st.sampled_from([0, 100_000, 3 * SECOND, 9 * SECOND, 30 * SECOND])
probes = st.tuples(st.just("probe"), monitors, verdicts, took)
confirms = st.tuples(st.just("confirm"), monitors, verdicts, took)
answers = st.tuples(st.just("answers"), monitors, st.lists(verdicts, min_size=1, max_size=8), took)
ticks = st.tuples(st.just("tick"), monitors)
decisions = st.tuples(
    st.sampled_from(["define", "rename", "pause", "resume", "remove"]), monitors, st.sampled_from(SHAPES)
)
oddities = st.tuples(
    st.sampled_from(["double", "late", "nonsense", "retried", "ahead", "unknown", "prober_error", "stranger", "back"]),
    monitors,
)

words = st.tuples(st.sampled_from(["out", "out", "in"]), monitors, st.sampled_from("abc"))
routers = st.tuples(st.just("router"), monitors, st.booleans())


def courses(*kinds: st.SearchStrategy[Step], most: int = 60) -> st.SearchStrategy[list[tuple[float, Step]]]:
    return st.lists(st.tuples(waits, st.one_of(*kinds)), max_size=most)


def tick(now: Micros) -> Tick:
    return Tick(slot="ticker", epoch=1, at=now, now=now)


class Writer:
    """Writes a course of events as the journal that a ticker and honest and odd probers would leave.

    It folds along, since what is asked for in doubt stands in the states.
    """

    def __init__(self, *, ticking: float | None = 30) -> None:
        self.journal = Journal()
        self.folding = Folding(Monitors())
        self.now = MIDNIGHT
        self.ticking = ticking
        self.ticked = self.now
        self.versions = dict.fromkeys(MONITORS, 0)
        self.told: dict[str, list[ProbeCompleted]] = {key: [] for key in MONITORS}
        self.add("tick", tick(self.now))
        for key, shape in zip(MONITORS, SHAPES, strict=False):
            self.define(key, **shape)

    def add(self, key: str, event: Any, retried: bool = False) -> None:
        self.folding.feed([self.journal.add(key, event, self.now, retried=retried)])
        if isinstance(event, ProbeCompleted) and key in self.told:
            self.told[key].append(event)

    def define(self, key: str, **fields: Any) -> None:
        self.versions[key] += 1
        known = self.known(key)
        new: dict[str, Any] = {"id": key, "project": "p", "created": self.now, "name": "One", "channels": ("hook",)}
        before = new if known is None else asdict(known[0])
        monitor = Monitor(**before | fields | {"version": self.versions[key], "revised": self.now})
        self.add(key, MonitorDefined(at=self.now, monitor=monitor))

    def write(self, course: list[tuple[float, Step]]) -> Journal:
        for wait, step_ in course:
            self.now += round(wait * SECOND)
            if self.ticking is not None and self.now - self.ticked >= self.ticking * SECOND:
                self.ticked = self.now
                self.add("tick", tick(self.now))
            self.step(*step_)
        self.now += 1_000 * SECOND
        self.add("tick", tick(self.now))
        return self.journal

    def known(self, key: str) -> tuple[Monitor, MonitorState] | None:
        if key not in self.folding.committed:
            return None
        copy = self.folding.state(MonitorCopy, definition_key(key))
        return copy.monitor, self.folding.state(MonitorState, key)

    def regular(self, key: str, ok: bool, took: int) -> ProbeCompleted | None:
        """The result of the newest slot, as its region sees it."""
        known = self.known(key)
        if known is None or known[0].paused:
            return None
        monitor, state = known
        slot = max(state.begun, first_slot(monitor, self.now) - step(monitor))
        if slot > self.now:
            return None
        took = min(took, time_limit(monitor))
        at = max(slot, self.now - took)
        return ProbeCompleted(
            slot=slot,
            region=region_of(monitor, slot),
            at=at,
            took=took,
            ok=ok,
            failure="" if ok else "connect",
            version=monitor.version,
        )

    def step(self, what: str, key: str, *more: Any) -> None:
        if what == "probe":
            if (result := self.regular(key, *more)) is not None:
                self.add(key, result)
        elif what == "confirm":
            known = self.known(key)
            if known is not None and known[1].pending_change is not None:
                self.add(key, confirmation(known[0], known[1], self.now, *more))
        elif what == "answers":  # a regular result, and what is asked for then
            verdicts, took = more
            self.step("probe", key, verdicts[0], took)
            for ok in verdicts[1:]:
                self.now += 2 * SECOND
                self.step("confirm", key, ok, took)
        elif what == "tick":
            self.add("tick", tick(self.now))
        elif what == "define":
            self.define(key, **more[0])
        elif what == "rename":
            self.define(key, name="Other")
        elif what in ("pause", "resume"):
            self.define(key, paused=what == "pause")
        elif what == "remove":
            self.add(key, MonitorRemoved(at=self.now))
        elif what in ("out", "in"):
            [region] = more
            word = RegionTroubled if what == "out" else RegionWell
            self.add(region, word(region=region, at=self.now))
        elif what == "router":
            self.add(ROUTER, DependencyChanged(at=self.now, monitor=ROUTER, down=more[0]))
        else:
            self.odd(what, key)

    def odd(self, what: str, key: str) -> None:
        told_before = self.told[key]
        if what == "nonsense":
            self.add(key, b'{"type":"probe.completed","slot":"soon"}')
        elif what == "retried":
            if (result := self.regular(key, False, 0)) is not None:
                before = dict(self.folding.committed)
                self.add(key, result, retried=True)
                assert before | {PROGRESS_KEY: b""} == self.folding.committed | {PROGRESS_KEY: b""}
        elif what == "back":  # the ticker's clock was set back
            self.add("tick", tick(self.now - 100 * SECOND))
        elif told_before:
            last = told_before[-1]
            if what == "double":
                self.add(key, last)
            elif what == "late":
                self.add(key, told_before[0])
            elif what == "ahead":
                self.add(key, replace(last, at=self.now + 3_600 * SECOND, ok=False))
            elif what == "unknown":
                self.add(key.upper(), replace(last, ok=False))
            elif what == "prober_error":
                self.add(key, replace(last, ok=False, failure="prober_error"))
            else:
                self.add(key, replace(last, region="elsewhere", ok=False))


def confirmation(monitor: Monitor, state: MonitorState, now: Micros, ok: bool, took: int) -> ProbeCompleted:
    """The result that is asked for."""
    doubt = state.pending_change
    assert doubt is not None
    return ProbeCompleted(
        slot=doubt.since,
        confirm=doubt.asked,
        region=confirming_region(monitor, doubt.region, doubt.asked),
        at=max(doubt.since, now),
        took=took,
        ok=ok,
        failure="" if ok else "connect",
        version=monitor.version,
    )


def folded(records: Iterable[Record]) -> Folding:
    folding = Folding(Monitors())
    folding.feed(records)
    return folding


anything = courses(probes, answers, confirms, ticks, decisions, oddities, words, routers)
