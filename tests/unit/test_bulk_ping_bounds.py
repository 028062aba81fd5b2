"""What bounds requests with many pings: their size, their time, and what they share with single pings
(docs/bulk-pings.md)."""

import asyncio
import gc
import gzip
import time
import zlib
from itertools import pairwise

import pytest

from ingest.ping.bulk_room import BulkRoom
from ingest.ping.request import Limits
from tests.bulk_world import BULK, TWIN, lines, post, told
from tests.ping_world import KEY, NOON, STALL, UUID, World


async def test_what_cannot_be_unpacked_is_told_from_its_line_on() -> None:
    world = World(pings_per_minute=0)
    assert (await post(world, b"x", **{"content-encoding": "br"})).line.startswith("415 packed by what is not read")
    whole = gzip.compress(lines({"uuid": UUID}) * 50, compresslevel=0)
    reply = await post(world, whole[: len(whole) // 2], **{"content-encoding": "gzip"})
    taken = len(world.sink.pings)
    assert 0 < taken < 50
    assert told(reply)[:taken] == [(number, 200, "OK") for number in range(1, taken + 1)]
    stop = "could not unpack the request body: this line and those after it were not read"
    assert told(reply)[taken:] == [(taken + 1, 400, stop)]
    assert told(await post(world, b"garbage", **{"content-encoding": "gzip"})) == [(1, 400, stop)]
    assert (await post(world, b"")).line == (await post(world, b"", **{"content-encoding": "gzip"})).line == "200 "


async def test_a_bomb_is_cut_off_at_the_limit() -> None:
    world = World(Limits(bulk_size=100_000))
    bomb = gzip.compress(lines({"uuid": UUID}) + b" " * 50_000_000)
    reply = await post(world, bomb, **{"content-encoding": "gzip"})
    assert told(reply) == [
        (1, 200, "OK"),
        (2, 413, "too many bytes in one request: this line and those after it were not read"),
    ]
    assert "connection" not in reply.headers


async def test_what_comes_packed_is_bounded_though_it_unpacks_to_nothing() -> None:
    world = World(Limits(bulk_size=10_000, body_size=20_000))
    packer = zlib.compressobj(wbits=31)
    empty = packer.compress(b"") + packer.flush(zlib.Z_SYNC_FLUSH) + b"\0\0\0\xff\xff" * 20_000
    pieces: list[bytes | None] = [empty[at : at + 1_000] for at in range(0, len(empty), 1_000)]
    reply = await post(world, [*pieces, STALL], **{"content-encoding": "gzip"})
    assert told(reply) == [(1, 413, "too many bytes in one request: this line and those after it were not read")]
    assert reply.headers["connection"] == "close"


async def test_answers_that_wait_for_the_end_of_the_body_count_among_what_is_held() -> None:
    """A few bytes, packed, hold thousands of lines, each with an answer of its own."""
    world = World(Limits(held=400_000, held_of_one=200_000))
    wrong = b"".join(b'{"field-%d":1}\n' % number for number in range(9_000))
    reply = await post(world, [gzip.compress(wrong)[:-8], STALL], **{"content-encoding": "gzip"})
    assert told(reply)[-1][1:] == (
        429, "too many unfinished request bodies, try again: this line and those after it were not read"
    )  # fmt: skip
    assert 100 < len(told(reply)) < 5_000
    assert not world.app._bodies.shares.held
    same = await post(world, gzip.compress(b"x\n" * 9_000), **{"content-encoding": "gzip"})
    assert len(told(same)) == 9_000, "of one text there is one copy"


@pytest.mark.parametrize("filling", [b"\n", b"x", b"{}\n"])
async def test_while_a_bomb_is_read_others_get_their_turn(filling: bytes) -> None:
    world = World()
    turns: list[float] = []  # processor seconds at each

    async def others() -> None:
        while True:
            turns.append(time.thread_time())
            await asyncio.sleep(0)

    bomb = gzip.compress(filling * (31 * 2**20 // len(filling)), compresslevel=1)
    task = asyncio.create_task(others())
    await asyncio.sleep(0)
    reply = await post(world, bomb, **{"content-encoding": "gzip"})
    turns.append(time.thread_time())
    task.cancel()
    assert told(reply)[-1][1] == 413
    assert len(told(reply)) <= 10_001
    assert max(later - earlier for earlier, later in pairwise(turns)) < 0.25


async def test_many_requests_at_once_hold_the_loop_no_longer_than_one() -> None:
    world = World(pings_per_minute=0)
    turns: list[float] = []

    async def others() -> None:
        while True:
            turns.append(time.thread_time())
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    sent = lines(*[{"uuid": UUID}] * 200)
    gc.disable()  # it walks through what all the tests have made
    try:
        replies = await asyncio.gather(*(post(world, sent) for _ in range(100)))
    finally:
        gc.enable()
    task.cancel()
    assert {reply.status for reply in replies} == {200}
    assert len(world.sink.pings) == 20_000
    longest = max(later - earlier for earlier, later in pairwise(turns))
    assert longest < 0.04, "64 lines take a millisecond or two, 6,400 more than a tenth of a second"


async def test_lines_beyond_the_limits_are_told_of() -> None:
    world = World(Limits(bulk_lines=2, body_size=300), pings_per_minute=0)
    sent = lines({"uuid": UUID}, {"uuid": UUID}, {"uuid": UUID}, {"uuid": UUID})
    stop = (3, 413, "too many lines in one request: this line and those after it were not read")
    reply = await post(world, sent)
    assert told(reply) == [(1, 200, "OK"), (2, 200, "OK"), stop]
    assert len(world.sink.pings) == 2
    whole = World(Limits(bulk_lines=2), pings_per_minute=0)
    assert [status for _, status, _ in told(await post(whole, sent[: len(sent) // 2]))] == [200, 200]
    assert [status for _, status, _ in told(await post(whole, b"\n\n" + sent))] == [413]
    endless = await post(world, [sent, b"x" * 200, b"x" * 200, STALL])
    assert told(endless)[2:] == [stop]
    assert endless.headers["connection"] == "close"
    long = await post(World(), b'{"uuid":"' + b"a" * 2**20 + b'"}\n' + lines({"uuid": UUID}))
    assert told(long) == [(1, 413, "the line is too long"), (2, 200, "OK")]


async def test_a_slow_body_is_answered_with_what_came() -> None:
    world = World(Limits(body_time=0.05), pings_per_minute=0)
    reply = await post(world, [lines({"uuid": UUID}), b'{"uuid"', STALL])
    assert told(reply) == [
        (1, 200, "OK"),
        (2, 408, "the request body came too slowly: this line and those after it were not read"),
    ]
    assert reply.headers["connection"] == "close"


async def test_single_pings_find_room_beside_bulk_requests() -> None:
    world = World(Limits(in_flight=4, bulk_in_flight=2), pings_per_minute=0)
    world.sink.hold()
    asking = [asyncio.create_task(post(world, lines({"uuid": UUID}) * 50)) for _ in range(3)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert (world.source.in_flight, world.app._bulk.room.lines) == (2, 2)
    assert world.source._watermark(NOON + 5) <= NOON, "no tick overtakes a line that is under way"
    single = asyncio.create_task(world.ask(f"/{UUID}"))
    await asyncio.sleep(0)
    assert world.source.in_flight == 3
    world.sink.release()
    assert (await single).line == "200 OK"
    for reply in await asyncio.gather(*asking):
        assert {status for _, status, _ in told(reply)} == {200}
    assert len(world.sink.pings) == 151


async def test_overload_and_a_full_queue_are_told_of_each_line() -> None:
    world = World(Limits(in_flight=0))
    reply = await post(world, lines({"uuid": UUID}, {"uuid": TWIN}))
    assert [status for _, status, _ in told(reply)] == [503, 503]
    assert reply.headers["retry-after"] == "1"
    world = World()
    world.sink.full = True
    assert [status for _, status, _ in told(await post(world, lines({"uuid": UUID})))] == [503]
    assert (world.source.in_flight, world.app._bulk.room.lines) == (0, 0)


async def test_unfinished_lines_count_among_the_unfinished_bodies() -> None:
    world = World(Limits(held=2_000, held_of_one=1_000))
    reply = await post(world, [b'{"uuid": "' + b"a" * 1_500, b"b", STALL], f"{BULK}?ping_key={KEY}")
    assert told(reply) == [
        (1, 429, "too many unfinished request bodies, try again: this line and those after it were not read")
    ]
    assert not world.app._bodies.shares.held


async def test_bodies_are_cut_and_the_bytes_of_a_day_count() -> None:
    world = World(pings_per_minute=0, ping_body_limit=10, bytes_per_day=30)
    reply = await post(world, lines({"uuid": UUID, "body": "ü" * 20}, {"uuid": UUID, "body": "abcdefgh"}))
    assert [status for _, status, _ in told(reply)] == [200, 200]
    assert [ping.body for _, ping in world.sink.pings] == ["ü" * 5, None]


async def test_the_room_is_shared_in_turns_and_given_back_by_who_is_cancelled() -> None:
    room = BulkRoom(lines=2, size=100)
    order: list[str] = []

    async def enter(name: str, size: int) -> None:
        await room.enter(size)
        order.append(name)

    await enter("a", 60)
    await enter("b", 30)
    waiting = [asyncio.create_task(enter(name, 50)) for name in ("c", "d", "e")]
    await asyncio.sleep(0)
    assert (order, room.lines, room.size) == (["a", "b"], 2, 90)
    waiting[0].cancel()
    room.leave(60)
    await asyncio.sleep(0)
    assert order == ["a", "b", "d"]
    room.leave(30)
    waiting[2].cancel()  # it has just been given room
    await asyncio.sleep(0)
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (order, room.lines, room.size) == (["a", "b", "d"], 1, 50)
    room.leave(50)
    await enter("more than there is room for", 1_000)
    assert room.lines == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await room.enter(1)
