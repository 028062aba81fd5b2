"""A client of HTTP/2 on a plain socket, built on h2: it sends what a test wants, and collects what comes back."""

import socket
import ssl
from collections.abc import Sequence
from typing import NamedTuple

from h2 import events
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection

_HEADER = 9  # bytes of a frame before what it carries
Headers = Sequence[tuple[str, str]]


class Answer(NamedTuple):
    """status: 0 when there was no head. reset: the code with which the stream was cut off, if it was."""

    status: int
    headers: dict[str, str]
    body: bytes
    reset: int | None = None
    continued: bool = False


class Http2Client:
    """`h2` may be used directly; `flush` sends what it has made. good_bye: the first that the server has said."""

    def __init__(self, connection: socket.socket, upgraded: bool = False, windows: bool = True) -> None:
        self.connection, self._windows = connection, windows
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.answers: dict[int, Answer] = {}
        self.ended: set[int] = set()
        self.good_bye: events.ConnectionTerminated | None = None
        self.is_closed = False
        self._came = b""
        if not upgraded:
            self.h2.initiate_connection()

    def flush(self) -> None:
        """Send what is queued; a server that has closed the connection is noticed when it is read from."""
        try:
            self.connection.sendall(self.h2.data_to_send())
        except (ConnectionError, ssl.SSLError):
            return

    def begin(self, path: str = "/", method: str = "GET", headers: Headers = (), ended: bool = True) -> int:
        """Send the head of a request; the number of its stream."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path)]
        self.h2.send_headers(stream, [*pseudo, *headers], end_stream=ended)
        self.flush()
        return stream

    def send(self, stream: int, body: bytes, ended: bool = True) -> None:
        """Send a body, as far as the server takes it without being waited for."""
        size = self.h2.max_outbound_frame_size
        for start in range(0, len(body), size):
            part = body[start : start + size]
            self._until(lambda part=part: self.h2.local_flow_control_window(stream) >= len(part))
            self.h2.send_data(stream, part)
            self.flush()
        if ended:
            self.h2.end_stream(stream)
        self.flush()

    def ask(self, path: str = "/", method: str = "GET", headers: Headers = (), body: bytes = b"") -> Answer:
        """One request and its answer."""
        stream = self.begin(path, method, headers, ended=not body)
        if body:
            self.send(stream, body)
        return self.answer(stream)

    def answer(self, stream: int) -> Answer:
        """The answer, when it has ended or the connection has."""
        self._until(lambda: stream in self.ended)
        return self.answers.get(stream, Answer(0, {}, b""))

    def until_good_bye(self) -> events.ConnectionTerminated:
        """What the server says when it ends the connection."""
        self._until(lambda: self.good_bye is not None)
        assert self.good_bye is not None, "the connection ended without a word"
        return self.good_bye

    def until_closed(self) -> None:
        """Read to the end."""
        self._until(lambda: False)
        assert self.is_closed

    def read(self) -> None:
        """Take what has come, and wait for something if nothing has."""
        try:
            data = self.connection.recv(65_536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self.is_closed = True
            return
        self._came += data
        while len(self._came) >= _HEADER and len(self._came) >= (size := _HEADER + int.from_bytes(self._came[:3])):
            frame, self._came = self._came[:size], self._came[size:]
            for event in self.h2.receive_data(frame):
                self._heed(event)
        self.flush()

    def _until(self, condition: object) -> None:
        assert callable(condition)
        while not self.is_closed and not condition():
            self.read()

    def _heed(self, event: events.Event) -> None:
        match event:
            case events.InformationalResponseReceived(stream_id=int(stream)):
                self.answers[stream] = Answer(0, {}, b"", continued=True)
            case events.ResponseReceived(stream_id=int(stream), headers=list(fields)):
                headers = {str(name): str(value) for name, value in fields}
                before = self.answers.get(stream, Answer(0, {}, b""))
                self.answers[stream] = before._replace(status=int(headers.pop(":status")), headers=headers)
            case events.DataReceived(stream_id=int(stream), data=bytes(data)):
                answer = self.answers[stream]
                self.answers[stream] = answer._replace(body=answer.body + data)
                if self._windows and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
            case events.StreamEnded(stream_id=int(stream)):
                self.ended.add(stream)
            case events.StreamReset(stream_id=int(stream)):
                answer = self.answers.get(stream, Answer(0, {}, b""))
                self.answers[stream] = answer._replace(reset=int(event.error_code or 0))
                self.ended.add(stream)
            case events.ConnectionTerminated():
                self.good_bye = self.good_bye or event
                self.h2.state_machine.state = ConnectionState.CLIENT_OPEN  # h2 would read no answer behind it
