"""The prober process: probes its share of a region's monitors."""

import asyncio
import contextlib
import gc
import time

from infra.clock import clock_of
from infra.clock_skew.reports import may_probe
from infra.clock_skew.watch import ClockWatch
from infra.disk import Disk
from infra.egress.guard import Guard
from infra.egress.own_servers import guard_of
from infra.log.sink import Sink
from infra.log.startup_wait import StartupWait
from infra.process.lifecycle import Stop
from infra.process.tasks import persistent
from infra.secrets.secrets import Vault
from infra.settings.settings import Settings
from ingest.prober.assignment import Assignment
from ingest.prober.domains.expiry import Domains
from ingest.prober.domains.rdap import Rdap
from ingest.prober.prober import Prober
from ingest.prober.probes.connection import Connector
from ingest.prober.probes.resolver import Resolver
from ingest.prober.region.controls import control_targets
from pingfold.addresses import kafka_of
from pingfold.roles.open_files import connections

# File descriptors for everything but probes; and what probes may need of memory bounds them, too.
_MOST = 16_384


async def serve_prober(settings: Settings, region: str, slot: str, stop: Stop) -> None:
    """Probe until `stop` is set."""
    bootstrap, decrypt = kafka_of(settings), Vault.open(settings).decrypt
    await StartupWait(bootstrap).partitions()
    async with contextlib.AsyncExitStack() as stack:
        sink = Sink(bootstrap)
        stack.push_async_callback(sink.close)
        guard = await asyncio.to_thread(guard_of, settings)
        connector = Connector(guard, Resolver(settings.resolvers), user_agent=settings.probe_user_agent)
        stack.push_async_callback(connector.close)
        domains = await _domains(settings, guard, stack)
        disk, most = Disk(settings, "nothing is probed"), connections(_MOST)
        clock = clock_of(settings)
        controls = control_targets(settings.control_targets, settings.resolvers, connector.icmp)
        prober = Prober(
            *(region, connector, sink, clock, decrypt, most),
            domains=domains,
            disk=disk,
            controls=controls,
        )
        assignment = Assignment(
            bootstrap, region, slot, prober.heard, prober.whole, prober.lost, lambda: may_probe(sink.skew), clock
        )
        gc.collect()
        gc.freeze()  # what is loaded by now is no garbage: walking through it would delay every probe
        assignment.start()
        stack.push_async_callback(assignment.close)
        watch = ClockWatch(sink, clock, "prober", f"prober-{region}-{slot}")
        watching = persistent(watch.keep_looking, name="clock-watch")
        stack.callback(watching.cancel)
        stop.started()
        await prober.run(stop)


async def _domains(settings: Settings, guard: Guard, stack: contextlib.AsyncExitStack) -> Domains | None:
    if settings.rdap is None:
        return None
    domains = Domains((await stack.enter_async_context(Rdap(settings.rdap, guard))).expires, time.monotonic)
    stack.push_async_callback(domains.close)
    return domains
