"""`/incidents/all/TOKEN`: where whoever got a list of a storm says that they take care of what it told of.

The link stands in lists, and robots follow links: reading the page changes nothing, only the form on it does (POST).
The token names the channel and the time that the list was of. What counts are the incidents that are still open, began
in that time, and are of things that tell this channel, named in the list or not; each has a link of its own here.
One form acknowledges all that nobody has acknowledged yet: `AT_ONCE` of them at a time and `MOST` in all, and what did
not fit is said, to be sent again. It is good while the channel is there.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from infra.log.lookup import NotCaughtUp, look_up
from infra.secrets.incident_links import LIST_PATH, PATH, ListLink
from query_api.actors import by_link
from query_api.commands import Late
from query_api.dependencies import Dependencies, dependencies_of
from query_api.http.route_index import include
from query_api.incidents import OpenIncident, acknowledge, open_of_channel
from query_api.pages.incident import NoIncident, rendered, said_in
from schemas.definitions import Channel
from schemas.times import to_second

router = APIRouter(include_in_schema=False)

AT_ONCE, MOST = 20, 1_000
_WITHIN_SECONDS = 25.0
_SHOWN = 100
_REMOVED = "This link is no longer valid: the channel that it was sent to was removed."


class IncidentLists:
    """What the routes share."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    async def find(self, token: str) -> tuple[Channel, list[OpenIncident]]:
        """The channel of a token, and the incidents that are open of its list. Raises `NoIncident`."""
        deps, link = self._deps, self._deps.incident_links.read_list(token)
        if link is None:
            raise NoIncident(404, "This link is not valid. Please check that it is complete.")
        try:
            channel = await look_up(deps.definitions_replica, lambda: deps.directory.channel(link.channel))
        except NotCaughtUp:
            raise NoIncident(503, "This cannot be looked up now. Please try again in a moment.") from None
        if channel is None:
            raise NoIncident(410, _REMOVED)
        return channel, await self._open(channel, link)

    async def _open(self, channel: Channel, link: ListLink) -> list[OpenIncident]:
        found = [
            incident
            async for incident in open_of_channel(self._deps, channel)
            if link.start <= incident.started <= link.end
        ]
        return sorted(found, key=lambda each: (each.acknowledged is not None, each.started, each.thing))

    async def answer(self, request: Request, channel: Channel, found: list[OpenIncident]) -> int:
        """Acknowledge what nobody has acknowledged yet; how many were."""
        said = said_in(await request.body())
        by = said.get("by") or f"somebody who was told by {channel.name or channel.kind}"
        actor, room, taken = by_link(request), asyncio.Semaphore(AT_ONCE), 0

        async def one(incident: OpenIncident) -> None:
            nonlocal taken
            async with room:
                try:
                    settled = await acknowledge(self._deps, incident, actor, by, said.get("comment", ""))
                except Late:
                    return  # it is shown as it is, and the form may be sent again
                taken += settled.first

        open_ = [incident for incident in found if incident.acknowledged is None][:MOST]
        tasks = [asyncio.ensure_future(one(incident)) for incident in open_]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_WITHIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return taken

    def page(self, channel: Channel, found: list[OpenIncident], taken: int | None = None) -> HTMLResponse:
        """The page. taken: how many were just acknowledged; None: it is only read."""
        waiting = sum(1 for incident in found if incident.acknowledged is None)
        rows = [
            {
                "name": incident.name,
                "started": f"{to_second(incident.started)} UTC",
                "cause": incident.cause,
                "by": "" if incident.acknowledged is None else incident.acknowledged.by or "Somebody",
                "link": self._link(incident, channel),
            }
            for incident in found[:_SHOWN]
        ]
        return rendered(
            self._deps,
            "incident_list.html",
            200,
            rows=rows,
            total=len(found),
            waiting=waiting,
            more=len(found) - len(rows),
            taken=taken,
        )

    def no_page(self, none: NoIncident) -> HTMLResponse:
        """The page that says why there is nothing to acknowledge."""
        return rendered(self._deps, "incident_list.html", none.status, problem=none.words)

    def _link(self, incident: OpenIncident, channel: Channel) -> str:
        token = self._deps.incident_links.token(incident.thing, incident.id, channel.id)
        return "" if token is None else f"{self._deps.settings.root}{PATH}{token}"


async def _lists(request: Request) -> IncidentLists:
    return IncidentLists(dependencies_of(request))


TheLists = Annotated[IncidentLists, Depends(_lists)]


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get(f"{LIST_PATH}{{token}}")
async def show(lists: TheLists, token: str) -> Response:
    """What is down of a list, and who takes care of it."""
    try:
        return lists.page(*await lists.find(token))
    except NoIncident as none:
        return lists.no_page(none)


@router.post(f"{LIST_PATH}{{token}}")
async def answer(request: Request, lists: TheLists, token: str) -> Response:
    """Acknowledge all: `by` and `comment`, as the form sends them; both may be left out."""
    try:
        channel, found = await lists.find(token)
        taken = await lists.answer(request, channel, found)
        return lists.page(*await lists.find(token), taken=taken)
    except NoIncident as none:
        return lists.no_page(none)
