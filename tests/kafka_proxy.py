"""A TCP proxy in front of a Kafka broker that loses answers, refuses, holds everything, or cuts every connection.

Clients that are given `address` talk to the broker through the proxy only: the broker's own address is replaced in the
answers that name it. Works with one broker, reached by an IPv4 address, without TLS.

    with KafkaProxy(bootstrap) as proxy:
        producer = Producer({"bootstrap.servers": proxy.address})
        proxy.lose_answers(PRODUCE)   # requests reach the broker, their answers never reach the client
        proxy.heal()
"""

import contextlib
import socket
import struct
import threading
from types import TracebackType

from infra.log.cluster import Cluster

# Keys of Kafka's protocol (https://kafka.apache.org/protocol#protocol_api_keys).
PRODUCE, FETCH, METADATA, OFFSET_COMMIT, FIND_COORDINATOR, HEARTBEAT, END_TXN = 0, 1, 3, 8, 10, 12, 26

_CONNECT_SECONDS = 10.0
# A refusal waits so long for the request after the one refused.
_PIPELINED_SECONDS = 0.5
_NOT_LEADER_OR_FOLLOWER = 6


class _Closed(Exception):
    """The other side closed the connection."""


class KafkaProxy:
    """Use it as a context. `lost`: how many answers have been thrown away. `refused`: whether a request was."""

    def __init__(self, broker: str) -> None:
        host, _, port = broker.split(",")[0].rpartition(":")
        self._broker = (socket.gethostbyname(host), int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        own: tuple[str, int] = self._listener.getsockname()
        self.address = f"{own[0]}:{own[1]}"
        if isinstance(broker, Cluster):
            self.address = broker.at(self.address)
        # An address is a string and 32 bits of port, so replacing it moves nothing as long as the strings are as long.
        self._theirs = self._broker[0].encode() + struct.pack(">i", self._broker[1])
        self._ours = own[0].encode() + struct.pack(">i", own[1])
        assert len(self._ours) == len(self._theirs), "the broker must be reached as 127.0.0.1"
        self.lost = 0
        self.refused = False
        self._losing: frozenset[int] = frozenset()
        self._refusing = False
        self._refusal: tuple[bytes, threading.Timer] | None = None  # the partition, and the answer to come
        self._answering = threading.Lock()
        self._flowing, self._closed, self._down = threading.Event(), threading.Event(), threading.Event()
        self._flowing.set()
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> "KafkaProxy":
        threading.Thread(target=self._accept, name="kafka-proxy", daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._closed.set()
        self._flowing.set()
        self._listener.close()
        self._close_all()

    # ---- faults

    def lose_answers(self, *apis: int) -> None:
        """From now on requests of these kinds reach the broker, and their answers are thrown away."""
        self._losing = frozenset(apis)

    def refuse_one(self) -> None:
        """The next request to produce does not reach the broker, and those after it do. Once in the life of a proxy.

        It is answered as by a broker that does not lead the partition yet, when another one for the same partition has
        come after it, or a moment later. A broker does so while it puts into effect that it leads a partition.
        """
        self._refusing = True

    def hold(self) -> None:
        """From now on nothing passes, in either direction; connections stay open."""
        self._flowing.clear()

    def cut(self) -> None:
        """Close every connection; new ones are closed at once."""
        self._down.set()
        self._close_all()

    def heal(self) -> None:
        """Everything passes again. What was held comes now; what was lost stays lost."""
        self._losing = frozenset()
        self._down.clear()
        self._flowing.set()

    # ---- connections

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._down.is_set():
                client.close()
                continue
            try:
                broker = socket.create_connection(self._broker, _CONNECT_SECONDS)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            for end in (client, broker):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {client, broker}
            if self._down.is_set() or self._closed.is_set():
                self._close_all()
            asked: dict[int, int] = {}
            for work in (self._requests, self._answers):
                threading.Thread(target=self._run, args=(work, client, broker, asked), daemon=True).start()

    def _run(self, work: object, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        assert callable(work)
        with contextlib.suppress(OSError, _Closed):
            work(client, broker, asked)
        self._close(client, broker)

    def _requests(self, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        while True:
            frame = _frame(client)
            api, _, correlation = struct.unpack(">hhi", frame[4:12])
            self._flowing.wait()
            if api == PRODUCE:
                if self._refusing:
                    self._refusing = False
                    answer = threading.Timer(_PIPELINED_SECONDS, self._refuse, (client, frame))
                    self._refusal = _partition_of(frame), answer
                    answer.start()
                    continue
                self._tell_refusal(frame)
            asked[correlation] = api
            broker.sendall(frame)

    def _tell_refusal(self, following: bytes) -> None:
        """Answer what was refused now, if this follows it and it is not answered yet."""
        if self._refusal is not None and self._refusal[0] == _partition_of(following):
            _, answer = self._refusal
            self._refusal = None
            answer.cancel()
            answer.function(*answer.args)

    def _refuse(self, client: socket.socket, request: bytes) -> None:
        with self._answering, contextlib.suppress(OSError):
            if not self.refused:
                self.refused = True
                client.sendall(_not_leader(request))

    def _answers(self, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        while True:
            frame = _frame(broker)
            (correlation,) = struct.unpack(">i", frame[4:8])
            api = asked.pop(correlation, None)
            self._flowing.wait()
            if api in self._losing:
                self.lost += 1
                continue
            with self._answering:
                client.sendall(frame.replace(self._theirs, self._ours))

    def _close_all(self) -> None:
        with self._lock:
            sockets = list(self._sockets)
        self._close(*sockets)

    def _close(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._sockets -= set(sockets)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes whoever reads from it
            one.close()


def _partition_of(request: bytes) -> bytes:
    """The topic and the partition of a request to produce (version 9 or 10) into one, as they stand in it."""
    _, version, _, client_id = struct.unpack(">hhih", request[4:14])
    assert version in (9, 10), version
    at = 14 + client_id + 1  # and no tags
    at += max(request[at] - 1, 0) + 1 + 2 + 4 + 1  # the transactional id; acks, timeout; one topic
    end = at + request[at] + 1 + 4  # one partition
    return request[at:end]


def _not_leader(request: bytes) -> bytes:
    """The answer of a broker that does not lead the partition."""
    answer = request[8:12] + b"\x00\x02" + _partition_of(request)  # the correlation, no tags, one topic
    answer += struct.pack(">hqqq", _NOT_LEADER_OR_FOLLOWER, -1, -1, -1)
    answer += b"\x01\x00\x00\x00" + struct.pack(">i", 0) + b"\x00"  # no errors of records, no text, no delay, no tags
    return struct.pack(">i", len(answer)) + answer


def _frame(source: socket.socket) -> bytes:
    """The next request or answer, with its length in front."""
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack(">i", head)[0])


def _exactly(source: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = source.recv(min(size - len(found), 1 << 16))
        if not part:
            raise _Closed
        found += part
    return bytes(found)
