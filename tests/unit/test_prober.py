"""The prober's schedule: what it probes when, by a clock moved by hand, with the log in memory.

Most targets are private addresses that are refused at once: a probe needs no network then, and tells when it was made.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from infra.secrets.secrets import SecretError
from infra.settings.settings import Settings
from ingest.prober.prober import Prober
from ingest.prober.probes.connection import Connector
from ingest.prober.region import own_network
from ingest.prober.region.controls import Control
from ingest.prober.region.own_network import OwnNetwork
from ingest.prober.running_probes import STANDSTILL
from schemas.base import SECOND, Micros, encode
from schemas.certificates import RETRY
from schemas.monitor_states import MonitorCopy, MonitorState, PendingChange, Seen, Validity
from schemas.monitors import Monitor, ProbeTarget
from schemas.probes import CertificateTested, Failure, ProbeCompleted, ProbeResultsEvent, RegionTroubled, RegionWell
from schemas.slots import first_slot
from schemas.targets import Verb
from schemas.topics import PROBE_RESULTS
from tests.memory_log import MemorySink
from tests.ping_world import NOON, HandClock
from tests.probe_targets import LOOPBACK, V4, answering, serving, silent, unanswered
from tests.prober_monitors import HERE, REFUSED, monitor

THERE = "there"
PARTITIONS = 3
# On the slowest machine; nothing here depends on how long it takes.
SOON = 120.0
MISSED = "pingfold_probe_slots_missed_total"

_result = msgspec.json.Decoder(ProbeCompleted).decode
_event = msgspec.json.Decoder(ProbeResultsEvent).decode


def running(**changes: Any) -> MonitorState:
    """The state of a monitor that has been probed before."""
    given: dict[str, Any] = {"version": 1, "begun": 1, "seen": (Seen(region=HERE, slot=1, ok=True),)}
    return MonitorState(**(given | changes))


class World:
    """A prober of the region `here` that owns partition 0. `pulse`: its monotonic clock."""

    def __init__(self, connector: Connector, settings: Settings, most: int, controls: "Sequence[Asked]" = ()) -> None:
        self.clock = HandClock(settings)
        self.sink = MemorySink()
        self.pulse = 1_000.0
        self.prober = Prober(
            *(HERE, connector, self.sink, self.clock, self._decrypt, most, lambda: self.pulse),
            controls=[asked.control for asked in controls],
        )
        self._told = 0

    def _decrypt(self, sealed: str, *_: str) -> str:
        if sealed == "unreadable":
            raise SecretError("no key")
        return sealed

    def hear(self, *known: Monitor | MonitorState, id: str = "m", partition: int = 0) -> None:
        """The fold has written this."""
        self.prober.heard(
            partition,
            [
                (f"definition/{one.id}", encode(MonitorCopy(monitor=one)))
                if isinstance(one, Monitor)
                else (id, encode(one))
                for one in known
            ],
        )

    async def at(self, moment: Micros) -> list[tuple[Micros, int]]:
        """It is `moment`: slot and confirmation of what was probed then, in order, all of it ended."""
        self.clock.time = moment
        self.pulse += 0.1
        self.prober.turn()
        return [(result.slot, result.confirm) for result in await self.told()]

    async def told(self, at_least: int = 0) -> list[ProbeCompleted]:
        """The results since the last call; waits for so many of them."""
        async with asyncio.timeout(SOON):
            quiet = 0
            while quiet < 10:  # what needs no network ends within a few turns of the loop
                quiet = quiet + 1 if len(self.sink.order) - self._told >= at_least else 0
                await asyncio.sleep(0)
        new = [_event(stored.value or b"") for stored in self.sink.order[self._told :]]
        self._told = len(self.sink.order)
        return [event for event in new if isinstance(event, ProbeCompleted)]

    async def between(self, begin: Micros, end: Micros, step: Micros = SECOND) -> list[tuple[Micros, int]]:
        """What is probed while time passes."""
        return [probe for moment in range(begin, end, step) for probe in await self.at(moment)]


@contextlib.asynccontextmanager
async def world(
    *known: Monitor | MonitorState,
    settings: Settings | None = None,
    most: int = 100,
    controls: "Sequence[Asked]" = (),
) -> AsyncIterator[World]:
    connector = Connector(LOOPBACK)
    try:
        made = World(connector, settings or Settings(), most, controls)
        made.hear(*known)
        made.prober.whole(0)
        yield made
    finally:
        await connector.close()


def slots(one: Monitor, begin: Micros, end: Micros) -> list[tuple[Micros, int]]:
    found, slot = [], first_slot(one, begin)
    while slot < end:
        found.append((slot, 0))
        slot = first_slot(one, slot)
    return found


def missed() -> float:
    return REGISTRY.get_sample_value(MISSED) or 0.0


async def test_a_result_tells_that_its_monitor_was_in_maintenance() -> None:
    one = monitor()
    async with world(one, running(maintained=True)) as here:
        first, second, _ = slots(one, NOON, NOON + 30 * SECOND)
        here.clock.time = first[0]
        here.prober.turn()
        assert [(result.slot, result.maintenance) for result in await here.told(1)] == [(first[0], True)]
        here.hear(running())
        here.clock.time = second[0]
        here.prober.turn()
        assert [(result.slot, result.maintenance) for result in await here.told(1)] == [(second[0], False)]


@pytest.mark.parametrize("skew", [11, -11])
async def test_with_a_clock_that_is_known_to_be_wrong_nothing_is_probed(skew: int) -> None:
    """Nor is anything told: results of a clock that is far ahead would all be dead letters."""
    one = monitor()
    async with world(one, running()) as here:
        first, second, third = slots(one, NOON, NOON + 30 * SECOND)
        assert await here.at(first[0]) == [first]
        here.sink.skew = skew * SECOND
        before = missed()
        assert await here.at(second[0]) == []
        assert missed() == before + 1
        here.sink.skew = skew // 2 * SECOND
        assert await here.at(third[0]) == [third]


async def test_slots_are_probed_on_time_and_once() -> None:
    one = monitor()
    async with world(one, running()) as here:
        end = NOON + 60 * SECOND
        assert await here.between(NOON, end, SECOND // 4) == slots(one, NOON, end)
        assert len(slots(one, NOON, end)) == 6
        [result] = [
            result for result in here.sink.order if _result(result.value or b"").slot == slots(one, NOON, end)[3][0]
        ]
        told = _result(result.value or b"")
        assert (told.region, told.failure, told.version) == (HERE, "prober_error", 1)
        assert 0 <= told.at - told.slot <= SECOND // 4
        assert result.key == b"m"
        assert {topic for topic, _ in here.sink.logs} == {PROBE_RESULTS.name}


async def test_the_next_turn_comes_with_the_next_slot() -> None:
    one = monitor()
    async with world(one, running()) as here:
        slot = first_slot(one, NOON)
        here.clock.time = slot - SECOND // 10
        assert here.prober.turn() == pytest.approx(0.1)
        here.clock.time = slot - 1
        assert here.prober.turn() < 0.01
        assert await here.told() == []
        assert await here.at(slot) == [(slot, 0)]
        assert here.prober.turn() == pytest.approx(0.25)  # it looks at the clock that often


async def test_nothing_is_probed_of_a_partition_that_has_not_been_read_whole() -> None:
    one = monitor()
    async with world() as here:
        here.hear(one, running(), partition=1)
        assert await here.between(NOON, NOON + 30 * SECOND) == []
        here.prober.whole(1)
        begin, end = NOON + 30 * SECOND, NOON + 60 * SECOND
        assert await here.between(begin, end) == slots(one, begin, end)


async def test_regions_take_turns() -> None:
    one = monitor(probed_from=(HERE, THERE))
    other = monitor("other", probed_from=(THERE,))
    async with world(one, other, running()) as here:
        probed = await here.between(NOON, NOON + 80 * SECOND)
        both = slots(one, NOON, NOON + 80 * SECOND)
        assert probed in (both[0::2], both[1::2])


async def test_a_new_monitor_is_probed_at_once_and_once() -> None:
    one = monitor()
    async with world() as here:
        here.hear(one, MonitorState(version=1, begun=NOON - SECOND))
        assert await here.at(NOON) == [(NOON - SECOND, 0)]
        here.hear(MonitorState(version=1, begun=NOON - SECOND))
        here.hear(one, MonitorState(version=1, begun=NOON - SECOND))
        assert await here.at(NOON) == []


@pytest.mark.parametrize(
    "state",
    [
        MonitorState(version=1, begun=NOON - 10 * SECOND),  # its next slot has come
        MonitorState(version=2, begun=NOON),  # of a definition that has not been heard yet
        running(begun=NOON),  # it has been probed
    ],
)
async def test_what_is_not_new_waits_for_its_slot(state: MonitorState) -> None:
    async with world(monitor(), state) as here:
        assert await here.at(NOON) == []


async def test_a_new_monitor_is_probed_when_it_begins_by_a_clock_that_is_ahead() -> None:
    begun = NOON + SECOND // 2
    async with world(monitor(interval=3_600)) as here:
        here.hear(MonitorState(version=1, begun=begun))
        here.hear(MonitorState(version=1, begun=begun, changes=1))
        assert await here.at(NOON) == []
        assert await here.at(begun) == [(begun, 0)]
        assert await here.at(begun + SECOND) == []


async def test_a_state_may_come_before_its_definition() -> None:
    async with world() as here:
        here.hear(MonitorState(version=1, begun=NOON))
        assert await here.at(NOON) == []
        here.hear(monitor())
        assert await here.at(NOON) == [(NOON, 0)]


async def test_confirmations_are_made_once_when_they_are_asked_for() -> None:
    async with world(monitor(interval=3_600), running()) as here:
        begin = await here.at(NOON)
        assert begin == []
        doubt = PendingChange(since=NOON - SECOND, at=NOON, region=HERE, asked=1, asked_at=NOON + 5 * SECOND)
        here.hear(running(pending_change=doubt))
        assert await here.at(NOON + 4 * SECOND) == []
        here.hear(running(pending_change=doubt, results=1))  # rewritten for another reason
        assert await here.at(NOON + 5 * SECOND) == [(NOON - SECOND, 1)]
        here.hear(running(pending_change=doubt, results=2))
        assert await here.at(NOON + 6 * SECOND) == []
        again = msgspec.structs.replace(doubt, asked=2, asked_at=NOON + 6 * SECOND)
        here.hear(running(pending_change=again))
        assert await here.at(NOON + 7 * SECOND) == [(NOON - SECOND, 2)]


async def test_a_confirmation_that_is_no_longer_asked_for_is_not_made() -> None:
    async with world(monitor(interval=3_600), running()) as here:
        here.hear(running(pending_change=PendingChange(since=NOON, at=NOON, region=HERE, asked_at=NOON + 5 * SECOND)))
        here.hear(running())
        assert await here.between(NOON, NOON + 10 * SECOND) == []


async def test_a_confirmation_is_not_made_when_that_of_a_former_change_would_have_been() -> None:
    async with world(monitor(interval=3_600), running()) as here:
        former = PendingChange(since=NOON - SECOND, at=NOON, region=HERE, asked_at=NOON + 30 * SECOND)
        here.hear(running(pending_change=former))
        here.hear(running())
        now = PendingChange(since=NOON + SECOND, at=NOON + SECOND, region=HERE, asked_at=NOON + 60 * SECOND)
        here.hear(running(pending_change=now))
        assert await here.between(NOON + SECOND, NOON + 60 * SECOND) == []
        assert await here.at(NOON + 60 * SECOND) == [(now.since, 1)]


async def test_confirmations_come_from_the_region_whose_turn_it_is() -> None:
    async with world(monitor(interval=3_600, probed_from=(HERE, THERE)), running()) as here:
        here.clock.time = NOON
        doubt = PendingChange(since=NOON, at=NOON, region=HERE, asked=1, asked_at=NOON)
        here.hear(running(pending_change=doubt))
        assert await here.at(NOON) == []  # the other region is asked first
        here.hear(running(pending_change=msgspec.structs.replace(doubt, asked=2)))
        assert await here.at(NOON) == [(NOON, 2)]


async def test_slots_that_were_missed_are_left_out_and_counted() -> None:
    one = monitor()
    async with world(one, running()) as here:
        first, second, *_ = (slot for slot, _ in slots(one, NOON, NOON + 100 * SECOND))
        before = missed()
        late = first + 9 * SECOND
        assert await here.at(late) == [(first, 0)]  # late, but its own
        assert missed() == before
        assert await here.at(second + 35 * SECOND) == []
        assert missed() == before + 4
        assert await here.at(second + 40 * SECOND) == [(second + 40 * SECOND, 0)]


async def test_a_new_definition_counts_at_once() -> None:
    one = monitor()
    async with world(one, running()) as here:
        await here.at(NOON)
        quick = monitor(interval=2, version=2, target=ProbeTarget(url="http://10.0.0.2/"))
        here.hear(quick)
        assert await here.between(NOON, NOON + 20 * SECOND) == slots(quick, NOON, NOON + 20 * SECOND)
        slow = monitor(interval=3_600, version=3)
        here.hear(slow)
        assert await here.between(NOON + 20 * SECOND, NOON + 40 * SECOND) == []


async def test_what_is_paused_removed_or_given_to_other_regions_is_not_probed() -> None:
    one = monitor()
    for stopped in (monitor(paused=True, version=2), monitor(probed_from=(THERE,), version=2), None):
        async with world(one, running()) as here:
            await here.at(NOON)
            if stopped is None:
                here.prober.heard(0, [("definition/m", None), ("m", None)])
            else:
                here.hear(stopped)
            assert await here.between(NOON, NOON + 30 * SECOND) == []
            here.hear(monitor(version=3))
            begin, end = NOON + 30 * SECOND, NOON + 60 * SECOND
            assert await here.between(begin, end) == slots(one, begin, end)


async def test_a_partition_that_is_lost_is_left_to_others_until_it_comes_back() -> None:
    one = monitor()
    async with world(one, running()) as here:
        await here.at(NOON)
        here.prober.lost(0)
        assert await here.between(NOON, NOON + 30 * SECOND) == []
        here.hear(one, running())
        assert await here.between(NOON + 30 * SECOND, NOON + 60 * SECOND) == []
        here.prober.whole(0)
        begin, end = NOON + 60 * SECOND, NOON + 90 * SECOND
        assert await here.between(begin, end) == slots(one, begin, end)


async def test_what_was_removed_while_the_partition_was_with_others_is_forgotten() -> None:
    async with world(monitor(), running()) as here:
        here.prober.lost(0)
        here.prober.whole(0)  # read again, and nothing of the monitor is there any more
        assert await here.between(NOON, NOON + 30 * SECOND) == []


async def test_records_that_nobody_understands_are_skipped() -> None:
    one = monitor()
    async with world() as here:
        here.prober.heard(0, [("definition/x", b"{"), ("x", b"\xff"), ("", b""), ("partition", b'{"type":"?"}')])
        here.hear(one, running())
        assert await here.between(NOON, NOON + 20 * SECOND) == slots(one, NOON, NOON + 20 * SECOND)


async def test_the_clock_of_a_test_is_followed_forth_and_back(tmp_path: Path) -> None:
    one = monitor()
    async with world(one, running(), settings=Settings(test_clock=True, data=tmp_path)) as here:
        await here.at(NOON)
        before = missed()
        (tmp_path / "clock").write_text("3600")
        await here.at(NOON + SECOND)
        assert missed() == before + 360
        begin, end = NOON + 2 * SECOND, NOON + 22 * SECOND
        ahead = slots(one, begin + 3_600 * SECOND - SECOND, end + 3_600 * SECOND - SECOND)
        assert await here.between(begin, end) == ahead
        (tmp_path / "clock").write_text("0")
        assert await here.between(end, end + 20 * SECOND) == slots(one, end, end + 20 * SECOND)


async def test_what_was_seen_over_a_standstill_is_ours() -> None:
    async with serving(silent) as server:
        one = monitor(target=ProbeTarget(url=f"http://{V4}:{server.port}/"), timeout=1)
        async with world(one, running()) as here:
            here.clock.time = first_slot(one, NOON)
            here.prober.turn()
            async with asyncio.timeout(SOON):
                while not server.open:
                    await asyncio.sleep(0.01)
            here.pulse += STANDSTILL + 0.1
            here.prober.turn()
            [result] = await here.told(1)
            assert (result.ok, result.failure, "stood still" in result.detail) == (False, "prober_error", True)


async def test_a_failure_that_is_seen_before_the_standstill_is_noticed_is_ours() -> None:
    one = monitor()
    async with world(one, running()) as here:
        here.clock.time = first_slot(one, NOON)
        here.prober.turn()
        here.pulse += STANDSTILL + 0.1
        [result] = await here.told(1)
        assert result.failure == "prober_error"
        here.prober.turn()
        here.clock.time = first_slot(one, here.clock.time)
        here.prober.turn()
        [result] = await here.told(1)
        assert "private or reserved address" in result.detail  # it runs again


async def test_a_success_counts_over_a_standstill() -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        one = monitor(target=ProbeTarget(url=f"http://{V4}:{server.port}/"))
        async with world(one, running()) as here:
            here.clock.time = first_slot(one, NOON)
            here.prober.turn()
            here.pulse += STANDSTILL + 0.1
            assert [result.ok for result in await here.told(1)] == [True]


async def test_nobodys_probes_take_all_there_is() -> None:
    async with serving(silent) as server:
        greedy = [
            monitor(f"g{n}", project="greedy", target=ProbeTarget(host=V4, port=server.port), kind="tls", timeout=1)
            for n in range(20)
        ]
        async with world(*greedy, monitor("modest", project="modest"), most=10) as here:
            for one in greedy:
                here.hear(MonitorState(version=1, begun=NOON), id=one.id)
            refused = await here.told(15)
            assert {(result.failure, result.detail) for result in refused} == {
                ("prober_error", "too many probes are under way")
            }
            here.hear(MonitorState(version=1, begun=NOON), id="modest")
            assert ["private or reserved" in result.detail for result in await here.told(1)] == [True]
            assert [result.failure for result in await here.told(5)] == ["timeout"] * 5
            here.hear(MonitorState(version=1, begun=NOON - 1), id="g0")  # there is room again
            assert [result.failure for result in await here.told(1)] == ["timeout"]


async def test_what_is_sealed_and_cannot_be_read_is_our_fault() -> None:
    async with world(monitor(target=ProbeTarget(url="http://10.0.0.1/", sealed="unreadable"))) as here:
        here.hear(MonitorState(version=1, begun=NOON))
        assert [result.failure for result in await here.told(1)] == ["prober_error"]


async def test_a_result_that_is_not_stored_stops_nothing() -> None:
    one = monitor()
    async with world(one, running()) as here:
        here.sink.fails = lambda record: True
        assert await here.between(NOON, NOON + 10 * SECOND) == []
        here.sink.fails = lambda record: False
        here.sink.full = True
        assert await here.between(NOON + 10 * SECOND, NOON + 20 * SECOND) == []
        here.sink.full = False
        begin, end = NOON + 20 * SECOND, NOON + 40 * SECOND
        assert await here.between(begin, end) == slots(one, begin, end)


async def test_run_probes_until_it_is_stopped_and_lets_probes_end() -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as server, world() as here:
        stop = asyncio.Event()
        run = asyncio.create_task(here.prober.run(stop))
        here.hear(monitor(target=ProbeTarget(url=f"http://{V4}:{server.port}/")), MonitorState(version=1, begun=NOON))
        stop.set()
        await asyncio.wait_for(run, SOON)
        assert [result.ok for result in await here.told(1)] == [True]


# ---- the own network of the region

TROUBLED, CONTROLS = "pingfold_region_troubled", "pingfold_control_targets_answering"


class Asked:
    """A control target. answers: whether it does."""

    def __init__(self) -> None:
        self.answers, self.times = True, 0

    @property
    def control(self) -> Control:
        return Control("control", True, self._ask)

    async def _ask(self) -> bool:
        self.times += 1
        return self.answers


def sites(count: int, port: int = 1) -> list[Monitor]:
    """Monitors of as many hosts, all addresses of this machine; nobody listens on port 1."""
    return [monitor(f"s{n}", kind="tcp", target=ProbeTarget(host=f"127.0.0.{n + 1}", port=port)) for n in range(count)]


async def probe_all(here: World, wanted: list[Monitor], begun: Micros) -> list[ProbeCompleted]:
    """Each is probed at once; the results, in order."""
    begin = len(here.sink.order)
    for one in wanted:
        here.hear(one, MonitorState(version=1, begun=begun), id=one.id)
    async with asyncio.timeout(SOON):
        while len(results := [one for _, one in events(here)[begin:] if isinstance(one, ProbeCompleted)]) < len(wanted):
            await asyncio.sleep(0.01)
    await here.told()
    return results


def events(here: World) -> list[tuple[int, Any]]:
    return [(stored.partition, _event(stored.value or b"")) for stored in here.sink.order]


def words(here: World) -> list[tuple[int, type[Any]]]:
    """What was said of the region: in which partition, and what."""
    said = [(at, event) for at, event in events(here) if isinstance(event, RegionTroubled | RegionWell)]
    assert {event.region for _, event in said} <= {HERE}
    return [(at, type(event)) for at, event in said]


TROUBLE = [(partition, RegionTroubled) for partition in range(PARTITIONS)]
WELL = [(partition, RegionWell) for partition in range(PARTITIONS)]


def failed(failure: Failure = "timeout", **fields: Any) -> ProbeCompleted:
    return ProbeCompleted(slot=0, region=HERE, at=0, took=0, ok=not failure, failure=failure, **fields)


class Network:
    """The network of a region as its prober judges it, by one control target."""

    def __init__(self, here: World) -> None:
        self.here, self.control = here, Asked()
        self.judge = OwnNetwork(
            HERE, here.sink, here.clock, lambda: range(PARTITIONS), lambda: here.pulse, [self.control.control]
        )

    async def told(self, result: ProbeCompleted, began: float | None = None, answered: float | None = None) -> str:
        """As what the result of a probe that ends now is told."""
        async with asyncio.timeout(SOON):
            return (await self.judge.judge(result, self.here.pulse if began is None else began, answered)).failure

    async def later(self, seconds: float, rounds: int = 1) -> None:
        """Time passes, and so many questions are asked."""
        self.here.pulse += seconds
        times = self.control.times
        self.judge.beat()
        async with asyncio.timeout(SOON):
            while self.control.times < times + rounds:
                await asyncio.sleep(0.001)
        await self.here.told()


@pytest.fixture(autouse=True)
def held_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told before the end of a test is told for another reason than that it was held long enough.

    On a busy machine the question of a control target alone may take as long as that.
    """
    monkeypatch.setattr(own_network, "HELD", 600.0)


