"""Whatever bytes come in whatever pieces: a connection raises nothing, answers in turn, and ends in time."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from infra.http_server.bounds import BOUNDS
from infra.http_server.connection import Connection
from infra.http_server.connection_limiter import ConnectionLimiter
from tests.http_wire import CONFIG, Wire, turns

_CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
_WHOLE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /early HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    _CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    _CHUNKED + b"5;x=y\r\nhello\r\n0\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
]
_BROKEN = [
    *(b"\r\n", b"\r\n\r\n", b"GET", b" / HTTP/1.1\r\n", b"X: y\r\n", b"\x00\xff", b"5\r\nhell", b"x" * 5_000),
    b"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf",
    b"POST /early HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + b"z" * 60_000,
    _CHUNKED + b"zz\r\n",
    _CHUNKED + b"0\r\nX: " + b"y" * 70_000,
    _CHUNKED + b"0\r\n" + b"X: y\r\n" * 200,
    _CHUNKED + b"5;" + b"x" * 70_000 + b"\r\nhello\r\n",
    _CHUNKED + b"1\r\nz\r\n" * 10_000,
    b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200,
    b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000,
    b"GET / HTTP/1.1\r\n\r\n" * 40,
]
_sent = st.lists(st.sampled_from(_WHOLE) | st.sampled_from(_BROKEN) | st.binary(max_size=30), max_size=8)


async def _live(sent: list[bytes], cuts: list[int]) -> tuple[Wire, ConnectionLimiter, int]:
    """A connection from its beginning to its end; how many requests were whole."""
    state, limiter, wire = ServerState(), ConnectionLimiter(), Wire()
    connection = Connection(CONFIG, state, {}, asyncio.get_running_loop(), limiter=limiter)
    connection.connection_made(wire)  # type: ignore[arg-type]
    data = b"".join(sent)
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    for start, end in zip([0, *places], places, strict=False):
        if wire.closed or start == end:
            continue
        connection.data_received(data[start:end])
        await turns(state)
    # The client falls silent. Whatever it has left undone has its time, one part after the other.
    for _ in range(round(BOUNDS.idle_time + BOUNDS.body_time + BOUNDS.head_time + BOUNDS.linger) + 5):
        limiter.pass_time(1.0)
        connection.look()
        await asyncio.sleep(0)
    connection.connection_lost(None)
    await turns(state)
    return wire, limiter, len(state.tasks)


@settings(max_examples=50, deadline=None)
@given(_sent, st.lists(st.integers(0, 200_000), max_size=6))
def test_nothing_that_comes_keeps_a_connection_for_ever(sent: list[bytes], cuts: list[int]) -> None:
    wire, limiter, tasks = asyncio.run(_live(sent, cuts))
    assert wire.closed
    assert not tasks
    assert not limiter.members
    assert not limiter.waiting
    assert not limiter._peers
    # Whole requests ahead of anything broken are answered, and nothing comes behind an error.
    whole = 0
    for one in sent:
        if one not in _WHOLE:
            break
        whole += 1
        if b"close" in one or b"HTTP/1.0" in one:
            break
    answers = wire.written.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers[:whole]] == [b"200"] * whole
    assert all(answer[:3] == b"200" for answer in answers[:-1])
