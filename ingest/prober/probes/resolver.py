"""Resolves host names for probes with c-ares, which needs no thread per look-up.

It uses `/etc/hosts` and `/etc/resolv.conf`, and caches answers for their time to live. To distinguish a silent resolver
from a name whose servers do not answer, a slow look-up triggers a query that any working resolver answers.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Sequence

import aiodns
from pycares import DNSResult, errno

from ingest.prober.probes.outcome import ProbeFailed
from schemas.servers import Server

# The first wait for an answer, at most; c-ares waits less for a resolver that is quick, and twice as long each time.
_ANSWER_SECONDS = 2.0
_TRIES = 5
# After this long the resolver is asked for a name that cannot exist, which it denies if it is there.
_DOUBT_SECONDS = 0.5
SILENCE = "the resolver of this host does not answer"
_SILENT = (errno.ARES_ETIMEOUT, errno.ARES_ECONNREFUSED)


class Resolver:
    """To be made inside a running event loop. `servers`: resolvers to ask; none: those of this host."""

    def __init__(self, servers: Sequence[Server] = ()) -> None:
        self.servers = tuple(servers)
        self._loop = asyncio.get_running_loop()
        asked = [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address, port in servers]
        self._resolver = aiodns.DNSResolver(asked or None, timeout=_ANSWER_SECONDS, tries=_TRIES)
        self._heard = 0.0
        self._doubted = 0.0

    async def addresses(self, host: str) -> list[str]:
        """Every address of `host`, the one to be tried first in front. Raises `ProbeFailed`."""
        asked = time.monotonic()
        doubt = self.doubt_soon()
        try:
            found = await self._resolver.getaddrinfo(host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            if error.args[0] not in _SILENT:
                self._heard = time.monotonic()
            elif not self.heard_since(asked):
                raise ProbeFailed("prober_error", SILENCE) from None
            raise ProbeFailed("name", str(error.args[1]).lower()) from None
        except UnicodeError:
            raise ProbeFailed("name", "not a host name") from None
        finally:
            doubt.cancel()
        self._heard = time.monotonic()
        return list(dict.fromkeys(node.addr[0].decode().partition("%")[0] for node in found.nodes))

    def doubt_soon(self) -> asyncio.TimerHandle:
        """To be cancelled when an answer has come: until then the resolver itself is in doubt."""
        return self._loop.call_later(_DOUBT_SECONDS, self._doubt)

    def heard_since(self, moment: float) -> bool:
        """Whether the resolver has told anybody anything since `moment` (`time.monotonic`)."""
        return self._heard > moment

    def heard(self) -> None:
        """The resolver has answered."""
        self._heard = time.monotonic()

    def _doubt(self) -> None:
        now = time.monotonic()
        if now - self._doubted > _DOUBT_SECONDS / 2:
            self._doubted = now
            self._resolver.query_dns(f"{secrets.token_hex(8)}.invalid", "A").add_done_callback(self._answered)

    def _answered(self, control: asyncio.Future[DNSResult]) -> None:
        if control.cancelled():
            return
        error = control.exception()
        if not isinstance(error, aiodns.error.DNSError) or error.args[0] not in (*_SILENT, errno.ARES_ECANCELLED):
            self.heard()

    async def close(self) -> None:
        """Let go of what is under way."""
        await self._resolver.close()
