"""Probes of http and https: one request, or a few when the target redirects, each over a new connection.

A probe is decided by the status as soon as the head of the answer is there; only a keyword needs the body
(`ingest.prober.probes.http_response`), so an endless, slow or exploding one harms nobody. What redirects take along:
`ingest.prober.probes.redirects`.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.head_first import run_head_first
from ingest.prober.probes.hosts import name_in_headers, sent_host
from ingest.prober.probes.http_head import Head
from ingest.prober.probes.http_response import Exchange, HttpResponse
from ingest.prober.probes.outcome import ProbeFailed, Trace
from ingest.prober.probes.page import Page
from ingest.prober.probes.redirects import ChainCookies, harmless, resolved, without_credentials
from schemas.host_names import ascii_url, empty_query
from schemas.monitors import FRAMING_HEADERS, ProbeTarget, Sealed
from schemas.origins import may_be_sent_to, origin_of
from schemas.percent_encoding import escaped
from schemas.targets import HEAD_FIRST

_REDIRECTING = (301, 302, 303, 307, 308)
# Methods of which servers want to be told that there is no body.
_WITH_BODY = ("POST", "PUT", "PATCH")
_PRINTABLE = re.compile("[!-~]+")
# A URL to which a redirect may lead, and as much of it as is told.
_LONGEST_URL, _TOLD = 16 * 1024, 2_000


class _Place(NamedTuple):
    """A URL that can be requested, taken apart once. name: its host as the header `Host` has it."""

    url: str
    tls: bool
    host: str
    port: int
    path: str
    name: str


async def run(connector: Connector, target: ProbeTarget, sealed: Sealed, trace: Trace) -> None:
    """Returns when the target is well; raises `ProbeFailed` when it is not. The time limit is the caller's."""
    if target.method == HEAD_FIRST:
        await run_head_first(partial(_asked, connector, target, sealed), bool(target.keyword), trace)
    else:
        await _asked(connector, target, sealed, target.method, trace)


