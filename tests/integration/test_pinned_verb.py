"""What is enough for a target is known by the log alone: the real prober and the real fold, against a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.log.sink import Position
from infra.settings.settings import Settings
from ingest.prober.prober import Prober
from ingest.prober.probes.connection import Connector
from processors.monitors.fold import Monitors
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor, ProbeTarget
from schemas.probes import MonitorDefined
from schemas.slots import first_slot
from schemas.ticks import Tick
from tests.folding import Folding, Journal
from tests.imitated_sink import ImitatedSink
from tests.ping_world import NOON, HandClock
from tests.probe_targets import LOOPBACK, V4, head_of, on_uvloop, serving, system_trust

MONITOR = derived_id("monitor", "pinned")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Region(ImitatedSink):
    """Probers of a region, one after the other, and the fold; what they say to each other is told at once."""

    def __init__(self, connector: Connector) -> None:
        self._connector, self._clock = connector, HandClock(Settings())
        self.skew = None
        self._journal, self._folding = Journal(), Folding(Monitors())
        self._stored = asyncio.Event()
        self._version = 0
        self.now = NOON
        self._add("tick", Tick(slot="ticker", epoch=1, at=NOON, now=NOON))
        self.restart()

    def restart(self) -> None:
        """Another prober takes over."""
        self._clock.time = self.now
        self._prober = Prober("here", self._connector, self, self._clock, lambda sealed, *_: sealed)
        self._prober.whole(0)
        self._prober.heard(0, list(self._folding.committed.items()))

    def define(self, url: str, name: str = "One") -> None:
        self._version += 1
        target = ProbeTarget(url=url, method="GET/HEAD")
        self.monitor = Monitor(
            id=MONITOR, project="p", version=self._version, created=NOON, revised=NOON, name=name, target=target,
            interval=10, timeout=5, probed_from=("here",),
        )  # fmt: skip
        self._clock.time = self.now
        self._add(MONITOR, MonitorDefined(at=self.now, monitor=self.monitor))

    async def probe(self) -> None:
        """The next slot is probed."""
        self._stored.clear()
        self.now = first_slot(self.monitor, self.now)
        self._clock.time = self.now
        self._prober.turn()
        await asyncio.wait_for(self._stored.wait(), 30.0)

    def store(self, topic: str, key: str | bytes | None, value: bytes | None) -> Position:
        self._add(str(key), value or b"")
        self._stored.set()
        return Position(0, 0)

    def _add(self, key: str, event: Tick | MonitorDefined | bytes) -> None:
        self._folding.feed([self._journal.add(key, event, self.now)])
        if hasattr(self, "_prober"):
            self._prober.heard(0, list(self._folding.committed.items()))

    @property
    def verb(self) -> str:
        return self._folding.state(MonitorState, MONITOR).verb


@asynccontextmanager
async def region() -> AsyncIterator[Region]:
    connector = Connector(LOOPBACK, verify=system_trust())
    try:
        yield Region(connector)
    finally:
        await connector.close()


@on_uvloop
async def test_what_was_found_at_the_beginning_holds_for_every_prober() -> None:
    for head, rest in ((OK, "HEAD"), (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "GET")):
        asked: list[str] = []

        async def talk(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes = head, asked: list[str] = asked
        ) -> None:
            asked.append((await head_of(reader)).split()[0].decode())
            writer.write(head if asked[-1] == "HEAD" else OK)

        async with serving(talk) as server, region() as here:
            here.define(f"http://{V4}:{server.port}/")
            await wait_for_verb(here)
            assert (here.verb, asked) == (rest, ["GET", "HEAD"])
            await here.probe()
            here.restart()
            await here.probe()
            assert asked[2:] == [rest, rest]
            here.define(f"http://{V4}:{server.port}/", name="Other")
            await here.probe()
            assert asked[4:] == [rest]
            here.define(f"http://{V4}:{server.port}/other")
            assert here.verb == ""
            await wait_for_verb(here)
            assert asked[5:] == ["GET", "HEAD"]


async def wait_for_verb(here: Region) -> None:
    """The first probe is made when the definition is heard."""
    async with asyncio.timeout(30.0):
        while not here.verb:
            await asyncio.sleep(0.01)
