"""What the past shows of a moment is what the folds had said then, but for what they saw only later."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from query_api.web.past.as_it_was import Then, then
from query_api.web.shown.things import Thing, check_thing, monitor_thing
from schemas.base import Micros
from tests.harness import POP_KEY, Harness

KEY = {"Authorization": f"Bearer {POP_KEY}"}
STEPS = st.one_of(
    st.tuples(st.just("ping"), st.sampled_from(["success", "fail", "start", "log"])),
    st.tuples(st.just("probe"), st.booleans()),
    st.tuples(st.just("tick"), st.sampled_from([1, 20, 65, 130])),
    st.tuples(st.just("pause"), st.none()),
)


class World:
    """A check and a monitor, and what the folds said of them at each moment."""

    def __init__(self) -> None:
        self.harness = Harness()
        self.said: dict[Micros, dict[str, str]] = {}

    async def make(self) -> None:
        self._remember()
        body = {"name": "job", "timeout": 60, "grace": 60}
        self.check = str((await self.harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])
        target = {"name": "Shop", "url": "https://shop.example/", "confirmations": 2, "interval_seconds": 60}
        answer = await self.harness.client.post("/api/v1/monitors", json=target, headers=KEY)
        self.monitor = str(answer.json()["data"]["id"])
        self._remember()

    async def take(self, step: tuple[str, Any]) -> None:
        match step:
            case "ping", kind:
                self.harness.log.ping(self.check, kind)
            case "probe", ok:
                self.harness.log.probe_next(self.monitor, ok)  # its slot has come: it is dated at or before now
            case "tick", seconds:
                for _ in range(0, seconds, 5):
                    self.harness.log.tick(min(5, seconds))
                    self._remember()
            case _:
                await self.harness.client.post(f"/api/v3/checks/{self.check}/pause", json={})
        self._remember()

    def things(self) -> list[Thing]:
        deps = self.harness.app.state.deps
        check, monitor = deps.directory.check(self.check), deps.directory.monitor(self.monitor)
        return [check_thing(deps, check), monitor_thing(deps, monitor)]

    def _remember(self) -> None:
        # What is said last at a moment counts.
        things = self.things() if hasattr(self, "monitor") else []
        self.said[self.harness.log.now()] = {thing.id: thing.status for thing in things}

    async def shown(self, at: Micros) -> dict[str, Then]:
        history, log = self.harness.app.state.deps.past_things, self.harness.log
        rows = {row.thing: row for row in await history.then([self.check, self.monitor], log.directory.projects, at)}
        return {thing.id: then(thing, rows.get(thing.id), at) for thing in self.things()}


@settings(deadline=None, max_examples=12)
@given(st.lists(STEPS, min_size=3, max_size=25))
def test_a_moment_is_shown_as_the_folds_said_then(steps: list[tuple[str, Any]]) -> None:
    async def tell() -> None:
        world = World()
        world.harness.log.tick(5)
        await world.make()
        for step in steps:
            await world.take(step)
        for at, said in world.said.items():
            for thing, was in (await world.shown(at)).items():
                if was.seen_at:  # dated at or before the moment, and seen after it
                    assert was.since <= at < was.seen_at
                else:
                    assert was.status == said.get(thing, "absent"), at
                assert was.since <= at
                assert not was.until or was.until > at
        before = await world.shown(min(world.said) - 1)
        assert {was.status for was in before.values()} == {"absent"}

    asyncio.run(tell())
