"""A host that has addresses of both families (IPv4 and IPv6) is probed over each of them, at the same time.

- `each`: the target is well when it is over both. `either`: when it is over one. Which one failed alone is told
  (`ProbeCompleted.family_down`), and what each of them came to.
- A family that the host does not have is not probed, nor one to which this host has no way: that says nothing about the
  target. Where only one is left it alone decides.
- A fault of this host over one family says nothing about it. It decides nothing, unless the other one failed.
- Nor does silence over a family that nobody beyond the local network has ever answered this prober over: it may be cut
  off from the whole of IPv6, as many hosts are without knowing. What is down stays so until it is well over both.
"""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.outcome import Trace
from ingest.prober.region.own_network import is_local
from schemas.probe_kinds import PROBER_ERRORS
from schemas.probes import FamilyResult, ProbeCompleted
from schemas.targets import Families, Family, Verb

_BOTH: tuple[Family, Family] = ("ipv4", "ipv6")

# One probe, by this connector.
Once = Callable[[Connector, Trace], Awaitable[ProbeCompleted]]


async def probe_families(once: Once, connector: Connector, wanted: Families, trace: Trace) -> ProbeCompleted:
    """The result of probing a target over the families that it has. `trace`: takes when the network last answered."""
    traces = [Trace(verb=trace.verb) for _ in _BOTH]
    found = await asyncio.gather(
        *(once(connector.only(family), own) for family, own in zip(_BOTH, traces, strict=True))
    )
    if all(own.missing for own in traces):
        return await once(connector, trace)
    for family, own, result in zip(_BOTH, traces, found, strict=True):
        if own.answered is not None and not is_local(result.address):
            connector.proven.add(family)
    trace.answered = max((own.answered for own in traces if own.answered is not None), default=None)
    there = [result for result, own in zip(found, traces, strict=True) if not own.missing]
    judged = [
        result
        for family, own, result in zip(_BOTH, traces, found, strict=True)
        if result.address and result.failure not in PROBER_ERRORS
        if own.answered is not None or trace.down or family in connector.proven or is_local(result.address)
    ]
    match judged:
        case [ipv4, ipv6]:
            return _both(ipv4, ipv6, wanted)
        case [one] if one.ok or len(there) == 1:
            return one
        case _:
            return next((result for result in there if result.failure in PROBER_ERRORS), there[0])


def _both(ipv4: ProbeCompleted, ipv6: ProbeCompleted, wanted: Families) -> ProbeCompleted:
    well = [result for result in (ipv4, ipv6) if result.ok]
    failed = [result for result in (ipv4, ipv6) if not result.ok]
    told = failed[0] if failed and (wanted == "each" or not well) else well[0]
    return replace(
        told,
        expires=told.expires if told.expires is not None else (ipv4.expires or ipv6.expires),
        verb=_verb(ipv4, ipv6),
        families=tuple(_of(family, result) for family, result in zip(_BOTH, (ipv4, ipv6), strict=True)),
        family_down=("ipv6" if ipv4.ok else "ipv4") if len(failed) == 1 else "",
    )


def _verb(ipv4: ProbeCompleted, ipv6: ProbeCompleted) -> Verb:
    """GET is enough for both where HEAD is not."""
    return "GET" if "GET" in (ipv4.verb, ipv6.verb) else ipv4.verb or ipv6.verb


def _of(family: Family, result: ProbeCompleted) -> FamilyResult:
    return FamilyResult(
        family=family,
        ok=result.ok,
        took=result.took,
        failure=result.failure,
        detail=result.detail,
        status=result.status,
        address=result.address,
        phases=result.phases,
    )
