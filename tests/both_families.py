"""Hosts with addresses of both families: servers on the loopback addresses of both, and a resolver that knows them."""

import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_network

from infra.egress.guard import Guard
from ingest.prober.probes.connection import Connector
from tests.probe_targets import V4, V6, Talk, Zone, answering, connecting, resolving, serving

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
WELL = answering(EMPTY)
# TCP reaches nobody at the IPv6 address of `cut.test`, which belongs to many; nor is it said of which network it is.
CUT = "ff02::1"
NAMES: Zone = {"both.test": [V4, V6], "four.test": [V4], "six.test": [V6], "cut.test": [V4, CUT]}
GUARD = Guard([ip_network(text) for text in ("127.0.0.0/8", "::1/128", "ff00::/8")])


@contextlib.asynccontextmanager
async def listening(ipv4: Talk | None, ipv6: Talk | None) -> AsyncIterator[int]:
    """A port on which both addresses talk so; None: nobody listens there."""
    for _ in range(50):
        async with contextlib.AsyncExitStack() as stack:
            first = await stack.enter_async_context(serving(WELL, V4))
            port = first.port
        async with contextlib.AsyncExitStack() as stack:
            try:
                for talk, host in ((ipv4, V4), (ipv6, V6)):
                    if talk is not None:
                        await stack.enter_async_context(serving(talk, host, port=port))
            except OSError:  # somebody else has the port of the other family
                continue
            yield port
            return
    raise AssertionError("no port is free in both families")


@contextlib.asynccontextmanager
async def resolved() -> AsyncIterator[Connector]:
    async with resolving(NAMES) as told, connecting(GUARD, told.server) as connector:
        yield connector
