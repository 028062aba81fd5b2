"""ICMP probes: healthy if one of the target's addresses answers one of a few echo requests."""

import asyncio
import time

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.happy_eyeballs import first_to_answer
from ingest.prober.probes.outcome import Trace
from schemas.monitors import ProbeTarget, Sealed

_ECHOES = 3
_APART_SECONDS = 1.0


async def run(connector: Connector, target: ProbeTarget, sealed: Sealed, trace: Trace) -> None:
    """Returns when the target answers; raises `ProbeFailed` when it is told unreachable. The caller limits the time."""

    async def attempt(address: str) -> tuple[str, int]:
        trace.address = address
        return address, await _echoed(connector, address)

    addresses = await connector.tried(target.host, trace)
    trace.address, took = await first_to_answer(addresses, attempt)
    trace.answered = time.perf_counter_ns()
    trace.first_byte = took // 1_000


async def _echoed(connector: Connector, address: str) -> int:
    """After how many nanoseconds an address answers; it is waited for as long as that takes. Raises `ProbeFailed`."""
    began = time.perf_counter_ns()
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    try:
        for _ in range(_ECHOES):
            connector.icmp.send(address, answer)
            await asyncio.wait({answer}, timeout=_APART_SECONDS)
            if answer.done():
                break
        await answer
        return time.perf_counter_ns() - began
    finally:
        if not answer.cancel() and not answer.cancelled():
            answer.exception()  # which another address that answered has made idle
