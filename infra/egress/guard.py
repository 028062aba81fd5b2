"""Which addresses probes and webhooks may reach: the protection against server-side request forgery (SSRF).

A name is resolved once, EVERY one of its addresses is checked, and the connection uses a checked address. There is no
second look-up with another answer (DNS rebinding). The name is kept for Host and SNI. There are two checks, because
each covers what
the other cannot: `GuardedResolver` sees all addresses of a name; the socket factory sees the address that is about to
be connected, also if the URL contains an address. Pingfold's own servers are refused whatever the settings allow. Error
texts do not contain the address that an internal name resolves to; the log does.

The caller must not follow redirects (`allow_redirects=False`).
"""

import re
import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client import DEFAULT_TIMEOUT

from infra.egress.allowed import Allowed, Network
from infra.egress.resolver import SystemResolver
from infra.errors import InfraError
from schemas.host_names import InvalidHost, bare_host, certificate_name

log = structlog.get_logger(__name__)

_REFUSED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        # This host, private networks.
        *("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        # Link-local (the metadata services of clouds), shared address space of carriers.
        *("169.254.0.0/16", "100.64.0.0/10"),
        # Services of a cloud that answer every machine in it although the addresses are public ones: Azure, IBM.
        *("168.63.129.16/32", "161.26.0.0/16", "166.8.0.0/14"),
        # Protocol assignments, documentation, the old 6to4 relays, benchmarks.
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        # Multicast, reserved, broadcast.
        *("224.0.0.0/4", "240.0.0.0/4"),
        # Teredo and other protocol assignments, documentation.
        *("2001::/23", "2001:db8::/32", "3fff::/20"),
    )
)
# In IPv6 everything else outside these two is refused: ::, ::1, fc00::/7, fe80::/10, ff00::/8, 64:ff9b:1::/48, ...
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# The interface identifier of ISATAP, 0000:5efe or with the universal bit 0200:5efe, stands before an IPv4 address.
_ISATAP, _ISATAP_MASK = 0x0000_5EFE, 0xFDFF_FFFF

_PRIVATE = "a private or reserved address (PINGFOLD_PRIVATE_TARGETS can allow it)"
# Whose it is, the operator's log says: it would tell where the servers of this installation are.
_CLOSED = "closed to probes and webhooks, whatever is allowed"
# The last label of a host name is no number, decimal or hexadecimal; programs take such a host for an IPv4 address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LONGEST_SHOWN = 100


class TargetRefused(InfraError, OSError):
    """The target is an address not to be reached. An OSError: aiohttp treats it as a failed connection.

    Its text is for whoever named the target. `reason` says it without the address, for one that was found by a name;
    `detail` is for the operator's log.
    """

    def __init__(self, words: str, reason: str = "", detail: str = "") -> None:
        super().__init__(words)
        self.reason, self.detail = reason or words, detail or words


def inner_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that packets to an IPv6 address end at: v4-mapped, NAT64, 6to4 and ISATAP; else the address
    itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64 or (int(address) >> 32) & _ISATAP_MASK == _ISATAP:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


class OwnAddresses(Protocol):
    """`infra.egress.own_servers.OwnServers`."""

    def holds(self, address: IPv4Address | IPv6Address, port: int) -> bool: ...


