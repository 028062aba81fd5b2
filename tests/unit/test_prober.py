"""The prober's schedule: what it probes when, by a clock moved by hand, with the log in memory.

Most targets are private addresses that are refused at once: a probe needs no network then, and tells when it was made.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from infra.secrets import SecretError
from infra.settings import Settings
from ingest.prober.connection import Connector
from ingest.prober.own_network import OwnNetwork
from ingest.prober.prober import Prober
from ingest.prober.region_watch import SPAN
from ingest.prober.running import STANDSTILL
from schemas.base import SECOND, Micros, encode
from schemas.monitor_states import Doubt, MonitorCopy, MonitorState, Seen
from schemas.monitors import Monitor, Target
from schemas.probes import Phases, ProbeCompleted, ProbeResultsEvent, RegionTroubled, RegionWell
from schemas.slots import first_slot
from schemas.topics import PROBE_RESULTS
from tests.integration.probe_targets import LOOPBACK, V4, answering, serving, silent
from tests.memory_log import MemorySink
from tests.unit.ping_world import NOON, HandClock

HERE, THERE = "here", "there"
PARTITIONS = 3
REFUSED = Target(url="http://10.0.0.1/")
MISSED = "pingfold_probe_slots_missed_total"

_result = msgspec.json.Decoder(ProbeCompleted).decode
_event = msgspec.json.Decoder(ProbeResultsEvent).decode


def monitor(id: str = "m", **changes: Any) -> Monitor:
    """A monitor of one region, probed every 10 s."""
    given: dict[str, Any] = {"version": 1, "target": REFUSED, "interval": 10, "probed_from": (HERE,), "timeout": 5}
    return Monitor(**(given | {"id": id, "project": "p", "created": 0, "revised": 0, "name": id} | changes))


def running(**changes: Any) -> MonitorState:
    """The state of a monitor that has been probed before."""
    given: dict[str, Any] = {"version": 1, "begun": 1, "seen": (Seen(region=HERE, slot=1, ok=True),)}
    return MonitorState(**(given | changes))


class World:
    """A prober of the region `here` that owns partition 0. `pulse`: its monotonic clock."""

    def __init__(self, connector: Connector, settings: Settings, most: int) -> None:
        self.clock = HandClock(settings)
        self.sink = MemorySink()
        self.pulse = 1_000.0
        self.prober = Prober(
            HERE, connector, self.sink, self.clock, PARTITIONS, self._decrypt, most, lambda: self.pulse
        )
        self._told = 0

    def _decrypt(self, sealed: str) -> str:
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
        async with asyncio.timeout(5.0):
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
    *known: Monitor | MonitorState, settings: Settings | None = None, most: int = 100
) -> AsyncIterator[World]:
    connector = Connector(LOOPBACK)
    try:
        made = World(connector, settings or Settings(), most)
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
        assert (told.region, told.failure, told.version) == (HERE, "refused target", 1)
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
        doubt = Doubt(since=NOON - SECOND, at=NOON, region=HERE, asked=1, asked_at=NOON + 5 * SECOND)
        here.hear(running(doubt=doubt))
        assert await here.at(NOON + 4 * SECOND) == []
        here.hear(running(doubt=doubt, results=1))  # rewritten for another reason
        assert await here.at(NOON + 5 * SECOND) == [(NOON - SECOND, 1)]
        here.hear(running(doubt=doubt, results=2))
        assert await here.at(NOON + 6 * SECOND) == []
        again = msgspec.structs.replace(doubt, asked=2, asked_at=NOON + 6 * SECOND)
        here.hear(running(doubt=again))
        assert await here.at(NOON + 7 * SECOND) == [(NOON - SECOND, 2)]


async def test_a_confirmation_that_is_no_longer_asked_for_is_not_made() -> None:
    async with world(monitor(interval=3_600), running()) as here:
        here.hear(running(doubt=Doubt(since=NOON, at=NOON, region=HERE, asked_at=NOON + 5 * SECOND)))
        here.hear(running())
        assert await here.between(NOON, NOON + 10 * SECOND) == []


async def test_confirmations_come_from_the_region_whose_turn_it_is() -> None:
    async with world(monitor(interval=3_600, probed_from=(HERE, THERE)), running()) as here:
        here.clock.time = NOON
        doubt = Doubt(since=NOON, at=NOON, region=HERE, asked=1, asked_at=NOON)
        here.hear(running(doubt=doubt))
        assert await here.at(NOON) == []  # the other region is asked first
        here.hear(running(doubt=msgspec.structs.replace(doubt, asked=2)))
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
        quick = monitor(interval=2, version=2, target=Target(url="http://10.0.0.2/"))
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
        one = monitor(target=Target(url=f"http://{V4}:{server.port}/"), timeout=1)
        async with world(one, running()) as here:
            here.clock.time = first_slot(one, NOON)
            here.prober.turn()
            async with asyncio.timeout(5.0):
                while not server.open:
                    await asyncio.sleep(0.01)
            here.pulse += STANDSTILL + 0.1
            here.prober.turn()
            [result] = await here.told(1)
            assert (result.ok, result.failure, "stood still" in result.detail) == (False, "ours", True)


async def test_a_failure_that_is_seen_before_the_standstill_is_noticed_is_ours() -> None:
    one = monitor()
    async with world(one, running()) as here:
        here.clock.time = first_slot(one, NOON)
        here.prober.turn()
        here.pulse += STANDSTILL + 0.1
        [result] = await here.told(1)
        assert result.failure == "ours"
        here.prober.turn()
        here.clock.time = first_slot(one, here.clock.time)
        here.prober.turn()
        [result] = await here.told(1)
        assert result.failure == "refused target"  # it runs again


async def test_a_success_counts_over_a_standstill() -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        one = monitor(target=Target(url=f"http://{V4}:{server.port}/"))
        async with world(one, running()) as here:
            here.clock.time = first_slot(one, NOON)
            here.prober.turn()
            here.pulse += STANDSTILL + 0.1
            assert [result.ok for result in await here.told(1)] == [True]


async def test_nobodys_probes_take_all_there_is() -> None:
    async with serving(silent) as server:
        greedy = [
            monitor(f"g{n}", project="greedy", target=Target(host=V4, port=server.port), kind="tls", timeout=1)
            for n in range(20)
        ]
        async with world(*greedy, monitor("modest", project="modest"), most=10) as here:
            for one in greedy:
                here.hear(MonitorState(version=1, begun=NOON), id=one.id)
            refused = await here.told(15)
            assert {(result.failure, result.detail) for result in refused} == {
                ("ours", "too many probes are under way")
            }
            here.hear(MonitorState(version=1, begun=NOON), id="modest")
            assert [result.failure for result in await here.told(1)] == ["refused target"]
            assert [result.failure for result in await here.told(5)] == ["timeout"] * 5
            here.hear(MonitorState(version=1, begun=NOON - 1), id="g0")  # there is room again
            assert [result.failure for result in await here.told(1)] == ["timeout"]


async def test_what_is_sealed_and_cannot_be_read_is_our_fault() -> None:
    async with world(monitor(target=Target(url="http://10.0.0.1/", sealed="unreadable"))) as here:
        here.hear(MonitorState(version=1, begun=NOON))
        assert [result.failure for result in await here.told(1)] == ["ours"]


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
        here.hear(monitor(target=Target(url=f"http://{V4}:{server.port}/")), MonitorState(version=1, begun=NOON))
        stop.set()
        await asyncio.wait_for(run, 5.0)
        assert [result.ok for result in await here.told(1)] == [True]


# ---- the own network of the region

TROUBLED = "pingfold_region_troubled"


def sites(count: int, failing: int, port: int) -> list[Monitor]:
    """Monitors of as many hosts, all addresses of this machine; so many of them are on a port where nobody listens."""
    return [
        monitor(f"s{n}", kind="tcp", target=Target(host=f"127.0.0.{n + 1}", port=1 if n < failing else port))
        for n in range(count)
    ]


async def probe_all(here: World, wanted: list[Monitor], begun: Micros) -> list[ProbeCompleted]:
    """Each is probed at once; the results, in order."""
    begin = len(here.sink.order)
    for one in wanted:
        here.hear(one, MonitorState(version=1, begun=begun), id=one.id)
    async with asyncio.timeout(5.0):
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


async def test_a_region_whose_network_is_out_says_so_and_accuses_nobody() -> None:
    troubled = [(partition, RegionTroubled) for partition in range(PARTITIONS)]
    async with serving(silent, "0.0.0.0") as server, world() as here:
        results = await probe_all(here, sites(10, 10, server.port), NOON)
        found = [result.failure for result in results]
        assert found == ["connect"] * 4 + ["ours"] * 6
        assert results[-1].detail == "the network of this region is out"
        assert words(here) == troubled
        assert REGISTRY.get_sample_value(TROUBLED, {"region": HERE}) == 1
        [said] = [event for at, event in events(here) if isinstance(event, RegionTroubled) and at == 0]
        assert (said.failing, said.hosts, said.at) == (5, 5, NOON)
        # It says so again while it lasts.
        here.pulse += 9.5
        here.prober.turn()
        assert words(here) == troubled
        here.pulse += 0.5
        here.prober.turn()
        await here.told()
        assert words(here) == troubled * 2
        # Most of the hosts are reached again.
        results = await probe_all(here, sites(10, 4, server.port)[4:9], NOON - 1)
        assert [result.failure for result in results] == [""] * 5
        assert words(here) == troubled * 2
        await probe_all(here, sites(10, 4, server.port)[9:], NOON - 1)
        assert words(here) == troubled * 2 + [(partition, RegionWell) for partition in range(PARTITIONS)]
        assert REGISTRY.get_sample_value(TROUBLED, {"region": HERE}) == 0


async def test_a_trouble_of_which_nothing_is_seen_any_more_is_over() -> None:
    async with world() as here:
        await probe_all(here, sites(5, 5, 1), NOON)
        here.pulse += SPAN + 1
        here.prober.turn()
        await here.told()
        assert words(here)[-1] == (PARTITIONS - 1, RegionWell)
        told = len(words(here))
        here.prober.turn()
        await here.told()
        assert len(words(here)) == told


async def test_what_began_before_the_trouble_was_over_is_ours() -> None:
    async with world() as here:
        network = OwnNetwork(HERE, here.sink, here.clock, PARTITIONS, lambda: here.pulse)
        failed = ProbeCompleted(slot=0, region=HERE, at=0, took=0, ok=False, failure="timeout")
        one, *others = sites(7, 7, 1)

        def told(began: float, result: ProbeCompleted = failed, confirm: int = 0) -> str:
            return network.judge(one, msgspec.structs.replace(result, confirm=confirm), began).failure

        for other in others:
            network.judge(other, failed, here.pulse)
        assert told(here.pulse, confirm=1) == "ours"
        broken = msgspec.structs.replace(failed, failure="status")
        assert told(here.pulse, broken, confirm=1) == "status"
        slow = msgspec.structs.replace(failed, phases=Phases(connect=5))  # it was reached
        assert told(here.pulse, slow, confirm=1) == "timeout"
        here.pulse += 1
        for other in others:
            network.judge(other, msgspec.structs.replace(failed, ok=True, failure=""), here.pulse)
        assert told(here.pulse - 0.1) == "ours"
        assert told(here.pulse) == "timeout"


async def test_one_that_cannot_say_so_still_accuses_nobody() -> None:
    async with world() as here:
        here.sink.fails = lambda record: b"region." in (record.value or b"")
        results = await probe_all(here, sites(8, 8, 1), NOON)
        assert [result.failure for result in results][4:] == ["ours"] * 4
        assert words(here) == []


async def test_targets_that_answer_wrongly_or_are_refused_are_no_trouble_of_the_region() -> None:
    async with serving(answering(b"HTTP/1.1 500 Oh\r\n\r\n"), "0.0.0.0") as server, world() as here:
        broken = [monitor(f"b{n}", target=Target(url=f"http://127.0.0.{n + 1}:{server.port}/")) for n in range(10)]
        refused = [monitor(f"r{n}", target=Target(url=f"http://10.0.0.{n + 1}/")) for n in range(10)]
        assert {result.failure for result in await probe_all(here, broken, NOON)} == {"status"}
        assert {result.failure for result in await probe_all(here, refused, NOON)} == {"refused target"}
        assert words(here) == []


async def test_a_server_that_is_down_with_all_its_sites_is_its_own_trouble() -> None:
    async with world() as here:
        down = [monitor(f"d{n}", target=Target(url=f"http://{V4}:1/{n}")) for n in range(10)]
        assert {result.failure for result in await probe_all(here, down, NOON)} == {"connect"}
        assert words(here) == []


async def test_a_url_that_is_none_is_still_told_of() -> None:
    async with world() as here:
        [result] = await probe_all(here, [monitor(target=Target(url="http://[x/"))], NOON)
        assert result.failure not in ("", "ours")
