"""The ICMP sockets, one per address family, shared by all probes; replies are matched by identifier and sequence
number.

Unprivileged sockets are used if the kernel allows them (`net.ipv4.ping_group_range`), else raw sockets if this process
may open them.
"""

import asyncio
import contextlib
import random
from typing import Any

import structlog
from icmplib import ICMPRequest, ICMPv4Socket, ICMPv6Socket
from icmplib.exceptions import ICMPLibError, SocketPermissionError

from ingest.prober.probes.outcome import ProbeFailed

log = structlog.get_logger(__name__)

# A socket is only read when there is something; a wait would be for what turns out to be no answer at all.
_WAIT_SECONDS = 0.001
_NOT_PERMITTED = "ICMP is not permitted to this process (net.ipv4.ping_group_range or CAP_NET_RAW)"
# Types of ICMP and ICMPv6 messages.
_ANSWERS = {4: 0, 6: 129}
_UNREACHABLE = {4: 3, 6: 1}


class IcmpSocket:
    """The sockets, opened when they are first needed, and who waits for which answer."""

    def __init__(self) -> None:
        self._sockets: dict[int, Any] = {}
        self._waiting: dict[tuple[int, int, int], tuple[str, asyncio.Future[None]]] = {}
        self._id = random.getrandbits(16)
        self._sequence = 0

    def send(self, address: str, answer: asyncio.Future[None]) -> None:
        """Send one echo; `answer` ends when any of those sent for it is answered. Raises `ProbeFailed`."""
        family = 6 if ":" in address else 4
        self._sequence = (self._sequence + 1) & 0xFFFF
        request = ICMPRequest(address, self._id, self._sequence)
        try:
            self._socket(family).send(request)
        except SocketPermissionError:
            raise ProbeFailed("prober_error", _NOT_PERMITTED) from None
        except ICMPLibError as error:
            log.warning("prober.no_echo", address=address, error=str(error))
            raise ProbeFailed("connect", "no echo could be sent") from None
        key = (family, request.id, request.sequence)
        self._waiting[key] = address, answer
        answer.add_done_callback(lambda _: self._waiting.pop(key, None))

    def _socket(self, family: int) -> Any:
        if family not in self._sockets:
            kind = ICMPv6Socket if family == 6 else ICMPv4Socket
            try:
                opened = kind(privileged=False)
            except SocketPermissionError:
                opened = kind(privileged=True)
            self._sockets[family] = opened
            asyncio.get_running_loop().add_reader(opened.sock.fileno(), self._read, family)
        return self._sockets[family]

    def _read(self, family: int) -> None:
        with contextlib.suppress(ICMPLibError):
            reply = self._sockets[family].receive(timeout=_WAIT_SECONDS)
            address, answer = self._waiting.get((family, reply.id, reply.sequence), ("", None))
            if answer is None or answer.done():
                return
            if reply.type == _ANSWERS[family] and reply.source.partition("%")[0] == address:
                answer.set_result(None)
            elif reply.type == _UNREACHABLE[family]:
                answer.set_exception(ProbeFailed("connect", "unreachable, says a router on the way"))

    def close(self) -> None:
        """Close the sockets."""
        for opened in self._sockets.values():
            asyncio.get_running_loop().remove_reader(opened.sock.fileno())
            opened.close()
        self._sockets.clear()