@contextlib.asynccontextmanager
async def network() -> AsyncIterator[Network]:
    """One whose control target answered a second ago."""
    async with world() as here:
        made = Network(here)
        try:
            await made.later(0.0)
            here.pulse += 1.0
            yield made
        finally:
            await made.judge.close()


async def test_a_region_whose_network_is_out_says_so_and_accuses_nobody() -> None:
    async with network() as here:
        begun = here.here.pulse
        here.control.answers = False
        here.here.pulse += 1.0
        results = await asyncio.gather(*(here.judge.judge(failed(), here.here.pulse, None) for _ in range(10)))
        assert {(result.failure, result.detail) for result in results} == {
            ("prober_error", "the network of this region is out")
        }
        await here.here.told()
        assert words(here.here) == TROUBLE
        assert REGISTRY.get_sample_value(TROUBLED, {"region": HERE}) == 1
        assert REGISTRY.get_sample_value(CONTROLS, {"region": HERE}) == 0
        [said] = [event for at, event in events(here.here) if isinstance(event, RegionTroubled) and at == 0]
        assert (said.at, said.since, said.controls) == (NOON, NOON, 1)
        # It says so again while it lasts.
        await here.later(9.5)
        assert words(here.here) == TROUBLE
        await here.later(1.0)
        assert words(here.here) == TROUBLE * 2
        assert await here.told(failed(confirm=1)) == "prober_error"
        assert await here.told(failed("connect")) == "prober_error"
        assert await here.told(failed("name")) == "prober_error"
        # A single answer ends it.
        here.here.pulse += 1.0
        assert await here.told(failed(""), answered=here.here.pulse) == ""
        await here.here.told()
        assert words(here.here) == TROUBLE * 2 + WELL
        assert REGISTRY.get_sample_value(TROUBLED, {"region": HERE}) == 0
        # What ran through it is still ours.
        assert await here.told(failed(), began=begun) == "prober_error"
        here.control.answers = True
        here.here.pulse += 1.0
        assert await here.told(failed()) == "timeout"


