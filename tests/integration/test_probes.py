"""Probes over HTTP against real servers on loopback, which do what servers do and what attackers would."""

import asyncio
import gzip
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from schemas.monitors import Sealed
from tests.probe_targets import (
    V4,
    Talk,
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
    # As curl has it: the lines that are whole count, and a keyword is not found.
    ("cut off in the head", OK + b"X: y", {}, "ok"),
    ("cut off in the first line", b"HTTP/1.1 20", {}, "closed"),
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
        found = seen(await probed(connector, url=f"http://{V4}:{server.port}/"))
    # As curl has it: from its first whole line on there is an answer.
    assert found == "ok" if b"\n" in EMPTY[:size] else found in ("closed", "protocol")


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


def bombing(encoding: str, packed: Callable[[bytes], bytes]) -> Talk:
    """200 MB of nothing in a few bytes. They are packed when somebody asks, beside the loop: not in each process that
    collects tests."""

    async def bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await asyncio.to_thread(packed, b"\0" * (200 * MB))
        await answering(OK + f"Content-Encoding: {encoding}\r\n\r\n".encode() + body)(reader, writer)

    return bomb


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
    ("gzip bomb", bombing("gzip", gzip.compress), WELL, "keyword"),
    ("deflate bomb", bombing("deflate", zlib.compress), WELL, "keyword"),
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
        limit = 1 if outcome == "timeout" else 60
        result = await probed(connector, timeout=limit, url=f"http://{V4}:{server.port}/", **target)
        watching.cancel()
        assert seen(result) == outcome, result
        # One turn of the loop, the part of the server included; a processor that others share takes longer for it.
        assert longest < 0.25
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
