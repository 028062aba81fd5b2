"""Fetches the calendars that on-call rotations subscribe to, and asks the fold of projects to take what they say.

Every process that serves the APIs does this, at moments of its own; the fold makes the same of the same events, so it
does not matter who asks, and how often. What holds:

- Only what was read as a whole counts. Whatever else comes (an error, a redirect, a page of HTML, an empty calendar,
  one that is cut short or too large, one of whose events none names anybody) leaves the rotation as it was, is shown
  with it, and is told after a while (`processors.projects.calendar_feeds`).
- The address is checked, and so is what it resolves to, by the guard of the project (`infra.egress`). Redirects are not
  followed. Answers are bounded in bytes and in time; `AT_ONCE` are fetched together, `OF_PROJECT` of them of a project,
  and one is read at a time. The project with the fewest at work is next, and nobody waits for a slow one to end.
- A server is asked each `EVERY`, and less and less often while it fails. It is asked whether the calendar has changed
  (ETag, Last-Modified); once a day the whole is read again, since recurring events come nearer.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from zlib import crc32

import aiohttp
import structlog

from infra.egress.guard import Guard, GuardedConnector, TargetRefused, guarded_session
from infra.egress.os_errors import describe_os_error
from infra.egress.resolver import ASKER
from query_api.calendar_files import MOST_BYTES, BadCalendar, read_events
from query_api.commands import Late, ask
from query_api.dependencies import Dependencies
from query_api.errors import QueryApiError
from query_api.poppaping.on_call_import import overrides_of
from schemas.actors import SYSTEM
from schemas.base import SECOND, Micros
from schemas.calendar_feeds import LONGEST_ERROR, CalendarFailed, CalendarFeed, CalendarRead, calendar_key
from schemas.ids import new_id
from schemas.on_call import MOST_OVERRIDES, OnCallRotation, Override

log = structlog.get_logger(__name__)

EVERY: Micros = 900 * SECOND
# While it fails it is asked after as long again, up to this.
_SELDOM: Micros = 6 * 3_600 * SECOND
_WHOLE_EVERY: Micros = 86_400 * SECOND
AT_ONCE, OF_PROJECT = 8, 2
_LOOK_SECONDS = 5.0
_SECONDS, _CONNECT_SECONDS = 20.0, 5.0
# So far apart processes begin with a calendar, at most.
_APART: Micros = 10 * SECOND
_HEADERS = {"Accept": "text/calendar, */*;q=0.1", "User-Agent": "Pingfold (calendar)"}


class NotFetched(QueryApiError):
    """Why a calendar could not be read, in words that hold nothing of its address but the host."""


@dataclass
class _Known:
    """What this process remembers of a calendar. version: of the feed. at: when it is asked next. fails: in a row."""

    version: int
    at: Micros
    fails: int = 0
    etag: str = ""
    modified: str = ""
    whole_at: Micros = 0
    names: int = 0


class CalendarFetcher:
    """deps: of this process. slot: its number among its kind."""

    def __init__(self, deps: Dependencies, slot: str) -> None:
        self._deps, self._slot = deps, slot
        self._known: dict[str, _Known] = {}
        self._sessions: dict[Guard, aiohttp.ClientSession] = {}
        # By the feed that it fetches, with the project of that.
        self._tasks: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._reading = asyncio.Lock()

    async def run(self) -> None:
        """Fetch what is due, for ever."""
        try:
            while True:
                self._begin()
                if tasks := [task for _, task in self._tasks.values()]:
                    await asyncio.wait(tasks, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self.close()

    async def close(self) -> None:
        """End what is being fetched, and close every connection."""
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def look(self) -> None:
        """Fetch what is due now, and wait for that."""
        self._begin()
        while self._tasks:
            await asyncio.wait([task for _, task in self._tasks.values()], return_when=asyncio.FIRST_COMPLETED)
            self._begin()

    def _begin(self) -> None:
        """Begin to fetch of what is due as much as there is room for."""
        now = self._deps.clock.now()
        self._tasks = {id: (project, task) for id, (project, task) in self._tasks.items() if not task.done()}
        due: dict[str, list[CalendarFeed]] = {}
        for feed in self._due(now):
            due.setdefault(feed.project, []).append(feed)
        at_work = Counter(project for project, _ in self._tasks.values())
        while due and len(self._tasks) < AT_ONCE:
            # Of those with as few at work the one that has waited longest.
            project = min(due, key=lambda each: (at_work[each], self._known[due[each][0].id].at))
            if at_work[project] >= OF_PROJECT:
                break
            feed, *rest = due.pop(project)
            if rest:
                due[project] = rest
            at_work[project] += 1
            task = asyncio.create_task(self._take(feed, self._known[feed.id], now), name=f"calendar {feed.id}")
            self._tasks[feed.id] = project, task

    def _due(self, now: Micros) -> list[CalendarFeed]:
        """What is due and not being fetched, the longest first."""
        feeds = {feed.id: feed for feed in self._deps.directory.calendars()}
        self._known = {id: known for id, known in self._known.items() if id in feeds}
        for feed in feeds.values():
            known = self._known.get(feed.id)
            if known is None or known.version != feed.version or known.at > now + _SELDOM:  # the clock was set back
                begins = crc32(f"{self._slot}/{feed.id}".encode()) % _APART
                self._known[feed.id] = _Known(feed.version, now + (0 if known is not None else begins))
        due = [feed for feed in feeds.values() if self._known[feed.id].at <= now and feed.id not in self._tasks]
        return sorted(due, key=lambda feed: self._known[feed.id].at)

    async def _take(self, feed: CalendarFeed, known: _Known, now: Micros) -> None:
        rotation = self._deps.directory.rotation(feed.id)
        known.at = now + EVERY
        if rotation is None:
            return
        try:
            await self._read(feed, rotation, known, now)
            known.fails = 0
        except (NotFetched, BadCalendar) as fault:
            known.fails, known.whole_at = known.fails + 1, 0
            known.at = now + min(EVERY << min(known.fails, 10), _SELDOM)
            await self._tell(feed, str(fault), now)
        except Late as late:
            known.whole_at = 0
            log.info("calendars.asked_again", rotation=feed.id, why=str(late))
        except Exception:  # one calendar must not keep the others
            known.whole_at = 0
            log.exception("calendars.failed", rotation=feed.id)

    async def _read(self, feed: CalendarFeed, rotation: OnCallRotation, known: _Known, now: Micros) -> None:
        channels = self._deps.directory.channels_of(feed.project)
        # What a calendar means hangs on these, too.
        known_by = tuple((each.id, each.name, each.addresses) for each in channels)
        names = hash((rotation.name, rotation.tz, rotation.turns, known_by))
        whole = now >= known.whole_at or names != known.names or feed.failing_since is not None
        content = await self._fetch(feed, known, whole)
        if content is None:
            return
        async with self._reading:
            found = await asyncio.to_thread(read_events, content, rotation.tz, now)
            overrides, left_out = await asyncio.to_thread(overrides_of, found, rotation, channels)
        if found and not overrides:
            raise NotFetched(f"none of its {len(found)} events names a turn or an alert channel")
        if len(overrides) > MOST_OVERRIDES:
            words = f"it has {len(overrides)} events that become overrides; a rotation has at most {MOST_OVERRIDES}"
            raise NotFetched(words)
        if not _is_known(feed, rotation, overrides, len(left_out)):
            request = CalendarRead(
                request=new_id(),
                at=now,
                id=feed.id,
                version=feed.version,
                overrides=overrides,
                left_out=len(left_out),
            )
            decision = await ask(self._deps, feed.project, request, SYSTEM)
            if decision.outcome == "refused":
                raise NotFetched(f"it is not taken: {decision.reason}")
        known.names, known.whole_at = names, now + _WHOLE_EVERY

    async def _tell(self, feed: CalendarFeed, error: str, now: Micros) -> None:
        log.info("calendars.not_read", rotation=feed.id, host=feed.host, why=error)
        request = CalendarFailed(
            request=new_id(), at=now, id=feed.id, version=feed.version, error=error[:LONGEST_ERROR]
        )
        try:
            await ask(self._deps, feed.project, request, SYSTEM)
        except Late as late:
            log.info("calendars.asked_again", rotation=feed.id, why=str(late))

    async def _fetch(self, feed: CalendarFeed, known: _Known, whole: bool) -> bytes | None:
        """The bytes of a calendar; None: they are what was read last. Raises `NotFetched`."""
        headers = {}
        if not whole and known.etag:
            headers["If-None-Match"] = known.etag
        if not whole and known.modified:
            headers["If-Modified-Since"] = known.modified
        try:
            url = self._deps.decrypt(feed.url, calendar_key(feed.id))
        except Exception:
            raise NotFetched("its address cannot be decrypted: give it again") from None
        ASKER.set(feed.project)
        try:
            async with self._session(feed.project).get(url, headers=headers, allow_redirects=False) as response:
                if response.status == 304 and headers:
                    return None
                if response.status != 200:
                    raise NotFetched(_answered(response.status))
                content = await _bounded(response)
                known.etag = response.headers.get("ETag", "")[:500]
                known.modified = response.headers.get("Last-Modified", "")[:100]
                return content
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NotFetched(_why(error)) from None

    def _session(self, project: str) -> aiohttp.ClientSession:
        guard = self._deps.guard.of(project)
        if guard not in self._sessions:
            limits = aiohttp.ClientTimeout(total=_SECONDS, connect=_CONNECT_SECONDS)
            self._sessions[guard] = guarded_session(GuardedConnector(guard, keepalive=0), _HEADERS, limits)
        return self._sessions[guard]


def _is_known(feed: CalendarFeed, rotation: OnCallRotation, overrides: tuple[Override, ...], left_out: int) -> bool:
    """Whether the fold has taken just this already. Of what has passed it may know more."""
    if feed.changed is None or feed.failing_since is not None or feed.left_out != left_out:
        return False
    fetched = {each.id: (each.start, each.end, each.channels, each.name) for each in rotation.overrides if each.fetched}
    wanted = {each.id: (each.start, each.end, each.channels, each.name) for each in overrides}
    return fetched == wanted


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > MOST_BYTES:
            raise NotFetched(f"it is larger than {MOST_BYTES // 2**10} KiB")
    return bytes(found)


def _answered(status: int) -> str:
    if 300 <= status < 400:
        return f"its server answered {status}: a redirect, and none is followed; give the address that it leads to"
    return f"its server answered {status}"


def _why(error: Exception) -> str:
    """In words of ours: those of libraries may tell the address, and with it a secret."""
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, TargetRefused):
        return str(cause)
    if isinstance(error, TimeoutError):
        return f"its server did not answer within {_SECONDS:g} s"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name of its server cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the TLS certificate of its server is not valid"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "its server closed the connection without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "it did not come to its end"
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer of its server is not valid HTTP"
    if isinstance(cause, OSError):
        return describe_os_error(cause, "the connection to its server failed")
    return f"it could not be asked for ({type(error).__name__})"
