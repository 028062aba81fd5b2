"""Requests with many pings: what becomes of each line, and what bounds them (docs/bulk-pings.md)."""

import asyncio
import gzip
from typing import Any

import pytest

from ingest.ping import bulk_request
from ingest.ping.request import Limits
from ingest.ping.urls import is_ping, parse
from schemas.rejections import RejectionCode
from tests.bulk_world import BULK, TWIN, lines, post, told
from tests.ping_world import KEY, NOON, PROJECT, SLUG, STALL, UNKNOWN, UUID, World, receiver

RID = "123e4567-e89b-12d3-a456-426614174000"


async def test_every_line_is_recorded_in_order_as_a_ping_of_its_own() -> None:
    world = World(pings_per_minute=0)
    sent = lines(
        {"uuid": UUID, "kind": "start", "rid": RID},
        {"slug": SLUG, "ping_key": KEY, "exitstatus": 3, "rid": RID, "body": "out of room"},
        {"uuid": TWIN, "kind": "log", "body_base64": "/w=="},
    )
    reply = await post(world, sent, **{"user-agent": "flusher/1"})
    assert (reply.status, told(reply)) == (200, [(1, 200, "OK"), (2, 200, "OK"), (3, 200, "OK")])
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["ping-body-limit"] == "100000"
    pings = world.sink.pings
    assert [(key, ping.kind, ping.exitstatus, ping.rid) for key, ping in pings] == [
        (UUID, "start", None, RID), (UUID, "fail", 3, RID), (TWIN, "log", None, None),
    ]  # fmt: skip
    assert [(ping.body, ping.body_base64) for _, ping in pings] == [
        (None, None),
        ("out of room", None),
        (None, b"\xff"),
    ]
    assert {(ping.method, ping.ua, ping.remote_addr, ping.scheme) for _, ping in pings} == {
        ("POST", "flusher/1", "192.0.2.7", "http")
    }
    # No two have one stamp, though the clock stands: the later line is the later ping.
    assert [ping.at for _, ping in pings] == [NOON, NOON + 1, NOON + 2]
    assert (world.source.in_flight, world.app._bulk.room.lines, world.app._bulk.room.size) == (0, 0, 0)


async def test_each_line_is_judged_by_itself() -> None:
    world = World(pings_per_minute=1)
    sent = lines(
        {"uuid": UUID},
        {"uuid": UUID},
        {"uuid": UNKNOWN},
        {"slug": "nothing"},
        {"slug": "twin"},
        {"slug": "new", "create": True},
        {"slug": SLUG, "kind": "log"},
        {"uuid": "?"},
    )
    reply = await post(world, sent + b"not json", f"{BULK}?ping_key={KEY}")
    assert reply.status == 207
    assert told(reply) == [
        (1, 200, "OK"),
        (2, 429, "rate limit exceeded"),
        (3, 404, "not found"),
        (4, 404, "not found"),
        (5, 409, "ambiguous slug"),
        (6, 201, "Created"),
        (7, 200, "OK"),
        (8, 400, "invalid line: uuid: not a UUID with dashes"),
        (9, 400, "invalid line: not JSON: invalid character at byte 5"),
    ]
    assert [ping.kind for _, ping in world.sink.pings] == ["success", "success", "log"]
    assert world.source._untold._refused == {}
    assert [(request.fields.slug, request.actor.kind) for request in world.projects.asked if request.actor] == [
        ("new", "ping_key")
    ]


async def test_create_for_all_lines_makes_a_check_once() -> None:
    world = World(pings_per_minute=0)
    sent = lines({"slug": "new"}, {"slug": "new"}, {"slug": "newer"}, {"slug": "none", "create": False})
    reply = await post(world, sent, f"{BULK}?ping_key={KEY}&create=1")
    assert [status for _, status, _ in told(reply)] == [201, 200, 201, 404]
    world.projects.refusal = RejectionCode.LIMIT_REACHED
    assert told(await post(world, lines({"slug": "more", "ping_key": KEY, "create": True}))) == [(1, 404, "not found")]


async def test_a_verdict_that_does_not_come_is_waited_for_once() -> None:
    """Else each new slug of thousands waits for seconds, and the answer to all of them for an hour."""
    world = World(pings_per_minute=0)
    world.projects.silent, world.projects.makes = True, False
    sent = lines(*({"slug": f"new-{number}"} for number in range(200)), {"uuid": UUID}, {"slug": SLUG})
    reply = await post(world, sent + lines({"slug": "x", "ping_key": "nobody"}), f"{BULK}?ping_key={KEY}&create=1")
    assert [status for _, status, _ in told(reply)] == [503] * 200 + [200, 200, 404]
    assert len(world.projects.asked) <= 64, "asked together, and no more after that"
    world.projects.silent, world.projects.makes = False, True
    assert told(await post(world, lines({"slug": "new-1"}), f"{BULK}?ping_key={KEY}&create=1")) == [(1, 201, "Created")]