class Guard:
    """Says whether an address may be reached. `allowed`: what may be, although it is private. `own`: never."""

    def __init__(self, allowed: Iterable[Network | Allowed] = (), own: OwnAddresses | None = None) -> None:
        self._given = tuple(one if isinstance(one, Allowed) else Allowed(one) for one in allowed)
        self._allowed = tuple(one for one in self._given if one.project is None)
        self._own = own
        self._judged = lru_cache(4_096)(self._judge)
        self._of_project: dict[str, Guard] = {}
        for project in {one.project for one in self._given} - {None}:
            assert project is not None
            narrowed = Guard((), own)
            narrowed._allowed = tuple(one for one in self._given if one.project in (None, project))
            self._of_project[project] = narrowed

    def of(self, project: str) -> "Guard":
        """The guard of a project's targets; the same object for all projects for which nothing special is allowed."""
        return self._of_project.get(project, self)

    def permits(self, address: IPv4Address | IPv6Address, port: int | None = None) -> bool:
        """Whether `address` is public or allowed; `port` None: no port is meant."""
        inner = inner_address(address)
        if any(one.holds(candidate, port) for candidate in (address, inner) for one in self._allowed):
            return True
        if isinstance(inner, IPv6Address) and inner not in _GLOBAL_UNICAST:
            return False
        return not any(inner in network for network in _REFUSED)

    def check_host(self, host: str, port: int | None = None) -> None:
        """Raise `TargetRefused` when `host` is an address that may not be reached, or is neither a name nor an address.

        Names are not looked up here; what they mean is seen when they are connected, except of `localhost`, which is
        this host everywhere.
        """
        try:
            address = ip_address(bare_host(host).partition("%")[0])
        except ValueError:
            self._check_name(host, port)
        else:
            self.check(str(address), port)

    def _check_name(self, host: str, port: int | None) -> None:
        # What clients make of a host before they look it up: 127.0.0.1 can be written in full-width digits, too.
        unusual = f"'{host[:_LONGEST_SHOWN]}' is no host name, nor an IP address in its usual form (such as 192.0.2.1)"
        try:
            plain = certificate_name(host)
        except InvalidHost as error:
            raise TargetRefused(f"{unusual}: it {error}") from None
        if plain == "localhost" or plain.endswith(".localhost"):
            loopback = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
            if not any(self.permits(address, port) for address in loopback):
                raise TargetRefused(f"{host[:_LONGEST_SHOWN]} is {_PRIVATE}")
            if all(self._is_own(address, port) for address in loopback):
                raise TargetRefused(f"{host[:_LONGEST_SHOWN]} is {_CLOSED}", detail=f"{host}, port {port}: our own")
        elif _NUMBER.fullmatch(plain.rpartition(".")[2]):
            raise TargetRefused(unusual)

    def check(self, text: str, port: int | None = None) -> None:
        """Raise `TargetRefused` unless the address `text` (canonical, an IPv6 zone is ignored) may be reached."""
        try:
            address, is_permitted = self._judged(text, port)
        except ValueError:
            raise TargetRefused(f"{text} is not an IP address") from None
        # Its own servers are told apart only from what is allowed: else one could look for their ports.
        if not is_permitted:
            raise TargetRefused(f"{text} is {_PRIVATE}", _PRIVATE)
        if self._is_own(address, port):
            raise TargetRefused(f"{text} is {_CLOSED}", _CLOSED, f"port {port} of {text} is Pingfold's own")

    def _judge(self, text: str, port: int | None) -> tuple[IPv4Address | IPv6Address, bool]:
        """The address, and whether it is permitted, which never changes. Raises `ValueError`."""
        address = ip_address(text.partition("%")[0])
        return address, self.permits(address, port)

    def _is_own(self, address: IPv4Address | IPv6Address, port: int | None) -> bool:
        return port is not None and self._own is not None and self._own.holds(address, port)


_PUBLIC = Guard()


def public_or_empty(address: str) -> str:
    """An address for everybody's eyes: itself when it is public, empty when it tells of a private network."""
    try:
        return address if _PUBLIC.permits(ip_address(address.partition("%")[0])) else ""
    except ValueError:
        return ""


@lru_cache(4_096)
def tell_operator(host: str, detail: str) -> None:
    """Log why a target is refused, which those who watch it are not told in full; once in a while for each of them."""
    log.warning("target.refused", host=host, reason=detail)


class GuardedResolver(AbstractResolver):
    """A resolver that refuses a name when any of its addresses is refused.

    Any, not all: a name that has both kinds is a mistake or an attack, and must not work by chance.
    """

    def __init__(self, guard: Guard, inner: AbstractResolver | None = None) -> None:
        self._guard, self._resolver = guard, inner or SystemResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            try:
                self._guard.check(result["host"], port)
            except TargetRefused as error:
                tell_operator(host, error.detail)
                raise TargetRefused(f"{host} resolves to {error.reason}", detail=error.detail) from None
        return found

    async def close(self) -> None:
        await self._resolver.close()


class GuardedConnector(aiohttp.TCPConnector):
    """Connections for an aiohttp session that reach permitted addresses only. Owns its resolver.

    Connections are not limited here (callers do that, fairly) and are kept 4 s when idle: most servers close theirs
    after 5 s, and a request that meets such a close would fail for no good reason. `keepalive` 0: none is used again.
    """

    def __init__(
        self, guard: Guard, resolver: AbstractResolver | None = None, *, limit: int = 0, keepalive: float = 4.0
    ) -> None:
        def open_socket(info: aiohttp.AddrInfoType) -> socket.socket:
            family, kind, proto, _, address = info
            guard.check(str(address[0]), int(address[1]))
            return socket.socket(family, kind, proto)

        self._guarded = GuardedResolver(guard, resolver)
        super().__init__(
            resolver=self._guarded,
            socket_factory=open_socket,
            limit=limit,
            keepalive_timeout=keepalive or None,
            force_close=not keepalive,
            ttl_dns_cache=30,
        )

    async def close(self, *, abort_ssl: bool = False) -> None:
        await super().close(abort_ssl=abort_ssl)
        await self._guarded.close()


def guarded_session(
    connector: GuardedConnector, headers: Mapping[str, str], timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT
) -> aiohttp.ClientSession:
    """For servers that nobody vouches for: no cookies are kept, and nothing is unpacked, however small it comes."""
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={**headers, "Accept-Encoding": "identity"},
        timeout=timeout,
        auto_decompress=False,
    )
