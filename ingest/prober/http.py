"""Probes of http and https: one request, or a few when the target redirects, each over a new connection.

A probe is decided by the status as soon as the head of the answer is there; only a keyword needs the body, of which at
most 1 MB is read and unpacked. So an endless, slow or exploding body harms nobody. Heads are bounded, too.
"""

import asyncio
import time
import zlib
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

import httptools

from ingest.prober.connection import Connector
from ingest.prober.outcome import Failed, Trace
from schemas.monitors import Sealed, Target

BODY_READ = 1_000_000
_HEAD_READ = 64 * 1024
_REDIRECTS = 5
_REDIRECTING = (301, 302, 303, 307, 308)
# What must not follow a redirect to another origin.
_PRIVATE = ("authorization", "cookie", "proxy-authorization")
_AGENT = "Pingfold (prober)"


async def probe_http(connector: Connector, target: Target, sealed: Sealed, trace: Trace) -> None:
    """Returns when the target is well; raises `Failed` when it is not. The time limit is the caller's."""
    url, method, headers, body = target.url, target.method, dict(sealed.headers), sealed.body
    for _ in range(_REDIRECTS + 1):
        parts = _split(url)
        answer = await _exchange(connector, parts, method, headers, body, bool(target.keyword), trace)
        trace.status = answer.status
        if not (target.follow_redirects and answer.status in _REDIRECTING and answer.location):
            _judge(target, answer)
            return
        url = urljoin(url, answer.location)
        if _origin(_split(url)) != _origin(parts):
            headers = {name: value for name, value in headers.items() if name.lower() not in _PRIVATE}
        if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
            method, body = "GET", ""
    raise Failed("redirects", f"more than {_REDIRECTS}")


class _Answer(NamedTuple):
    status: int
    location: str
    body: bytes


class _Exchange(asyncio.Protocol):
    """One request and its answer."""

    def __init__(self, whole: bool, head_only: bool) -> None:
        self.answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self.first_byte: int | None = None
        self._whole = whole and not head_only
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._read = 0
        self._in_head = True

    def data_received(self, data: bytes) -> None:
        if self.first_byte is None:
            self.first_byte = time.perf_counter_ns()
        if self.answer.done():
            return
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish()
        except httptools.HttpParserError as error:
            self._fail("protocol", str(error))
        if self._in_head and self._read > _HEAD_READ:
            self._fail("protocol", "the head of the answer is too long")

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer.done():
            return
        if not self._in_head and "content-length" not in self._headers and "transfer-encoding" not in self._headers:
            self._finish()  # its body ends with the connection
        else:
            self._fail("closed", "without an answer" if self._in_head else "in the middle of the answer")

    # What the parser tells.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # 100 Continue, 103 Early Hints: the answer is still to come
            return
        self._in_head = False
        if not self._whole:
            self._finish()

    def on_body(self, body: bytes) -> None:
        self._body += body[: BODY_READ - len(self._body)]
        if len(self._body) >= BODY_READ:
            self._finish()

    def on_message_complete(self) -> None:
        if not self._in_head:
            self._finish()

    def _finish(self) -> None:
        if not self.answer.done():
            body = _unpacked(bytes(self._body), self._headers.get("content-encoding", ""))
            self.answer.set_result(_Answer(self._parser.get_status_code(), self._headers.get("location", ""), body))

    def _fail(self, failure: Any, detail: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(Failed(failure, detail))


async def _exchange(
    connector: Connector,
    parts: SplitResult,
    method: str,
    headers: dict[str, str],
    body: str,
    whole: bool,
    trace: Trace,
) -> _Answer:
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    host = parts.hostname or ""
    transport, exchange = await connector.open(host, port, lambda: _Exchange(whole, method == "HEAD"), trace, tls)
    began = time.perf_counter_ns()
    try:
        transport.write(_request(parts, method, headers, body))
        return await exchange.answer
    finally:
        if exchange.first_byte is not None:
            trace.first_byte = (exchange.first_byte - began) // 1_000
        transport.abort()


def _request(parts: SplitResult, method: str, headers: dict[str, str], body: str) -> bytes:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    content = body.encode()
    said = {name.lower() for name in headers}
    lines = [f"{method} {path} HTTP/1.1"]
    for name, value in (
        ("Host", _host(parts)),
        ("User-Agent", _AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ):
        if name.lower() not in said:
            lines.append(f"{name}: {value}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if content and "content-length" not in said:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + content


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    return host if parts.port in (None, default) else f"{host}:{parts.port}"


def _split(url: str) -> SplitResult:
    """The parts of a URL that can be requested: ASCII only, and no control character that could end a line."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        (parts.hostname or "").encode("ascii")
        (parts.path + parts.query).encode("ascii")
    except ValueError:
        valid = False
        parts = SplitResult("", "", "", "", "")
    if not valid or any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise Failed("protocol", "redirected to what is no http URL")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port


def _judge(target: Target, answer: _Answer) -> None:
    wanted = target.statuses
    if answer.status not in wanted if wanted else not 200 <= answer.status < 400:
        raise Failed("status", str(answer.status))
    if target.keyword and (target.keyword.encode() in answer.body) is target.keyword_absent:
        raise Failed("keyword", "found" if target.keyword_absent else "not found")


def _unpacked(body: bytes, encoding: str) -> bytes:
    """At most `BODY_READ` bytes of a body that was packed although we asked for none."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate") or not body:
        return body
    try:
        return zlib.decompressobj(47).decompress(body, BODY_READ)
    except zlib.error:
        return body
