"""The answers of the ping endpoint, row by row (docs/compatibility/pinging.md)."""

import asyncio
from typing import Any

import pytest

from infra.http_server.forwarded import Forwarded
from ingest.ping.public_url import proof_of
from ingest.ping.request import Limits
from ingest.ping.unknown_checks import MANY, OF_ADDRESS, UnknownCheckLimiter
from schemas.definitions import Check
from tests.ping_world import BY_SLUG, BY_UUID, KEY, NOON, PROJECT, SLUG, UNKNOWN, UUID, World

RID = "123e4567-e89b-12d3-a456-426614174000"
TAILS = ["", "/start", "/fail", "/log", "/0", "/1", "/255"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("url", [BY_UUID, BY_SLUG, f"/ping{BY_SLUG}", f"/{UUID}"])
async def test_accepted(url: str, tail: str, method: str) -> None:
    world = World()
    reply = await world.ask(f"{url}{tail}?rid={RID}", method)
    assert reply.line == ("200 " if method == "HEAD" else "200 OK")
    ((key, ping),) = world.sink.pings
    assert (key, ping.method, ping.rid, ping.at) == (UUID, method, RID, NOON)
    kind = {"": "success", "/0": "success", "/1": "fail", "/255": "fail"}.get(tail, tail[1:])
    assert ping.kind == kind
    assert ping.exitstatus == {"/0": 0, "/1": 1, "/255": 255}.get(tail)
    assert world.source.acked[world.sink.order[0].partition] == 0
    assert world.source.in_flight == 0


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (f"/{UNKNOWN}", "200 OK (not found)"),
        (f"/{UNKNOWN}/start", "200 OK (not found)"),
        (f"/{UNKNOWN}/fail", "200 OK (not found)"),
        (f"/{UNKNOWN}/3", "200 OK (not found)"),
        (f"/{UNKNOWN}/log", "404 not found"),
        (f"/{UNKNOWN}?rid=bad", "200 OK (not found)"),  # the look-up comes first
        (f"/{UNKNOWN}?create=1", "200 OK (not found)"),
        (f"/{UUID}/abc", "404 not found"),
        (f"/{KEY}/nothing", "404 not found"),
        (f"/{KEY}/nothing/log", "404 not found"),
        (f"/{KEY}/nothing?create=0", "404 not found"),
        (f"/{KEY}/nothing?create=true", "404 not found"),
        (f"/{KEY}/nothing/256", "404 not found"),
        (f"/{'k' * 22}/{SLUG}", "404 not found"),
        (f"/{'k' * 22}/{SLUG}?create=1", "404 not found"),
        (f"/{'k' * 22}/{SLUG}/256?create=1", "404 not found"),
        (f"/{'k' * 22}/Backup", "400 invalid url format"),
        (f"/{KEY}/Backup?create=1", "400 invalid url format"),
        (f"/{KEY}/{'a' * 101}?create=1", "400 invalid url format"),
        (f"{BY_UUID}/256", "400 invalid url format"),
        (f"{BY_SLUG}/256?rid=bad", "400 invalid url format"),
        (f"{BY_UUID}/1.5", "400 invalid url format"),
        ("/nonsense", "400 invalid url format"),
        ("/ping/", "400 invalid url format"),
        (f"{BY_UUID}?rid=", "400 invalid uuid format"),
        (f"{BY_SLUG}/log?rid=bad", "400 invalid uuid format"),
        (f"{BY_UUID}?rid={RID}%0A", "400 invalid uuid format"),
        (f"/{KEY}/twin", "409 ambiguous slug"),
        (f"/{KEY}/twin/256", "409 ambiguous slug"),
        (f"/{KEY}/twin/start?create=1&rid=bad", "409 ambiguous slug"),
        (f"/{KEY}/new/256?create=1", "400 invalid url format"),
        (f"/{KEY}/new?create=1&rid=bad", "400 invalid uuid format"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_refused_records_nothing_and_makes_nothing(url: str, line: str, method: str) -> None:
    world = World()
    reply = await world.ask(url, method, body=b"text" if method == "POST" else None)
    assert reply.line == (line if method != "HEAD" else line[:4])
    assert world.sink.order == []
    assert world.projects.asked == []
    assert world.source._untold._refused == {}


# Headers, and the three deployments.


@pytest.mark.parametrize(
    ("settings", "limit"),
    [({}, "100000"), ({"ping_body_limit": 10_000}, "10000"), ({"ping_body_limit": "none"}, None)],
    ids=["Healthchecks.io", "Upmon", "self-hosted"],
)
async def test_headers_of_the_three_deployments(settings: dict[str, Any], limit: str | None) -> None:
    world = World(pings_per_minute=7, **settings)
    for url, status in (
        [(f"{BY_UUID}{tail}", 200) for tail in TAILS]
        + [(f"/{KEY}/new?create=1", 201), (f"/{UNKNOWN}", 200), (f"/{UNKNOWN}/log", 404)]
        + [("/x", 400), (f"/{KEY}/twin", 409), (f"{BY_UUID}?rid=bad", 400), (f"{BY_UUID}", 200), (BY_UUID, 200)]
        + [(BY_SLUG, 429)]
    ):
        reply = await world.ask(url)
        assert reply.status == status, url
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert reply.headers["content-length"] == str(len(reply.body))
        assert reply.headers["access-control-allow-origin"] == "*"
        assert not reply.body.endswith("\n")
        assert reply.headers.get("ping-body-limit") == (limit if status < 300 else None)


async def test_head_has_the_headers_of_get() -> None:
    world = World()
    get, head = await world.ask(BY_UUID), await world.ask(BY_UUID, "HEAD")
    assert (head.headers, head.body) == (get.headers, "")


@pytest.mark.parametrize("url", [BY_UUID, BY_SLUG, f"/{KEY}/new?create=1", "/x", "*"])
async def test_a_browsers_preflight_is_no_ping(url: str) -> None:
    world = World()
    reply = await world.ask(url, "OPTIONS", {"origin": "https://a.example", "access-control-request-method": "POST"})
    assert reply.line == "204 "
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"
    assert "content-length" not in reply.headers
    assert world.sink.order == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND", "A" * 60])
async def test_other_verbs(method: str) -> None:
    world = World()
    reply = await world.ask(BY_UUID, method, body=b"x")
    assert reply.line == "405 method not allowed"
    assert reply.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert world.sink.order == []


@pytest.mark.parametrize("prefix", ["/ping", ""])
async def test_synthetic_pings_are_proved_and_not_limited(prefix: str, unused_tcp_port: int) -> None:
    """They are answered by any process of the installation, and only while its ticks get into the log."""
    world = World(installation="a cluster", pings_per_minute=1, port=unused_tcp_port)
    url = f"{prefix}/~synthetic/web-1-1-abc"
    assert (await world.ask(url)).status == 503
    await world.source.begin()
    for _ in range(5):
        reply = await world.ask(url)
        assert reply.line == "200 OK"
        assert reply.headers["pingfold-proof"] == proof_of("a cluster", "web-1-1-abc")
    assert world.sink.pings == []
    await world.source.close()


# What may not be denied, and what may not be claimed.


async def test_a_check_just_made_elsewhere_is_not_denied() -> None:
    world = World()
    for url in (f"/{UNKNOWN}", f"/{KEY}/elsewhere"):
        world.replica.ahead.append(Check(id=UNKNOWN, project=PROJECT, version=1, created=0, slug="elsewhere"))
        assert (await world.ask(url)).line == "200 OK"
        world.directory.apply(0, f"check/{UNKNOWN}", None)
    assert [key for key, _ in world.sink.pings] == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(("url", "partitions"), [(f"/{UNKNOWN}", 1), (f"/{KEY}/nothing", 8)])
async def test_without_a_look_at_the_end_nothing_is_not_found(url: str, partitions: int) -> None:
    world = World()
    world.replica.fresh = False
    reply = await world.ask(url)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert len(world.source._untold._refused) == partitions


def nobodys(number: int) -> str:
    """A URL of a check that is not there: by a wrong key, by a wrong id, by a slug that the project has not."""
    id = f"{number:08x}-0000-4000-9000-000000000000"
    return (f"/no-such-key-{number}/x", f"/{id}", f"/{KEY}/nothing-{number}")[number % 3]


@pytest.mark.parametrize("fresh", [True, False])
async def test_an_address_asks_for_so_many_that_are_not_known(fresh: bool) -> None:
    """Then it waits, and costs neither a look at the log nor a gap; others, and what is known, are served as ever."""
    world, now = World(), 0.0
    world.app._finder._unknown_checks = UnknownCheckLimiter(Forwarded(world.settings.trusted_proxies), lambda: now)
    world.replica.fresh = fresh
    for number in range(OF_ADDRESS.most):
        assert (await world.ask(nobodys(number))).status in ((200, 404) if fresh else (503,))
    looks = world.replica.looks
    world.source._untold._refused.clear()
    for number in range(50):
        reply = await world.ask(nobodys(number))
        assert reply.line == "429 too many requests for checks that are not known, try again"
        assert reply.headers["retry-after"] == "1"
    assert world.replica.looks == looks
    assert not world.source._untold._refused
    assert (await world.ask(BY_UUID)).line == "200 OK"
    assert (await world.ask(f"/{KEY}/new?create=1")).line == "201 Created"
    for client in ("198.51.100.1", "127.0.0.1"):
        assert (await world.ask(nobodys(0), client=(client, 1))).status == (404 if fresh else 503)
    now += OF_ADDRESS.seconds * 1.01
    assert (await world.ask(nobodys(0))).status == (404 if fresh else 503)
    assert (await world.ask(nobodys(0))).status == 429


async def test_the_number_of_strangers_makes_no_gap() -> None:
    """A look that is late while many wait for it: it may be they who made it late."""
    world = World()
    late = asyncio.Event()

    async def caught_up(_: float) -> bool:
        await late.wait()
        return False

    world.replica.caught_up = caught_up  # type: ignore[method-assign,assignment]
    asking = [
        asyncio.create_task(world.ask(nobodys(number), client=(f"198.51.{number >> 8}.{number & 255}", 1)))
        for number in range(2 * MANY)
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    late.set()
    assert {reply.status for reply in await asyncio.gather(*asking)} == {429}
    assert not world.source._untold._refused
    assert (await world.ask(nobodys(0))).status == 503  # alone it is what it seems: the log cannot be looked at
    assert len(world.source._untold._refused) == 8


@pytest.mark.parametrize("full", [True, False])
async def test_what_kafka_does_not_confirm_is_not_claimed(full: bool) -> None:
    world = World()
    world.sink.full, world.sink.fails = full, lambda record: True
    reply = await world.ask(BY_UUID)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    world.sink.full, world.sink.fails = False, lambda record: False
    await world.ask(BY_UUID)
    (partition,) = world.source._untold._refused
    assert partition == world.sink.order[0].partition  # of the same check
    assert world.source.in_flight == 0


async def test_overload_is_refused_inside_the_application() -> None:
    world = World(Limits(in_flight=2), pings_per_minute=0)
    world.sink.hold()
    waiting = [asyncio.create_task(world.ask(BY_UUID)) for _ in range(2)]
    await asyncio.sleep(0)
    assert world.source.in_flight == 2
    assert (await world.ask(BY_SLUG)).status == 503
    assert len(world.source._untold._refused) == 1
    world.sink.release()
    assert {(await task).line for task in waiting} == {"200 OK"}
    assert (await world.ask(BY_UUID)).status == 200


async def test_a_ping_that_is_abandoned_counts_as_refused() -> None:
    world = World()
    world.sink.hold()
    task = asyncio.create_task(world.ask(BY_UUID))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (world.source.in_flight, len(world.source._untold._refused)) == (0, 1)


async def test_a_defect_is_a_503_and_never_a_500(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.app._recorder._events, "encode", lambda *args: 1 / 0)
    assert (await world.ask(BY_UUID)).status == 503
    assert (world.source.in_flight, len(world.source._untold._refused)) == (0, 8)
