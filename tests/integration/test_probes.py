"""Probes of every kind against real servers on loopback, which do what servers do and what attackers would."""

import asyncio
import contextlib
import gzip
import itertools
import socket
import ssl
import struct
import time
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest

from infra.egress.guard import Guard
from ingest.prober.probes.connection import tls_context
from schemas.base import SECOND
from schemas.monitors import MonitorKind, Sealed
from tests.certificates import DAY, Authority
from tests.probe_targets import (
    V4,
    V6,
    Listening,
    Talk,
    Zone,
    answering,
    connecting,
    head_of,
    on_uvloop,
    probed,
    resolving,
    seen,
    serving,
    silent,
)

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"
MB = 1_000_000


def gzipped(size: int) -> bytes:
    return gzip.compress(b"\0" * size)


def deflated(size: int) -> bytes:
    return zlib.compress(b"\0" * size)


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


# ---- http: what servers answer

WELL = {"keyword": "well"}

ANSWERS: list[tuple[str, bytes, dict[str, Any], str]] = [
    ("plain", EMPTY, {}, "ok"),
    ("not wanted", b"HTTP/1.1 503 Busy\r\n\r\n", {}, "status"),
    ("wanted otherwise", b"HTTP/1.1 503 Busy\r\n\r\n", {"statuses": (503,)}, "ok"),
    ("no length, 1.0", b"HTTP/1.0 200 OK\r\n\r\nall is well", WELL, "ok"),
    ("no length, 1.1", OK + b"\r\nall is well", WELL, "ok"),
    ("keyword missing", OK + b"\r\nall is bad", WELL, "keyword"),
    ("keyword absent", OK + b"\r\nall is bad", {**WELL, "keyword_absent": True}, "ok"),
    ("keyword not absent", OK + b"\r\nall is well", {**WELL, "keyword_absent": True}, "keyword"),
    ("chunked", OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"we", b"ll"), WELL, "ok"),
    ("gzip", OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"well"), WELL, "ok"),
    ("deflate", OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"well"), WELL, "ok"),
    ("raw deflate", OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"well")[2:-4], WELL, "ok"),
    ("gzip cut off", OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"well" * 9)[:-6], WELL, "ok"),
    ("no gzip at all", OK + b"Content-Encoding: gzip\r\n\r\nwell", WELL, "ok"),
    ("unknown encoding", OK + b"Content-Encoding: br\r\n\r\nwell", WELL, "ok"),
    ("no content", b"HTTP/1.1 204 No\r\n\r\n", {**WELL, "keyword_absent": True}, "ok"),
    ("continue", b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY, {}, "ok"),
    (
        "early hints",
        b"HTTP/1.1 103 Early\r\nLocation: /x\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + OK + b"\r\nwell",
        WELL,
        "ok",
    ),
    ("upgrade", b"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x01\x02", {}, "status"),
    ("upgrade wanted", b"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x01", {"statuses": (101,)}, "ok"),
    ("headers without a value", OK + b"X:\r\nContent-Length:\r\n\r\n", {}, "ok"),
    ("cut off in the body", OK + b"Content-Length: 9\r\n\r\nwell", WELL, "closed"),
    ("cut off in the chunks", OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nso", WELL, "closed"),
    ("cut off in the head", OK + b"X: y", {}, "closed"),
    ("nothing", b"", {}, "closed"),
    ("a Location without a redirect", OK + b"Location: http://elsewhere/\r\n\r\n", {}, "ok"),
    ("something else", b"SSH-2.0-OpenSSH_9.0\r\n", {}, "protocol"),
    ("binary", b"\x16\x03\x01\x00\x00" * 50, {}, "protocol"),
    ("a status of letters", b"HTTP/1.1 abc\r\n\r\n", {}, "protocol"),
    ("two lengths", OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", {}, "ok"),
    ("length and chunks", OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", {}, "ok"),
    ("a redirect that leads nowhere", b"HTTP/1.1 302 Found\r\n\r\n", {}, "ok"),
    ("not followed", b"HTTP/1.1 302 F\r\nLocation: /x\r\n\r\nwell", {**WELL, "follow_redirects": False}, "ok"),
    ("redirected to a file", b"HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\n\r\n", {}, "protocol"),
    ("redirected to no letters", b"HTTP/1.1 302 F\r\nLocation: http://h\xe4/\r\n\r\n", {}, "protocol"),
    ("redirected to a port too far", b"HTTP/1.1 302 F\r\nLocation: http://h:99999/\r\n\r\n", {}, "protocol"),
    ("redirected to port 0", b"HTTP/1.1 302 F\r\nLocation: http://h:0/\r\n\r\n", {}, "protocol"),
    ("redirected to brackets", b"HTTP/1.1 302 F\r\nLocation: http://[::1\r\n\r\n", {}, "protocol"),
    ("redirected to itself", b"HTTP/1.1 302 F\r\nLocation: /\r\n\r\n", {}, "redirects"),
]


@pytest.mark.parametrize(("answer", "target", "outcome"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
@on_uvloop
async def test_an_answer(answer: bytes, target: dict[str, Any], outcome: str) -> None:
    async with connecting() as connector, serving(answering(answer)) as server:
        result = await probed(connector, url=f"http://{V4}:{server.port}/", **target)
        assert (seen(result), result.address) == (outcome, V4), result
        await server.emptied()


@pytest.mark.parametrize("size", range(0, len(EMPTY), 7))
@on_uvloop
async def test_a_server_may_close_at_any_moment(size: int) -> None:
    async with connecting() as connector, serving(answering(EMPTY[:size])) as server:
        assert seen(await probed(connector, url=f"http://{V4}:{server.port}/")) in ("closed", "protocol")


@on_uvloop
async def test_a_reset_is_an_ordinary_failure() -> None:
    async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(OK)
        await writer.drain()
        writer.get_extra_info("socket").setsockopt(*LINGER)
        writer.transport.abort()

    async with connecting() as connector, serving(resetting) as server:
        assert seen(await probed(connector, url=f"http://{V4}:{server.port}/")) == "closed"


LINGER = 1, 13, struct.pack("ii", 1, 0)  # SOL_SOCKET, SO_LINGER: a reset instead of an end


# ---- http: what is asked


async def asked(sealed: Sealed | None = None, path: str = "/", **target: Any) -> bytes:
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        length = next((line.split()[1] for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), b"0")
        got.append(head + await reader.readexactly(int(length)))
        writer.write(EMPTY)

    async with connecting() as connector, serving(talk) as server:
        result = await probed(connector, sealed=sealed, url=f"http://{V4}:{server.port}{path}", **target)
        assert result.ok, result
        assert f"Host: {V4}:{server.port}\r\n".encode() in got[0] or b"host: other" in got[0]
    return got[0]


@on_uvloop
async def test_a_request_says_what_it_should() -> None:
    plain = await asked(path="/a?b=c#d")
    assert plain.startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"Content-Length" not in plain
    said = Sealed(headers={"X-Key": "secret", "host": "other", "User-Agent": "mine"}, body="grüße")
    sent = await asked(said, method="PUT")
    assert sent.endswith("\r\nContent-Length: 7\r\n\r\ngrüße".encode())
    assert b"X-Key: secret\r\n" in sent
    assert sent.lower().count(b"\r\nhost:") == sent.lower().count(b"\r\nuser-agent:") == 1
    assert b"Content-Length: 0\r\n" in await asked(method="POST")


@on_uvloop
async def test_an_answer_to_head_has_no_body() -> None:
    talk = answering(OK + b"Content-Length: 100\r\n\r\n", then=silent)
    async with connecting() as connector, serving(talk) as server:
        url = f"http://{V4}:{server.port}/"
        assert seen(await probed(connector, url=url, method="HEAD")) == "ok"
        assert seen(await probed(connector, url=url, method="HEAD", keyword="x")) == "keyword"


@on_uvloop
async def test_redirects_are_followed_and_leave_credentials_behind() -> None:
    heads: list[bytes] = []

    def to(location: bytes, status: int = 302) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await head_of(reader))
            path = heads[-1].split()[1]
            writer.write(EMPTY if path != b"/" else b"HTTP/1.1 %d Go\r\nLocation: %s\r\n\r\n" % (status, location))

        return talk

    sealed = Sealed(headers={"Authorization": "Bearer t", "X-Key": "k"}, body="b")
    async with connecting() as connector, serving(to(b"")) as other:
        away = b"http://127.0.0.1:%d/away" % other.port
        for location, status, line, kept in [
            (b"/caf\xc3\xa9 au lait", 302, b"GET /caf%C3%A9%20au%20lait ", True),
            (b"here#there", 301, b"GET /here ", True),
            (b"/?q", 303, b"GET /?q ", True),
            (b"/same", 307, b"POST /same ", True),
            (away, 302, b"GET /away ", False),
        ]:
            heads.clear()
            async with serving(to(location, status)) as server:
                url = f"http://{V4}:{server.port}/"
                result = await probed(connector, sealed=sealed, url=url, method="POST")
            assert (seen(result), result.status) == ("ok", 200)
            assert heads[1].startswith(line)
            assert (b"X-Key: k" in heads[1]) is kept
            assert (b"Authorization" in heads[1]) is kept
        for status in (307, 308):
            heads.clear()
            async with serving(to(away, status)) as server:
                result = await probed(connector, sealed=sealed, url=f"http://{V4}:{server.port}/", method="POST")
            assert (seen(result), len(heads)) == ("protocol", 1)
            assert "another origin" in result.detail
        # Without a body there is nothing to be kept back but the headers.
        heads.clear()
        async with serving(to(away, 308)) as server:
            bare = Sealed(headers={"Authorization": "Bearer t"})
            assert seen(await probed(connector, sealed=bare, url=f"http://{V4}:{server.port}/", method="POST")) == "ok"
        assert heads[1].startswith(b"POST /away ")
        assert b"Authorization" not in heads[1]


@on_uvloop
async def test_phases_are_those_of_the_last_connection_and_what_came_before() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = b" /there " in await head_of(reader)
        writer.write(EMPTY if there else b"HTTP/1.1 302 Go\r\nLocation: /there\r\n\r\n")

    async with connecting() as connector, serving(talk) as server:
        straight = await probed(connector, url=f"http://{V4}:{server.port}/there")
        redirected = await probed(connector, url=f"http://{V4}:{server.port}/")
    assert (seen(straight), straight.phases.redirect) == ("ok", None)
    phases = redirected.phases
    assert seen(redirected) == "ok"
    assert phases.redirect is not None
    assert phases.connect is not None
    assert phases.first_byte is not None
    assert 0 < phases.redirect + phases.connect + phases.first_byte <= redirected.took


@on_uvloop
async def test_headers_of_old_definitions_that_would_end_a_message_are_left_out() -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(EMPTY)

    headers = {"Transfer-Encoding": "chunked", "content-length": "5", "Connection": "keep-alive", "X-Key": "k"}
    async with connecting() as connector, serving(talk) as server:
        sealed = Sealed(headers=headers, body="abc")
        assert seen(await probed(connector, sealed=sealed, url=f"http://{V4}:{server.port}/", method="POST")) == "ok"
    said = heads[0].lower().split(b"\r\n")
    assert b"content-length: 3" in said
    assert b"connection: close" in said
    assert b"x-key: k" in said
    assert not [line for line in said if line.startswith((b"transfer-encoding", b"content-length: 5"))]


# ---- http: what attackers would do

ENDLESS = b"x" * 65_536


def pouring(start: bytes, again: bytes) -> Talk:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(again)
            await writer.drain()

    return answering(start, then=pour)


def dripping(start: bytes, drop: bytes = b"x") -> Talk:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(drop)
            await asyncio.sleep(0.05)

    return answering(start, then=drip)


HOSTILE: list[tuple[str, Talk, dict[str, Any], str]] = [
    ("endless body", pouring(OK + b"\r\n", ENDLESS), {}, "ok"),
    ("endless body, keyword", pouring(OK + b"\r\n", ENDLESS), WELL, "keyword"),
    ("endless line", pouring(b"HTTP/1.1 200 ", ENDLESS), {}, "protocol"),
    ("endless header", pouring(OK + b"X: ", ENDLESS), {}, "protocol"),
    ("endless headers", pouring(OK, b"X: y\r\n" * 999), {}, "protocol"),
    ("endless hints", pouring(b"", b"HTTP/1.1 103 Early\r\n\r\n" * 99), {}, "protocol"),
    ("endless trailers", pouring(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 999), WELL, "keyword"),
    (
        "tiny chunks",
        pouring(OK + b"Transfer-Encoding: chunked\r\n\r\n", chunked(*[b"x"] * 9_999)[:-5]),
        WELL,
        "protocol",
    ),
    ("extended chunks", pouring(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", ENDLESS), WELL, "protocol"),
    ("gzip bomb", answering(OK + b"Content-Encoding: gzip\r\n\r\n" + gzipped(200 * MB)), WELL, "keyword"),
    ("deflate bomb", answering(OK + b"Content-Encoding: deflate\r\n\r\n" + deflated(200 * MB)), WELL, "keyword"),
    ("silent", silent, {}, "timeout"),
    ("drips its head", dripping(OK + b"X: "), {}, "timeout"),
    ("drips its body", dripping(OK + b"\r\n"), WELL, "timeout"),
    ("drips, but its head is there", dripping(OK + b"\r\n"), {}, "ok"),
]  # fmt: skip


@pytest.mark.parametrize(("talk", "target", "outcome"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
@on_uvloop
async def test_a_hostile_server_costs_little(talk: Talk, target: dict[str, Any], outcome: str) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    async with connecting() as connector, serving(talk) as server:
        watching = asyncio.create_task(watch())
        limit = 1 if outcome == "timeout" else 20
        result = await probed(connector, timeout=limit, url=f"http://{V4}:{server.port}/", **target)
        watching.cancel()
        assert seen(result) == outcome, result
        assert longest < 0.1  # one turn of the loop, the server's part of it included
        await server.emptied()


@on_uvloop
async def test_the_slow_do_not_slow_the_others() -> None:
    """Connections that never answer and names that are never resolved, more than anybody would have threads for."""
    many = 500
    async with (
        resolving({"good.test": [V4]}) as names,
        connecting(server=names.server) as connector,
        serving(silent) as slow,
        serving(answering(EMPTY)) as good,
    ):
        hanging = [
            asyncio.create_task(probed(connector, timeout=60, url=url))
            for number in range(many)
            for url in (f"http://{V4}:{slow.port}/", f"http://silent{number}.test:{slow.port}/")
        ]
        async with asyncio.timeout(40.0):
            while slow.open < many or len({name for _, name, _ in names.asked if name.startswith("silent")}) < many:
                await asyncio.sleep(0.01)
        result = await probed(connector, timeout=40, url=f"http://good.test:{good.port}/")
        assert result.ok, result
        assert not any(task.done() for task in hanging)
        for task in hanging:
            task.cancel()
        await asyncio.wait(hanging, timeout=10.0)
        await slow.emptied()


# ---- where probes may go


@on_uvloop
async def test_private_addresses_are_refused_wherever_they_come_from() -> None:
    async with (
        resolving({"private.test": ["10.0.0.1"], "both.test": [V4, "10.0.0.1"]}) as names,
        connecting(server=names.server) as connector,
        connecting(Guard()) as strict,
        serving(answering(b"HTTP/1.1 302 Go\r\nLocation: http://10.0.0.1/\r\n\r\n")) as away,
        serving(answering(b"HTTP/1.1 302 Go\r\nLocation: http://private.test/\r\n\r\n")) as named,
        serving(silent) as server,
    ):
        for url in (
            f"http://{V4}:{away.port}/",
            f"http://{V4}:{named.port}/",
            "http://10.0.0.1/",
            "http://[::ffff:10.0.0.1]/",
            "http://private.test/",
            f"http://both.test:{server.port}/",
        ):
            result = await probed(connector, url=url)
            assert seen(result) == "refused target", result
        for kind in ("tcp", "tls", "icmp", "dns"):
            result = await probed(connector, kind, host="private.test", port=1)
            assert seen(result) == "refused target", result
        assert seen(await probed(strict, "tcp", host=V4, port=server.port)) == "refused target"
        assert seen(await probed(strict, "tcp", host="localhost", port=server.port)) == "refused target"
        assert server.open == 0


@on_uvloop
async def test_the_address_that_was_checked_is_connected() -> None:
    """A name that is public when it is checked and private when it is connected gets nowhere: it is asked once."""
    turns = cycle([[V4], ["10.0.0.1"]])
    async with (
        resolving({"changing.test": lambda: next(turns)}) as names,
        connecting(server=names.server) as connector,
        serving(answering(EMPTY)) as server,
    ):
        for _ in range(3):
            names.asked.clear()
            result = await probed(connector, url=f"http://changing.test:{server.port}/")
            assert seen(result) in ("ok", "refused target")
            assert result.address in ("", V4)
            assert len(names.asked) <= 2  # A and AAAA


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "a..b", "-", ".", "x" * 70 + ".test", "x." * 200])
@pytest.mark.parametrize("kind", ["tcp", "tls", "icmp", "dns"])
@on_uvloop
async def test_odd_names_are_just_not_found(kind: Any, host: str) -> None:
    async with resolving({}) as names, connecting(server=names.server) as connector:
        assert seen(await probed(connector, kind, host=host, port=1)) in ("name", "answer")


# ---- tcp, IPv6


@on_uvloop
async def test_tcp() -> None:
    async with connecting() as connector, serving(silent) as server, serving(silent, V6) as six:
        result = await probed(connector, "tcp", host=V4, port=server.port)
        assert (seen(result), result.address) == ("ok", V4)
        assert result.phases.connect is not None
        result = await probed(connector, "tcp", host=V6, port=six.port)
        assert (seen(result), result.address) == ("ok", V6)
        await server.emptied()
        with socket.socket() as bound:  # nobody listens
            bound.bind((V4, 0))
            result = await probed(connector, "tcp", host=V4, port=bound.getsockname()[1])
            assert (seen(result), result.detail) == ("connect", "connection refused")


@on_uvloop
async def test_http_over_ipv6() -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(EMPTY)

    async with connecting() as connector, serving(talk, V6) as server:
        assert (await probed(connector, url=f"http://[{V6}]:{server.port}/")).ok
        assert f"Host: [{V6}]:{server.port}\r\n".encode() in heads[0]


@on_uvloop
async def test_a_name_is_well_when_one_of_its_addresses_is() -> None:
    async with (
        resolving({"two.test": ["127.0.0.9", V6, V4]}) as names,
        connecting(server=names.server) as connector,
        serving(silent, V4) as server,
    ):
        result = await probed(connector, "tcp", host="two.test", port=server.port)
        assert (seen(result), result.address) == ("ok", V4)


@on_uvloop
async def test_a_port_whose_queue_is_full_is_a_timeout() -> None:
    with socket.socket() as full:
        full.bind((V4, 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex((V4, port))
            async with connecting() as connector:
                for kind in ("tcp", "tls"):
                    result = await probed(connector, kind, timeout=1, host=V4, port=port)
                    assert (seen(result), result.phases.connect) == ("timeout", None)
        finally:
            for filler in fillers:
                filler.close()


# ---- tls


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@on_uvloop
async def test_certificates(authority: Authority) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    trusting = tls_context(str(authority.file))
    for context, outcome, words, expires in [
        (authority.server(V4, expires=now + 90 * DAY), "ok", "", now + 90 * DAY),
        (authority.server(V4, expires=now + 2 * DAY), "ok", "", now + 2 * DAY),
        (authority.server(V4, expires=now - DAY), "tls", "expired", now - DAY),
        (authority.server("other.test", expires=now + 9 * DAY), "tls", "not valid for '127.0.0.1'", now + 9 * DAY),
        (authority.server(V4, expires=now + 5 * DAY, self_signed=True), "tls", "self-signed", now + 5 * DAY),
    ]:
        async with connecting(verify=trusting) as connector, serving(answering(EMPTY), tls=context) as server:
            for result in (
                await probed(connector, "tls", host=V4, port=server.port),
                await probed(connector, url=f"https://{V4}:{server.port}/"),
            ):
                assert seen(result) == outcome, result
                assert words in result.detail
                assert result.expires == int(expires.timestamp()) * SECOND
                assert result.phases.tls is not None
            await server.emptied()
        async with connecting() as connector, serving(silent, tls=context) as server:
            assert seen(await probed(connector, "tls", host=V4, port=server.port)) == "tls"  # nobody to trust


@contextlib.asynccontextmanager
async def changing_its_mind(first: ssl.SSLContext, then: Talk) -> AsyncIterator[Listening]:
    """A server that speaks TLS once, and `then` something else."""
    turns = itertools.count()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if next(turns):
            return await then(reader, writer)
        back, forth = await asyncio.open_connection(V4, behind.port)
        await asyncio.gather(pass_on(reader, forth), pass_on(back, writer))

    async with serving(silent, tls=first) as behind, serving(talk) as listening:
        yield listening


@on_uvloop
async def test_a_certificate_that_is_not_shown_again_is_refused_all_the_same(authority: Authority) -> None:
    expired = authority.server(V4, expires=datetime.now(UTC) - DAY)
    for then in (silent, lambda r, w: _say(w, b""), lambda r, w: _drip(w, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")):
        async with (
            connecting(verify=tls_context(str(authority.file))) as connector,
            changing_its_mind(expired, then) as server,
        ):
            result = await probed(connector, "tls", timeout=20, host=V4, port=server.port)
            assert (seen(result), result.expires) == ("tls", None), result
            assert "expired" in result.detail
            assert result.took < 15 * SECOND
            await server.emptied()


@on_uvloop
async def test_nobody_who_is_refused_is_sent_anything(authority: Authority) -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    context = authority.server("other.test")
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose handshakes the server ends
    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(talk, tls=context) as server,
    ):
        sealed = Sealed(headers={"Authorization": "secret"}, body="secret")
        result = await probed(connector, sealed=sealed, method="POST", url=f"https://{V4}:{server.port}/")
        assert (seen(result), result.expires is not None) == ("tls", True)
        async with asyncio.timeout(5.0):
            while not heard:
                await asyncio.sleep(0.01)
        assert heard == [b""]  # of the handshake that was only for the date


@on_uvloop
async def test_names_of_certificates(authority: Authority) -> None:
    async with (
        resolving({"good.test": [V4], "bad.test": [V4], "a.wild.test": [V4]}) as names,
        connecting(server=names.server, verify=tls_context(str(authority.file))) as connector,
        serving(answering(EMPTY), tls=authority.server("good.test", "*.wild.test")) as server,
    ):
        for host, outcome in (("good.test", "ok"), ("a.wild.test", "ok"), ("bad.test", "tls")):
            assert seen(await probed(connector, url=f"https://{host}:{server.port}/")) == outcome


@on_uvloop
async def test_a_body_may_end_without_a_word_over_tls(authority: Authority) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall is well")

    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(talk, tls=authority.server(V4)) as server,
    ):
        assert (await probed(connector, url=f"https://{V4}:{server.port}/", keyword="well")).ok


BROKEN_TLS: list[tuple[str, Talk, str]] = [
    ("plain HTTP", lambda r, w: _say(w, b"HTTP/1.1 400 Bad Request\r\n\r\n", r), "tls"),
    ("HTTP before it is asked", lambda r, w: _say(w, EMPTY), "tls"),
    ("closes", lambda r, w: _say(w, b""), "tls"),
    ("closes in the middle", lambda r, w: _say(w, b"\x16\x03\x03\x00\x7a\x02\x00"), "tls"),
    ("an alert", lambda r, w: _say(w, b"\x15\x03\x03\x00\x02\x02\x28"), "tls"),
    ("a record that is too long", lambda r, w: _say(w, b"\x16\x03\x03\xff\xff" + bytes(70_000)), "tls"),
    ("silent", silent, "timeout"),
    ("drips", lambda r, w: _drip(w, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"), "timeout"),
]


async def _say(writer: asyncio.StreamWriter, data: bytes, after: asyncio.StreamReader | None = None) -> None:
    if after is not None:
        await after.read(1)
    writer.write(data)
    await writer.drain()


async def _drip(writer: asyncio.StreamWriter, start: bytes) -> None:
    writer.write(start)
    while not writer.is_closing():
        writer.write(b"\0")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("talk", "outcome"), [row[1:] for row in BROKEN_TLS], ids=[row[0] for row in BROKEN_TLS])
@on_uvloop
async def test_broken_tls(talk: Talk, outcome: str) -> None:
    async with connecting() as connector, serving(talk) as server:
        for target in ({"host": V4, "port": server.port}, {"url": f"https://{V4}:{server.port}/"}):
            limit = 1 if outcome == "timeout" else 20
            result = await probed(connector, "http" if "url" in target else "tls", timeout=limit, **target)
            assert seen(result) == outcome, result
            assert result.status is None
        await server.emptied()


# ---- dns


MANY = [f"127.0.1.{number}" for number in range(1, 201)]


@on_uvloop
async def test_dns() -> None:
    zone: Zone = {"four.test": [V4], "six.test": [V6], "none.test": [], "broken.test": "SERVFAIL", "many.test": MANY}
    async with resolving(zone) as names, connecting(server=names.server) as connector:
        for host, outcome, words in [
            ("four.test", "ok", ""),
            ("FOUR.test.", "ok", ""),
            ("six.test", "ok", ""),
            ("many.test", "ok", ""),
            ("none.test", "answer", "no address"),
            ("gone.test", "answer", "NXDOMAIN"),
            ("broken.test", "answer", "SERVFAIL"),
        ]:
            names.asked.clear()
            result = await probed(connector, "dns", host=host)
            assert (seen(result), result.detail, result.address) == (outcome, words, ""), result
            assert {kind for _, _, kind in names.asked} == {"A", "AAAA"}
            assert ("tcp" in {protocol for protocol, _, _ in names.asked}) is (host == "many.test")


RECORDS: Zone = {
    "a.test": ["127.0.0.9", V4, "::1", "MX 10 mail.A.test.", "MX 20 other.test.", "NS ns1.a.test."],
    "alias.test": ["CNAME www.A.test."],
    "words.test": ['TXT "v=spf1 " "-All"', 'TXT "other"', 'CAA 0 issue "Ca.test"', "SRV 1 2 443 host.test."],
    "zone.test": ["SOA ns1.zone.test. admin.zone.test. 7 2 3 4 5"],
    "private.test": ["10.0.0.1"],
}

EXPECTED: list[tuple[str, str, str, str]] = [  # host, record, expected, what is said
    ("a.test", "", "", "ok"),
    ("a.test", "A", "", "ok"),
    ("a.test", "", V4, "ok"),
    ("a.test", "", "0:0::1", "ok"),
    ("a.test", "AAAA", "::0001", "ok"),
    ("a.test", "A", "127.0.0.2", "found a private address"),
    ("a.test", "AAAA", V4, "found a private address"),
    ("a.test", "MX", "", "ok"),
    ("a.test", "MX", "10 MAIL.a.test", "ok"),
    ("a.test", "MX", "10   mail.a.test.", "ok"),
    ("a.test", "MX", "Other.test.", "ok"),
    ("a.test", "MX", "20 mail.a.test", "found 10 mail.a.test, 20 other.test"),
    ("a.test", "NS", "NS1.a.test.", "ok"),
    ("a.test", "CNAME", "", "no CNAME record"),
    ("alias.test", "CNAME", "www.a.test", "ok"),
    ("alias.test", "CNAME", "w.a.test", "found www.a.test"),
    ("words.test", "TXT", "v=spf1 -All", "ok"),
    ("words.test", "TXT", "v=spf1 -all", "found other, v=spf1 -All"),
    ("words.test", "CAA", '0 issue "ca.test"', "ok"),
    ("words.test", "SRV", "1 2 443 HOST.test", "ok"),
    ("zone.test", "SOA", "ns1.zone.test. admin.zone.test. 7 2 3 4 5", "ok"),
    ("zone.test", "SOA", "ns1.zone.test. admin.zone.test. 8 2 3 4 5", "found ns1.zone.test admin.zone.test 7 2 3 4 5"),
    ("gone.test", "TXT", "x", "NXDOMAIN"),
    ("private.test", "A", "10.0.0.1", "resolves to a private or reserved address"),
]


@pytest.mark.parametrize(("host", "record", "expected", "said"), EXPECTED)
@on_uvloop
async def test_what_must_be_in_the_answer_of_the_resolver_that_is_named(
    host: str, record: Any, expected: str, said: str
) -> None:
    async with resolving({}) as ours, resolving(RECORDS) as named, connecting(server=ours.server) as connector:
        resolver = f"{V4}:{named.server[1]}"
        result = await probed(connector, "dns", host=host, record=record, expected=expected, resolver=resolver)
        failure = "refused target" if host == "private.test" else "answer"
        assert (seen(result), result.address) == ("ok" if said == "ok" else failure, V4), result
        assert result.detail.startswith("" if said == "ok" else said)
        assert ours.asked == []


@on_uvloop
async def test_what_only_the_resolver_of_this_host_knows_is_not_told() -> None:
    async with resolving(RECORDS) as ours, connecting(server=ours.server) as connector:
        result = await probed(connector, "dns", host="words.test", record="TXT", expected="x")
        assert (seen(result), result.detail) == ("answer", "none of 2 records is the expected one")
        assert seen(await probed(connector, "dns", host="words.test", record="TXT", expected="other")) == "ok"


@on_uvloop
async def test_a_resolver_that_is_named_is_a_target_like_others() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind((V4, 0))
        nobody = f"{V4}:{bound.getsockname()[1]}"
    async with (
        resolving({"a.test": [V4], "big.test": MANY}) as named,
        resolving({"a.test": [V4]}) as ours,
        connecting(server=ours.server) as connector,
        connecting(Guard(), ours.server) as strict,
    ):
        listening = f"{V4}:{named.server[1]}"
        assert seen(await probed(connector, "dns", host="big.test", resolver=listening)) == "ok"
        assert {protocol for protocol, _, _ in named.asked} == {"udp", "tcp"}
        named.asked.clear()
        for guarded, resolver, timeout, failure, words in [
            (connector, nobody, 5, "connect", "the resolver cannot be reached: connection refused"),
            (connector, "10.0.0.1", 5, "refused target", "a private or reserved"),
            (connector, "[::ffff:10.0.0.1]:53", 5, "refused target", "private"),
            (connector, "resolver.test", 5, "refused target", "not the address of a resolver"),
            (strict, listening, 5, "refused target", "private"),
        ]:
            result = await probed(guarded, "dns", timeout=timeout, host="a.test", resolver=resolver)
            assert (seen(result), words in result.detail) == (failure, True), result
        assert named.asked == []
        named.silent = True
        ours.silent = True  # that says nothing about the one that is asked
        result = await probed(connector, "dns", timeout=1, host="a.test", resolver=listening)
        assert (seen(result), result.address) == ("timeout", V4)
        assert len(named.asked) == 2
        assert ours.asked == []


@on_uvloop
async def test_a_name_that_is_never_answered_is_not_a_resolver_that_is_silent() -> None:
    async with resolving({"a.test": [V4]}) as names, connecting(server=names.server) as connector:
        targets: list[tuple[MonitorKind, dict[str, Any]]] = [
            ("dns", {"host": "silent.test"}),
            ("http", {"url": "http://silent.test/"}),
        ]
        for kind, target in targets:
            names.silent = False
            assert seen(await probed(connector, kind, timeout=1, **target)) == "timeout"
            names.silent = True
            result = await probed(connector, kind, timeout=1, **target)
            assert (seen(result), "resolver" in result.detail) == ("prober_error", True)


@on_uvloop
async def test_where_no_resolver_listens_it_is_our_fault() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind((V4, 0))
        server = bound.getsockname()
    async with connecting(server=server) as connector:
        for kind in ("dns", "tcp"):
            result = await probed(connector, kind, host="a.test", port=1)
            assert seen(result) == "prober_error", result


@on_uvloop
async def test_a_resolver_that_tells_nonsense() -> None:
    class Nonsense(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            loop = b"\xc0\x0c"
            for reply in (b"", data[:2], data, bytes(600), data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + loop + data[12:]):
                self.transport.sendto(reply, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Nonsense, local_addr=(V4, 0))
    try:
        async with connecting(server=transport.get_extra_info("sockname")) as connector:
            for kind in ("dns", "tcp"):
                result = await probed(connector, kind, timeout=1, host="a.test", port=1)
                assert not result.ok
    finally:
        transport.close()


# ---- icmp


def may_ping() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
            return True
        except PermissionError:
            pass
    return False


@on_uvloop
async def test_icmp() -> None:
    async with resolving({"a.test": [V4]}) as names, connecting(server=names.server) as connector:
        results = await asyncio.gather(
            *(probed(connector, "icmp", host=host) for host in (V4, V6, "a.test", "127.0.0.9") * 50)
        )
        if may_ping():
            assert {seen(result) for result in results} == {"ok"}, results
            assert {result.address for result in results} == {V4, V6, "127.0.0.9"}
            assert all(result.phases.first_byte for result in results)
        else:
            assert {seen(result) for result in results} == {"prober_error"}
            assert "ping_group_range" in results[0].detail
