"""How a page is shown to whoever reads it: the zone of his clock, light or dark, and which links there are.

The zone and the colours are cookies of his browser, set by a script or by the form at the foot of each page. Whatever
else stands in them counts as none: then times are in UTC, and the colours are those of his system.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from infra.clock import Clock
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.shown.shown_times import ShownTimes
from schemas.schedules import BadTimezone, zone

Theme = Literal["", "light", "dark"]

ZONE_COOKIE, THEME_COOKIE = "pingfold_zone", "pingfold_theme"
_KEPT_SECONDS = 31_536_000
# More than a name of a zone and a path of ours need.
_LONGEST = 2_000

router = APIRouter(include_in_schema=False)


class Link(NamedTuple):
    """A part of the site. path: below its root."""

    words: str
    path: str


# Those that a page of ours serves are shown.
_PARTS = (
    Link("Overview", "/"),
    Link("Incidents", "/incidents"),
    Link("Past", "/past"),
    Link("Maintenance", "/maintenance"),
    Link("Channels", "/channels"),
    Link("Escalations", "/escalations"),
    Link("On call", "/rotations"),
    Link("Status pages", "/status-pages"),
    Link("Keys", "/keys"),
    Link("Projects", "/projects"),
    Link("People", "/people"),
    Link("Audit", "/audit"),
)


@dataclass(frozen=True)
class Reader:
    """times: how a time is shown to him. path: of the page that he reads, below the site's root; with its query `here`.
    links: the parts of the site."""

    times: ShownTimes
    theme: Theme = ""
    path: str = "/"
    here: str = "/"
    links: tuple[Link, ...] = ()


def install(app: FastAPI) -> None:
    """Put the route of the choices into the application."""
    include(app, router)


def reader_of(request: Request, deps: Dependencies) -> Reader:
    """Whoever reads the answer to a request."""
    theme = request.cookies.get(THEME_COOKIE, "")
    path, query = request.url.path, request.url.query
    return Reader(
        _times(request.cookies.get(ZONE_COOKIE, "UTC"), deps.clock),
        theme if theme in get_args(Theme) else "",  # type: ignore[arg-type]
        path,
        f"{path}?{query}" if query else path,
        _links(request),
    )


def _times(name: str, clock: Clock) -> ShownTimes:
    now = clock.now()
    try:
        return ShownTimes(zone(name), name, now)
    except BadTimezone:
        return ShownTimes(zone("UTC"), "UTC", now)


def _links(request: Request) -> tuple[Link, ...]:
    app = request.app
    if not hasattr(app.state, "site_links"):  # its table of routes is complete when it is first asked
        served = {getattr(route, "path", "") for route in app.routes}
        app.state.site_links = tuple(link for link in _PARTS if link.path in served)
    links: tuple[Link, ...] = app.state.site_links
    return links


@router.post("/preferences")
async def prefer(request: Request, deps: DependenciesDep) -> Response:
    """Keep the zone and the colours that the form names, as cookies, and go back to the page that it was on."""
    body = (await request.body())[:_LONGEST].decode(errors="replace")
    said = dict(parse_qsl(body, keep_blank_values=True))
    back = said.get("back", "/")
    # A path of this site, and never `//elsewhere`.
    is_ours = back.startswith("/") and back[1:2] not in ("/", "\\") and back.isascii() and back.isprintable()
    answer = RedirectResponse(f"{deps.settings.root}{back if is_ours else '/'}", 303)
    name, theme = said.get("zone", ""), said.get("theme", "")
    if _times(name, deps.clock).name == name:
        _keep(answer, deps, ZONE_COOKIE, name)
    if theme in get_args(Theme):
        _keep(answer, deps, THEME_COOKIE, theme)
    return answer


def _keep(answer: Response, deps: Dependencies, name: str, value: str) -> None:
    path = deps.settings.root or "/"
    # Not quoted, so that scripts and we read the same: names of zones have nothing in them that would need it.
    secure = "; Secure" if deps.settings.base_url.startswith("https:") else ""
    kept = f"{name}={value}; Path={path}; Max-Age={_KEPT_SECONDS}; SameSite=Lax{secure}"
    answer.headers.append("Set-Cookie", kept)
