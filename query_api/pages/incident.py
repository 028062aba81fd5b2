"""`/incidents/TOKEN`: where whoever was told of an incident says that they take care of it.

The link stands in notices, and robots follow links: reading the page changes nothing, only the form on it does (POST).
The token is all that is needed, and opens nothing else. It is good while the channel is there that was told. Who comes
second is told who was first, and when. The page is not kept by caches, tells its address to nobody, and runs nothing.
"""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from infra.log.lookup import NotCaughtUp, look_up
from infra.secrets.incident_links import PATH, IncidentLink
from query_api.actors import by_link
from query_api.commands import Late
from query_api.dependencies import Dependencies, dependencies_of
from query_api.errors import QueryApiError
from query_api.http.route_index import include
from query_api.incidents import OpenIncident, acknowledge, open_incident
from query_api.pages.recipients import HEADERS
from schemas.incidents import Acknowledged
from schemas.times import to_second

router = APIRouter(include_in_schema=False)

_templates = Environment(loader=PackageLoader("query_api.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
# The states may be a moment behind a notice that was sent.
_BEHIND = 1.0
_LONGEST = {"by": 100, "comment": 1_000}
_OVER = "It is over: this incident has ended, and nobody need do anything about it."
_REMOVED = "This link is no longer valid: the channel that it was sent to was removed."
_NOT_RECORDED = "That could not be recorded in time. Please try again in a moment."


class NoIncident(QueryApiError):
    """There is nothing to acknowledge: the status, and what people are told."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


def rendered(deps: Dependencies, template: str, status: int, **values: object) -> HTMLResponse:
    """A page that is not kept by caches, tells its address to nobody, and runs nothing."""
    return HTMLResponse(
        _templates.get_template(template).render(site=deps.settings.site_name, **values), status, HEADERS
    )


class Incidents:
    """What the routes share."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    async def find(self, token: str) -> tuple[OpenIncident, IncidentLink]:
        """The open incident that a token names. Raises `NoIncident`."""
        deps, link = self._deps, self._deps.incident_links.read(token)
        if link is None:
            raise NoIncident(404, "This link is not valid. Please check that it is complete.")

        def thing() -> object | None:
            return deps.directory.monitor(link.thing) or deps.directory.check(link.thing)

        def is_open() -> bool:
            found = open_incident(deps, link.thing)
            return found is not None and found.id == link.incident

        def channel() -> object | None:
            return deps.directory.channel(link.channel)

        try:
            known = await look_up(deps.definitions_replica, thing)
            told = await look_up(deps.definitions_replica, channel)
        except NotCaughtUp:
            raise NoIncident(503, "This cannot be looked up now. Please try again in a moment.") from None
        if known is None:
            raise NoIncident(404, "What this was about is not watched any more.")
        if told is None:
            raise NoIncident(410, _REMOVED)
        if not is_open():
            await deps.states_replica.wait(is_open, _BEHIND)
        incident = open_incident(deps, link.thing)
        if incident is None or incident.id != link.incident:
            raise NoIncident(410, _OVER)
        return incident, link

    async def answer(self, request: Request, incident: OpenIncident, link: IncidentLink) -> Response:
        """Acknowledge, and say what came of it. Raises `NoIncident`."""
        if (before := incident.acknowledged) is not None:
            return self.page(incident, before, 409)
        said = said_in(await request.body())
        by = said.get("by") or self._of_channel(link)
        try:
            taken = await acknowledge(self._deps, incident, by_link(request), by, said.get("comment", ""))
        except Late:
            raise NoIncident(503, _NOT_RECORDED) from None
        if taken.rejected is not None:
            raise NoIncident(503, _NOT_RECORDED)
        if taken.acknowledged is None:
            raise NoIncident(410, _OVER)
        return self.page(incident, taken.acknowledged, 200 if taken.first else 409, first=taken.first)

    def page(
        self, incident: OpenIncident, acknowledged: Acknowledged | None, status: int = 200, first: bool = False
    ) -> HTMLResponse:
        """The page of an open incident. first: whoever sees it has just acknowledged it."""
        said = acknowledged and {
            "by": acknowledged.by or "Somebody",
            "at": f"{to_second(acknowledged.at)} UTC",
            "until": "" if acknowledged.until is None else f"{to_second(acknowledged.until)} UTC",
        }
        return self._page(
            status,
            name=incident.name,
            started=f"{to_second(incident.started)} UTC",
            cause=incident.cause,
            acknowledged=said,
            comment=acknowledged.comment if acknowledged else "",
            first=first,
        )

    def no_page(self, none: NoIncident) -> HTMLResponse:
        """The page that says why there is nothing to acknowledge."""
        return self._page(none.status, problem=none.words)

    def _of_channel(self, link: IncidentLink) -> str:
        channel = self._deps.directory.channel(link.channel)
        return f"somebody who was told by {channel.name or channel.kind}" if channel is not None else "somebody"

    def _page(self, status: int, **values: object) -> HTMLResponse:
        return rendered(self._deps, "incident.html", status, **values)


async def _incidents(request: Request) -> Incidents:
    return Incidents(dependencies_of(request))


TheIncidents = Annotated[Incidents, Depends(_incidents)]


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get(f"{PATH}{{token}}")
async def show(incidents: TheIncidents, token: str) -> Response:
    """What is down, and who takes care of it."""
    try:
        incident, _ = await incidents.find(token)
        return incidents.page(incident, incident.acknowledged)
    except NoIncident as none:
        return incidents.no_page(none)


@router.post(f"{PATH}{{token}}")
async def answer(request: Request, incidents: TheIncidents, token: str) -> Response:
    """Acknowledge: `by` and `comment`, as the form sends them; both may be left out."""
    try:
        incident, link = await incidents.find(token)
        return await incidents.answer(request, incident, link)
    except NoIncident as none:
        return incidents.no_page(none)


def said_in(body: bytes) -> dict[str, str]:
    """What the form says, each in one line; what cannot be read says nothing."""
    try:
        given = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError:
        return {}
    return {
        name: " ".join("".join(each if each.isprintable() else " " for each in given[name][0]).split())[:longest]
        for name, longest in _LONGEST.items()
        if name in given
    }
