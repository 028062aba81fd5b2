"""`/incidents/TOKEN`: where whoever was told of an incident says that they take care of it.

It is good while the channel is there that was told. Who comes second is told who was first, and when.
"""

from typing import NamedTuple

from fastapi import FastAPI, Request, Response

from infra.secrets.incident_links import PATH
from query_api.actors import by_link
from query_api.commands import Late
from query_api.dependencies import Dependencies
from query_api.incidents import OpenIncident, acknowledge, open_incident
from query_api.pages import link_pages
from query_api.pages.link_pages import LinkPages, NothingToAnswer, moment, reading_of, said_in, told, who_has
from schemas.definitions import Channel
from schemas.incidents import Acknowledged

# The states may be a moment behind a notice that was sent.
_BEHIND = 1.0


class _Told(NamedTuple):
    """An open incident, and the channel that was told of it."""

    incident: OpenIncident
    channel: Channel


class IncidentPages(LinkPages[_Told]):
    """The page of an incident."""

    template = "incident.html"

    async def find(self, token: str) -> _Told:
        deps, link = self.deps, self.deps.incident_links.read(token)
        if link is None:
            raise NothingToAnswer(404, "page.link_invalid")

        def thing() -> object | None:
            return deps.directory.monitor(link.thing) or deps.directory.check(link.thing)

        def is_open() -> bool:
            found = open_incident(deps, link.thing)
            return found is not None and found.id == link.incident

        reading = reading_of(deps.directory.channel(link.channel))
        await self.looked_up(thing, NothingToAnswer(404, "page.not_watched", reading))
        channel = await self.channel_of(link.channel)
        if not is_open():
            await deps.states_replica.wait(is_open, _BEHIND)
        incident = open_incident(deps, link.thing)
        if incident is None or incident.id != link.incident:
            raise NothingToAnswer(410, "page.over", reading)
        return _Told(incident, channel)

    async def answer(self, found: _Told, request: Request) -> Response:
        incident, channel = found
        reading = reading_of(channel)
        if incident.acknowledged is not None:
            return self._page(found, incident.acknowledged, 409)
        said = said_in(await request.body(), channel)
        try:
            taken = await acknowledge(self.deps, incident, by_link(request), said["by"], said["comment"])
        except Late:
            raise NothingToAnswer(503, "page.not_recorded", reading) from None
        if taken.rejected is not None:
            raise NothingToAnswer(503, "page.not_recorded", reading)
        if taken.acknowledged is None:
            raise NothingToAnswer(410, "page.over", reading)
        return self._page(found, taken.acknowledged, 200 if taken.first else 409, first=taken.first)

    def page(self, found: _Told) -> Response:
        return self._page(found, found.incident.acknowledged)

    def _page(
        self, found: _Told, acknowledged: Acknowledged | None, status: int = 200, first: bool = False
    ) -> Response:
        """first: whoever sees it has just acknowledged it."""
        reading = reading_of(found.channel)
        said = acknowledged and {
            "by": who_has(acknowledged, reading),
            "at": moment(acknowledged.at, reading),
            "until": "" if acknowledged.until is None else moment(acknowledged.until, reading),
            "comment": acknowledged.comment,
        }
        return self.rendered(status, reading, acknowledged=said, first=first, **told(found.incident, reading))


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application."""
    link_pages.install(app, PATH, IncidentPages(deps))
