"""A connection of the web process, as it begins: HTTP/1.1 and 1.0, and what leads from there to HTTP/2.

A client that begins with the preface of HTTP/2, or offers it in a request without a body, is handed over to
`Http2Connection`. Any other offer changes nothing (RFC 9110 section 7.8), and the body that comes with it is kept. Nor
does one that a proxy has passed on: behind it the client would speak to us with the word of the proxy.

A head that the parser refuses is looked at again, and taken if it is clear what it means
(`infra.http_server.request_heads`); else the client is told what was seen. Nothing of this costs a usual request
anything: it happens after the parser has stopped.
"""

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from infra.http_server.bounded_connection import SLICE, BoundedConnection, Part
from infra.http_server.bounds import HEAD_TOO_LARGE, HEAD_TOO_SLOW, INVALID, Refusal
from infra.http_server.http2_connection import Http2Connection
from infra.http_server.offers import RestOfRequest, framing, has_body, has_passed_proxy, http2_settings, new_parser
from infra.http_server.request_heads import PREFACE, Mended, ended, is_simple, mend, shown


class Connection(BoundedConnection):
    """To be made by uvicorn, as the protocol of its `Config`, with a `limiter` that all of them share."""

    # Of a head that is not whole: its beginning; None where that is not known.
    _held: bytes | None = b""
    # A head that the parser has refused, and whose end has not come.
    _unclear: bytearray | None = None
    _is_mended = False  # what the parser gets is our reading of a head
    _http2: bytes | None = None  # the settings of an offer that is taken

    def _hold(self, data: bytes | memoryview, part: Part, newest: RequestResponseCycle) -> None:
        if self._is_mended or part is Part.BODY or self.cycle is not newest:
            self._held = None
        elif part is Part.NONE:
            self._held = bytes(data)
        elif self._held is not None:
            self._held += data
        if self._held is not None and is_simple(self._held):
            self._mend(self._held)

    @property
    def _beginning(self) -> bytes:
        """Of a head that is not whole, what has come; nothing where that is not known."""
        return bytes(self._held or b"" if self._unclear is None else self._unclear)

    def _end_head(self) -> None:
        raw = self._beginning
        if not raw.strip(b"\r\n"):
            return
        head = ended(raw)
        if head is None:
            self._refuse(INVALID.saying(f"the connection ended within {shown(raw)}"))
        else:
            self._unclear = None
            self._mend(head)

    def _slow_head(self) -> Refusal:
        raw = self._beginning
        if not raw.endswith(b"\n"):
            return HEAD_TOO_SLOW
        return HEAD_TOO_SLOW.saying(f"behind {shown(raw.lstrip())} no empty line came, which ends the head")

    def _heed_fault(
        self, data: bytes | memoryview, error: httptools.HttpParserError, part: Part, newest: RequestResponseCycle
    ) -> None:
        if part is Part.NONE:
            self._held = b""
        in_head = self._part is not Part.BODY and part is not Part.BODY and self.cycle is newest
        if in_head and self._held is not None and not self._is_mended:
            self._mend(self._held + data)
            return
        line = bytes(data).partition(b"\n")[0] if in_head else b""
        words = str(error.__context__ or error)
        self._refuse(INVALID.saying(f"{words}, in {shown(line)}" if line else words))

    def _mend(self, raw: bytes) -> None:
        """Take a head that the parser refuses, if it is clear what it means, or say what was seen."""
        is_first = self._answering is None
        if is_first and raw.startswith(PREFACE):
            self._hand_over().data_received(raw)
            return
        mended = None if is_first and PREFACE.startswith(raw) else mend(raw)
        if mended is None:
            self._wait_for_the_rest(raw)
            return
        self._unclear = None
        if isinstance(mended, str):
            self._refuse(INVALID.saying(mended))
        else:
            self._feed_mended(mended, raw)

    def _wait_for_the_rest(self, raw: bytes) -> None:
        """Of an unclear head: no parser is asked before it is whole."""
        self._part, self._head = Part.HEAD, len(raw)
        if len(raw) >= self._bounds.head + SLICE:
            self._refuse(HEAD_TOO_LARGE)
        elif self._unclear is None:
            self._unclear = bytearray(raw)

    def _feed(self, data: bytes | memoryview) -> None:
        if self._unclear is None or self._ending:
            super()._feed(data)
            return
        self._unclear += data
        (self._mend if b"\n" in bytes(data) else self._wait_for_the_rest)(bytes(self._unclear))

    def _feed_mended(self, mended: Mended, raw: bytes) -> None:
        newest, self._part = self.cycle, Part.NONE
        self.parser, self._offered, self._is_mended = new_parser(self), False, True
        super()._feed(mended.head)
        self._is_mended = False
        if self._ending or self.cycle is newest:
            return
        if mended.last:
            self.cycle.keep_alive = False
        rest = raw[mended.size :]
        if rest:
            self._feed(rest)

    def _take_offer(self) -> bool:
        if self.scheme == "https" or self._is_mended or self._is_busy() or has_body(self.headers):
            return False
        if has_passed_proxy(self.headers) or self._limiter.is_remote_proxy(self.client[0] if self.client else ""):
            return False
        if self.parser.get_http_version() == "1.1":
            self._http2 = http2_settings(self.headers)
        return self._http2 is not None

    def _go_on_behind(self, data: bytes | memoryview, end: int) -> None:
        self._offered, rest = False, bytes(data[end:])
        if self._http2 is not None:
            offer = {"method": self.parser.get_method().decode("ascii"), "headers": self.headers}
            successor = self._hand_over(offer)
            if rest:
                successor.data_received(rest)
            return
        self._weigh(end)
        if self._ending:
            return
        self.parser = new_parser(RestOfRequest(self))
        self.parser.feed_data(framing(list(self.scope["headers"])))
        if rest:
            self._feed(rest)

    def _hand_over(self, offer: dict[str, Any] | None = None) -> Http2Connection:
        """Let HTTP/2 have this connection from now on; `offer`: the request in which the client has offered that."""
        successor = Http2Connection(self.config, self.server_state, self.app_state, limiter=self._limiter)
        self._ending, self._successor = True, successor
        self.connections.discard(self)
        self._limiter.hand_over(self, successor)
        self.transport.set_protocol(successor)
        if offer is None or self._http2 is None:
            successor.take_over(self.transport)
        else:
            successor.take_upgrade(self.transport, self._http2, offer, self.url)
        return successor
