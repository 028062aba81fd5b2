"""A client of Pingfold's HTTP server that may misbehave, and the server alone: no Kafka, no Pingfold behind it."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

from infra.http_server.bounds import Bounds
from infra.http_server.connection_limiter import ConnectionLimiter, Network
from infra.http_server.serve import create_server, keep_looking
from infra.http_server.tls import ServerCertificates, Tls

T = TypeVar("T")


class HttpServer:
    """The server around an ASGI application, in a thread. `limiter` is shared with it: only to be looked at. port: that
    of a server that was stopped; 0: any."""

    def __init__(
        self,
        app: Any,
        bounds: Bounds,
        trusted: tuple[Network, ...] = (),
        certificate: ServerCertificates | None = None,
        port: int = 0,
    ) -> None:
        self.overloaded = 0
        self.limiter = ConnectionLimiter(bounds, trusted, self._overload)
        self._app, self._tls = app, None
        if certificate is not None:
            secure = socket.socket()
            secure.bind(("127.0.0.1", 0))
            self.tls_port = int(secure.getsockname()[1])
            secure.listen()
            self._tls = Tls(certificate, (secure,))
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="http-server")
        self._connections: list[socket.socket] = []

    def _overload(self) -> None:
        self.overloaded += 1

    def __enter__(self) -> "HttpServer":
        self._socket.listen(4_096)
        self._thread.start()
        self._started.result(60)
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()
        self.stop()

    def begin_stop(self) -> None:
        """Tell it to stop, as SIGTERM does."""
        self._server.should_exit = True

    @property
    def connections(self) -> list[Any]:
        """The connections that are open now, only to be looked at."""
        return list(self._server.server_state.connections)

    def stop(self) -> None:
        """Stop serving; requests under way have a moment to end."""
        self._server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive(), "the server did not stop"

    def _run(self) -> None:
        async def serve() -> None:
            self._server = create_server(self._app, self.limiter, self._tls)
            looking = asyncio.create_task(keep_looking(self._server, self.limiter))
            self._started.set_result(None)
            await self._server.serve(sockets=[self._socket])
            looking.cancel()
            for listener in () if self._tls is None else self._tls.listeners:
                listener.close()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    def connect(self, source: str = "127.0.0.1", tls: bool = False) -> socket.socket:
        """A connection from an address of the loopback, which is closed at the end at the latest.

        tls: to the port that speaks TLS; the handshake is the caller's.
        """
        port = self.tls_port if tls else self.port
        connection = socket.create_connection(("127.0.0.1", port), 60.0, source_address=(source, 0))
        self._connections.append(connection)
        return connection

    def ask(self, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", source: str = "127.0.0.1") -> bytes:
        """One request, as it is, and all that comes back until an answer is whole or the connection ends."""
        with self.connect(source) as connection:
            with contextlib.suppress(OSError):  # it may be refused before it is sent
                connection.sendall(request)
            return answer_of(connection)


def answer_of(connection: socket.socket) -> bytes:
    """One answer with a length; what there is of it when the connection ends before."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while True:
            head, ended, body = received.partition(b"\r\n\r\n")
            if ended:
                length = next(
                    (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
                )
                if len(body) >= int(length.partition(b":")[2]):
                    break
            part = connection.recv(65_536)
            if not part:
                break
            received += part
    return received


def send_in_vain(connection: socket.socket, most: int) -> int:
    """Send until the server closes the connection; how much the kernels took. Fails when it takes `most` bytes."""
    sent, piece = 0, b"x" * 2**16
    try:
        while sent < most:
            connection.sendall(piece)
            sent += len(piece)
    except ConnectionError:
        return sent
    raise AssertionError(f"the server has read {sent} bytes")


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed it, or does so within the connection's timeout."""
    try:
        return connection.recv(65_536) == b""
    except ConnectionError:
        return True


def wait_until(condition: Callable[[], T], timeout: float = 60.0) -> T:
    """The first true value of `condition`."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s; last: {value!r}"
        time.sleep(0.02)
    return value


async def whole_body(receive: Any) -> bytes | None:
    """The body of a request, for an ASGI application; None when its client goes away before the end of it."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part: bytes = message["body"]
        body += part
        if not message.get("more_body"):
            return body
