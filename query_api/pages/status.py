"""Status pages for everybody: `/status/REF` in HTML, `/status/REF.json`, `/status/REF.atom`, `/status/REF/badge.svg`,
and `/status/REF/history`, a month at a time.

`POST /status/REF/subscribe` takes the form for those who want posts by mail (`query_api.pages.subscribing`).

REF is the page's id, or `<slug>-<first 8 of id>`; a link with a former slug still leads to its page. The token of a
check that is published is one, too: its page shows that check alone (`query_api.pages.published`). A public page may
be kept by any cache for 15 s; `Age` says how old an answer is already. A page with a password is for the browser that
asked only, which asks each time; so is a private page, which only the admin password opens.
"""

import asyncio
import hashlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response

from infra.http_server.forwarded import Forwarded
from query_api.dependencies import Dependencies
from query_api.http.lookup import look_up
from query_api.http.refusals import JSON, ApiError
from query_api.http.response_cache import ResponseCache
from query_api.http.route_index import include
from query_api.pages import status_formats, status_history
from query_api.pages.drawing import SAFE_WITH_FORM, SVG
from query_api.pages.page_password import PagePasswordGuard
from query_api.pages.published import PublishedCheck, may_be_token, published_at
from query_api.pages.status_board import Board, address, board_of
from query_api.pages.subscribing import SignUps
from query_api.web.viewer import ASK, NEEDED, SignInNeeded, viewer
from schemas.base import SECOND, Micros
from schemas.ids import is_uuid
from schemas.status_pages import StatusPage

router = APIRouter(include_in_schema=False)

# How long a page that was made is handed out to others who ask, and how many bytes of pages are kept for that.
HOLD: Micros = 5 * SECOND
_MOST_BYTES = 32 * 2**20
_MAX_AGE = 15
_SHORT = 8


class Form(NamedTuple):
    """A form that a page has. `make` makes its bytes of a board, the name of this Pingfold and its address. name: tells
    it from others of the same media type."""

    media_type: str
    make: Callable[[Board, str, str], bytes]
    history: bool = True
    name: str = ""


_HTML = Form("text/html; charset=utf-8", status_formats.html)
_RELOADING = Form(_HTML.media_type, partial(status_formats.html, reloads=True), name="reloading")
_JSON = Form(JSON, status_formats.json)
_ATOM = Form("application/atom+xml; charset=utf-8", status_formats.atom)
_BADGE = Form(SVG, status_formats.badge, history=False)


class _Form(NamedTuple):
    """A page in one of its forms, and the tag by which caches know it again."""

    body: bytes
    etag: str


