"""A ping that makes its check, `create=1`: once, within the limit of the project, and whatever else comes meanwhile."""

import asyncio
from collections import Counter

import pytest

from schemas.decisions import Decision
from schemas.definitions import Check
from schemas.rejections import RejectionCode
from schemas.requests import ProjectsRequest
from tests.memory_log import MemoryProjects, add
from tests.ping_world import KEY, NOON, PROJECT, UNKNOWN, World


async def test_create() -> None:
    world = World()
    assert (await world.ask(f"/{KEY}/new/start?create=1", "HEAD")).line == "201 "
    assert (await world.ask(f"/{KEY}/new/0?create=1", "POST")).line == "200 OK"
    assert (await world.ask(f"/{KEY}/new")).line == "200 OK"
    (asked,) = world.projects.asked
    assert (asked.fields.name, asked.fields.slug) == ("new", "new")
    (id,) = world.directory.by_slug(PROJECT, "new")
    assert [(key, ping.kind) for key, ping in world.sink.pings] == [(id, "start"), (id, "success"), (id, "success")]
    assert (await world.ask(f"/{KEY}/{'a' * 100}/log?create=1")).line == "201 Created"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0, {"201 Created": 1, "200 OK": 99}), (5, {"201 Created": 1, "200 OK": 4, "429 rate limit exceeded": 95})],
)
async def test_a_hundred_first_pings_at_once(limit: int, expected: dict[str, int]) -> None:
    world = World(pings_per_minute=limit)
    replies = await asyncio.gather(*(world.ask(f"/{KEY}/new?create=1") for _ in range(100)))
    assert Counter(reply.line for reply in replies) == expected
    assert len(world.directory.by_slug(PROJECT, "new")) == 1
    assert len(world.projects.asked) == 1
    assert len(world.sink.pings) == sum(count for line, count in expected.items() if line.startswith("20"))
    assert world.app._finder._making == {}


async def test_the_first_to_ask_may_go_away() -> None:
    world = World()
    first = asyncio.create_task(world.ask(f"/{KEY}/new?create=1"))
    second = asyncio.create_task(world.ask(f"/{KEY}/new?create=1"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).status == 201


class Overtaken(MemoryProjects):
    """The check is known, and pinged by newcomers, before the one that asked for it resumes."""

    def __init__(self, world: World, newcomers: int) -> None:
        super().__init__(world.directory)
        self.world, self.newcomers, self.lines = world, newcomers, Counter[str]()

    async def ask(self, project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision:
        decision = await super().ask(project, request, timeout)
        for _ in range(self.newcomers):
            self.lines[(await self.world.ask(f"/{KEY}/new?create=1")).line] += 1
        return decision


@pytest.mark.parametrize("limit", [1, 5])
async def test_newcomers_cannot_take_the_place_of_the_ping_that_made_the_check(limit: int) -> None:
    world = World(pings_per_minute=limit)
    world.app._finder._decisions = projects = Overtaken(world, 20)
    assert (await world.ask(f"/{KEY}/new?create=1")).line == "201 Created"
    expected = {"200 OK": limit - 1, "429 rate limit exceeded": 21 - limit}
    assert projects.lines == {line: count for line, count in expected.items() if count}
    assert len(world.sink.pings) == limit
    assert (await world.ask(f"/{KEY}/new?create=1")).line == "429 rate limit exceeded"


async def test_a_log_signal_that_made_the_check_takes_no_place() -> None:
    world = World(pings_per_minute=1)
    assert (await world.ask(f"/{KEY}/new/log?create=1")).line == "201 Created"
    assert (await world.ask(f"/{KEY}/new")).line == "200 OK"
    assert (await world.ask(f"/{KEY}/new")).line == "429 rate limit exceeded"


async def test_a_first_ping_that_is_not_stored_gives_its_place_back() -> None:
    world = World(pings_per_minute=1)
    world.sink.fails = lambda record: True
    assert (await world.ask(f"/{KEY}/new?create=1")).status == 503
    world.sink.fails = lambda record: False
    assert (await world.ask(f"/{KEY}/new?create=1")).line == "200 OK"


async def test_a_check_that_was_made_elsewhere_meanwhile_leaves_no_place_behind() -> None:
    world = World(pings_per_minute=1)
    made = Check(id=UNKNOWN, project=PROJECT, version=1, created=0, slug="new")

    class Elsewhere(MemoryProjects):
        async def ask(self, project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision:
            add(world.directory, made)
            return await super().ask(project, request, timeout)

    world.app._finder._decisions = Elsewhere(world.directory)
    assert (await world.ask(f"/{KEY}/new?create=1")).line == "200 OK"
    assert len(world.app._recorder._limiter._young) == 2
    assert [stamps for stamps in world.app._recorder._limiter._young.values() if stamps] == [(NOON,)]


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (RejectionCode.LIMIT_REACHED, "404 not found"),
        (RejectionCode.AMBIGUOUS_SLUG, "409 ambiguous slug"),
        (RejectionCode.WRONG_TIME, "503 not recorded, try again"),
        (RejectionCode.INVALID_REQUEST, "503 not recorded, try again"),
    ],
)
async def test_create_refused(code: RejectionCode, line: str) -> None:
    world = World()
    world.projects.refusal = code
    assert (await world.ask(f"/{KEY}/new?create=1")).line == line
    assert world.sink.order == []


@pytest.mark.parametrize(
    ("makes", "fresh", "status", "refused"),
    [(True, True, 201, False), (False, True, 503, False), (False, False, 503, True)],
    ids=["verdict lost", "no fold", "nothing answers"],
)
async def test_create_without_a_verdict(makes: bool, fresh: bool, status: int, refused: bool) -> None:
    world = World()
    world.projects.silent, world.projects.makes, world.replica.fresh = True, makes, fresh
    reply = await world.ask(f"/{KEY}/new?create=1")
    assert reply.status == status
    assert len(world.source._untold._refused) == (8 if refused else 0)
    if status == 503:
        assert reply.headers["retry-after"] == "1"
