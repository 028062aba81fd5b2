"""A connection of the embedded ClickHouse: uvicorn's, which also takes two things that curl sends.

curl sends letters in a URL as they were typed, which the parser refuses. `--http2` offers another protocol, which
changes nothing when it is not taken (RFC 9110); but the parser takes the body for that protocol. Both stand in the head
of a request, which is small and comes in one piece; only there something is changed. An answer may be given before the
body has come: so where a request ends the parser says, not the answer.
"""

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from infra.http_server.request_heads import ascii_target

_END = b"\r\n\r\n"
_OFFER = re.compile(rb"\r\nUpgrade(?=[ \t]*:)", re.IGNORECASE)


class ClickHouseConnection(HttpToolsProtocol):
    """A connection; `data_received` is called with what comes."""

    _within = False  # a request has begun, and has not ended

    def data_received(self, data: bytes) -> None:
        super().data_received(data if self._within else mended(data))

    def on_message_begin(self) -> None:
        self._within = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._within = False
        super().on_message_complete()


def mended(data: bytes) -> bytes:
    """What begins with the head of a request: its URL in ASCII, and without an offer of another protocol."""
    if data.isascii() and not _OFFER.search(data):
        return data
    head, end, body = data.partition(_END)
    line, *fields = head.split(b"\r\n")
    line = b" ".join(map(ascii_target, line.split(b" ")))
    return _OFFER.sub(b"\r\nX-Not-Taken", b"\r\n".join((line, *fields))) + end + body
