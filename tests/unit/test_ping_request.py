"""Bodies and headers of pings (docs/compatibility/pinging.md, "Bodies" and "What is recorded")."""

import asyncio

import pytest

from ingest.ping.request import Limits
from schemas.base import encode
from schemas.definitions import Check, Project
from schemas.pings import Ping
from tests.memory_log import add
from tests.ping_world import BY_UUID, KEY, PROJECT, SLUG, STALL, UNKNOWN, World, receiver


async def recorded(world: World) -> Ping:
    return world.sink.pings[-1][1]


@pytest.mark.parametrize("body", [b"hello", [b"hel", b"lo"], [b"", b"h", b"ello", b""]], ids=["length", "two", "four"])
async def test_bodies_in_one_piece_and_chunked(body: bytes | list[bytes]) -> None:
    for method in ("POST", "GET", "HEAD"):
        world = World()
        assert (await world.ask(BY_UUID, method, body=body)).status == 200
        assert (await recorded(world)).body == "hello"


@pytest.mark.parametrize("pieces", [1, 2, 7])
async def test_a_long_body_is_cut(pieces: int) -> None:
    world = World(ping_body_limit=100)
    sent = bytes(range(32, 127)) + b"0123456789" * 3_000_000
    step = len(sent) // pieces + 1
    assert (
        await world.ask(BY_UUID, "POST", body=[sent[i : i + step] for i in range(0, len(sent), step)])
    ).status == 200
    assert (await recorded(world)).body == sent[:100].decode()
    assert not world.app._bodies.shares.held


@pytest.mark.parametrize(
    ("body", "text", "raw"),
    [
        (b"", None, None),
        (b"a\0b", "a\0b", None),
        ("grüße\n".encode(), "grüße\n", None),
        (b"\xff\xfe\x00", None, b"\xff\xfe\x00"),
        ("aaaaaaaaaü".encode(), None, b"aaaaaaaaa\xc3"),  # a character astride the cut at 10
    ],
)
async def test_text_stays_text_and_bytes_stay_bytes(body: bytes, text: str | None, raw: bytes | None) -> None:
    world = World(ping_body_limit=10)
    assert (await world.ask(BY_UUID, "POST", body=body)).status == 200
    ping = await recorded(world)
    assert (ping.body, ping.body_base64) == (text, raw)


async def test_control_characters_do_not_burst_an_event() -> None:
    world = World(ping_body_limit="none")
    assert (await world.ask(BY_UUID, "POST", body=b"\x01" * 1_000_000)).status == 200
    assert (await recorded(world)).body_base64 == b"\x01" * 1_000_000


async def test_a_limit_of_nothing_keeps_nothing() -> None:
    world = World(ping_body_limit=0)
    reply = await world.ask(BY_UUID, "POST", body=b"hello")
    assert (reply.status, reply.headers["ping-body-limit"]) == (200, "0")
    assert (await recorded(world)).body is None


async def test_a_client_that_goes_away_leaves_nothing() -> None:
    world = World()
    reply = await asyncio.wait_for(
        world.call(
            {"type": "http", "path": BY_UUID, "query_string": b"", "headers": [(b"transfer-encoding", b"chunked")]},
            receiver([b"hel", None]),
        ),
        1,
    )
    assert reply is None
    assert (world.sink.order, world.app._bodies.shares.held.total()) == ([], 0)


async def test_a_slow_body_is_told_so_unless_what_is_kept_is_here() -> None:
    world = World(Limits(body_time=0.05), ping_body_limit=5)
    reply = await world.ask(BY_UUID, "POST", body=[b"hell", STALL, b"o"])
    assert (reply.status, reply.headers["connection"]) == (408, "close")
    assert world.sink.order == []
    reply = await world.ask(BY_UUID, "POST", body=[b"hello", STALL, b"!"])
    assert (reply.line, reply.headers["connection"]) == ("200 OK", "close")
    assert (await recorded(world)).body == "hello"


async def test_an_endless_body_is_answered_and_closed() -> None:
    world = World(Limits(body_size=1000), ping_body_limit=5)
    reply = await world.ask(BY_UUID, "POST", body=[b"x" * 400] * 10)
    assert (reply.line, reply.headers["connection"]) == ("200 OK", "close")
    assert (await recorded(world)).body == "xxxxx"


async def test_too_many_bytes_of_unfinished_bodies() -> None:
    """Told as a gap of the one check whose ping is refused, and only when its project holds no more than others."""
    world = World(Limits(held=60, held_of_one=50))
    shares = world.app._bodies.shares
    for project in "abcde":
        shares.take(project, 11)
    refused = world.source._untold._refused
    assert (await world.ask(BY_UUID, "POST", body=[b"x" * 20, b"y"])).status == 429
    assert not refused
    for nobodys in (f"/ping/{UNKNOWN}", "/no-such-key/x", f"/{KEY}/no-such-slug", f"/{KEY}/twin"):
        assert (await world.ask(nobodys, "POST", body=[b"x" * 6, b"y"])).status == 429
    assert not refused
    assert (await world.ask(BY_UUID, "POST", body=[b"x" * 6, b"y"])).status == 503
    assert (len(refused), shares.held.total()) == (1, 55)


