"""`/incidents/all/TOKEN`: where whoever got a list of a storm says that they take care of what it told of.

The token names the channel and the time that the list was of. What counts are the incidents that are still open, began
in that time, and are of things that tell this channel, named in the list or not; each has a link of its own here.
One form acknowledges all that nobody has acknowledged yet: `AT_ONCE` of them at a time and `MOST` in all, and what did
not fit is said, to be sent again. It is good while the channel is there.

However many are open, `MOST` of them are held in memory, and `_LOOKS` pages at a time look through the things of a
project.
"""

import asyncio
from heapq import nsmallest
from typing import NamedTuple

from fastapi import FastAPI, Request, Response

from infra.secrets.incident_links import LIST_PATH, PATH, ListLink
from query_api.actors import by_link
from query_api.commands import Late
from query_api.dependencies import Dependencies
from query_api.incidents import OpenIncident, acknowledge, open_of_channel
from query_api.pages import link_pages
from query_api.pages.link_pages import LinkPages, NothingToAnswer, reading_of, said_in, told, who_has
from schemas.base import Micros
from schemas.definitions import Channel

AT_ONCE, MOST = 20, 1_000
_WITHIN_SECONDS = 25.0
_SHOWN = 100
_LOOKS = 2


class _List(NamedTuple):
    """What is open of a list. first: `MOST` of it, what nobody has acknowledged before the rest. total: of all;
    waiting: of all that nobody has acknowledged."""

    link: ListLink
    channel: Channel
    first: list[OpenIncident]
    total: int
    waiting: int


class IncidentListPages(LinkPages[_List]):
    """The page of a list."""

    template = "incident_list.html"

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._looks = asyncio.Semaphore(_LOOKS)

    async def find(self, token: str) -> _List:
        link = self.deps.incident_links.read_list(token)
        if link is None:
            raise NothingToAnswer(404, "page.link_invalid")
        channel = await self.channel_of(link.channel)
        async with self._looks:
            return await self._open(channel, link)

    async def _open(self, channel: Channel, link: ListLink) -> _List:
        found, total, waiting = list[OpenIncident](), 0, 0
        async for incident in open_of_channel(self.deps, channel):
            if link.start <= incident.started <= link.end:
                total += 1
                waiting += incident.acknowledged is None
                found.append(incident)
                if len(found) >= 2 * MOST:
                    found = nsmallest(MOST, found, key=_order)
        return _List(link, channel, nsmallest(MOST, found, key=_order), total, waiting)

    async def answer(self, found: _List, request: Request) -> Response:
        """Acknowledge what nobody has acknowledged yet."""
        said = said_in(await request.body(), found.channel)
        actor, room, taken = by_link(request), asyncio.Semaphore(AT_ONCE), 0

        async def one(incident: OpenIncident) -> None:
            nonlocal taken
            async with room:
                try:
                    settled = await acknowledge(self.deps, incident, actor, said["by"], said["comment"])
                except Late:
                    return  # it is shown as it is, and the form may be sent again
                taken += settled.first

        tasks = [asyncio.ensure_future(one(each)) for each in found.first if each.acknowledged is None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_WITHIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with self._looks:
            return self._page(await self._open(found.channel, found.link), taken)

    def page(self, found: _List) -> Response:
        return self._page(found)

    def _page(self, found: _List, taken: int | None = None) -> Response:
        """taken: how many were just acknowledged; None: it is only read."""
        reading = reading_of(found.channel)
        rows = [
            told(incident, reading)
            | {
                "by": "" if incident.acknowledged is None else who_has(incident.acknowledged, reading),
                "link": self._link(incident, found.channel),
            }
            for incident in found.first[:_SHOWN]
        ]
        return self.rendered(
            200,
            reading,
            rows=rows,
            total=reading.number(found.total) if found.total else "",
            waiting=reading.number(found.waiting) if found.waiting else "",
            more=reading.number(found.total - len(rows)) if found.total > len(rows) else "",
            taken=None if taken is None else reading.number(taken),
            nothing=taken == 0,
        )

    def _link(self, incident: OpenIncident, channel: Channel) -> str:
        token = self.deps.incident_links.token(incident.thing, incident.id, channel.id)
        return "" if token is None else f"{self.deps.settings.root}{PATH}{token}"


def _order(incident: OpenIncident) -> tuple[bool, Micros, str]:
    return incident.acknowledged is not None, incident.started, incident.thing


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application."""
    link_pages.install(app, LIST_PATH, IncidentListPages(deps))