async def _asked(connector: Connector, target: ProbeTarget, sealed: Sealed, method: str, trace: Trace) -> None:
    """The request, and those to which redirects lead."""
    url, headers, body = target.url, sealed.sent_headers, sealed.body
    place, began = _place(url), time.perf_counter_ns()
    cookies, asked = ChainCookies(), {url}
    for _ in range(target.max_redirects + 1):
        request = _request(place, method, connector.user_agent, _with_cookies(headers, cookies.of(place.url)), body)
        answer = await _exchange(connector, target, place, request, method, trace, name_in_headers(headers))
        head = answer.head
        trace.status, trace.http_version = head.status, head.version
        location = _leads_to(target, head)
        if not location:
            await _judge(target, method, answer)
            return
        cookies.take(place.url, head)
        origin = origin_of(url)
        url, credentials = without_credentials(_joined(url, location))
        place = _place(url)
        again, asked = (url if url in asked else ""), asked | {url}
        trace.url = url if len(url) <= _TOLD else f"{url[: _TOLD - 3]}..."
        trace.redirected((time.perf_counter_ns() - began) // 1_000)
        if head.status == 303 or (head.status in (301, 302) and method == "POST"):
            method, body = ("HEAD" if method == "HEAD" else "GET"), ""
        if not may_be_sent_to(origin, url):
            headers = harmless(headers)  # others may hold credentials, and so may the body
            if body:
                raise ProbeFailed(
                    "protocol", "redirected to another origin, which the body of the request is not meant for"
                )
        if credentials:
            headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            headers |= {"Authorization": credentials}
    raise ProbeFailed("redirects", f"more than {target.max_redirects}, {'in a loop' if again else 'the next'} to {url}")


async def _exchange(
    connector: Connector, target: ProbeTarget, place: _Place, request: bytes, method: str, trace: Trace, name: str
) -> HttpResponse:
    reads = bool(target.keyword) and method != "HEAD"

    def page_of(head: Head) -> Page | None:
        if not reads or not _is_wanted(target, head.status) or _leads_to(target, head):
            return None
        return Page(target.keyword, head)

    transport, exchange = await connector.open(
        place.host, place.port, lambda: Exchange(page_of), trace, place.tls, name
    )
    began = time.perf_counter_ns()
    try:
        transport.write(request)
        return await exchange.answer
    except asyncio.CancelledError:
        if exchange.head is not None and exchange.page is not None:
            _out_of_time(target, exchange.head, exchange.page, trace)
        raise
    finally:
        if exchange.first_byte is not None:
            trace.first_byte = max(0, exchange.first_byte - began) // 1_000
        transport.abort()


def _out_of_time(target: ProbeTarget, head: Head, page: Page, trace: Trace) -> None:
    """The body has not ended in time. A stream of events never does: it is judged by what came of it."""
    trace.reading = f"in the body of the answer, of which {page.came} bytes came, "
    if not (target.keyword_absent and page.is_stream):
        return
    while page.look():  # the little that came since the last look
        pass
    if not page.found and not page.unreadable:
        trace.status, trace.http_version, trace.decided = head.status, head.version, time.perf_counter_ns()


def _request(place: _Place, method: str, user_agent: str, headers: Mapping[str, str], body: str) -> bytes:
    content = b"" if method == "HEAD" else body.encode()
    # Definitions of former versions may name what we refuse today.
    headers = {name: value for name, value in headers.items() if name.lower() not in FRAMING_HEADERS}
    said = {name.lower() for name in headers}
    lines = [f"{method} {place.path} HTTP/1.1"]
    for name, value in (
        ("Host", place.name),
        ("User-Agent", user_agent),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ):
        if name.lower() not in said:
            lines.append(f"{name}: {value}")
    lines += [f"{name}: {sent_host(value) if name.lower() == 'host' else value}" for name, value in headers.items()]
    if content or method in _WITH_BODY:
        lines.append(f"Content-Length: {len(content)}")
    return b"\r\n".join([*map(_encoded, lines), b"", b""]) + content


def _encoded(line: str) -> bytes:
    """Headers are latin-1 by old custom; what finds no room in that is sent as curl sends it."""
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError:
        return line.encode()


def _joined(url: str, location: bytes) -> str:
    target = escaped(location.strip(b" \t"))
    try:
        # What is too long is not even taken apart: the standard library remembers what it was given.
        joined = resolved(url, target) if len(target) <= _LONGEST_URL else target
    except ValueError:
        raise ProbeFailed("protocol", "redirected to what is no http URL") from None
    if len(joined) > _LONGEST_URL:
        raise ProbeFailed("protocol", f"redirected to a URL of more than {_LONGEST_URL} characters")
    return joined


def _place(url: str) -> _Place:
    """The parts of a URL that can be requested: ASCII only, and no control character that could end a line."""
    try:
        url = ascii_url(url)
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        valid = parts.scheme in ("http", "https") and bool(host) and "%" not in host and port != 0
    except ValueError:
        valid = False
    if not valid or not _PRINTABLE.fullmatch(url):
        raise ProbeFailed("protocol", "redirected to what is no http URL")
    default = 443 if parts.scheme == "https" else 80
    name = f"[{host}]" if ":" in host else host
    return _Place(
        url=parts.geturl(),
        tls=default == 443,
        host=host,
        port=port or default,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else empty_query(url)),
        name=name if port in (None, default) else f"{name}:{port}",
    )


def _with_cookies(headers: Mapping[str, str], cookies: str) -> Mapping[str, str]:
    """The headers with what the chain's cookies say, behind the monitor's own."""
    if not cookies:
        return headers
    own = [value for name, value in headers.items() if name.lower() == "cookie"]
    others = {name: value for name, value in headers.items() if name.lower() != "cookie"}
    return others | {"Cookie": "; ".join([*own, cookies])}


def _leads_to(target: ProbeTarget, head: Head) -> bytes:
    """The Location that is followed; empty: none is."""
    return head.location if head.status in _REDIRECTING and target.follow_redirects else b""


def _is_wanted(target: ProbeTarget, status: int) -> bool:
    """Whether an answer with this status can be well."""
    return status in target.statuses if target.statuses else 200 <= status < 400


async def _judge(target: ProbeTarget, method: str, answer: HttpResponse) -> None:
    if not _is_wanted(target, answer.head.status):
        raise ProbeFailed("status", str(answer.head.status))
    if not target.keyword:
        return
    page, fault = answer.page, answer.fault
    if method == "HEAD" or page is None:
        raise ProbeFailed("keyword", "not found: an answer to HEAD has no body, use GET")
    await page.read()
    if fault is not None and (answer.declared or not page.found):
        raise fault
    if page.found:
        if target.keyword_absent:
            raise ProbeFailed("keyword", "found")
        return
    why = f"the body cannot be read, {page.unreadable}" if page.unreadable else ""
    if not target.keyword_absent:
        raise ProbeFailed("keyword", f"not found: {why}" if why else "not found")
    if why:
        raise ProbeFailed("keyword", f"cannot be looked for: {why}")
