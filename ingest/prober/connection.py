"""Connections of probes: the name is looked up once, every address of it checked, a checked address is connected.

Each connection is new, so that what a probe measures is what a new visitor gets. A refusal, a name that does not
resolve and a handshake that fails are told apart (`Failed`); the time limit is the caller's. Faults of this host (no
sockets left) are told as `ours`: they say nothing about the target.
"""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, TypeVar

from infra.targets import Guard, TargetRefused
from ingest.prober.outcome import Failed, Trace
from schemas.base import SECOND

P = TypeVar("P", bound=asyncio.BaseProtocol)

_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
# Look-ups that hang each hold a thread.
_LOOKUPS_AT_ONCE = 64


class Connector:
    """Opens connections for probes. `look_up`: as `socket.getaddrinfo`; tests put in their own."""

    def __init__(
        self, guard: Guard, look_up: Callable[..., list[Any]] = socket.getaddrinfo, verify: ssl.SSLContext | None = None
    ) -> None:
        self._guard, self._look_up = guard, look_up
        self._verify = verify or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="look-up")

    async def open(
        self, host: str, port: int, make: Callable[[], P], trace: Trace, tls: bool = False
    ) -> tuple[asyncio.Transport, P]:
        """A connection to `host`, with its protocol. Raises `Failed`."""
        addresses = await self.addresses(host, port, trace)
        began = time.perf_counter_ns()
        transport, protocol = await self._connect(addresses, port, make, trace)
        trace.connect = (time.perf_counter_ns() - began) // 1_000
        if tls:
            began = time.perf_counter_ns()
            transport = await self._handshake(transport, protocol, host, trace)
            trace.tls = (time.perf_counter_ns() - began) // 1_000
        return transport, protocol

    async def addresses(self, host: str, port: int, trace: Trace) -> list[str]:
        """The addresses of `host`, all of them checked. Raises `Failed`."""
        began = time.perf_counter_ns()
        try:
            found = [str(ip_address(host))]
        except ValueError:
            found = await self._resolve(host, port)
            trace.lookup = (time.perf_counter_ns() - began) // 1_000
        for address in found:
            try:
                self._guard.check(address)
            except TargetRefused as refused:
                raise Failed("refused target", str(refused)) from None
        return found

    async def _resolve(self, host: str, port: int) -> list[str]:
        look_up = self._look_up
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: look_up(host, port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_SYSTEM:
                raise Failed("ours", "the resolver of this host failed") from None
            raise Failed("name", host) from None
        return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))

    async def _connect(
        self, addresses: list[str], port: int, make: Callable[[], P], trace: Trace
    ) -> tuple[asyncio.Transport, P]:
        loop = asyncio.get_running_loop()
        for number, address in enumerate(addresses, 1):
            trace.address = address
            try:
                return await loop.create_connection(make, address, port)
            except OSError as error:
                if error.errno in _OURS:
                    raise Failed("ours", error.strerror or "no socket") from None
                if number == len(addresses):
                    raise Failed("connect", _words(error)) from None
        raise Failed("name", "no address")

    async def _handshake(
        self, transport: asyncio.Transport, protocol: asyncio.BaseProtocol, host: str, trace: Trace
    ) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(transport, protocol, self._verify, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            transport.abort()
            raise Failed("tls", f"certificate refused: {error.verify_message}") from None
        except (OSError, ssl.SSLError) as error:
            transport.abort()
            reason = getattr(error, "reason", None)
            raise Failed("tls", f"handshake failed ({reason})" if reason else "handshake failed") from None
        if secured is None:
            raise Failed("tls", "the connection was closed during the handshake")
        certificate = secured.get_extra_info("peercert") or {}
        if "notAfter" in certificate:
            trace.expires = int(ssl.cert_time_to_seconds(certificate["notAfter"])) * SECOND
        return secured

    def close(self) -> None:
        """Give the threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _words(error: OSError) -> str:
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError():
            return "connection reset"
        case _:
            return (error.strerror or "no connection").lower()
