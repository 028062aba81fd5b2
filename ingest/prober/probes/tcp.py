"""TCP probes: healthy if the port accepts a connection."""

import asyncio

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.outcome import Trace
from schemas.monitors import ProbeTarget, Sealed


async def run(connector: Connector, target: ProbeTarget, sealed: Sealed, trace: Trace) -> None:
    """Returns when the connection is there; raises `ProbeFailed` when there is none. The time limit is the caller's."""
    transport, _ = await connector.open(target.host, target.port, asyncio.Protocol, trace)
    transport.abort()
