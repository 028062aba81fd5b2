"""`/live`: a page's ear. A stream of server-sent events tells that something looks otherwise now; the page, which is
made anew for it, tells what.

- `changed`: the things, with the numbers of their newest changes; without `thing` those of whatever a viewer may see,
  with it every event of that one. When more changed than are named, `more` is true.
- `still` comes at once and every `HEARTBEAT` seconds, so that a page notices when nothing gets through to it any more.
  Then, and before anything is told, it is looked whether the viewer still may look: his stream ends with his session
  (`ended`), and one of his projects fewer is heeded.
- Proxies in between are asked to pass on each event at once. Where one keeps them back all the same, the page hears
  nothing, and asks by itself.
- So many streams are open at once, and a tenth of them for one person, so that nobody shuts out the others; whoever
  comes then is answered 503, and tries again. While nothing happens a stream costs nothing but its heartbeats.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.representations import EVENT_STREAM
from query_api.http.route_index import include
from query_api.http.verbs import WITHOUT_BODY
from query_api.state.changes import Changes
from query_api.web.viewer import SignInNeeded, Viewer, ViewerDep, viewer
from schemas.ids import is_uuid

HEARTBEAT = 15.0
# A page is made anew at most so often, however much happens.
PAUSE = 1.0
MOST_STREAMS = 500
_SHARE = 10
# So many things are named in an event.
_MOST_NAMED = 50
# What packs an answer keeps it back until there is enough of it: `no-transform` forbids that.
_HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
_STILL = b"event: still\ndata: {}\n\n"

router = APIRouter(include_in_schema=False)


class StreamCount:
    """How many streams are open, of all and of each person."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self.most = most
        self._of: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """Those of all."""
        return self._of.total()

    def has_room(self, person: str) -> bool:
        """Whether somebody may open one more."""
        return self.open < self.most and self._of[person] < max(1, self.most // _SHARE)

    def opened(self, person: str) -> None:
        """One more is open."""
        self._of[person] += 1

    def closed(self, person: str) -> None:
        """One is not open any more."""
        self._of[person] -= 1
        if not self._of[person]:
            del self._of[person]


class Ear(Protocol):
    """What a stream listens to."""

    def has_news(self) -> bool:
        """Whether something changed since the last `take`; cheap."""

    def take(self, who: Viewer) -> dict[str, Any] | None:
        """What changed of what a viewer may see, as an event has it; None: nothing of that."""


class ListEar:
    """Everything that a viewer may see."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._all: tuple[Changes, ...] = (deps.states.changes, deps.monitor_states.changes)
        self._seen = [changes.newest for changes in self._all]

    def has_news(self) -> bool:
        return any(changes.newest != seen for changes, seen in zip(self._all, self._seen, strict=True))

    def take(self, who: Viewer) -> dict[str, Any] | None:
        named: list[dict[str, Any]] = []
        more = False
        for number, changes in enumerate(self._all):
            newest = changes.newest
            things = changes.since(self._seen[number])
            self._seen[number] = newest
            if things is None:
                more = True
            for thing in things or ():
                definition = self._deps.directory.monitor(thing) or self._deps.directory.check(thing)
                if definition is None:  # removed: whose it was is not known any more
                    more = True
                elif who.may_see(definition.project):
                    named.append({"id": thing, "changes": _changes(self._deps, thing)})
        if not named and not more:
            return None
        return {"things": named[:_MOST_NAMED], "more": more or len(named) > _MOST_NAMED}


class ThingEar:
    """Every event of one thing."""

    def __init__(self, deps: Dependencies, thing: str) -> None:
        self._deps, self._thing = deps, thing
        self._seen = self._packed()

    def _packed(self) -> tuple[bytes | None, bytes | None]:
        return self._deps.states.packed(self._thing), self._deps.monitor_states.packed(self._thing)

    def has_news(self) -> bool:
        return any(now is not seen for now, seen in zip(self._packed(), self._seen, strict=True))

    def take(self, who: Viewer) -> dict[str, Any] | None:
        self._seen = self._packed()
        definition = self._deps.directory.monitor(self._thing) or self._deps.directory.check(self._thing)
        if definition is None or not who.may_see(definition.project):
            return None
        return {"things": [{"id": self._thing, "changes": _changes(self._deps, self._thing)}], "more": False}


def install(app: FastAPI) -> None:
    """Put the route into the application."""
    app.state.streams = StreamCount()
    include(app, router)


@router.get("/live")
async def live(request: Request, deps: DependenciesDep, who: ViewerDep, thing: str = "") -> Response:
    """The events for one viewer, until he leaves."""
    streams: StreamCount = request.app.state.streams
    if not streams.has_room(who.person):
        raise ApiError(503, "too many live pages are open, try again", {"Retry-After": "30"})
    if request.scope.get(WITHOUT_BODY):
        return Response(media_type=EVENT_STREAM, headers=_HEADERS)
    ear: Ear = ThingEar(deps, thing.lower()) if is_uuid(thing.lower()) else ListEar(deps)

    async def still() -> Viewer | None:
        try:
            return await viewer(request, deps)
        except (ApiError, SignInNeeded):
            return None

    return StreamingResponse(
        counted(streams, deps, who.person, events(deps, ear, who, still)), media_type=EVENT_STREAM, headers=_HEADERS
    )


async def counted(
    streams: StreamCount, deps: Dependencies, person: str, told: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The same events, counted as an open stream as long as they come; changes are noted meanwhile."""
    streams.opened(person)
    for states in (deps.states, deps.monitor_states):
        states.changes.followers += 1
    try:
        async for event in told:
            yield event
    finally:
        streams.closed(person)
        for states in (deps.states, deps.monitor_states):
            states.changes.followers -= 1


async def events(
    deps: Dependencies, ear: Ear, who: Viewer, still: Callable[[], Awaitable[Viewer | None]]
) -> AsyncIterator[bytes]:
    """What is sent. still: the viewer as he is now; None: he may not look any more, and the stream ends."""
    clock = asyncio.get_running_loop().time
    yield b"retry: 3000\n" + _STILL
    looked = clock()
    while True:
        left = max(0.0, looked + HEARTBEAT - clock())
        has_news = await deps.states_replica.wait(ear.has_news, left)
        now = await still()
        if now is None:
            yield b"event: ended\ndata: {}\n\n"
            return
        if has_news:
            if (told := ear.take(now)) is not None:
                yield b"event: changed\ndata: " + msgspec.json.encode(told) + b"\n\n"
            await asyncio.sleep(PAUSE)
        if clock() - looked >= HEARTBEAT:
            looked = clock()
            yield _STILL


def _changes(deps: Dependencies, thing: str) -> int:
    state = deps.monitor_states.state(thing) or deps.states.state(thing)
    return 0 if state is None else state.changes