async def test_it_is_said_only_where_its_own_monitors_are() -> None:
    """Another prober of the region may run elsewhere: what that finds failing is not made meaningless."""
    async with network() as here:
        mine = {0, 2}
        here.judge = OwnNetwork(
            *(HERE, here.here.sink, here.here.clock, lambda: mine, lambda: here.here.pulse), [here.control.control]
        )
        here.judge.beat()
        await here.later(0.0)
        here.control.answers = False
        here.here.pulse += 1.0
        assert await here.told(failed()) == "prober_error"
        await here.here.told()
        assert words(here.here) == [(0, RegionTroubled), (2, RegionTroubled)]
        # One that comes to it hears of it with the next word; one that went to another hears the end, too.
        mine.clear()
        mine.add(1)
        await here.later(10.5)
        assert words(here.here)[2:] == [(1, RegionTroubled)]
        here.here.pulse += 1.0
        assert await here.told(failed(""), answered=here.here.pulse) == ""
        await here.here.told()
        assert words(here.here)[3:] == WELL


async def test_it_is_over_when_the_control_target_answers() -> None:
    async with network() as here:
        here.control.answers = False
        assert await here.told(failed()) == "prober_error"
        here.control.answers = True
        await here.later(1.0)
        assert words(here.here) == TROUBLE + WELL