async def test_unknown_checks_that_come_together_cost_one_look_at_the_log() -> None:
    world = World()
    unknown = [{"uuid": f"{number:08d}-d4c7-4bf5-bcc8-b8d8a82ea278"} for number in range(500)]
    reply = await post(world, lines(*unknown))
    assert {told[1:] for told in told(reply)} == {(404, "not found")}
    assert world.replica.looks == 1
    world.replica.fresh = False
    assert {one[1] for one in told(await post(world, lines(*unknown)))} == {503}
    assert world.replica.looks == 2
    assert len(world.source._untold._refused) == 8


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
async def test_bodies_in_pieces_packed_or_not(packed: bool, size: int) -> None:
    world = World(pings_per_minute=0)
    sent = lines({"uuid": UUID}, {"uuid": UUID, "kind": "fail"}).rstrip()
    content = gzip.compress(sent) if packed else sent
    pieces = [content[begin : begin + size] for begin in range(0, len(content), size)]
    reply = await post(world, pieces, **({"content-encoding": "GZIP"} if packed else {}))
    assert told(reply) == [(1, 200, "OK"), (2, 200, "OK")]
    assert [ping.kind for _, ping in world.sink.pings] == ["success", "fail"]


async def test_an_upload_of_a_form_is_told_what_to_do() -> None:
    reply = await post(World(), b"--x\r\n", **{"content-type": "Multipart/Form-Data; boundary=x"})
    assert (reply.status, reply.body[:35]) == (415, "multipart/form-data is not read her")


@pytest.mark.parametrize("url", [BULK, "/bulk", f"{BULK}/", "/bulk/"])
async def test_the_paths_and_the_verbs(url: str) -> None:
    assert is_ping(url)
    assert parse(url) is None, "no other ping has such a URL"
    world = World()
    assert told(await post(world, lines({"uuid": UUID}), url)) == [(1, 200, "OK")]
    for method in ("GET", "HEAD", "PUT"):
        reply = await world.ask(url, method)
        assert (reply.status, reply.headers["allow"]) == (405, "POST, OPTIONS")
    preflight = await world.ask(url, "OPTIONS")
    assert (preflight.status, preflight.headers["access-control-allow-methods"]) == (204, "POST, OPTIONS")
    assert len(world.sink.pings) == 1
    # A slug and a ping key may be called so all the same.
    assert (await world.ask(f"/ping/{KEY}/bulk")).line == "404 not found"
    assert (await world.ask("/bulk/backup")).line == "404 not found"


async def test_a_line_holds_the_time_back_only_until_kafka_has_it() -> None:
    """A client that sends a line now and then must not keep every deadline of the installation waiting."""
    world = World()
    asking = asyncio.create_task(post(world, [lines({"uuid": UUID}), STALL]))
    while not world.sink.pings:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert world.source.in_flight == 0
    assert world.source.acked[world.sink.order[0].partition] == 0
    asking.cancel()
    await asyncio.wait({asking})
    assert world.source._untold._refused == {}


async def test_what_kafka_does_not_confirm_is_not_claimed_and_the_rest_is_refused() -> None:
    world = World(Limits(bulk_in_flight=2), pings_per_minute=3)
    world.sink.fails = lambda record: record.key == TWIN.encode()
    sent = lines({"uuid": UUID}, {"uuid": TWIN}, {"uuid": UUID}, {"uuid": UUID}, {"uuid": TWIN})
    reply = await post(world, sent)
    assert (reply.status, reply.headers["retry-after"]) == (207, "1")
    statuses = [status for _, status, _ in told(reply)]
    assert statuses[:2] == [200, 503]
    assert statuses[-1] == 503
    assert told(reply)[1][2] == "not recorded, try again"
    assert len(world.sink.pings) == statuses.count(200)
    assert set(world.source._untold._refused) >= {world.source.partition_of(TWIN)}
    assert (world.source.in_flight, world.app._bulk.room.lines) == (0, 0)
    world.sink.fails = lambda record: False
    assert told(await post(world, lines({"uuid": TWIN}) * 3)) == [(n, 200, "OK") for n in (1, 2, 3)]


