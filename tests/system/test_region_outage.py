"""The network of a whole region fails, end to end: the region is disregarded, nobody is accused, the others go on.

Two regions on one machine. The names of all sites lead the prober of each region to addresses of that region, because
it asks a resolver of its own; behind each address a relay leads to the one server of all sites. A region's network is
out while nobody listens at its addresses.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from infra.embedded.ports import HOST
from schemas.topics import PROBE_RESULTS, TRANSITIONS
from tests.integration.probe_targets import head_of, resolving, serving
from tests.loop_thread import LoopThread
from tests.pingfold_process import Pingfold, wait_until
from tests.system.test_monitors import await_status, call, status

pytestmark = pytest.mark.system

SITES = 8
RIGA, OSLO = "riga", "oslo"
_NETWORKS = {RIGA: "127.0.1", OSLO: "127.0.2"}


def site(number: int) -> str:
    return f"site{number}.test"


class World:
    """The sites and the networks of both regions. broken: sites that answer 503. port: of every site."""

    def __init__(self, servers: LoopThread) -> None:
        self.broken: set[str] = set()
        self.resolvers: dict[str, str] = {}
        self._relays: dict[str, list[asyncio.Server]] = {}
        self._servers = servers
        self.port = servers.enter(serving(self._answer)).port
        for region, network in _NETWORKS.items():
            names = {site(number): [f"{network}.{number}"] for number in range(1, SITES + 1)}
            host, port = servers.enter(resolving(names)).server
            self.resolvers[region] = f"{host}:{port}"
            self.mend(region)

    @contextlib.contextmanager
    def running(self) -> Iterator["World"]:
        """At the end nobody listens any more."""
        try:
            yield self
        finally:
            for region in _NETWORKS:
                self.cut(region)

    def cut(self, region: str) -> None:
        """The network of a region fails."""
        self._servers.do(self._cut(region))

    def mend(self, region: str) -> None:
        """It is back."""
        self._servers.do(self._mend(region))

    async def _mend(self, region: str) -> None:
        addresses = [f"{_NETWORKS[region]}.{number}" for number in range(1, SITES + 1)]
        self._relays[region] = [await asyncio.start_server(self._relay, address, self.port) for address in addresses]

    async def _cut(self, region: str) -> None:
        for relay in self._relays.pop(region, []):
            relay.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        broken = any(f"Host: {name}:".encode() in head for name in self.broken)
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % (b"503 Broken" if broken else b"200 OK"))
        await writer.drain()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closing(writer):
            back, forth = await asyncio.open_connection(HOST, self.port)
            async with _closing(forth):
                forth.write(await head_of(reader))
                writer.write(await back.read())
                await writer.drain()


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """A prober that has its answer does not wait for the end."""
    try:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            yield
    finally:
        writer.close()


def make(pingfold: Pingfold, world: World, number: int, **fields: Any) -> str:
    name = site(number)
    body = {"name": name, "url": f"http://{name}:{world.port}/", "interval_seconds": 2, "timeout_seconds": 2}
    return str(call(pingfold, "POST", "/monitors", body | fields)["id"])


def words(pingfold: Pingfold, over: bool) -> set[int]:
    """The partitions that have told that Oslo is disregarded, or that it is over."""
    return {
        one["partition"]
        for one in pingfold.values(TRANSITIONS)
        if one.get("type") == "region.disregarded" and one["region"] == OSLO and ("end" in one) is over
    }


def went_down(pingfold: Pingfold) -> list[str]:
    return [
        one["thing"]
        for one in pingfold.values(TRANSITIONS)
        if one.get("type") == "status.changed" and one["now"] == "down"
    ]


def results_of(pingfold: Pingfold, region: str) -> list[dict[str, Any]]:
    found = (json.loads(record.value or b"{}") for record in pingfold.records(PROBE_RESULTS))
    return [one for one in found if one.get("type") == "probe.completed" and one["region"] == region]


def test_a_region_whose_network_fails_accuses_nobody(own_pingfold: Pingfold) -> None:
    own_pingfold.settings |= {"PINGFOLD_REGIONS": f"{RIGA},{OSLO}", "PINGFOLD_PROBERS": "0"}
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(World(stack.enter_context(LoopThread())).running())
        own_pingfold.start()
        for slot, (region, resolver) in enumerate(world.resolvers.items()):
            stack.enter_context(
                own_pingfold.beside("prober", "--region", region, "--slot", str(slot), PINGFOLD_RESOLVERS=resolver)
            )
        every = range(own_pingfold.partitions)
        both = {number: make(own_pingfold, world, number) for number in range(1, SITES + 1)}
        # Nobody else could tell how these are; enough confirmations that the others are heard of before.
        alone = [
            make(own_pingfold, world, number, regions=[OSLO], interval_seconds=10, confirmations=10)
            for number in (1, 2)
        ]
        for id in (*both.values(), *alone):
            await_status(own_pingfold, id, "up", 40.0)

        world.cut(OSLO)
        wait_until(lambda: words(own_pingfold, False) >= set(every), 30.0, "Oslo is disregarded")
        # What is really broken is found all the same: by Riga, whose word alone would not be enough otherwise.
        world.broken = {site(3)}
        await_status(own_pingfold, both[3], "down", 30.0)
        for id in alone:
            await_status(own_pingfold, id, "unknown", 60.0)
        assert went_down(own_pingfold) == [both[3]]
        assert {status(own_pingfold, id) for number, id in both.items() if number != 3} == {"up"}
        assert len(call(own_pingfold, "GET", "/incidents")) == 1
        failed = [one for one in results_of(own_pingfold, OSLO) if not one["ok"]]
        assert any(one["detail"] == "the network of this region is out" for one in failed)
        assert {one["failure"] for one in failed} <= {"ours", "connect"}
        assert all(one["ok"] or one["failure"] == "status" for one in results_of(own_pingfold, RIGA))

        world.mend(OSLO)
        world.broken = set()
        wait_until(lambda: words(own_pingfold, True) >= set(every), 30.0, "Oslo counts again")
        for id in (*both.values(), *alone):
            await_status(own_pingfold, id, "up", 40.0)

        call(own_pingfold, "PATCH", f"/monitors/{alone[0]}", {"confirmations": 1})
        world.broken = {site(1)}
        await_status(own_pingfold, alone[0], "down", 60.0)
        await_status(own_pingfold, both[1], "down", 30.0)
        assert sorted(went_down(own_pingfold)) == sorted([both[3], both[1], alone[0]])
        votes = [one for one in results_of(own_pingfold, OSLO) if one.get("failure") == "status"]
        assert votes
    own_pingfold.verify()
