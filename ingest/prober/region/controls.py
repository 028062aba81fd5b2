"""Control targets: what a prober asks to learn whether its own network is there. The operator's choice, no project's.

The contract:

- A connection that is accepted, refused or reset is an answer; so is any reply of a gateway, and of a resolver the
  answer to a question that it cannot know without asking others. Everything else is silence.
- Questions are asked all at once, again where one gets lost, and end after `PATIENCE` seconds.
"""

import asyncio
import contextlib
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from dnslib import QTYPE, RCODE, DNSRecord

from infra.settings.settings import ControlTarget
from ingest.prober.probes.dns import system_servers
from ingest.prober.probes.dns_question import Nameservers, over_udp, question
from ingest.prober.probes.icmp_socket import IcmpSocket
from ingest.prober.probes.outcome import ProbeFailed
from schemas.servers import Server, format_server

PATIENCE = 3.0
_TRIES = 3
# The sink of the DNS for questions that nobody can answer (RFC 7535): anycast, unsigned, so no resolver can make up the
# answer; each name is asked for once, so none can remember it. A resolver may serve the zone itself, as BIND does if it
# is not told otherwise: then it says that it is the authority, or names another server than the zone's.
_NOWHERE = "empty.as112.arpa"
_SERVER_OF_NOWHERE = "blackhole.as112.arpa"
# Nobody need listen there: a refusal is an answer.
_GATEWAY_PORT = 53
_TOLD = frozenset({RCODE.NOERROR, RCODE.NXDOMAIN})


class Control(NamedTuple):
    """ask: returns whether it answers. beyond: an answer shows that the way out of the local network is there."""

    name: str
    beyond: bool
    ask: Callable[[], Awaitable[bool]]


async def ask(controls: Sequence[Control], answered: Callable[[int], None]) -> None:
    """Ask all of them; `answered` is called with the number of each that answers, at once."""

    async def one(number: int, control: Control) -> None:
        with contextlib.suppress(OSError):  # a timeout is one
            async with asyncio.timeout(PATIENCE):
                if await control.ask():
                    answered(number)

    await asyncio.gather(*(one(number, control) for number, control in enumerate(controls)))


def control_targets(chosen: Iterable[ControlTarget], resolvers: Sequence[Server], echoes: IcmpSocket) -> list[Control]:
    """What is chosen by the setting. resolvers: those that probers ask; none: those of the host, as it knows them when
    they are asked; the gateways, too, may change."""

    async def any_resolver() -> bool:
        packed = question(f"{secrets.token_hex(8)}.{_NOWHERE}", "A")
        return await _any(_tells(server, packed) for server in resolvers or system_servers())

    async def any_gateway() -> bool:
        """Whichever it does: answer echoes, or accept or refuse a connection."""
        found = gateways()
        echoing = [_echoes(address, echoes) for address in found]
        return await _any([*echoing, *(_connects((address, _GATEWAY_PORT)) for address in found)])

    own = {"resolver": Control("resolver", True, any_resolver), "gateway": Control("gateway", False, any_gateway)}
    return [own[one] if isinstance(one, str) else _connection(one) for one in chosen]


def _connection(server: Server) -> Control:
    return Control(format_server(server, 0), True, lambda: _connects(server))


async def _any(ways: Iterable[Coroutine[Any, Any, bool]]) -> bool:
    """Whether one of them says yes; the others are not waited for."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        for way in asyncio.as_completed(tasks):
            if await way:
                return True
        return False
    finally:
        for task in tasks:
            task.cancel()


async def _tells(server: Server, packed: bytes) -> bool:
    """Whether a resolver has asked others."""
    for _ in range(_TRIES):
        with contextlib.suppress(TimeoutError, ProbeFailed):
            async with asyncio.timeout(PATIENCE / _TRIES):
                answer, _ = await over_udp(Nameservers([server], is_local=True), packed)
                return isinstance(answer, DNSRecord) and answer.header.rcode in _TOLD and not _is_its_own(answer)
    return False


def _is_its_own(answer: DNSRecord) -> bool:
    """Whether the resolver has answered by itself. One that leaves out whose answer it was cannot be seen through."""
    servers = (str(one.rdata.mname).rstrip(".").lower() for one in answer.auth if one.rtype == QTYPE.SOA)
    return bool(answer.header.aa) or any(server != _SERVER_OF_NOWHERE for server in servers)


async def _connects(server: Server) -> bool:
    try:
        with socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET) as opened:
            opened.setblocking(False)
            await asyncio.get_running_loop().sock_connect(opened, server)
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    except OSError:
        return False
    return True


async def _echoes(address: str, echoes: IcmpSocket) -> bool:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    try:
        for _ in range(_TRIES):
            echoes.send(address, answer)
            await asyncio.wait({answer}, timeout=PATIENCE / _TRIES)
            if answer.done():
                await answer
                return True
    except ProbeFailed:  # not permitted, or told to be unreachable
        pass
    finally:
        answer.cancel()
    return False


def gateways(folder: Path = Path("/proc/net")) -> list[str]:
    """The default gateways of this host, where the kernel tells them (Linux)."""
    found = []
    for line in _lines(folder / "route"):  # interface, destination, gateway, flags, ...
        if len(line) > 7 and line[1] == line[7] == "00000000" and line[2] != "00000000":
            found.append(socket.inet_ntoa(struct.pack("=I", int(line[2], 16))))
    for line in _lines(folder / "ipv6_route"):  # destination, length, source, length, gateway, ...
        if len(line) > 9 and line[1] == "00" and line[4].strip("0") and line[9] != "lo":
            address = ip_address(bytes.fromhex(line[4]))
            if not address.is_link_local:  # to be reached by an interface that is named, which no socket here does
                found.append(str(address))
    return list(dict.fromkeys(found))


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return []
