"""The prober process: probes its share of a region's monitors."""

import asyncio
import contextlib
import signal

from infra.log.sink import Sink
from infra.secrets import Vault
from infra.settings import Settings
from infra.targets import Guard
from ingest.clock import Clock
from ingest.prober.assignment import Assignment
from ingest.prober.connection import Connector
from ingest.prober.prober import Prober
from pingfold.addresses import kafka_of


async def serve_prober(settings: Settings, region: str, slot: str) -> None:
    """Probe until SIGTERM or SIGINT."""
    bootstrap = kafka_of(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        sink = Sink(bootstrap)
        stack.push_async_callback(sink.close)
        connector = Connector(Guard(settings.private_targets))
        stack.callback(connector.close)
        prober = Prober(region, connector, sink, Clock(settings), Vault.open(settings).decrypt)
        assignment = Assignment(bootstrap, region, slot, prober.heard, prober.whole, prober.lost)
        assignment.start()
        stack.push_async_callback(assignment.close)
        await prober.run(stop)
