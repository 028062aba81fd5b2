"""Calendars fetched from a server on the loopback: what is taken, what is not, and that nothing wrong ever counts."""

import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from query_api.calendar_fetching import CalendarFetcher
from query_api.calendar_files import MOST_BYTES
from schemas.base import SECOND
from schemas.calendar_feeds import CalendarFeed
from schemas.times import utc
from schemas.topics import PROJECTS
from tests.escalation_desk import channel
from tests.harness import WRITE_KEY, Harness
from tests.on_call_desk import ON_CALL, rotation
from tests.poppaping_client import with_key

DAY = 86_400 * SECOND
# Calendars are asked each minute here, and read as a whole each ten minutes: time passes second by second.
MINUTE = 60
Answer = Callable[[web.Request], web.StreamResponse]


class _CutShort(web.StreamResponse):
    def __init__(self, beginning: bytes) -> None:
        super().__init__(headers={"Content-Length": str(2 * len(beginning))})
        self.beginning = beginning


class CalendarServer:
    """Answers with `answer`; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answer: Answer = lambda _: web.Response(status=500)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        response = self.answer(request)
        if isinstance(response, _CutShort):
            await response.prepare(request)
            await response.write(response.beginning)
            assert request.transport is not None
            request.transport.close()
        return response


class Fetching:
    """An installation with a rotation of Ada and Bob, whose calendar is on a server of ours."""

    def __init__(self, harness: Harness, server: CalendarServer, id: str) -> None:
        self.harness, self.server, self.id = harness, server, id
        self.fetcher = CalendarFetcher(harness.app.state.deps, "0")

    async def look(self, seconds: int = 0) -> None:
        """Time passes, and the process looks for what is due."""
        self.harness.log.tick(seconds)
        await self.fetcher.look()

    @property
    def overrides(self) -> list[str]:
        found = self.harness.log.directory.rotation(self.id)
        assert found is not None
        return [each.name for each in found.overrides]

    @property
    def requests(self) -> int:
        """How many there were, in the journal."""
        return sum(1 for _, event in self.harness.log.of(PROJECTS) if event["type"] != "tick")

    @property
    def feed(self) -> CalendarFeed:
        found = self.harness.log.directory.calendar(self.id)
        assert found is not None
        return found

    def calendar(self, *people: str) -> bytes:
        """An event of an hour for each of them, on the days to come."""
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
        for number, name in enumerate(people, 1):
            start = utc(self.harness.log.time + number * DAY)
            lines += ["BEGIN:VEVENT", f"UID:{number}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", "DURATION:PT1H"]
            lines += [f"SUMMARY:{name}", "END:VEVENT"]
        return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


@contextlib.asynccontextmanager
async def on_loopback(server: CalendarServer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/secret/team.ics", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/secret/team.ics"
    finally:
        await runner.cleanup()


@pytest.fixture
async def fetching(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fetching]:
    monkeypatch.setattr("query_api.calendar_fetching.EVERY", MINUTE * SECOND)
    monkeypatch.setattr("query_api.calendar_fetching._WHOLE_EVERY", 10 * MINUTE * SECOND)
    server = CalendarServer()
    async with on_loopback(server) as url:
        harness = with_key(Harness(private_targets="127.0.0.0/8"))
        harness.client.headers["X-Api-Key"] = WRITE_KEY
        id = (await rotation(harness, channel(harness, "ada"), channel(harness, "bob")))["id"]
        answer = await harness.client.put(f"{ON_CALL}/{id}/calendar-feed", json={"url": url})
        assert answer.status_code == 200, answer.text
        made = Fetching(harness, server, id)
        await made.look()
        assert server.asked == []  # each process begins at a moment of its own
        yield made
        await made.fetcher.close()


def whole(content: bytes, **headers: str) -> Answer:
    return lambda _: web.Response(body=content, headers=headers, content_type="text/calendar")


async def test_what_it_says_becomes_overrides_and_goes_with_it(fetching: Fetching) -> None:
    fetching.server.answer = whole(fetching.calendar("ada", "Birthday", "bob"))
    await fetching.look(11)
    assert (fetching.overrides, fetching.feed.left_out) == (["ada", "bob"], 1)
    made = fetching.requests
    await fetching.look(MINUTE // 2)
    assert len(fetching.server.asked) == 1  # not due yet
    await fetching.look(MINUTE)
    assert len(fetching.server.asked) == 2
    assert fetching.requests == made  # nothing is new
    fetching.server.answer = whole(fetching.calendar("bob"))
    await fetching.look(MINUTE)
    assert fetching.overrides == ["bob"]


async def test_it_is_asked_whether_it_has_changed(fetching: Fetching) -> None:
    content = fetching.calendar("ada")

    def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(body=content, headers={"ETag": '"1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})

    fetching.server.answer = answer
    for _ in range(3):
        await fetching.look(MINUTE)
    asked = [request.headers.get("If-None-Match") for request in fetching.server.asked]
    assert asked == [None, '"1"', '"1"']
    assert fetching.server.asked[1].headers["If-Modified-Since"] == "Mon, 01 Jan 2024 00:00:00 GMT"
    await fetching.look(9 * MINUTE)
    assert fetching.server.asked[-1].headers.get("If-None-Match") is None  # the whole, once a day
    assert fetching.overrides == ["ada"]


async def test_another_zone_of_the_rotation_makes_it_read_anew(fetching: Fetching) -> None:
    """A time without a zone is by the clock of the rotation, whatever the server says has not changed."""
    floating = fetching.calendar("ada").replace(b"Z\r\n", b"\r\n")

    def answer(request: web.Request) -> web.Response:
        known = request.headers.get("If-None-Match") == '"1"'
        return web.Response(status=304) if known else web.Response(body=floating, headers={"ETag": '"1"'})

    def starts() -> int:
        found = fetching.harness.log.directory.rotation(fetching.id)
        assert found is not None
        return found.overrides[0].start

    fetching.server.answer = answer
    await fetching.look(11)
    before = starts()
    changed = await fetching.harness.client.patch(f"{ON_CALL}/{fetching.id}", json={"timezone": "Asia/Tokyo"})
    assert changed.status_code == 200, changed.text
    await fetching.look(MINUTE)
    assert starts() != before


async def test_the_same_address_given_again_is_read_anew(fetching: Fetching) -> None:
    """Its overrides went when it was removed: that the server has nothing new does not bring them back."""
    content = fetching.calendar("ada")

    def answer(request: web.Request) -> web.Response:
        known = request.headers.get("If-None-Match") == '"1"'
        return web.Response(status=304) if known else web.Response(body=content, headers={"ETag": '"1"'})

    fetching.server.answer = answer
    await fetching.look(11)
    path = f"{ON_CALL}/{fetching.id}/calendar-feed"
    url = str(fetching.server.asked[0].url)
    assert (await fetching.harness.client.delete(path)).status_code == 200
    assert fetching.overrides == []
    assert (await fetching.harness.client.put(path, json={"url": url})).status_code == 200
    await fetching.look(MINUTE)
    assert fetching.overrides == ["ada"]


def cut_short(content: bytes) -> Answer:
    """A body that ends before its length."""

    def answer(_: web.Request) -> web.StreamResponse:
        return _CutShort(content)

    return answer


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _: lambda _: web.Response(status=500), "its server answered 500"),
        (lambda _: lambda _: web.Response(status=302, headers={"Location": "/x"}), "a redirect"),
        (lambda _: lambda _: web.Response(status=304), "its server answered 304"),
        (lambda _: whole(b"<html>Sign in</html>"), "there is no event"),
        (lambda _: whole(b""), "there is no event"),
        (lambda content: whole(content.replace(b"END:VCALENDAR\r\n", b"")), "it ends within"),
        (lambda content: whole(content.replace(b"SUMMARY:ada", b"SUMMARY:eve")), "none of its 1 events names"),
        (lambda content: whole(content.replace(b"UID:1", b"UID:1\r\nRRULE:FREQ=SECONDLY")), "FREQ=SECONDLY"),
        (lambda _: whole(b"x" * (MOST_BYTES + 1)), "larger than 256 KiB"),
        (cut_short, "it did not come to its end"),
    ],
)
async def test_nothing_wrong_counts(fetching: Fetching, spoil: Callable[[bytes], Answer], words: str) -> None:
    content = fetching.calendar("ada")
    fetching.server.answer = whole(content)
    await fetching.look(11)
    before = fetching.overrides
    fetching.server.answer = spoil(content)
    await fetching.look(MINUTE)
    assert words in fetching.feed.error
    assert "secret" not in fetching.feed.error
    assert fetching.overrides == before == ["ada"]
    asked = len(fetching.server.asked)
    await fetching.look(MINUTE)
    assert len(fetching.server.asked) == asked  # less often while it fails
    fetching.server.answer = whole(content)
    await fetching.look(MINUTE)
    assert (fetching.feed.failing_since, fetching.overrides) == (None, ["ada"])


async def test_the_guard_holds_for_what_a_definition_says(fetching: Fetching) -> None:
    """Whatever stands in the log, nothing private is asked unless it is allowed."""
    guarded = with_key(Harness())
    guarded.client.headers["X-Api-Key"] = WRITE_KEY
    deps = guarded.app.state.deps
    object.__setattr__(fetching.harness.app.state.deps, "guard", deps.guard)
    await fetching.look(11)
    assert fetching.server.asked == []
    assert "private or reserved" in fetching.feed.error
