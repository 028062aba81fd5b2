"""One probe for somebody who waits for what it comes to, by the code that probes monitors. Nothing is appended.

Address guard, time limit and bounds of what is read are those of every probe (`ingest.prober.probes`). The connector is
made at the first try: most processes that could try never do, and reading the system's authorities takes a while.
"""

import asyncio
from collections.abc import Sequence

from infra.clock import Clock
from infra.egress.guard import Guard
from ingest.prober.probes.connection import DEFAULT_USER_AGENT, Connector, tls_context
from ingest.prober.probes.kinds import probe
from ingest.prober.probes.resolver import Resolver
from schemas.monitors import Monitor, Sealed
from schemas.probes import ProbeCompleted
from schemas.servers import Server


class Trier:
    """guard: of the installation; a project's own follows from it. resolvers: to ask; none: those of this host.

    user_agent: what probes of http say they are.
    """

    def __init__(
        self, guard: Guard, clock: Clock, resolvers: Sequence[Server] = (), user_agent: str = DEFAULT_USER_AGENT
    ) -> None:
        self._guard, self._clock, self._resolvers, self._user_agent = guard, clock, tuple(resolvers), user_agent
        self._connector: Connector | None = None
        self._making = asyncio.Lock()

    async def __call__(self, monitor: Monitor, sealed: Sealed) -> ProbeCompleted:
        """What one probe of a monitor from here comes to; nothing is raised for what the target does.

        sealed: what the probe sends, in clear.
        """
        at = self._clock.now()
        return await probe(await self._connecting(), monitor, sealed, slot=at, confirm=0, region="", at=at)

    async def _connecting(self) -> Connector:
        async with self._making:
            if self._connector is None:
                verify = await asyncio.to_thread(tls_context)
                resolver = Resolver(self._resolvers)
                self._connector = Connector(self._guard, resolver, verify, self._user_agent)
        return self._connector

    async def close(self) -> None:
        """Let go of resolver and sockets."""
        if self._connector is not None:
            await self._connector.close()
            self._connector = None
