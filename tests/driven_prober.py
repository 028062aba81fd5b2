"""A prober that a test drives: by a clock moved by hand, with the log in memory, and what it has told there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from infra.secrets.secrets import SecretError
from infra.settings.settings import Settings
from ingest.prober.prober import Prober
from ingest.prober.probes.connection import Connector
from ingest.prober.region.controls import Control
from schemas.base import SECOND, Micros, encode
from schemas.monitor_states import MonitorCopy, MonitorState, Seen
from schemas.monitors import Monitor
from schemas.probes import ProbeCompleted, ProbeResultsEvent
from tests.given_settings import settings_of
from tests.memory_log import MemorySink
from tests.ping_world import HandClock
from tests.probe_targets import LOOPBACK, system_trust
from tests.prober_monitors import HERE

THERE = "there"
# On the slowest machine; nothing here depends on how long it takes.
SOON = 120.0

_event = msgspec.json.Decoder(ProbeResultsEvent).decode


def running(**changes: Any) -> MonitorState:
    """The state of a monitor that has been probed before."""
    given: dict[str, Any] = {"version": 1, "begun": 1, "seen": (Seen(region=HERE, slot=1, ok=True),)}
    return MonitorState(**(given | changes))


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


class World:
    """A prober of the region `here` that owns partition 0. `pulse`: its monotonic clock."""

    def __init__(self, connector: Connector, settings: Settings, most: int, controls: Sequence[Asked] = ()) -> None:
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
    controls: Sequence[Asked] = (),
) -> AsyncIterator[World]:
    connector = Connector(LOOPBACK, verify=system_trust())
    try:
        made = World(connector, settings or settings_of(), most, controls)
        made.hear(*known)
        made.prober.whole(0)
        yield made
    finally:
        await connector.close()


def events(here: World) -> list[tuple[int, Any]]:
    return [(stored.partition, _event(stored.value or b"")) for stored in here.sink.order]
