"""Tries that nothing is probed for: what they come to is told, and what was to be probed is kept."""

import asyncio

from msgspec.structs import replace

from schemas.monitors import Monitor, Sealed
from schemas.probes import Phases, ProbeCompleted


class ToldTries:
    """As `ingest.prober.trying.Trier`. result: what each try comes to. asked: what was to be probed.

    holding: tries do not end while it is not set.
    """

    def __init__(self) -> None:
        phases = Phases(lookup=1_000, connect=2_000, tls=3_000, first_byte=4_000)
        self.result = ProbeCompleted(
            slot=0, region="", at=0, took=12_300, ok=True, status=200, address="192.0.2.80", phases=phases
        )
        self.asked: list[tuple[Monitor, Sealed]] = []
        self.holding: asyncio.Event | None = None

    async def __call__(self, monitor: Monitor, sealed: Sealed) -> ProbeCompleted:
        """What was told."""
        self.asked.append((monitor, sealed))
        if self.holding is not None:
            await self.holding.wait()
        return replace(self.result, at=monitor.revised)
