"""Limits of one connection, and the responses to requests that exceed them. Sizes in bytes, times in seconds."""

from http import HTTPStatus
from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """The defaults are those of the web process; tests take others.

    most, most_per_peer: connections, of all and of one address. head: of a request, all but its body; taken at least,
    one slice more at most. headers: and as many trailers. head_time: from the first byte of a request, or from the
    connection, to the end of the head. body_time: from there to the end of the body; longer than the ping application
    waits, which answers a slow body itself. answer_time: for a client that reads nothing. unread: bytes of answers
    that clients have not read, of all together. idle_time: between two requests. half_closed: for the answer to a
    client that has closed its side. linger: for a client that is sent an error to read it. unwanted: bytes of a body
    that are read after its answer. pipelined: requests that wait for an earlier one. streams: requests of an HTTP/2
    connection that are worked on at once, those among them that the client has cancelled. at_once, at_once_per_peer:
    the same of all HTTP/2 connections (see `infra.http_server.requests_at_once`), and of those of one client.
    nuisances: HTTP/2 frames without use (see `infra.http_server.http2_budget`).
    """

    most: int = 16_384
    most_per_peer: int = 4_096
    head: int = 32 * 2**10
    headers: int = 100
    url: int = 8 * 2**10
    head_time: float = 10.0
    body_time: float = 35.0
    answer_time: float = 30.0
    unread: int = 256 * 2**20
    idle_time: float = 75.0
    half_closed: float = 10.0
    linger: float = 2.0
    unwanted: int = 2**20
    pipelined: int = 32
    streams: int = 100
    at_once: int = 4_096
    at_once_per_peer: int = 1_024
    nuisances: int = 1_000


BOUNDS = Bounds()


class Refusal:
    """Why a request, or a connection, is not served; nothing but a later try (in `retry` seconds) changes a 429 or 503.

    answer: what the client is sent, whole. headers, body: the same for an answer that an application sends. kind: as
    what it is counted.
    """

    def __init__(self, status: HTTPStatus, words: str, retry: int = 1) -> None:
        self.status, self.words, self.body = status, words, words.encode()
        self.kind = self
        retry_after = [("retry-after", str(retry))] if status in (429, 503) else []
        fields = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(self.body))),
            ("access-control-allow-origin", "*"),
            *retry_after,
            ("connection", "close"),
        ]
        self.headers = [(name.encode(), value.encode()) for name, value in fields]
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        self.answer = f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode() + self.body

    def saying(self, what: str) -> "Refusal":
        """The same with more words, for the client; it is counted as this one."""
        longer = Refusal(self.status, f"{self.words}: {what}")
        longer.kind = self
        return longer

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        """An ASGI application that answers so."""
        await send({"type": "http.response.start", "status": self.status.value, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


INVALID = Refusal(HTTPStatus.BAD_REQUEST, "invalid HTTP request")
HEAD_TOO_LARGE = Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request has too many or too large headers")
URL_TOO_LONG = Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "the URL is too long")
HEAD_TOO_SLOW = Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request headers came too slowly")
BODY_TOO_SLOW = Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request body came too slowly")
TOO_MANY_PIPELINED = Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many requests were sent ahead of their answers")
TOO_MANY_STREAMS = Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many requests at once")
TOO_MANY_FRAMES = Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many HTTP/2 frames without use")
INVALID_FRAMES = Refusal(HTTPStatus.BAD_REQUEST, "invalid HTTP/2 frames")
NO_HANDSHAKE = Refusal(HTTPStatus.BAD_REQUEST, "the TLS handshake failed")
TOO_MANY_OF_PEER = Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many connections from your address")
TOO_MANY = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections, try again")
STOPPED = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "this process is being stopped, try again", retry=5)
# Those that `infra.http_server.connection_limiter.ConnectionLimiter` counts.
EVERY = (
    *(INVALID, HEAD_TOO_LARGE, URL_TOO_LONG, HEAD_TOO_SLOW, BODY_TOO_SLOW),
    *(TOO_MANY_PIPELINED, TOO_MANY_STREAMS, TOO_MANY_FRAMES, INVALID_FRAMES, NO_HANDSHAKE, TOO_MANY_OF_PEER, TOO_MANY),
)
