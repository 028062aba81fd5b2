"""The outbound heartbeat is sent only while everything makes progress, and by whose word that is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from infra.embedded.ports import HOST, free_port
from infra.settings.settings import Settings
from pingfold.roles.heartbeat import send_heartbeats


class World:
    """A web process that answers /readyz, and a second Pingfold that takes heartbeats."""

    def __init__(self) -> None:
        self.status, self.instance = 200, "mine"
        self.answer: Any = None
        self.asked = self.beats = 0

    async def readyz(self, _: web.Request) -> web.Response:
        self.asked += 1
        answer = {"instance": self.instance} if self.answer is None else self.answer
        return web.json_response(answer, status=self.status)

    async def ping(self, request: web.Request) -> web.Response:
        assert not await request.read()
        self.beats += 1
        return web.Response(text="OK")

    async def looks(self, more: int = 3) -> int:
        """Let it look a few times; how many heartbeats came meanwhile."""
        async with asyncio.timeout(30):
            goal, before = self.asked + more, self.beats
            while self.asked < goal:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        return self.beats - before


@asynccontextmanager
async def beating(world: World, data: Path) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_get("/readyz", world.readyz)
    app.router.add_get("/ping/one", world.ping)
    runner, port = web.AppRunner(app), free_port()
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    settings = Settings(
        _env_file=None, data=data, port=port, heartbeat_url=f"http://{HOST}:{port}/ping/one"
    ).model_copy(update={"heartbeat_seconds": 0.05})  # sooner than anybody may set it
    task = asyncio.create_task(send_heartbeats(settings, "mine"))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()


async def test_it_is_sent_while_all_is_well_and_only_then(tmp_path: Path) -> None:
    world = World()
    async with beating(world, tmp_path):
        assert await world.looks() >= 2
        world.status = 503
        await world.looks(1)
        assert await world.looks() == 0
        world.status = 200
        assert await world.looks() >= 2
        world.instance = "of another program on our port"
        await world.looks(1)
        assert await world.looks() == 0
        for world.answer in ([], 7):  # and one that answers anything
            await world.looks(1)
            assert await world.looks(1) == 0
        world.answer, world.instance = None, "mine"
        await world.looks(1)
        assert await world.looks() >= 2


async def test_nobody_answers(tmp_path: Path) -> None:
    """No web process at all: nothing is sent, and it goes on trying."""
    world = World()
    settings = Settings(_env_file=None, data=tmp_path, port=free_port(), heartbeat_url="http://192.0.2.1/ping/one")
    task = asyncio.create_task(send_heartbeats(settings, "mine"))
    await asyncio.sleep(0.5)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert world.beats == 0