async def test_retry_after_is_that_of_the_line_that_may_be_sent_again_first() -> None:
    world = World(new_checks_per_hour=1)
    sent = lines({"slug": "a"}, {"slug": "b"})
    reply = await post(world, sent, f"{BULK}?ping_key={KEY}&create=1")
    assert told(reply)[1] == (2, 429, "too many new checks in this hour")
    assert reply.headers["retry-after"] == "600"
    world.sink.full = True
    reply = await post(world, sent + lines({"uuid": UUID}), f"{BULK}?ping_key={KEY}&create=1")
    assert [status for _, status, _ in told(reply)] == [503, 429, 503]
    assert reply.headers["retry-after"] == "1"


async def test_lines_that_are_refused_leave_their_places_in_the_rate_limit() -> None:
    world = World(pings_per_minute=1, logs_per_minute=1)
    world.sink.fails = lambda record: True
    both = lines({"uuid": UUID}), lines({"slug": "new", "ping_key": KEY, "kind": "log", "create": True})
    for sent in both:
        assert [status for _, status, _ in told(await post(world, sent))] == [503]
    world.sink.fails = lambda record: False
    for sent in both:
        assert told(await post(world, sent)) == [(1, 200, "OK")]
    crowded = World(Limits(in_flight=0), pings_per_minute=1)
    made = lines({"slug": "new", "ping_key": KEY, "create": True})
    assert [status for _, status, _ in told(await post(crowded, made))] == [503]
    [check] = crowded.directory.by_slug(PROJECT, "new")
    assert crowded.app._recorder._limiter.admit(check, NOON)


@pytest.mark.parametrize(("patience", "gaps"), [(0.0, 8), (9.0, 0)])
async def test_a_client_that_goes_away_after_its_lines_have_waited_is_told_as_a_gap(
    monkeypatch: pytest.MonkeyPatch, patience: float, gaps: int
) -> None:
    monkeypatch.setattr(bulk_request, "_PATIENCE", patience)
    world = World()
    reply = await world.call(scope(), receiver([lines({"uuid": UUID}), b'{"uuid"', None]))
    assert reply is None
    assert len(world.source._untold._refused) == gaps


async def test_who_knows_no_check_holds_no_time_back() -> None:
    late = [{"uuid": UNKNOWN}] * 100 + [{"uuid": UUID}]
    for known, sent in enumerate((lines({"uuid": UNKNOWN}), lines(*late))):
        world = World()
        asking = asyncio.create_task(post(world, [sent, STALL]))
        while not world.replica.looks or len(world.sink.pings) != known:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert len(world.source._backlogs) == known
        asking.cancel()
        await asyncio.wait({asking})
        assert not world.source._backlogs


@pytest.mark.parametrize("ends", ["gone", "cancelled"])
async def test_lines_of_a_client_that_goes_away_are_settled_all_the_same(ends: str) -> None:
    world = World()
    world.sink.hold()
    pieces: list[bytes | None] = [lines({"uuid": UUID}), None if ends == "gone" else STALL]
    asking = asyncio.create_task(world.call(scope(), receiver(pieces)))
    while not world.source.in_flight:
        await asyncio.sleep(0)
    if ends == "cancelled":
        asking.cancel()
    await asyncio.wait({asking})
    world.sink.release()
    await asyncio.sleep(0.01)
    assert len(world.sink.pings) == 1
    assert (world.source.in_flight, world.app._bulk.room.lines) == (0, 0)
    # Where nobody hears the report any more, it counts as refused: it may not be in the log.
    assert len(world.source._untold._refused) == (ends == "cancelled")


def scope() -> dict[str, Any]:
    headers = [(b"transfer-encoding", b"chunked")]
    return {
        "type": "http", "method": "POST", "path": BULK, "query_string": b"", "headers": headers, "scheme": "http",
        "client": ("192.0.2.7", 40000),
    }  # fmt: skip


async def test_a_defect_is_told_of_what_is_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.sink.hold()
    find = world.app._finder.find
    monkeypatch.setattr(world.app._finder, "find", lambda target: find(target) if target.check == UUID else 1 / 0)
    reply = await post(world, lines({"uuid": UUID}, {"uuid": TWIN}, {"uuid": UUID}))
    assert told(reply) == [
        (1, 503, "not recorded, try again"),  # nobody waits for the report any more
        (2, 503, "not recorded, try again"),
        (3, 503, "not recorded, try again"),
        (4, 503, "not recorded, try again: this line and those after it were not read"),
    ]
    assert len(world.source._untold._refused) == 8
    await asyncio.sleep(0)
    assert (world.source.in_flight, world.app._bulk.room.lines) == (0, 0)