@pytest.mark.parametrize("answer", ["status", "tls", "closed", "protocol", "connect", "keyword"])
async def test_whatever_answers_is_told_at_once_and_ends_it(answer: Failure) -> None:
    """A refused connection is an answer, a broken one too."""
    async with network() as here:
        here.control.answers = False
        assert await here.told(failed()) == "prober_error"
        here.here.pulse += 1.0
        times = here.control.times
        assert await here.told(failed(answer), answered=here.here.pulse) == answer
        assert here.control.times == times
        await here.here.told()
        assert words(here.here) == TROUBLE + WELL


async def test_what_was_answered_before_does_not_end_it() -> None:
    """A connection that was made while the network was there, and a probe that ran out of time after its end."""
    async with network() as here:
        connected = here.here.pulse
        here.control.answers = False
        here.here.pulse += 5.0
        assert await here.told(failed(), began=connected, answered=connected) == "prober_error"
        assert await here.told(failed("status"), began=connected, answered=connected) == "status"
        await here.here.told()
        assert words(here.here) == TROUBLE


async def test_what_says_nothing_of_the_network_is_told_as_it_is() -> None:
    async with network() as here:
        here.control.answers = False
        assert await here.told(failed("refused target")) == "refused target"
        assert await here.told(failed("prober_error")) == "prober_error"
        assert await here.told(failed("")) == ""  # of a name that the resolver of this host knows
        assert words(here.here) == []


