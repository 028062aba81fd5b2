"""Pages that a link in a message opens: where whoever was told of something answers it.

The contract:

- Robots follow links, so reading a page changes nothing; only the form on it does (POST).
- The token in the address is all that is needed, and opens nothing else. A page is not kept by caches, tells its
  address to nobody, and runs nothing.
- It is in the language and the time zone of the channel that the message went to, as far as that is known, else in
  English. Whatever is wrong is said in a page, with a status of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from typing import ClassVar, Generic, TypeVar
from urllib.parse import parse_qs

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from infra.log.lookup import NotCaughtUp, look_up
from query_api.dependencies import Dependencies
from query_api.errors import QueryApiError
from query_api.http.route_index import include
from query_api.incidents import OpenIncident
from schemas.base import SECOND, Micros
from schemas.channels.reading import reading_in
from schemas.definitions import Channel
from schemas.incidents import Acknowledged
from schemas.languages.catalogues import ENGLISH, LANGUAGES
from schemas.languages.reading import ENGLISH_UTC, Reading
from schemas.times import iso

_templates = Environment(loader=PackageLoader("query_api.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Robots-Tag": "noindex",
}
_LONGEST = {"by": 100, "comment": 1_000}

Found = TypeVar("Found")
T = TypeVar("T")


class NothingToAnswer(QueryApiError):
    """There is nothing to answer here: the status, and the sentence that says why (`schemas.languages`)."""

    def __init__(self, status: int, sentence: str, reading: Reading = ENGLISH_UTC) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.reading = status, sentence, reading


class LinkPages(ABC, Generic[Found]):
    """The pages of one kind of links. template: of their HTML. `Found`: what a token leads to."""

    template: ClassVar[str]

    def __init__(self, deps: Dependencies) -> None:
        self.deps = deps

    @abstractmethod
    async def find(self, token: str) -> Found:
        """What a token leads to. Raises `NothingToAnswer`."""

    @abstractmethod
    def page(self, found: Found) -> Response:
        """The page, as it is read."""

    @abstractmethod
    async def answer(self, found: Found, request: Request) -> Response:
        """Take what the form says; the page after it. Raises `NothingToAnswer`."""

    async def show(self, token: str) -> Response:
        """What is answered to GET."""
        try:
            return self.page(await self.find(token))
        except NothingToAnswer as none:
            return self.no_page(none)

    async def take(self, request: Request, token: str) -> Response:
        """What is answered to POST."""
        try:
            return await self.answer(await self.find(token), request)
        except NothingToAnswer as none:
            return self.no_page(none)

    def no_page(self, none: NothingToAnswer) -> HTMLResponse:
        """The page that says why there is nothing to answer."""
        return self.rendered(none.status, none.reading, problem=none.sentence)

    def rendered(self, status: int, reading: Reading, **values: object) -> HTMLResponse:
        """The template with these values."""
        template = _templates.get_template(self.template)
        site, language = self.deps.settings.site_name, reading.language if reading.language in LANGUAGES else ENGLISH
        text = template.render(site=site, says=reading.says, isolated=_isolated, language=language, **values)
        return HTMLResponse(text, status, _HEADERS)

    async def looked_up(self, find: Callable[[], T | None], none: NothingToAnswer) -> T:
        """What stands in the replica of definitions. Raises `NothingToAnswer`: `none` when it is not there."""
        try:
            found = await look_up(self.deps.definitions_replica, find)
        except NotCaughtUp:
            raise NothingToAnswer(503, "page.not_now", none.reading) from None
        if found is None:
            raise none
        return found

    async def channel_of(self, id: str) -> Channel:
        """The channel that a link was sent to. Raises `NothingToAnswer`."""
        return await self.looked_up(lambda: self.deps.directory.channel(id), NothingToAnswer(410, "page.channel_gone"))


def _isolated(text: str) -> str:
    """Text of others in a sentence: the direction of its letters turns nothing around it (as `<bdi>` does)."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


def install(app: FastAPI, path: str, pages: LinkPages[Found]) -> None:
    """Put pages into the application, at what begins with `path` and ends with a token."""
    app.state.link_pages = {**getattr(app.state, "link_pages", {}), path: pages}
    include(app, _router(path))


@cache
def _router(path: str) -> APIRouter:
    """Made once in a process: its routes find the pages in the application that is asked."""
    router = APIRouter(include_in_schema=False)

    def pages_of(request: Request) -> LinkPages[object]:
        pages: LinkPages[object] = request.app.state.link_pages[path]
        return pages

    async def show(request: Request, token: str) -> Response:
        return await pages_of(request).show(token)

    async def take(request: Request, token: str) -> Response:
        return await pages_of(request).take(request, token)

    router.add_api_route(f"{path}{{token}}", show, methods=["GET"])
    router.add_api_route(f"{path}{{token}}", take, methods=["POST"])
    return router


def reading_of(channel: Channel | None) -> Reading:
    """How whoever reads a channel is told something."""
    return ENGLISH_UTC if channel is None else reading_in(channel.options)


def told(incident: OpenIncident, reading: Reading) -> dict[str, str]:
    """What a page says of an open incident."""
    return {
        "name": incident.name,
        "started": moment(incident.started, reading),
        "cause": reading.cause(incident.cause),
    }


def who_has(acknowledged: Acknowledged, reading: Reading) -> str:
    """Who acknowledged an incident, also where they gave no name."""
    return acknowledged.by or reading.says("page.somebody")


def moment(at: Micros, reading: Reading) -> str:
    """A time as people are told it."""
    return reading.moment(iso(at // SECOND * SECOND))


def said_in(body: bytes, channel: Channel) -> dict[str, str]:
    """What the form of an acknowledgement says, `by` and `comment`, each in one line; both may be left out, and what
    cannot be read says nothing. Who says no name is somebody who was told by the channel."""
    try:
        given = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError:
        given = {}
    said = {
        name: " ".join("".join(each if each.isprintable() else " " for each in given[name][0]).split())[:longest]
        for name, longest in _LONGEST.items()
        if name in given
    }
    by = said.get("by") or f"somebody who was told by {channel.name or channel.kind}"
    return {"by": by, "comment": said.get("comment", "")}