@pytest.mark.parametrize("attackers", [1, 4, 6])
async def test_a_few_projects_take_no_room_from_others(attackers: int) -> None:
    """What they hold back leaves room for a project more, and for strangers; no gap is made of it."""
    world = World(Limits(held=128 * 1024, held_of_one=32 * 1024, body_time=600.0))
    ids = []
    for number in range(attackers):
        project = Project(id=f"q-{number}", name="q", ping_key=f"key{number}", created=0, webhook_secret="")
        world.directory.apply(0, f"project/{project.id}", encode(project))
        ids.append(f"{number + 5:08d}-0000-4000-8000-000000000000")
        add(world.directory, Check(id=ids[-1], project=project.id, version=1, created=0, name="x", slug="x"))
    held = [
        asyncio.create_task(world.ask(f"/ping/{id}", "POST", body=[b"x" * 1024] * 8 + [STALL]))
        for _ in range(40)
        for id in ids
    ]
    for _ in range(1_000):  # all of them are refused by then, or wait
        await asyncio.sleep(0)
    refused = [task.result().status for task in held if task.done()]
    assert len(refused) > 20
    assert set(refused) == {429}
    for url, answer in ((BY_UUID, "200 OK"), (f"/{KEY}/{SLUG}", "200 OK"), ("/nobody/any", "404 not found")):
        assert (await world.ask(url, "POST", body=[b"x" * 500, b"y"])).line == answer
    assert not world.source._untold._refused
    for one in held:
        one.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    assert not world.app._bodies.shares.held


async def test_unfinished_bodies_of_one_take_no_room_from_others() -> None:
    """What nobody's URLs, or one project's, hold back is theirs: others are taken, and no gap is made of it."""
    world = World(Limits(held=100, held_of_one=30, body_time=600.0))
    held = [asyncio.create_task(world.ask(f"/ping/{UNKNOWN}", "POST", body=[b"x" * 10, STALL])) for _ in range(3)]
    held.append(asyncio.create_task(world.ask("/nobody/any", "POST", body=[b"", STALL])))
    while world.app._bodies.shares.held[""] < 30:
        await asyncio.sleep(0)
    reply = await world.ask("/wrong/key", "POST", body=[b"x", b"y"])
    assert (reply.status, reply.headers["retry-after"], reply.headers["connection"]) == (429, "1", "close")
    for url in (BY_UUID, f"/{KEY}/{SLUG}"):
        assert (await world.ask(url, "POST", body=[b"x" * 10, b"y"])).status == 200
        held.append(asyncio.create_task(world.ask(url, "POST", body=[b"x" * 15, STALL])))
        while world.app._bodies.shares.held[PROJECT] < 15 * (len(held) - 4):
            await asyncio.sleep(0)
    assert world.app._bodies.shares.held == {"": 30, PROJECT: 30}
    assert (await world.ask(BY_UUID, "POST", body=[b"x", b"y"])).status == 429
    assert (await world.ask(BY_UUID, "POST", body=b"in one piece")).status == 200
    assert not world.source._untold._refused
    for one in held:
        one.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    assert not world.app._bodies.shares.held


# What is recorded of a request.


async def test_what_is_recorded() -> None:
    world = World()
    await world.ask(BY_UUID, "POST", {"User-Agent": "ü" + "x" * 300})
    ping = await recorded(world)
    assert (ping.remote_addr, ping.scheme, ping.method, ping.ua) == ("192.0.2.7", "http", "POST", "ü" + "x" * 199)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.7, 203.0.113.9, 127.0.0.2, ::1", "203.0.113.9"),
        ("127.0.0.3, 127.0.0.2", "127.0.0.3"),
        ("203.0.113.9:1234", "203.0.113.9"),
        ("garbage, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, garbage", "127.0.0.1"),
        ("203.0.113.9, garbage, 127.0.0.2", "127.0.0.2"),
        (", ".join(["203.0.113.9"] * 5_000), "203.0.113.9"),
        ("2001:DB8::A", "2001:db8::a"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:198.51.100.1", "::ffff:198.51.100.1"),
        ("unknown", "127.0.0.1"),
        ("garbage", "127.0.0.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("198.51.100.1 , 203.0.113.2 ", "203.0.113.2"),
        ("", "127.0.0.1"),
        (",", "127.0.0.1"),
        ("\xff\0", "127.0.0.1"),
    ],
)
async def test_forwarded_for(forwarded: str, address: str) -> None:
    world = World()
    for client, recorded_as in ((("127.0.0.1", 1), address), (("192.0.2.7", 1), "192.0.2.7"), (None, "")):
        reply = await world.ask(BY_UUID, headers={"X-Forwarded-For": forwarded}, client=client)
        assert reply.status == 200
        assert (await recorded(world)).remote_addr == recorded_as


@pytest.mark.parametrize(
    ("forwarded", "scheme"),
    [("https", "https"), ("HTTPS,http", "https"), ("a" * 99, "http"), ("", "http"), ("ftp", "http")],
)
async def test_forwarded_proto(forwarded: str, scheme: str) -> None:
    world = World()
    await world.ask(BY_UUID, headers={"X-Forwarded-Proto": forwarded}, client=("::1", 1))
    assert (await recorded(world)).scheme == scheme
    await world.ask(BY_UUID, headers={"X-Forwarded-Proto": forwarded})
    assert (await recorded(world)).scheme == "http"


async def test_proxies_can_be_chosen() -> None:
    world = World(trusted_proxies="192.0.2.0/24")
    await world.ask(BY_UUID, headers={"X-Forwarded-For": "203.0.113.9"})
    assert (await recorded(world)).remote_addr == "203.0.113.9"


async def test_a_thousand_parameters_and_long_urls() -> None:
    world = World(pings_per_minute=0)
    assert (await world.ask(BY_UUID + "?" + "&".join(f"a{i}=1" for i in range(5000)))).status == 200
    assert (await world.ask(BY_UUID + "?" + "x" * 60_000)).status == 200
    assert (await world.ask("/" + "x/" * 30_000)).status == 400


async def test_other_protocols_are_left_alone() -> None:
    assert await World().call({"type": "lifespan"}, receiver([])) is None