async def test_a_failure_is_held_until_the_control_target_has_answered_and_no_longer() -> None:
    async with network() as here:
        here.here.pulse += 1.0
        times = here.control.times
        assert await here.told(failed()) == "timeout"
        assert here.control.times == times + 1
        await here.here.told()
        assert words(here.here) == []


async def test_the_answer_of_any_target_that_was_asked_later_is_enough() -> None:
    async with network() as here:
        asking = asyncio.Event()

        async def never() -> bool:
            asking.set()
            return await asyncio.Event().wait()

        watched = OwnNetwork(
            *(HERE, here.here.sink, here.here.clock, lambda: range(PARTITIONS), lambda: here.here.pulse),
            [Control("control", True, never)],
        )
        held = asyncio.create_task(watched.judge(failed(), here.here.pulse, None))
        async with asyncio.timeout(SOON):
            await asking.wait()
        before, here.here.pulse = here.here.pulse - 1.0, here.here.pulse + 1.0
        await watched.judge(failed(""), before, here.here.pulse)  # was asked before
        await here.here.told()
        assert not held.done()
        await watched.judge(failed(""), here.here.pulse, here.here.pulse)
        async with asyncio.timeout(SOON):
            assert (await held).failure == "timeout"
        await watched.close()


async def test_without_control_targets_that_ever_answered_nothing_is_held() -> None:
    async with network() as here:
        here.control.answers = False
        none = OwnNetwork(HERE, here.here.sink, here.here.clock, lambda: range(PARTITIONS), lambda: here.here.pulse)
        dead = OwnNetwork(
            *(HERE, here.here.sink, here.here.clock, lambda: range(PARTITIONS), lambda: here.here.pulse),
            [here.control.control],
        )
        for one in (none, dead, none, dead):
            assert (await one.judge(failed(), here.here.pulse, None)).failure == "timeout"
        assert words(here.here) == []
        await dead.close()


