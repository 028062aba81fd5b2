"""What a full disk stops in each role, and that it goes on by itself: pings, changes, ticks, probes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.disk import Disk, Level, free_space_at
from infra.settings.settings import Settings
from infra.settings.sizes import Reserve
from ingest.ping.source import Source
from ingest.prober.prober import Prober
from ingest.prober.probes.connection import Connector
from ingest.ticker import Ticker
from schemas.base import SECOND, encode
from schemas.monitor_states import MonitorCopy
from schemas.monitors import Monitor
from tests.harness import POP_KEY, Harness
from tests.memory_log import MemorySink
from tests.ping_world import BY_UUID, KEY, NOON, UUID, HandClock, World
from tests.probe_targets import LOOPBACK, system_trust
from tests.prober_monitors import HERE, monitor

PARTITIONS = 3

Given = Callable[[Level], Settings]


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Settings whose disk is at a level, as long as there is a folder `kafka`."""
    monkeypatch.setattr("infra.disk._LOOK_SECONDS", 0.0)
    (tmp_path / "kafka").mkdir()

    def at(level: Level) -> Settings:
        times = {Level.OK: 0.0, Level.FULL: 1.5, Level.CRITICAL: 4.0}[level]
        settings = Settings(data=tmp_path, disk_reserve=Reserve(size=int(free_space_at(tmp_path).free * times)))
        assert Disk(settings).state.level is level
        return settings

    return at


def make_room(settings: Settings) -> None:
    (settings.data / "kafka").rmdir()


async def test_pings_are_refused_and_told_and_taken_again(given: Given) -> None:
    settings = given(Level.FULL)
    world = World(data=settings.data, disk_reserve=settings.disk_reserve)
    for url in (BY_UUID, f"/ping/{KEY}/new-one?create=1"):
        reply = await world.ask(url)
        assert reply.line == "503 not recorded: Pingfold's disk is full, try again later"
        assert reply.headers["retry-after"] == "10"
    assert world.sink.pings == []
    await world.source.begin()
    told = [world.sink.ticks(number)[-1].refused_since for number in range(8)]
    assert told == [NOON] * 8, "it may have been a ping of any check"
    make_room(settings)
    assert (await world.ask(BY_UUID)).line == "200 OK"
    assert [key for key, _ in world.sink.pings] == [UUID]
    await world.source.close()


async def test_other_answers_stay_as_they_are(given: Given) -> None:
    settings = given(Level.FULL)
    world = World(data=settings.data, disk_reserve=settings.disk_reserve)
    assert (await world.ask(f"/ping/{KEY}/nobody")).status == 404
    assert (await world.ask("/ping/no-uuid")).status == 400
    assert (await world.ask(BY_UUID, "PUT")).status == 405


async def test_changes_are_refused_in_the_form_of_each_api_and_reads_go_on(given: Given) -> None:
    settings = given(Level.FULL)
    harness = Harness(data=settings.data, disk_reserve=settings.disk_reserve)
    words = "the disk of this Pingfold is full: nothing can be changed now, try again later"
    made = await harness.client.post("/api/v3/checks/", json={"name": "a"})
    assert (made.status_code, made.json(), made.headers["retry-after"]) == (503, {"error": words}, "10")
    bearer = {"Authorization": f"Bearer {POP_KEY}"}
    made = await harness.client.post("/api/v1/monitors", json={"name": "a"}, headers=bearer)
    assert (made.status_code, made.json()) == (503, {"error": "unavailable", "message": words})
    assert (await harness.client.get("/api/v3/checks/")).status_code == 200
    assert (await harness.client.get("/api/v1/monitors", headers=bearer)).status_code == 200
    make_room(settings)
    assert (await harness.client.post("/api/v3/checks/", json={"name": "a"})).status_code == 201


@pytest.mark.parametrize("level", [Level.FULL, Level.CRITICAL])
async def test_time_stops_only_at_the_lower_mark(given: Given, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ingest.ticker", "ingest.ping.source"):
        monkeypatch.setattr(f"{module}.TICK_SECONDS", 0.01)
    settings = given(level)
    clock, sink, stop = HandClock(settings), MemorySink(PARTITIONS), asyncio.Event()
    source = Source(settings, clock, sink, "web-0", PARTITIONS, installation=None)
    await source.begin()
    running = asyncio.create_task(Ticker(settings, clock, sink, PARTITIONS).run(stop))
    begun = len(sink.order)
    if level is Level.FULL:
        async with asyncio.timeout(60):
            while len(sink.order) == begun:
                await asyncio.sleep(0.005)
    else:
        await asyncio.sleep(0.1)
        assert len(sink.order) == begun
    make_room(settings)
    async with asyncio.timeout(60):
        while len(sink.order) < begun + 4 * 4 * PARTITIONS:
            await asyncio.sleep(0.005)
    stop.set()
    await running
    await source.close()


async def test_nothing_is_probed_until_there_is_room(given: Given) -> None:
    settings = given(Level.FULL)
    clock, sink, connector = HandClock(settings), MemorySink(), Connector(LOOPBACK, verify=system_trust())
    prober = Prober(HERE, connector, sink, clock, lambda sealed, *_: sealed, 100, lambda: 0.0, disk=Disk(settings))
    try:
        prober.heard(0, [(f"definition/{one.id}", _encoded(one)) for one in (monitor(),)])
        prober.whole(0)
        for second in range(30):
            clock.time = NOON + second * SECOND
            prober.turn()
        await asyncio.sleep(0.05)
        assert sink.order == []
        make_room(settings)
        for second in range(30, 60):
            clock.time = NOON + second * SECOND
            prober.turn()
        async with asyncio.timeout(60):
            while len(sink.order) < 3:
                await asyncio.sleep(0.005)
    finally:
        await connector.close()


def _encoded(one: Monitor) -> bytes:
    return encode(MonitorCopy(monitor=one))
