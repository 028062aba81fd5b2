"""Pulse URLs of the ping endpoint (docs/decisions/0078-pulse-checks.md)."""

import asyncio
import re

import pytest

from ingest.ping.urls import PingTarget, is_ping, parse
from schemas.base import encode
from schemas.definitions import Check, definition_key
from schemas.ids import is_uuid
from schemas.monitors import Monitor
from schemas.tokens import pulse_key
from tests.memory_log import add
from tests.ping_world import PROJECT, UUID, World

TOKEN = "k7x2"
KEY = pulse_key(UUID)
URL = f"/pulse/{TOKEN}/{KEY}"


def world_with_a_token() -> World:
    world = World()
    add(world.directory, Check(id=UUID, project=PROJECT, version=2, created=0, slug="job", token=TOKEN))
    return world


@pytest.mark.parametrize("path", [URL, f"{URL}/", f"/ping{URL}", f"//pulse/{TOKEN}//{KEY}"])
def test_the_form_of_a_pulse_url(path: str) -> None:
    assert is_ping(path)
    assert parse(path) == PingTarget("success", pulse=True, token=TOKEN, pulse_key=KEY)
    assert parse(path, b"rid=x&create=1") == parse(path)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_a_pulse_is_a_ping_and_tells_its_id(method: str) -> None:
    world = world_with_a_token()
    reply = await world.ask(f"{URL}?_=1", method, body=b"42 files" if method == "POST" else None)
    assert reply.status == 200
    if method != "HEAD":
        words, _, id = reply.body.partition(" ")
        assert words == "OK:"
        assert is_uuid(id)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    ((key, ping),) = world.sink.pings
    assert (key, ping.kind, ping.method) == (UUID, "success", method)
    assert ping.body == ("42 files" if method == "POST" else None)
    assert world.app.responses.ok_pulse.given == 1


async def test_each_pulse_has_an_id_of_its_own() -> None:
    world = world_with_a_token()
    assert len({(await world.ask(URL)).body for _ in range(4)}) == 4


@pytest.mark.parametrize(
    "url",
    [
        f"/pulse/{TOKEN}/{'x' * 8}",
        f"/pulse/{TOKEN}/{KEY.swapcase()}",
        f"/pulse/{TOKEN}/{KEY}x",
        f"/pulse/{TOKEN}/{'é' * 8}",
        f"/pulse/{TOKEN.upper()}/{KEY}",
        f"/pulse/zzzz/{KEY}",
        f"/pulse/{TOKEN}",
        f"/pulse/{TOKEN}/",
        f"/pulse/{TOKEN}/{KEY}/fail",
        f"/pulse/{UUID}/{KEY}",
        f"/pulse/{TOKEN}/12345678",
        "/pulse/mon1/" + pulse_key("b6a6ee4c-0000-4000-8000-000000000001"),
        f"/pulse/zzzz/{KEY}?create=1",
        "/pulse",
    ],
)
async def test_any_other_pulse_url_is_not_found_and_makes_nothing(url: str) -> None:
    world = world_with_a_token()
    monitor = Monitor(
        id="b6a6ee4c-0000-4000-8000-000000000001",
        project=PROJECT,
        version=1,
        created=0,
        revised=0,
        name="m",
        token="mon1",
    )
    world.directory.apply(0, definition_key(monitor), encode(monitor))
    reply = await world.ask(url)
    assert reply.line == "404 not found"
    assert world.sink.order == []
    assert world.projects.asked == []
    assert world.source._untold._refused == {}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_verbs_are_no_pulses(method: str) -> None:
    world = world_with_a_token()
    reply = await world.ask(URL, method, body=b"x")
    assert reply.line == "405 method not allowed"
    assert reply.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert world.sink.order == []


async def test_a_check_that_was_just_made_elsewhere_is_not_denied() -> None:
    world = World()
    world.replica.ahead = [Check(id=UUID, project=PROJECT, version=2, created=0, slug="job", token=TOKEN)]
    reply = await world.ask(URL)
    assert re.fullmatch("200 OK: [0-9a-f-]{36}", reply.line)


async def test_whether_a_check_is_there_must_be_known() -> None:
    world = world_with_a_token()
    world.replica.fresh = False
    assert (await world.ask(f"/pulse/zzzz/{KEY}")).line == "503 not recorded, try again"
    assert (await world.ask(URL)).status == 200


async def test_a_body_that_comes_in_pieces_is_its_projects() -> None:
    world = world_with_a_token()
    reply = await world.ask(URL, "POST", body=[b"42 ", b"files", b""])
    assert reply.status == 200
    ((_, ping),) = world.sink.pings
    assert ping.body == "42 files"


async def test_the_rate_limit_counts_pulses() -> None:
    world = world_with_a_token()
    replies = await asyncio.gather(*(world.ask(URL) for _ in range(7)))
    assert sorted(reply.status for reply in replies) == [200] * 5 + [429] * 2