async def test_a_control_target_that_fails_in_an_odd_way_is_silent() -> None:
    async with world() as here:

        async def odd() -> bool:
            raise ValueError("odd")

        watched = OwnNetwork(
            *(HERE, here.sink, here.clock, lambda: range(PARTITIONS), lambda: here.pulse), [Control("odd", True, odd)]
        )
        async with asyncio.timeout(SOON):
            assert (await watched.judge(failed(), here.pulse, None)).failure == "timeout"
        await watched.close()


async def test_they_are_asked_now_and_then_and_often_while_it_is_out() -> None:
    async with network() as here:
        times = here.control.times
        here.here.pulse += 18.0
        here.judge.beat()
        await here.here.told()
        assert here.control.times == times
        await here.later(1.0)
        assert here.control.times == times + 1
        here.control.answers = False
        await here.later(20.0)  # nobody has failed yet, so nothing is said
        await here.here.told()
        assert words(here.here) == []
        await here.later(1.0)
        assert await here.told(failed()) == "prober_error"
        await here.here.told()
        assert words(here.here) == TROUBLE


async def test_one_that_cannot_say_so_still_accuses_nobody() -> None:
    async with network() as here:
        here.here.sink.fails = lambda record: b"region." in (record.value or b"")
        here.control.answers = False
        assert await here.told(failed()) == "prober_error"
        await here.here.told()
        assert words(here.here) == []


