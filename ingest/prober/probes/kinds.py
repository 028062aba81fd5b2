"""One probe of a monitor, whatever its kind: within its time limit, and never raising for what a target does."""

import asyncio
import time

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.dns import probe_dns
from ingest.prober.probes.http import probe_http
from ingest.prober.probes.icmp import probe_icmp
from ingest.prober.probes.outcome import Failed, Trace, because
from ingest.prober.probes.resolver import SILENCE
from ingest.prober.probes.tcp import probe_tcp
from ingest.prober.probes.tls import probe_tls
from schemas.base import SECOND, Micros
from schemas.monitors import Monitor, Sealed
from schemas.probes import Failure, ProbeCompleted
from schemas.slots import time_limit


async def probe(
    connector: Connector,
    monitor: Monitor,
    sealed: Sealed,
    slot: Micros,
    confirm: int,
    region: str,
    at: Micros,
    trace: Trace | None = None,
) -> ProbeCompleted:
    """The result of probing `monitor` now. `trace`: takes what is seen on the way."""
    trace, detail = Trace() if trace is None else trace, ""
    failure: Failure = ""
    limit = time_limit(monitor) / SECOND
    began = time.perf_counter_ns()
    try:
        async with asyncio.timeout(limit):
            await _probe(connector.of(monitor.project), monitor, sealed, trace)
    except Failed as failed:
        failure, detail = failed.failure, failed.detail
        if failed.answered:
            trace.answered = time.perf_counter_ns()
    except TimeoutError:
        if trace.failed is not None:
            failure, detail = trace.failed.failure, trace.failed.detail
        elif trace.asked is not None and not connector.resolver.heard_since(trace.asked):
            failure, detail = "ours", SILENCE
        else:
            failure, detail = "timeout", f"after {limit:g} s"
    except OSError as error:
        fault = because(error, "closed")
        failure, detail = fault.failure, fault.detail
    return ProbeCompleted(
        slot=slot,
        confirm=confirm,
        version=monitor.version,
        region=region,
        at=at,
        took=(time.perf_counter_ns() - began) // 1_000,
        ok=not failure,
        failure=failure,
        detail=detail,
        status=trace.status,
        address=trace.address,
        phases=trace.phases,
        expires=trace.expires,
    )


async def _probe(connector: Connector, monitor: Monitor, sealed: Sealed, trace: Trace) -> None:
    target = monitor.target
    match monitor.kind:
        case "http":
            await probe_http(connector, target, sealed, trace)
        case "tcp":
            await probe_tcp(connector, target, trace)
        case "tls":
            await probe_tls(connector, target, trace)
        case "dns":
            await probe_dns(connector, target, trace)
        case "icmp":
            await probe_icmp(connector, target, trace)
