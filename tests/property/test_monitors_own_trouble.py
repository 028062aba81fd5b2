"""A world in which every target is well, and only probers, ticks and networks of regions fail: no incident opens."""

import heapq
import random
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.monitors.expiry import definition_key
from processors.monitors.fold import Monitors
from processors.monitors.slots import MARGIN
from schemas.base import SECOND, Micros
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import Monitor
from schemas.probes import (
    Failure,
    MonitorDefined,
    ProbeCompleted,
    RegionTroubled,
    RegionWell,
)
from schemas.slots import confirming_region, first_slot, region_of, step, time_limit
from schemas.transitions import RegionDisregarded, StatusChanged
from tests.check_story import MIDNIGHT
from tests.folding import Folding, Journal, of_type
from tests.monitor_courses import (
    MONITORS,
    tick,
)


@dataclass
class Prober:
    """A prober of the simulated world: `alive`, or `killed` or `frozen` until then. Its clock is a little wrong."""

    region: str
    skew: Micros
    until: Micros = 0
    state: str = "alive"
    asked: set[tuple[str, Micros, int]] = field(default_factory=set)


class World:
    """Probers of each region, a ticker, a journal; each thing that can be late, lost or said twice is so at times.

    A frozen prober says of what it had under way that it stood still (`prober_error`), or, when the answer was there,
    that all is well. What has been sent is in the log a little later, in any order.

    outages: of the network of a region, begin and end in seconds: all that is probed from there fails; `said`: that it
    is out is said then, again every 10 s, and that it is back a little after its end.
    """

    def __init__(
        self,
        chance: random.Random,
        regions: int,
        probers: int,
        trouble: float,
        outages: dict[str, tuple[int, int]] | None = None,
        said: bool = True,
        **shape: Any,
    ) -> None:
        self.chance, self.trouble = chance, trouble
        self.outages, self.said = outages or {}, said
        self.journal, self.folding = Journal(), Folding(Monitors())
        self.now = MIDNIGHT
        names = tuple("abcde"[:regions])
        self.probers = [Prober(name, round(chance.uniform(-1, 1) * SECOND)) for name in names for _ in range(probers)]
        self.ticker_until: Micros = 0
        self.queue: list[tuple[Micros, int, str, Any]] = []
        self.order = count()
        self.add("tick", tick(self.now))
        for n, key in enumerate(MONITORS):
            fields: dict[str, Any] = {"id": key, "project": "p", "version": 1, "name": "One", "probed_from": names}
            monitor = Monitor(created=self.now, revised=self.now, confirmations=1 + n % 2, **fields, **shape)
            self.add(key, MonitorDefined(at=self.now, monitor=monitor))

    def add(self, key: str, event: Any) -> None:
        self.folding.feed([self.journal.add(key, event, self.now)])

    def later(self, delay: float, what: str, of: Any) -> None:
        heapq.heappush(self.queue, (self.now + round(delay * SECOND), next(self.order), what, of))

    def run(self, seconds: int) -> Folding:
        for second in range(seconds):
            self.later(second, "tick", None)
            for prober in self.probers:
                self.later(second + self.chance.random(), "look", prober)
        for region, (begin, end) in self.outages.items() if self.said else ():
            for second in range(begin, end, 10):
                at = MIDNIGHT + second * SECOND
                self.later(second, "arrive", (region, RegionTroubled(region=region, at=at)))
            at = MIDNIGHT + (end + 3) * SECOND
            self.later(end + 3, "arrive", (region, RegionWell(region=region, at=at)))
        while self.queue:
            self.now, _, what, of = heapq.heappop(self.queue)
            if what == "arrive":
                self.add(*of)
            elif what == "tick":
                self.tick()
            else:
                self.look(of)
        return self.folding

    def tick(self) -> None:
        if self.chance.random() < self.trouble / 20:
            self.ticker_until = self.now + self.chance.choice([3, 20, 70]) * SECOND
        if self.now >= self.ticker_until:
            for _ in range(self.chance.choice([1, 1, 1, 2])):
                self.add("tick", tick(self.now - self.chance.choice([0, 0, 5 * SECOND])))

    def look(self, prober: Prober) -> None:
        """A prober does what is due."""
        if prober.state != "alive":
            if self.now < prober.until:
                return
            if prober.state == "killed":
                prober.asked.clear()
            prober.state = "alive"
        if self.chance.random() < self.trouble / 10:
            prober.state = self.chance.choice(["killed", "frozen"])
            prober.until = self.now + self.chance.choice([1, 5, 15, 45, 120]) * SECOND
        clock = self.now + prober.skew
        for key in MONITORS:
            monitor = self.folding.state(MonitorCopy, definition_key(key)).monitor
            state = self.folding.state(MonitorState, key)
            slot = max(state.begun, first_slot(monitor, clock) - step(monitor))
            if slot <= clock and region_of(monitor, slot) == prober.region:
                self.probe(prober, monitor, slot, 0, clock)
            doubt = state.pending_change
            if doubt is None or doubt.asked_at > clock:
                continue
            if confirming_region(monitor, doubt.region, doubt.asked) == prober.region:
                self.probe(prober, monitor, doubt.since, doubt.asked, clock)

    def network(self, region: str) -> Failure:
        """How probes from a region fail now for the sake of its own network."""
        begin, end = self.outages.get(region, (0, 0))
        return "connect" if begin * SECOND < self.now - MIDNIGHT < end * SECOND else ""

    def probe(self, prober: Prober, monitor: Monitor, slot: Micros, confirm: int, clock: Micros) -> None:
        """The target is well; the prober itself may not be."""
        if (monitor.id, slot, confirm) in prober.asked:
            return
        prober.asked.add((monitor.id, slot, confirm))
        took = self.chance.choice([0.01, 0.1, 2.0])
        delay, failure = took, self.network(prober.region)
        if prober.state == "killed":
            return
        if prober.state == "frozen":
            failure, delay = self.chance.choice([failure, "prober_error"]), (prober.until - self.now) / SECOND
        elif self.chance.random() < self.trouble / 4:
            failure = "prober_error"
        if failure == "connect":  # a prober that was frozen would tell of it as `prober_error`
            failure, delay = ("prober_error", delay) if prober.state == "frozen" else (failure, took)
        else:
            delay += self.chance.choice([0, 0.01, 1, 8, 30]) if self.chance.random() < self.trouble else 0
        result = ProbeCompleted(
            slot=slot,
            confirm=confirm,
            region=prober.region,
            at=max(slot, clock),
            took=round(took * SECOND),
            ok=not failure,
            failure=failure,
            version=monitor.version,
        )
        for _ in range(1 + (self.chance.random() < self.trouble)):
            self.later(delay + self.chance.random() / 10, "arrive", (monitor.id, result))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    regions=st.integers(1, 4),
    probers=st.integers(1, 2),
    trouble=st.sampled_from([0.02, 0.1, 0.4]),
    interval=st.sampled_from([1, 10, 60]),
    spaced=st.sampled_from([None, 0.5, 2.0]),
)
def test_no_trouble_of_our_own_makes_a_healthy_target_down(
    seed: int, regions: int, probers: int, trouble: float, interval: int, spaced: float | None
) -> None:
    confirm_interval = None if spaced is None else interval * spaced
    shape: dict[str, Any] = {"interval": interval, "confirm_interval": confirm_interval}
    folding = World(random.Random(seed), regions, probers, trouble, **shape).run(240)
    assert {change.now for change in of_type(folding.effects, StatusChanged)} <= {"up", "not_observed", "new"}
    for key in MONITORS:
        state = folding.state(MonitorState, key)
        assert (state.status in ("new", "up"), state.pending_change, state.incident) == (True, None, None)