async def test_targets_that_refuse_or_answer_wrongly_show_that_the_network_is_there() -> None:
    """However many they are, and without asking anybody."""
    asked = Asked()
    asked.answers = False
    async with serving(answering(b"HTTP/1.1 500 Oh\r\n\r\n"), "0.0.0.0") as server, world(controls=[asked]) as here:
        broken = [monitor(f"b{n}", target=ProbeTarget(url=f"http://127.0.0.{n + 1}:{server.port}/")) for n in range(10)]
        private = [monitor(f"r{n}", target=ProbeTarget(url=f"http://10.0.0.{n + 1}/")) for n in range(10)]
        assert {result.failure for result in await probe_all(here, broken, NOON)} == {"status"}
        assert {result.failure for result in await probe_all(here, private, NOON)} == {"prober_error"}
        assert {result.failure for result in await probe_all(here, sites(10), NOON)} == {"connect"}
        assert (words(here), asked.times) == ([], 0)


async def test_a_target_that_is_silent_is_told_of_while_the_control_target_answers() -> None:
    asked = Asked()
    with unanswered() as port:
        one, other = (monitor(id, target=ProbeTarget(url=f"http://{V4}:{port}/"), timeout=1) for id in ("m", "n"))
        async with world(controls=[asked]) as here:
            [result] = await probe_all(here, [one], NOON)
            assert (result.failure, asked.times) == ("timeout", 1)
            asked.answers = False
            here.pulse += 0.5
            [result] = await probe_all(here, [other], NOON)
            assert result.failure == "prober_error"
            assert words(here) == TROUBLE[:1]


@pytest.mark.parametrize(
    ("verb", "version", "asked", "told"),
    [
        ("HEAD", 2, ["HEAD"], ""),
        ("GET", 2, ["GET"], ""),
        ("", 2, ["GET", "HEAD"], "HEAD"),
        ("GET", 1, ["GET", "HEAD"], "HEAD"),
    ],
)
async def test_the_verb_that_the_state_has_for_this_definition_is_followed(
    verb: Verb, version: int, asked: list[str], told: Verb
) -> None:
    heads: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serving(talk) as server:
        target = ProbeTarget(url=f"http://{V4}:{server.port}/", method="GET/HEAD")
        one = monitor(target=target, version=2)
        async with world(one, running(version=version, verb=verb)) as here:
            here.clock.time = NOON
            here.hear(one)  # planned by this clock
            here.clock.time = first_slot(one, NOON)
            here.prober.turn()
            [result] = await here.told(1)
    assert (result.ok, result.verb, heads) == (True, told, asked)


