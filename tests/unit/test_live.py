"""The streams of live pages: what is told, to whom, and when they end."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from query_api.dependencies import Dependencies
from query_api.state.changes import Changes
from query_api.web import live
from query_api.web.live import ListEar, StreamCount, ThingEar, counted, events
from query_api.web.viewer import Viewer
from schemas.actors import Actor
from tests.harness import ADMIN_PASSWORD, Harness

AUTH = ("", ADMIN_PASSWORD)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.0)
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)


class World:
    """One stream of one viewer."""

    def __init__(self) -> None:
        self.harness = Harness()
        self.deps: Dependencies = self.harness.app.state.deps
        self.streams = StreamCount(2)
        self.who: Viewer | None = self.sees(self.harness.project, self.harness.other)

    def sees(self, *projects: str) -> Viewer:
        return Viewer("eve", projects, frozenset(), Actor(kind="admin"))

    async def make(self) -> str:
        answer = await self.harness.client.post("/api/v3/checks/", json={"name": "a", "timeout": 60, "grace": 60})
        return str(answer.json()["uuid"])

    async def still(self) -> Viewer | None:
        await asyncio.sleep(0)
        return self.who

    def stream(self, ear: Any) -> AsyncIterator[bytes]:
        assert self.who is not None
        return counted(self.streams, self.deps, self.who.person, events(self.deps, ear, self.who, self.still))


def told(event: bytes) -> Any:
    name, data = event.decode().split("\n")[:2]
    assert name == "event: changed"
    return json.loads(data.removeprefix("data: "))


async def until_told(stream: AsyncIterator[bytes]) -> bytes:
    """The next event that tells something."""
    async with asyncio.timeout(10.0):
        async for event in stream:
            if event.startswith(b"event:") and not event.startswith(b"event: still"):
                return event
    raise AssertionError("the stream ended")


async def test_a_change_is_told_and_a_ping_that_changes_nothing_is_not() -> None:
    world = World()
    check = await world.make()
    world.harness.log.ping(check)
    stream = world.stream(ListEar(world.deps))
    assert (await anext(stream)).startswith(b"retry:")
    world.harness.log.ping(check)
    assert (await anext(stream)).startswith(b"event: still")
    world.harness.log.ping(check, "fail")
    event = told(await until_told(stream))
    assert event["more"] is False
    assert [one["id"] for one in event["things"]] == [check]
    assert event["things"][0]["changes"] == world.deps.states.state(check).changes  # type: ignore[union-attr]
    await stream.aclose()  # type: ignore[attr-defined]
    assert (world.streams.open, world.deps.states.changes.followers) == (0, 0)


async def test_a_page_of_one_thing_hears_every_event_of_it() -> None:
    world = World()
    check, other = await world.make(), await world.make()
    stream = world.stream(ThingEar(world.deps, check))
    await anext(stream)
    world.harness.log.ping(other)
    assert (await anext(stream)).startswith(b"event: still")
    world.harness.log.ping(check)
    assert [one["id"] for one in told(await until_told(stream))["things"]] == [check]


async def test_nothing_of_other_projects_is_heard_and_the_end_of_a_session_ends_it() -> None:
    world = World()
    check = await world.make()
    world.who = world.sees(world.harness.other)
    everything, one = world.stream(ListEar(world.deps)), world.stream(ThingEar(world.deps, check))
    for stream in (everything, one):
        await anext(stream)
    world.harness.log.ping(check, "fail")
    for stream in (everything, one):
        assert (await anext(stream)).startswith(b"event: still")
    world.who = None
    for stream in (everything, one):
        assert (await until_told(stream)).startswith(b"event: ended")
        assert [event async for event in stream] == []
    assert world.streams.open == 0


async def test_a_removed_thing_changes_what_is_shown() -> None:
    world = World()
    check = await world.make()
    stream = world.stream(ListEar(world.deps))
    await anext(stream)
    await world.harness.client.delete(f"/api/v3/checks/{check}")
    assert told(await until_told(stream)) == {"things": [], "more": True}


async def test_events_are_not_held_back_and_who_leaves_is_let_go() -> None:
    """Through all layers of the application, which hold other answers whole."""
    world = World()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    left = asyncio.Event()
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        if (first := next(asked, None)) is not None:
            return first
        await left.wait()
        return {"type": "http.disconnect"}

    basic = f"Basic {b64encode(f'me:{ADMIN_PASSWORD}'.encode()).decode()}".encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/live", "raw_path": b"/live", "query_string": b"", "headers": [(b"authorization", basic)],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    serving = asyncio.create_task(world.harness.app(scope, receive, heard.put))  # type: ignore[arg-type]
    async with asyncio.timeout(10.0):
        start, first = await heard.get(), await heard.get()
        assert (start["status"], dict(start["headers"])[b"cache-control"]) == (200, b"no-store, no-transform")
        assert first["body"].startswith(b"retry:")
        assert world.harness.app.state.streams.open == 1
        left.set()
        await serving
    assert (world.harness.app.state.streams.open, world.deps.states.changes.followers) == (0, 0)


async def test_only_so_many_listen() -> None:
    harness = Harness()
    harness.app.state.streams = StreamCount(0)
    answer = await harness.client.get("/live", auth=AUTH)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    harness.app.state.streams = StreamCount(1)
    head = await harness.client.head("/live", auth=AUTH)
    assert (head.status_code, head.headers["content-type"].split(";")[0]) == (200, "text/event-stream")


def test_whoever_is_too_far_behind_is_told_so() -> None:
    changes = Changes(kept=3)
    assert changes.since(0) == ()
    for thing in ("a", "b", "a"):
        changes.note(thing)
    assert changes.since(0) == ("a", "b")
    assert changes.since(2) == ("a",)
    changes.note("c")
    assert changes.since(0) is None
    assert changes.since(1) == ("b", "a", "c")
    assert changes.since(4) == ()


async def test_one_person_does_not_shut_out_the_others() -> None:
    streams = StreamCount(20)
    for _ in range(2):
        assert streams.has_room("ann")
        streams.opened("ann")
    assert (streams.has_room("ann"), streams.has_room("bob"), streams.open) == (False, True, 2)
    streams.closed("ann")
    assert (streams.has_room("ann"), streams.open) == (True, 1)
