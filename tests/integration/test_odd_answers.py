"""Answers of servers that are not by the book, and bodies that end in odd ways: real probes over real sockets."""

import asyncio
import socket
import struct
from typing import Any

import pytest

from ingest.prober.probes.connection import tls_context
from schemas.probes import ProbeCompleted
from tests.certificates import Authority
from tests.probe_targets import V4, Talk, answering, connecting, on_uvloop, probed, seen, serving, silent


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WELL: dict[str, Any] = {"keyword": "well"}
NO_ILL: dict[str, Any] = {"keyword": "ill", "keyword_absent": True}


async def all_answered(talk: Talk, *targets: dict[str, Any]) -> list[ProbeCompleted]:
    """What comes of probes of a server that talks so. To make a connector takes longer than to probe."""
    async with connecting() as connector, serving(talk) as server:
        usual: dict[str, Any] = {"timeout": 20, "url": f"http://{V4}:{server.port}/"}
        results = [await probed(connector, **usual | target) for target in targets]
        await server.emptied(20.0)
    return results


async def answered(talk: Talk, **target: Any) -> ProbeCompleted:
    [result] = await all_answered(talk, target)
    return result


# ---- heads that curl or browsers take

TAKEN: list[tuple[str, bytes]] = [
    ("LF only", b"HTTP/1.1 200 OK\nContent-Length: 4\n\nwell"),
    ("LF and CRLF mixed", b"HTTP/1.1 200 OK\nContent-Length: 4\r\n\nwell"),
    ("CRCRLF", b"HTTP/1.1 200 OK\r\r\nContent-Length: 4\r\r\n\r\nwell"),
    ("folded", OK + b"X: a\r\n b\r\n\tc\r\nContent-Length: 4\r\n\r\nwell"),
    ("folded length", OK + b"Content-Length:\r\n 4\r\n\r\nwell"),
    ("a first line that is folded", OK + b" folded\r\nContent-Length: 4\r\n\r\nwell"),
    ("blank before the colon", OK + b"Content-Length : 4\r\n\r\nwell and ill"),
    ("control bytes in a value", OK + b"X: a\x01\x7f\x80\r\nContent-Length: 4\r\n\r\nwell"),
    ("CR in a value", OK + b"X: a\rb\r\nContent-Length: 4\r\n\r\nwell"),
    ("a line without a colon", OK + b"what is this\r\nContent-Length: 4\r\n\r\nwell"),
    ("a header without a name", OK + b": x\r\nContent-Length: 4\r\n\r\nwell"),
    ("a length twice", OK + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nwell and ill"),
    ("a length twice in one line", OK + b"Content-Length: 4, 4\r\n\r\nwell and ill"),
    ("two lengths", OK + b"Content-Length: 1\r\nContent-Length: 4\r\n\r\nwell and ill"),
    ("a length that is none", OK + b"Content-Length: abc\r\n\r\nwell"),
    ("a length below zero", OK + b"Content-Length: -5\r\n\r\nwell"),
    ("a length without an end", OK + b"Content-Length: 99999999999999999999999\r\n\r\nwell"),
    ("length and chunks", OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwell\r\n0\r\n\r\n"),
    ("HTTP/2", b"HTTP/2 200 OK\r\nContent-Length: 4\r\n\r\nwell"),
    ("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nwell"),
    ("HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 4\r\n\r\nwell"),
    ("no version", b"HTTP 200 OK\r\nContent-Length: 4\r\n\r\nwell"),
    ("lower case", b"http/1.1 200 ok\r\ncontent-length: 4\r\n\r\nwell"),
    ("no reason", b"HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nwell"),
    ("no reason, LF only", b"HTTP/1.1 200\nContent-Length: 4\n\nwell"),
    ("no blank before the reason", b"HTTP/1.1 200OK\r\nContent-Length: 4\r\n\r\nwell"),
    ("two blanks", b"HTTP/1.1  200 OK\r\nContent-Length: 4\r\n\r\nwell"),
    ("a reason in UTF-8", "HTTP/1.1 200 Grün\r\nContent-Length: 4\r\n\r\nwell".encode()),
    ("an empty line first", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"),
    ("ICY", b"ICY 200 OK\r\nicy-name: x\r\n\r\nwell"),
    ("hints before the answer", b"HTTP/1.1 103 E\nLink: x\n\nHTTP/1.1 100 C\r\n\r\n" + OK + b"\r\nwell"),
    ("a head of 100 KB", OK + b"X: " + b"y" * 100_000 + b"\r\nContent-Length: 4\r\n\r\nwell"),
    ("an end instead of a length", OK + b"\r\nall is well"),
    ("transfer coding identity", OK + b"Transfer-Encoding: identity\r\nContent-Length: 4\r\n\r\nwell and ill"),
    ("chunks, LF only", CHUNKED + b"2\nwe\n2\nll\n0\n\n"),
    ("chunks with more on their line", CHUNKED + b"4;a=b\r\nwell\r\n0\r\n\r\n"),
    ("chunks with blanks and zeros", CHUNKED + b"0000000004  \r\nwell\r\n00\r\n\r\n"),
    ("chunks with headers behind", CHUNKED + b"4\r\nwell\r\n0\r\nX: ill\r\n\r\n"),
    ("chunks without an empty line at the end", CHUNKED + b"4\r\nwell\r\n0\r\n"),
    ("chunks in HTTP/1.0", CHUNKED.replace(b"1.1", b"1.0") + b"4\r\nwell\r\n0\r\n\r\n"),
    ("chunked twice", CHUNKED[:-2] + b"Transfer-Encoding: Chunked\r\n\r\n4\r\nwell\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize("answer", [row[1] for row in TAKEN], ids=[row[0] for row in TAKEN])
@on_uvloop
async def test_what_curl_or_browsers_take_is_taken(answer: bytes) -> None:
    for result in await all_answered(answering(answer), {}, WELL, NO_ILL):
        assert (seen(result), result.status) == ("ok", 200), result


REFUSED: list[tuple[str, bytes, str]] = [
    ("HTTP/0.9", b"<html>well</html>\n", "begins with '<html>well</html>': that is not HTTP, or a version before 1.0"),
    ("another protocol", b"SSH-2.0-OpenSSH_9.0\r\n", "begins with 'SSH-2.0-OpenSSH_9.0': that is not HTTP"),
    ("an alert of TLS", b"\x15\x03\x01\x00\x02\x02\x46", "that is TLS: the URL must begin with https://"),
    ("HTTP/2 only", b"\0\0\x06\x04\0\0\0\0\0", "that is HTTP/2, and this port takes no HTTP/1.1"),
    ("a status of letters", b"HTTP/1.1 abc\r\n\r\n", "begins with 'HTTP/1.1 abc', which is no status line"),
    ("a status of two digits", b"HTTP/1.1 20 OK\r\n\r\n", "'HTTP/1.1 20 OK', which is no status line"),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n", "'HTTP/1.1 2000 OK', which is no status line"),
    ("a status below 100", b"HTTP/1.1 099 OK\r\n\r\n", "'HTTP/1.1 099 OK', which is no status line"),
    ("no status", b"HTTP/1.1\r\n\r\n", "'HTTP/1.1', which is no status line"),
    ("a NUL byte", OK + b"X: a\0b\r\n\r\n", "holds a NUL byte"),
    ("a head that is too long", OK + b"X: " + b"y" * 300_000, "head of the answer is too long"),
]


@pytest.mark.parametrize(("answer", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
@on_uvloop
async def test_what_is_no_answer_is_refused_with_what_was_seen(answer: bytes, words: str) -> None:
    result = await answered(answering(answer))
    assert (seen(result), words in result.detail) == ("protocol", True), result


@pytest.mark.parametrize("status", [100, 204, 304, 299, 600, 999])
@on_uvloop
async def test_statuses_up_to_999(status: int) -> None:
    first = b"HTTP/1.1 100 Continue\r\n\r\n" if status == 100 else b""
    answer = first + b"HTTP/1.1 %d X\r\nContent-Length: 4\r\n\r\nwell" % (999 if status == 100 else status)
    result = await answered(answering(answer), statuses=(status, 999))
    assert (seen(result), result.status) == ("ok", 999 if status == 100 else status)


@pytest.mark.parametrize("status", [204, 304])
@on_uvloop
async def test_no_content_has_no_body_whatever_comes(status: int) -> None:
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 4\r\n\r\nwell" % status
    assert seen(await answered(answering(answer, then=silent), **WELL)) == "keyword"
    assert seen(await answered(answering(answer, then=silent), keyword="well", keyword_absent=True)) == "ok"


# ---- heads that are cut off

HEADS_CUT_OFF = [OK, OK + b"X: y\r\n", OK + b"X: y\r\nContent-Le", b"HTTP/1.1 200\n", OK + b"Content-Length: 4\r\n"]


@pytest.mark.parametrize("answer", HEADS_CUT_OFF)
@on_uvloop
async def test_the_whole_lines_of_a_head_that_is_cut_off_count_and_prove_no_body(answer: bytes) -> None:
    there, *read = await all_answered(answering(answer), {}, WELL, NO_ILL)
    assert (seen(there), there.status) == ("ok", 200)
    for result in read:
        assert (seen(result), result.detail) == ("closed", "in the head of the answer")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK", b"HTTP/1.1 100 C\r\n", b"HTTP/1.1 100 C\r\n\r\n"])
@on_uvloop
async def test_a_head_without_a_whole_line_is_no_answer(answer: bytes) -> None:
    assert seen(await answered(answering(answer))) == "closed"


@on_uvloop
async def test_a_head_that_is_cut_off_by_a_reset_is_no_answer() -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)  # so that the head has come: a reset drops what is on its way
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    result = await answered(answering(OK + b"X: y\r\n", then=reset))
    assert seen(result) == "closed"


# ---- bodies that are cut off

CUT_OFF: list[tuple[str, bytes, str, str]] = [
    ("less than the length", OK + b"Content-Length: 9\r\n\r\nwell", "closed", "4 of 9 bytes came"),
    ("no last chunk", CHUNKED + b"2\r\nso\r\n", "closed", "the last chunk did not come"),
    ("half a chunk", CHUNKED + b"9\r\nso", "closed", "the last chunk did not come"),
    ("no chunk", CHUNKED, "closed", "the last chunk did not come"),
    ("a chunk longer than said", CHUNKED + b"2\r\nsome\r\n0\r\n\r\n", "protocol", "longer than said, by 'me"),
    ("no size", CHUNKED + b"zz\r\nso\r\n0\r\n\r\n", "protocol", "begins with 'zz"),
    ("a size too long", CHUNKED + b"0" * 20 + b"2\r\nso\r\n0\r\n\r\n", "protocol", "which is no size"),
    ("another notation", CHUNKED + b"0x2\r\nso\r\n0\r\n\r\n", "protocol", "begins with '0x2"),
    ("no chunks", CHUNKED + b"plain text", "closed", "the last chunk did not come"),
]


@pytest.mark.parametrize(("answer", "outcome", "words"), [row[1:] for row in CUT_OFF], ids=[row[0] for row in CUT_OFF])
@on_uvloop
async def test_a_body_that_is_cut_off_fails_and_says_so(answer: bytes, outcome: str, words: str) -> None:
    *read, unread = await all_answered(answering(answer), WELL, NO_ILL, {})
    for result in read:
        assert (seen(result), words in result.detail) == (outcome, True), result
    assert seen(unread) == "ok"  # without a keyword nobody reads the body


@on_uvloop
async def test_what_was_seen_before_the_end_counts_where_no_length_was_said() -> None:
    cut = CHUNKED + b"9\r\nwell"
    assert seen(await answered(answering(cut), **WELL)) == "ok"
    result = await answered(answering(cut), keyword="well", keyword_absent=True)
    assert (seen(result), result.detail) == ("keyword", "found")


# ---- streams

EVENTS = OK + b"Content-Type: text/event-stream\r\n\r\n"
EVENT = b"data: all is well\n\n"


@pytest.mark.parametrize("answer", [EVENTS + EVENT, EVENTS[:-2] + b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + EVENT])
@on_uvloop
async def test_a_stream_ends_when_the_keyword_is_seen(answer: bytes) -> None:
    assert seen(await answered(answering(answer, then=silent), timeout=60, **WELL)) == "ok"
    result = await answered(answering(answer, then=silent), timeout=60, keyword="well", keyword_absent=True)
    assert (seen(result), result.detail) == ("keyword", "found")


READING = "in the body of the answer, of which 19 bytes came, after "


async def at_the_limit(answer: bytes, **target: Any) -> ProbeCompleted:
    """The result of a probe whose time ends in the body, however long this machine takes to get there."""
    for limit in (1, 4, 20):
        result = await answered(answering(answer, then=silent), timeout=limit, **target)
        if result.ok or result.detail.startswith(READING):
            break
    return result


@on_uvloop
async def test_a_stream_without_the_keyword_fails_when_the_time_is_over() -> None:
    result = await at_the_limit(EVENTS + EVENT, keyword="green")
    assert (seen(result), result.detail.startswith(READING)) == ("timeout", True)


@on_uvloop
async def test_a_stream_without_the_forbidden_word_is_up_when_the_time_is_over() -> None:
    result = await at_the_limit(EVENTS + EVENT, **NO_ILL)
    assert (seen(result), result.status) == ("ok", 200)


@on_uvloop
async def test_another_body_that_does_not_end_may_still_hold_the_word() -> None:
    result = await at_the_limit(OK + b"\r\n" + EVENT, **NO_ILL)
    assert (seen(result), result.detail.startswith(READING)) == ("timeout", True)


@on_uvloop
async def test_a_keyword_that_comes_in_two_pieces_of_a_stream() -> None:
    async def more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(b"n\n\n")
        await silent(reader, writer)

    talk = answering(EVENTS, "data: alles grü".encode()[:-1], "ü".encode()[1:], then=more)
    assert seen(await answered(talk, timeout=60, keyword="alles grün")) == "ok"


@on_uvloop
async def test_an_end_without_close_notify(authority: Authority) -> None:
    """`Connection: close`, and the connection is closed without a word of TLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(OK + b"Connection: close\r\n\r\nall is well")(reader, writer)
        writer.transport.abort()

    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(talk, tls=authority.server(V4)) as server,
    ):
        url = f"https://{V4}:{server.port}/"
        assert (await probed(connector, url=url, keyword="well")).ok
        assert (await probed(connector, url=url, **NO_ILL)).ok
