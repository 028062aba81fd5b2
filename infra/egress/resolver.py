"""DNS look-ups for webhooks and mail, by c-ares, which needs no thread per look-up.

It uses `/etc/hosts` and the system's `resolv.conf`, and caches answers for their time to live. A look-up ends after
`seconds`, whatever the name servers do. At most `at_once` look-ups run at a time. A project may have at most three
times as many as are still free, so that slow names of one project never block the others; above its share a look-up
fails at once.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Sequence
from contextvars import ContextVar

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult
from pycares import AddrInfoResult, errno

from infra.errors import InfraError
from schemas.servers import Server

# On whose behalf names are looked up (a project): each asker has its share.
ASKER: ContextVar[str] = ContextVar("asker", default="")

SECONDS = 4.0
# c-ares tells questions apart by 16 bits, and a look-up asks two of them.
AT_ONCE = 8_192
# The first wait for an answer, at most; c-ares waits less for a name server that is quick, and twice as long each time.
_ANSWER_SECONDS = 2.0
_TRIES = 5
_SILENT = (errno.ARES_ETIMEOUT, errno.ARES_ECONNREFUSED, errno.ARES_ECANCELLED)


class NotResolved(InfraError, OSError):
    """There is no address for the name: treat it as a failed connection."""


class LookupTimedOut(NotResolved):
    """Nobody has answered: nothing is known of the name."""


class SystemResolver(AbstractResolver):
    """To be used inside one event loop, and closed there. servers: whom to ask, none: those of this host."""

    def __init__(self, servers: Sequence[Server] = (), *, seconds: float = SECONDS, at_once: int = AT_ONCE) -> None:
        self._servers = [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address, port in servers]
        self._seconds, self._at_once = seconds, at_once
        self._resolver: aiodns.DNSResolver | None = None
        self._held: Counter[str] = Counter()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`, that to be tried first in front. Raises `NotResolved`."""
        address = _odd_literal(host)
        if address is not None:
            return [_result(host, address, port)]
        asked = self._ask(host, family)
        try:
            async with asyncio.timeout(self._seconds):
                # Shielded: c-ares cannot let go of one question, so it counts until c-ares is done with it.
                found = await asyncio.shield(asked)
        except TimeoutError:
            raise LookupTimedOut(f"not resolved within {self._seconds:g} s") from None
        except aiodns.error.DNSError as error:
            if error.args[0] in _SILENT:
                raise LookupTimedOut("the name servers do not answer") from None
            reason = "not a host name" if error.args[0] == errno.ARES_EBADNAME else str(error.args[1]).lower()
            raise NotResolved(reason) from None
        # The zone of a link-local address is lost here, on purpose: such an address is refused or explicitly allowed.
        addresses = dict.fromkeys(node.addr[0].decode().partition("%")[0] for node in found.nodes)
        return [_result(host, address, port) for address in addresses]

    def _ask(self, host: str, family: socket.AddressFamily) -> asyncio.Future[AddrInfoResult]:
        asker, held = ASKER.get(), self._held
        free = self._at_once - held.total()
        if held[asker] >= 3 * free:
            raise LookupTimedOut("too many names are being looked up that are not answered")
        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(self._servers or None, timeout=_ANSWER_SECONDS, tries=_TRIES)
        try:
            asked = self._resolver.getaddrinfo(host, family=family, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # labels that are too long
            raise NotResolved(f"not a host name: {error}") from None
        held[asker] += 1

        def done(answered: asyncio.Future[AddrInfoResult]) -> None:
            held[asker] -= 1
            if not held[asker]:
                del held[asker]
            if not answered.cancelled():
                answered.exception()  # whoever asked may have gone

        asked.add_done_callback(done)
        return asked

    async def close(self) -> None:
        """Let go of what is under way."""
        if self._resolver is not None:
            await self._resolver.close()


def _odd_literal(host: str) -> str | None:
    """The address that the system's own resolver would see in `127.1` or `0x7f000001`; None for names."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
