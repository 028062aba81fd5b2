"""ICMP probes: healthy if the target answers one of a few echo requests."""

import asyncio
import time

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.outcome import Trace
from schemas.monitors import ProbeTarget, Sealed

_ECHOES = 3
_APART_SECONDS = 1.0


async def run(connector: Connector, target: ProbeTarget, sealed: Sealed, trace: Trace) -> None:
    """Returns when the target answers; raises `ProbeFailed` when it is told unreachable. The caller limits the time."""
    trace.address = address = (await connector.addresses(target.host, trace))[0]
    began = time.perf_counter_ns()
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    try:
        for _ in range(_ECHOES):
            connector.icmp.send(address, answer)
            await asyncio.wait({answer}, timeout=_APART_SECONDS)
            if answer.done():
                break
        await answer
        trace.answered = time.perf_counter_ns()
        trace.first_byte = (trace.answered - began) // 1_000
    finally:
        answer.cancel()