async def test_a_url_that_is_none_is_still_told_of() -> None:
    async with world() as here:
        [result] = await probe_all(here, [monitor(target=ProbeTarget(url="http://[x/"))], NOON)
        assert result.failure not in ("", "prober_error")


async def test_what_may_not_be_probed_is_not_known_and_what_leads_there_fails() -> None:
    """Nothing was asked of the first two; the third answered, and sends its visitors where nobody may go."""
    away = answering(b"HTTP/1.1 302 Go\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n")
    async with serving(away) as server:
        refused = [monitor("a", target=REFUSED), monitor("b", kind="tcp", target=ProbeTarget(host="10.0.0.1", port=1))]
        leading = monitor("c", target=ProbeTarget(url=f"http://{V4}:{server.port}/"))
        async with world(*refused, leading) as here:
            results = await probe_all(here, refused, NOON)
            assert [result.failure for result in results] == ["prober_error", "prober_error"]
            assert all("PINGFOLD_PRIVATE_TARGETS" in result.detail for result in results)
            [result] = await probe_all(here, [leading], NOON)
            assert (result.failure, result.status) == ("refused target", 302)


# ---- tests of certificates

SECURE = ProbeTarget(url="https://10.0.0.1/")  # refused at once: no certificate is shown


def certificates_in(here: World) -> list[CertificateTested]:
    events = [_event(stored.value or b"") for stored in here.sink.order]
    return [event for event in events if isinstance(event, CertificateTested)]


async def test_a_certificate_is_tested_when_it_is_due_and_by_the_region_whose_turn_it_is() -> None:
    begun = NOON + 5 * SECOND
    for regions, first in (((HERE, THERE), begun), ((THERE, HERE), begun + RETRY)):
        one = monitor(target=SECURE, probed_from=regions, interval=3_600)
        async with world(one, running(begun=begun)) as here:
            await here.at(begun - SECOND)
            assert certificates_in(here) == []
            for moment in (begun, begun + SECOND, begun + RETRY, begun + RETRY + SECOND):
                await here.at(moment)
            [tested] = certificates_in(here)
            assert (tested.slot, tested.region, tested.valid, tested.version) == (first, HERE, None, 1)
            assert tested.error
            await here.at(first + 2 * RETRY)  # nobody has folded it
            assert [each.slot for each in certificates_in(here)] == [first, first + 2 * RETRY]


async def test_the_state_makes_the_next_test_due() -> None:
    begun = NOON + 5 * SECOND
    one = monitor(target=SECURE, interval=3_600)
    async with world(one, running(begun=begun)) as here:
        await here.at(begun)
        assert len(certificates_in(here)) == 1
        due = begun + 3 * RETRY
        here.prober.heard(0, [("validity/m", encode(Validity(due=due, turn=1)))])
        await here.between(begun, due, 60 * SECOND)
        assert len(certificates_in(here)) == 1
        await here.at(due)
        assert [each.slot for each in certificates_in(here)] == [begun, due]
        here.prober.heard(0, [("validity/m", encode(Validity(due=due + RETRY, turn=2)))])
        here.hear(monitor(target=SECURE, interval=3_600, paused=True, version=2))
        await here.at(due + RETRY)
        assert len(certificates_in(here)) == 2
        here.hear(monitor(target=SECURE, interval=3_600, version=3), running(begun=due + 2 * RETRY, version=3))
        here.prober.heard(0, [("validity/m", None)])
        await here.at(due + 2 * RETRY)
        assert [each.slot for each in certificates_in(here)][2:] == [due + 2 * RETRY]


async def test_a_prober_that_starts_does_not_test_every_certificate_at_once() -> None:
    begun = NOON - 10_000 * SECOND
    async with world(monitor(target=SECURE, interval=3_600), running(begun=begun)) as here:
        await here.at(NOON)
        assert certificates_in(here) == []
        await here.between(NOON, NOON + RETRY + 30 * SECOND, 30 * SECOND)
        assert [(each.slot - begun) % RETRY for each in certificates_in(here)] == [0]


async def test_no_certificate_is_tested_without_room_or_with_a_wrong_clock() -> None:
    begun = NOON + 5 * SECOND
    one = monitor(target=SECURE, interval=3_600)
    async with world(one, running(begun=begun)) as here:
        here.sink.skew = 11 * SECOND
        await here.at(begun)
        assert certificates_in(here) == []
        here.sink.skew = None
        await here.at(begun + RETRY)
        assert len(certificates_in(here)) == 1
    async with world(one, running(begun=begun), most=0) as here:
        await here.at(begun)
        assert certificates_in(here) == []


async def test_what_shows_no_certificate_is_not_tested() -> None:
    async with world(monitor(), running(begun=NOON)) as here:
        await here.at(NOON)
        assert certificates_in(here) == []
