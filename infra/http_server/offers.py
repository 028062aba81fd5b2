"""Offers to go on in another protocol (`Upgrade`, RFC 9110 section 7.8): HTTP/2 is taken, all others change nothing.

The parser takes whatever follows such a head for the other protocol, the body of the request too. So where the offer is
not taken, another parser reads the rest: it is told how the body is framed, and then gets the rest as it came.
"""

import binascii
import struct
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Protocol

import httptools
from h2.exceptions import InvalidSettingsValueError
from h2.settings import Settings

Headers = Sequence[tuple[bytes, bytes]]

_FRAMING = (b"content-length", b"transfer-encoding")
# Of one HTTP/1.1 connection, not of the request (RFC 9110 section 7.6.1).
HOP_BY_HOP = frozenset(
    {b"connection", b"http2-settings", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
# What proxies add to the requests that they pass on, besides X-Forwarded-*.
_OF_PROXIES = (b"forwarded", b"via", b"x-real-ip")
_SETTING = struct.Struct(">HL")


class ParserCallbacks(Protocol):
    """What a parser of httptools calls."""

    def on_message_begin(self) -> None: ...
    def on_url(self, url: bytes) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_body(self, body: bytes) -> None: ...
    def on_message_complete(self) -> None: ...


def has_body(headers: Headers) -> bool:
    """Whether a request of HTTP/1.1 has a body."""
    return any(name in _FRAMING and value != b"0" for name, value in headers)


def has_passed_proxy(headers: Headers) -> bool:
    """Whether a proxy says that it has passed the request on."""
    return any(name in _OF_PROXIES or name.startswith(b"x-forwarded-") for name, _ in headers)


def http2_settings(headers: Headers) -> bytes | None:
    """The settings of an offer of HTTP/2, as it came; None when there is none that could be taken."""
    offers = [value.strip().lower() for name, value in headers if name == b"upgrade"]
    given = [value for name, value in headers if name == b"http2-settings"]
    tokens = {token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")}
    if b"h2c" not in {part.strip() for offer in offers for part in offer.split(b",")}:
        return None
    if len(given) != 1 or not tokens >= {b"upgrade", b"http2-settings"}:
        return None
    try:
        settings = urlsafe_b64decode(given[0] + b"=" * (-len(given[0]) % 4))
    except (ValueError, binascii.Error):
        return None
    return given[0] + b"=" * (-len(given[0]) % 4) if _are_valid(settings) else None


def _are_valid(settings: bytes) -> bool:
    """Whether a client may send these: behind the answer to its offer it is too late to refuse them."""
    if len(settings) % _SETTING.size:
        return False
    judging = Settings(client=True)
    try:
        for code, value in _SETTING.iter_unpack(settings):
            judging[code] = value
    except InvalidSettingsValueError:
        return False
    return True


def new_parser(callbacks: ParserCallbacks) -> httptools.HttpRequestParser:
    """A parser as uvicorn makes it."""
    parser = httptools.HttpRequestParser(callbacks)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


class RestOfRequest:
    """Passes on what a parser finds, except for the first head, which is only there to tell how the body is framed."""

    def __init__(self, callbacks: ParserCallbacks) -> None:
        self._callbacks, self._in_first_head = callbacks, True

    def on_message_begin(self) -> None:
        if not self._in_first_head:
            self._callbacks.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._in_first_head:
            self._callbacks.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_first_head:
            self._callbacks.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._in_first_head:
            self._callbacks.on_headers_complete()
        self._in_first_head = False

    def on_body(self, body: bytes) -> None:
        self._callbacks.on_body(body)

    def on_message_complete(self) -> None:
        self._callbacks.on_message_complete()


def framing(headers: Headers) -> bytes:
    """A head that tells a parser nothing but how the body of a request with these headers is framed."""
    lines = [b"%b: %b\r\n" % (name, value) for name, value in headers if name in _FRAMING]
    return b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(lines)
