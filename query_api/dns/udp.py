"""DNS over UDP on one address. Nothing is kept of a packet: it is answered at once, or it is forgotten.

What cannot be sent is dropped, as a network drops it; the client asks again. No packet, and no answer that fails, ends
the reading.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable

import structlog

from query_api.dns.answers import Answer, Answers
from query_api.dns.rates import Rates

log = structlog.get_logger(__name__)

# So many packets are taken before anything else has its turn.
_BATCH = 64
# Of a larger packet only so much is read, and that is malformed.
_LARGEST = 4_096
_BUFFER = 2**20
# Services that answer whatever they are sent (echo, daytime, chargen, time, kpasswd), and no port at all: who asks from
# there has forged the address.
_NO_CLIENTS = frozenset({0, 7, 13, 19, 37, 464})


class UdpServer:
    """handled: packets that were read. outcomes: counts what became of them."""

    def __init__(
        self,
        listener: socket.socket,
        answers: Answers,
        rates: Rates,
        outcomes: Counter[str],
        now: Callable[[], float],
    ) -> None:
        self._socket, self._answers, self._rates, self._outcomes, self._now = listener, answers, rates, outcomes, now
        self.handled = 0
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)

    def start(self) -> None:
        """Answer from now on, in the running event loop."""
        asyncio.get_running_loop().add_reader(self._socket, self._take)

    def stop(self) -> None:
        """Answer no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _take(self) -> None:
        for _ in range(_BATCH):
            try:
                packet, peer = self._socket.recvfrom(_LARGEST)
            except OSError:  # there is no more, or the kernel tells of an earlier answer that did not arrive
                return
            self.handled += 1
            try:
                self._handle(packet, peer)
            except Exception:
                self._outcomes["failed"] += 1
                log.exception("dns.failed", transport="udp")

    def _handle(self, packet: bytes, peer: tuple[str, int]) -> None:
        answer = self._answer(packet, peer)
        if answer is None:
            self._outcomes["ignored"] += 1
            return
        self._outcomes[answer.outcome] += 1
        try:
            self._socket.sendto(answer.message, peer)
        except OSError:  # no room, no way there, forbidden
            self._outcomes["unsent"] += 1

    def _answer(self, packet: bytes, peer: tuple[str, int]) -> Answer | None:
        if peer[1] in _NO_CLIENTS:
            return None
        return self._answers.over_udp(packet, short=self._rates.is_over(peer[0], self._now()))
