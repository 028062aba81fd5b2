"""In whatever pieces an answer comes, it is judged the same; and whatever comes is judged, without an exception."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ingest.prober.probes.http_response import Exchange
from ingest.prober.probes.outcome import ProbeFailed
from ingest.prober.probes.page import Page

PARTS = [
    b"HTTP/1.1 200 OK", b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/2 204", b"ICY 200", b"\r\n", b"\r\n", b"\n", b"\r", b"\n\n",
    b" ", b"\t", b":",
    b"X: y", b"Content-Length: 4", b"Content-Length: 9", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip",
    b"\0", b"\xff",
    b"well", b"4\r\nwell\r\n", b"0\r\n\r\n", b"2", b"zz", b"Location: /x", b"Set-Cookie: a=b",
    b"charset=utf-16", b"\x1f\x8b",
]  # fmt: skip
ANSWERS = st.lists(st.sampled_from(PARTS), max_size=24).map(b"".join) | st.binary(max_size=200)
BEGUN = st.builds(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest, ANSWERS)


async def judged(pieces: list[bytes]) -> tuple[object, ...]:
    exchange = Exchange(lambda head: Page("well", head))
    for piece in pieces:
        exchange.data_received(piece)
    exchange.connection_lost(None)
    try:
        answer = exchange.answer.result()
    except ProbeFailed as failed:
        return ("failed", failed.failure)
    page = answer.page
    assert page is not None
    await page.read()
    fault = answer.fault.failure if answer.fault else ""
    return (answer.head.status, answer.head.version, page.found, page.unreadable, fault)


@given(ANSWERS | BEGUN, st.lists(st.integers(1, 30), max_size=40))
def test_pieces_change_nothing(answer: bytes, sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(answer[at : at + size])
        at += size
    pieces.append(answer[at:])
    assert asyncio.run(judged([answer])) == asyncio.run(judged([piece for piece in pieces if piece] or [b""]))
