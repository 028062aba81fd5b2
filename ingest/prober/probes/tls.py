"""TLS probes: healthy if the handshake succeeds with a certificate that is valid for the name now.

The trace has the expiry of the certificate.
"""

import asyncio

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.outcome import Trace
from schemas.monitors import ProbeTarget, Sealed


async def run(connector: Connector, target: ProbeTarget, sealed: Sealed, trace: Trace) -> None:
    """Returns when the handshake is done; raises `ProbeFailed` when it fails. The time limit is the caller's."""
    transport, _ = await connector.open(target.host, target.port, asyncio.Protocol, trace, tls=True)
    transport.abort()
