"""A connection of the embedded ClickHouse: uvicorn's, which also takes two things that curl sends.

curl sends letters in a URL as they were typed, which the parser refuses. `--http2` offers another protocol, which
changes nothing when it is not taken (RFC 9110); but the parser takes the body for that protocol. Both stand in the head
of a request, which is small and comes in one piece; only there something is changed.
"""

import re
from typing import Any
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_END = b"\r\n\r\n"
_OFFER = re.compile(rb"\r\nUpgrade(?=[ \t]*:)", re.IGNORECASE)
_PRINTABLE = bytes(range(0x21, 0x7F)).decode()


class ClickHouseConnection(HttpToolsProtocol):
    """A connection; `data_received` is called with what comes."""

    def data_received(self, data: bytes) -> None:
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            data = mended(data)
        super().data_received(data)


def mended(data: bytes) -> bytes:
    """What begins with the head of a request: its URL in ASCII, and without an offer of another protocol."""
    if data.isascii() and not _OFFER.search(data):
        return data
    head, end, body = data.partition(_END)
    line, *fields = head.split(b"\r\n")
    words = [quote_from_bytes(word, safe=_PRINTABLE).encode() for word in line.split(b" ")]
    return _OFFER.sub(b"\r\nX-Not-Taken", b"\r\n".join((b" ".join(words), *fields))) + end + body
