"""One probe of a monitor, whatever its kind: within its time limit, and never raising for what a target does."""

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Protocol

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.families import probe_families
from ingest.prober.probes.outcome import ProbeFailed, Trace, because
from ingest.prober.probes.resolver import SILENCE
from schemas.base import SECOND, Micros
from schemas.monitors import Monitor, ProbeTarget, Sealed
from schemas.probe_kinds import IN_TLS_HANDSHAKE, PROBE_KINDS, MonitorKind
from schemas.probes import Failure, ProbeCompleted
from schemas.slots import time_limit


class _Run(Protocol):
    """Probes a target once: returns when it is healthy, else raises `ProbeFailed`. The time limit is the caller's."""

    async def __call__(self, connector: Connector, target: ProbeTarget, sealed: Sealed, trace: Trace) -> None: ...


# The module of each kind has its name.
_RUNS: Mapping[MonitorKind, _Run] = {kind: import_module(f"ingest.prober.probes.{kind}").run for kind in PROBE_KINDS}


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
    trace = Trace() if trace is None else trace
    if monitor.target.families and monitor.kind != "dns":
        once = partial(_probe_once, monitor, sealed, slot, confirm, region, at)
        return await probe_families(once, connector, monitor.target.families, trace)
    return await _probe_once(monitor, sealed, slot, confirm, region, at, connector, trace)


async def _probe_once(
    monitor: Monitor,
    sealed: Sealed,
    slot: Micros,
    confirm: int,
    region: str,
    at: Micros,
    connector: Connector,
    trace: Trace,
) -> ProbeCompleted:
    failure: Failure = ""
    detail = ""
    limit = time_limit(monitor) / SECOND
    began = time.perf_counter_ns()
    try:
        async with asyncio.timeout(limit):
            await _RUNS[monitor.kind](_connector_of(monitor, sealed, connector), monitor.target, sealed, trace)
    except ProbeFailed as failed:
        failure, detail = failed.failure, failed.detail
        if failed.answered:
            trace.answered = time.perf_counter_ns()
    except TimeoutError:
        if trace.failed is not None:
            failure, detail = trace.failed.failure, trace.failed.detail
        elif trace.asked is not None and not connector.resolver.heard_since(trace.asked):
            failure, detail = "prober_error", SILENCE
        else:
            failure, detail = "timeout", f"{IN_TLS_HANDSHAKE if trace.in_handshake else trace.reading}after {limit:g} s"
    except OSError as error:
        fault = because(error, "closed")
        failure, detail = fault.failure, fault.detail
    if trace.decided is not None:
        failure, detail = "", ""
    return ProbeCompleted(
        slot=slot,
        confirm=confirm,
        version=monitor.version,
        region=region,
        at=at,
        took=((trace.decided or time.perf_counter_ns()) - began) // 1_000,
        ok=not failure,
        failure=failure,
        detail=detail,
        status=trace.status,
        address=trace.address,
        phases=trace.phases,
        expires=trace.expires,
        method=trace.method,
        verb=trace.compared,
        url=trace.url,
        http_version=trace.http_version,
    )


def _connector_of(monitor: Monitor, sealed: Sealed, connector: Connector) -> Connector:
    """The connector of a monitor's project. What is secret goes only to a server whose certificate is valid."""
    connector = connector.of(monitor.project)
    return connector if monitor.target.verify or sealed != Sealed() else connector.unverified()