outages = st.dictionaries(
    st.sampled_from("abc"), st.tuples(st.integers(1, 150), st.integers(1, 90)).map(lambda t: (t[0], sum(t))), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    regions=st.integers(1, 3),
    probers=st.integers(1, 2),
    trouble=st.sampled_from([0.0, 0.1, 0.4]),
    interval=st.sampled_from([1, 10, 60]),
    outages=outages,
)
def test_no_outage_of_the_network_of_regions_opens_an_incident(
    seed: int, regions: int, probers: int, trouble: float, interval: int, outages: dict[str, tuple[int, int]]
) -> None:
    """Some or all of the regions, one after the other or at the same time."""
    folding = World(random.Random(seed), regions, probers, trouble, outages, interval=interval).run(240)
    assert "down" not in {change.now for change in of_type(folding.effects, StatusChanged)}
    told = of_type(folding.effects, RegionDisregarded)
    assert sorted(one.region for one in told if one.end is None) == sorted(outages)


@pytest.mark.parametrize("interval", [10, 60])
def test_one_of_three_regions_that_is_out_is_not_even_seen(interval: int) -> None:
    folding = World(random.Random(1), 3, 1, 0.0, {"b": (50, 170)}, interval=interval).run(240)
    assert [change.now for change in of_type(folding.effects, StatusChanged)] == ["up"] * len(MONITORS)


@pytest.mark.parametrize("out", ["a", "ab", "abc"])
def test_the_outages_have_teeth(out: str) -> None:
    """When nobody says that it is out, a majority of the regions takes the monitors down."""
    unsaid = World(random.Random(1), 3, 1, 0.0, dict.fromkeys(out, (50, 170)), said=False, interval=10).run(240)
    downs = [change for change in of_type(unsaid.effects, StatusChanged) if change.now == "down"]
    assert len(downs) == (len(MONITORS) if len(out) > 1 else 0)


def test_the_simulated_world_has_teeth() -> None:
    """In it slots stay empty and results come twice and late; without its troubles none of that is."""
    troubled = World(random.Random(1), 2, 1, 0.4, interval=10).run(240)
    assert "not_observed" in {change.now for change in of_type(troubled.effects, StatusChanged)}
    quiet = World(random.Random(1), 2, 1, 0.0, interval=10).run(240)
    assert [change.now for change in of_type(quiet.effects, StatusChanged)] == ["up"] * len(MONITORS)
    assert min(quiet.state(MonitorState, key).results for key in MONITORS) >= 24


@pytest.mark.parametrize("seed", range(5))
def test_every_slot_of_the_simulated_world_has_a_result_or_is_told_to_be_empty(seed: int) -> None:
    world = World(random.Random(seed), 2, 1, 0.1, interval=10)
    folding = world.run(240)
    world.now += 200 * SECOND
    world.add("tick", tick(world.now))
    for key in MONITORS:
        monitor = folding.state(MonitorCopy, definition_key(key)).monitor
        state = folding.state(MonitorState, key)
        spans = [change for change in of_type(folding.effects, StatusChanged) if change.thing == key]
        empty = [(change.since, change.at) for change in spans if change.was == "not_observed"]
        if state.unobserved:
            empty.append((spans[-1].at, world.now))
        reported = set()
        for record in world.journal:
            event = Monitors.events.decode(record.value or b"")
            if record.key == key.encode() and isinstance(event, ProbeCompleted) and not event.confirm:
                reported.add(event.slot)
        slot = state.begun
        while slot < world.now - time_limit(monitor) - MARGIN:
            assert slot in reported or any(begin <= slot <= end for begin, end in empty)
            slot = first_slot(monitor, slot)
