"""The network of a whole region fails, end to end: the region is disregarded, nobody is accused, the others go on.

Two regions on one machine. The names of all sites lead the prober of each region to addresses of that region, because
it asks a resolver of its own; behind each address a relay leads to the one server of all sites. A region's network is
out while nothing answers at its addresses, not even by a refusal; its control target is one of them.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from infra.embedded.ports import HOST
from schemas.topics import PROBE_RESULTS, TRANSITIONS
from tests.loop_thread import LoopThread
from tests.monitor_calls import await_status, call, status
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.probe_targets import head_of, resolving, serving

pytestmark = pytest.mark.system

SITES = 8
RIGA, OSLO = "riga", "oslo"
_NETWORKS = {RIGA: "127.0.1", OSLO: "127.0.2"}
_CONTROL = 200
_QUEUE = 8


def site(number: int) -> str:
    return f"site{number}.test"


class Way:
    """An address of a region, and the way from there to the server of all sites; from inside a running event loop.

    Cut, it answers with nothing at all: the kernel drops what comes to a queue that is full.
    """

    def __init__(self, address: str, port: int) -> None:
        self._address, self._port = address, port
        self._filling: list[socket.socket] = []
        self._talking: set[asyncio.Task[None]] = set()
        self._listen()

    def _listen(self) -> None:
        self._listening = socket.socket()
        self._listening.setblocking(False)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._listening.bind((self._address, self._port))
        self._listening.listen(_QUEUE)
        self._accepting = asyncio.create_task(self._accept())

    async def _accept(self) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(self._listening)
            talks = asyncio.create_task(self._talk(connection))
            self._talking.add(talks)
            talks.add_done_callback(self._talking.discard)

    async def _talk(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        async with _closing(writer):
            head = await head_of(reader)
            back, forth = await asyncio.open_connection(HOST, self._port)
            async with _closing(forth):
                forth.write(head)
                writer.write(await back.read())
                await writer.drain()

    def cut(self) -> None:
        self._accepting.cancel()
        for _ in range(_QUEUE + 4):
            filling = socket.socket()
            filling.setblocking(False)
            filling.connect_ex((self._address, self._port))
            self._filling.append(filling)

    def mend(self) -> None:
        """Nothing is refused meanwhile."""
        if not self._filling:
            return
        before = self._listening
        self._listen()
        before.close()
        while self._filling:
            self._filling.pop().close()

    def close(self) -> None:
        for task in (self._accepting, *self._talking):
            task.cancel()
        for one in (self._listening, *self._filling):
            one.close()


class World:
    """The sites and the networks of both regions. broken: sites that answer 503. port: of every site."""

    def __init__(self, servers: LoopThread) -> None:
        self.broken: set[str] = set()
        self.resolvers: dict[str, str] = {}
        self._ways: dict[str, dict[int, Way]] = {}
        self._servers = servers
        self.port = servers.enter(serving(self._answer)).port
        for region, network in _NETWORKS.items():
            names = {site(number): [f"{network}.{number}"] for number in range(1, SITES + 1)}
            host, port = servers.enter(resolving(names)).server
            self.resolvers[region] = f"{host}:{port}"
            servers.do(self._open(region, network))

    @contextlib.contextmanager
    def running(self) -> Iterator["World"]:
        """At the end nobody listens any more."""
        try:
            yield self
        finally:
            for region in self._ways:
                self._servers.do(self._each(region, Way.close))

    def settings(self, region: str) -> dict[str, str]:
        """Of its prober."""
        return {
            "PINGFOLD_RESOLVERS": self.resolvers[region],
            "PINGFOLD_CONTROL_TARGETS": f"{_NETWORKS[region]}.{_CONTROL}:{self.port}",
        }

    def cut(self, region: str, *numbers: int) -> None:
        """The network of a region fails, or only the way to these sites."""
        self._servers.do(self._each(region, Way.cut, numbers))
        for number in numbers or (1, _CONTROL):
            with pytest.raises(TimeoutError):
                socket.create_connection((f"{_NETWORKS[region]}.{number}", self.port), 0.2)

    def mend(self, region: str) -> None:
        """All of it is there."""
        self._servers.do(self._each(region, Way.mend))

    async def _open(self, region: str, network: str) -> None:
        numbers = (*range(1, SITES + 1), _CONTROL)
        self._ways[region] = {number: Way(f"{network}.{number}", self.port) for number in numbers}

    async def _each(self, region: str, do: Callable[[Way], None], numbers: Iterable[int] = ()) -> None:
        ways = self._ways[region]
        for number in numbers or ways:
            do(ways[number])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        broken = any(f"Host: {name}:".encode() in head for name in self.broken)
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % (b"503 Broken" if broken else b"200 OK"))
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
        for slot, region in enumerate(_NETWORKS):
            stack.enter_context(
                own_pingfold.beside("prober", "--region", region, "--slot", str(slot), **world.settings(region))
            )
        every = range(own_pingfold.partitions)
        both = {number: make(own_pingfold, world, number) for number in range(1, SITES + 1)}
        # Nobody else could tell how these are, and the first result of theirs that fails would count.
        alone = [
            make(own_pingfold, world, number, regions=[OSLO], interval_seconds=10, confirmations=1) for number in (1, 2)
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
        assert {one["failure"] for one in failed} == {
            "prober_error"
        }  # a prober that was starved says so in its own words
        assert any(one["detail"] == "the network of this region is out" for one in failed)
        assert all(one["ok"] or one["failure"] == "status" for one in results_of(own_pingfold, RIGA))

        world.mend(OSLO)
        world.broken = set()
        wait_until(lambda: words(own_pingfold, True) >= set(every), 30.0, "Oslo counts again")
        for id in (*both.values(), *alone):
            await_status(own_pingfold, id, "up", 40.0)

        # What only one region can tell of, and tells, since its control target goes on answering.
        world.cut(OSLO, 2)
        await_status(own_pingfold, alone[1], "down", 60.0)
        world.mend(OSLO)
        await_status(own_pingfold, alone[1], "up", 60.0)
        world.broken = {site(1)}
        await_status(own_pingfold, alone[0], "down", 60.0)
        await_status(own_pingfold, both[1], "down", 30.0)
        assert sorted(went_down(own_pingfold)) == sorted([both[3], both[1], *alone])
        votes = [one for one in results_of(own_pingfold, OSLO) if one.get("failure") == "status"]
        assert votes
    own_pingfold.verify()
