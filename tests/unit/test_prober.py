"""The prober's schedule: what it probes when, by a clock moved by hand, with the log in memory.

Most targets are private addresses that are refused at once: a probe needs no network then, and tells when it was made.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest
from prometheus_client import REGISTRY

from infra.settings.settings import Settings
from ingest.prober.running_probes import STANDSTILL
from schemas.base import SECOND, Micros
from schemas.monitor_states import MonitorState, PendingChange
from schemas.monitors import Monitor, ProbeTarget
from schemas.probes import ProbeCompleted
from schemas.slots import first_slot
from schemas.topics import PROBE_RESULTS
from tests.driven_prober import SOON, THERE, running, world
from tests.ping_world import NOON
from tests.probe_targets import V4, answering, serving, silent
from tests.prober_monitors import HERE, monitor

MISSED = "pingfold_probe_slots_missed_total"

_result = msgspec.json.Decoder(ProbeCompleted).decode


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
        one = monitor(target=ProbeTarget(url=f"http://{V4}:{server.port}/"), timeout=4)
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
            monitor(f"g{n}", project="greedy", target=ProbeTarget(host=V4, port=server.port), kind="tls", timeout=4)
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