class StatusPages:
    """What the routes share: `app.state.status_pages`."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._kept: ResponseCache[_Form] = ResponseCache(deps.clock.now, HOLD, _MOST_BYTES, lambda form: len(form.body))
        self._door = PagePasswordGuard(Forwarded(deps.settings.trusted_proxies), deps.password_pool)
        self._sign_ups = SignUps(deps)

    async def answer(self, request: Request, ref: str, form: Form) -> Response:
        """The page at an address in one of its forms, for whoever may see it."""
        page = await self._seen(request, ref, is_for_people=form is _HTML)
        key = (page.id, page.version, form.media_type, form.name)
        made, at = await self._kept.get(key, lambda: self._make(page, form))
        return _response(made, form, bool(page.password) or page.private, self._deps.clock.now() - at)

    async def history(self, request: Request, ref: str, wanted: str) -> Response:
        """A month of the page, for whoever may see it."""
        page = await self._seen(request, ref, is_for_people=True)
        month = status_history.wanted_month(self._deps, page, wanted)
        if month is None:
            raise ApiError(404, "not found")

        async def make() -> _Form:
            past = await status_history.past_month(self._deps, page, month)
            settings = self._deps.settings
            return _form(await asyncio.to_thread(status_history.html, past, settings.site_name, settings.root))

        made, at = await self._kept.get((page.id, page.version, "history", month.name), make)
        return _response(made, _HTML, bool(page.password) or page.private, self._deps.clock.now() - at)

    async def subscribe(self, request: Request, ref: str) -> Response:
        """Take the form of a visitor who may see the page. A page of one check has no posts."""
        page = await self._seen(request, ref, is_for_people=True)
        if isinstance(page, PublishedCheck):
            raise ApiError(404, "not found")
        return await self._sign_ups.take(page, request, f"{self._deps.settings.root}/status/{address(page)}")

    async def _seen(self, request: Request, ref: str, *, is_for_people: bool) -> StatusPage:
        """The page, for whoever may see it. Programs are asked for a password, not led to the page of a sign-in."""
        page = await self._find(ref)
        if page.private:
            try:
                who = await viewer(request, self._deps)
            except SignInNeeded:
                if is_for_people:
                    raise
                raise ApiError(401, NEEDED, ASK) from None
            if not who.may_see(page.project):
                raise ApiError(404, "not found")
        elif page.password:
            await self._door.must_know(page, request)
        return page

    async def _find(self, ref: str) -> StatusPage:
        is_one = _short(ref) or may_be_token(ref)
        page = await look_up(self._deps, "the page", lambda: self._known(ref)) if is_one else None
        if page is None:
            raise ApiError(404, "not found")
        return page

    def _known(self, ref: str) -> StatusPage | None:
        if is_uuid(ref):
            return self._deps.directory.page(ref)
        # Ids rarely begin alike; then the slug decides, and at last the age.
        pages = self._deps.directory.pages_at(_short(ref)) if _short(ref) else ()
        if pages:
            return min(pages, key=lambda page: address(page) != ref)
        return published_at(self._deps.directory, ref) if may_be_token(ref) else None

    async def _make(self, page: StatusPage, form: Form) -> _Form:
        board = await board_of(self._deps, page, form.history)
        settings = self._deps.settings
        # A large page takes some milliseconds: in a thread, they hold up nobody.
        board = board._replace(takes_subscribers=self._sign_ups.are_taken and not isinstance(page, PublishedCheck))
        body = await asyncio.to_thread(form.make, board, settings.site_name, settings.base_url)
        return _form(body)


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application."""
    app.state.status_pages = StatusPages(deps)
    include(app, router)


@router.get("/status/{ref}.json")
async def status_json(request: Request, ref: str) -> Response:
    return await _pages(request).answer(request, ref, _JSON)


@router.get("/status/{ref}.atom")
async def status_atom(request: Request, ref: str) -> Response:
    return await _pages(request).answer(request, ref, _ATOM)


@router.get("/status/{ref}/badge.svg")
async def status_badge(request: Request, ref: str) -> Response:
    return await _pages(request).answer(request, ref, _BADGE)


@router.get("/status/{ref}/history")
async def status_past(request: Request, ref: str, month: str = "") -> Response:
    return await _pages(request).history(request, ref, month)


@router.post("/status/{ref}/subscribe")
async def status_subscribe(request: Request, ref: str) -> Response:
    return await _pages(request).subscribe(request, ref)


@router.get("/status/{ref}")
async def status_page(request: Request, ref: str) -> Response:
    return await _pages(request).answer(request, ref, _RELOADING if "reload" in request.query_params else _HTML)


def _pages(request: Request) -> StatusPages:
    pages: StatusPages = request.app.state.status_pages
    return pages


def _form(body: bytes) -> _Form:
    return _Form(body, f'W/"{hashlib.sha256(body).hexdigest()[:32]}"')


def _response(made: _Form, form: Form, private: bool, age: Micros) -> Response:
    headers = {"ETag": made.etag} | SAFE_WITH_FORM
    if private:
        headers |= {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
    else:
        headers |= {"Cache-Control": f"public, max-age={_MAX_AGE}", "Age": str(max(0, age) // SECOND)}
        headers["Access-Control-Allow-Origin"] = "*"
    return Response(made.body, headers=headers, media_type=form.media_type)


def _short(ref: str) -> str:
    """The first 8 characters of an id that an address ends in; empty when it ends in none."""
    if is_uuid(ref):
        return ref[:_SHORT]
    before, short = ref[:-_SHORT], ref[-_SHORT:]
    well = len(short) == _SHORT and set(short) <= set("0123456789abcdef") and before[-1:] in ("", "-")
    return short if well else ""
