"""axe-core over every page of the application, in a real browser: a new page that nobody has looked at fails here.

A page is judged twice: light at the width of a desk, and dark at that of a phone. The other two pairs would find
nothing more: no width changes a colour (`tests/unit/test_page_styles.py`), and no colour a place.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, Request

from query_api.app import APIS
from query_api.web.forms import form_paths
from tests.chromium import DESKTOP, NEEDS_CHROMIUM, PHONE, chromium, serve, violations, visit
from tests.every_page import Pages, Shown
from tests.loop_thread import LoopThread
from tests.source_tree import ROOT
from tests.web_browser import SITE

pytestmark = NEEDS_CHROMIUM

TEMPLATES = (ROOT / "query_api/web/templates", ROOT / "query_api/pages/templates")
# What is read by programs, pictures, files, and a part of a page.
NO_PAGES = {
    "/assets/{hash}/{name}",
    "/live",
    "/checks/{code}/pings/{n}",
    "/checks/next-runs",
    "/b/{states}/{key}.{form}",
    "/badge/{key}/{signature}.{form}",
    "/badge/{key}/{signature}/{tag:path}.{form}",
    "/projects/{project}/metrics/{key}",
    "/projects/{project}/metrics/",
    "/status/{ref}.json",
    "/status/{ref}.atom",
    "/status/{ref}/badge.svg",
    "/on-call/{name}",
    "/openapi.json",
    "/docs/declarations.schema.json",
}

# Whoever wants a page that reloads has asked for it, and is told beside it how to end that.
_CHOSEN = {"?reload=1": "meta-refresh:"}


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as one:
        yield one


@pytest.fixture(scope="module")
def pages(loop: LoopThread) -> Pages:
    return loop.do(Pages().look())


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as one:
        yield one


def test_every_page_is_looked_at(pages: Pages) -> None:
    seen = [shown.path.partition("?")[0] for shown in pages.shown]
    routes = [route for route in pages.harness.app.routes if isinstance(route, APIRoute)]
    readable = {
        one.path
        for one in routes
        if "GET" in (one.methods or ())
        and not any(api.speaks(one.path) for api in APIS)
        and one.endpoint.__module__ != form_paths.__name__  # they lead to a page
    }
    assert readable >= NO_PAGES
    of_pages = [route for route in routes if route.path in readable - NO_PAGES]
    unseen = {route.path for route in of_pages if not any(route.path_regex.match(path) for path in seen)}
    assert unseen == set(), "tests/every_page.py looks at each page"
    templates = {file.name for folder in TEMPLATES for file in Path(folder).glob("*.html")}
    assert templates - pages.templates == set(), "tests/every_page.py shows each template"


def _is_within(page: Page) -> bool:
    """Whether nothing makes the page wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_axe_finds_nothing_on_any_page(pages: Pages, browser: Chromium, loop: LoopThread) -> None:
    found: dict[str, list[str]] = {}
    with visit(browser, None, timezone_id="UTC") as page:
        now: list[Shown] = []

        def answer(request: Request) -> httpx.Response | None:
            if request.is_navigation_request():
                return now[0].answer
            # What scripts ask for is a page as it is.
            return loop.do(pages.harness.client.get(request.url)) if "/assets/" in request.url else None

        serve(page, answer)
        for shown in pages.shown:
            now[:] = [shown]
            name = f"{shown.path} {shown.answer.status_code}"
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": DESKTOP["width"], "height": DESKTOP["height"]})
            page.goto(f"{SITE}{shown.path}")
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
            chosen = tuple(rule for ending, rule in _CHOSEN.items() if shown.path.endswith(ending))
            wrong = [f"light, desk: {one}" for one in violations(page) if not one.startswith(chosen)]
            page.emulate_media(color_scheme="dark")
            page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
            wrong += [f"dark, phone: {one}" for one in violations(page, looks=True)]
            wrong += [] if _is_within(page) else ["it is wider than the screen of a phone"]
            found |= {name: wrong} if wrong else {}
    assert found == {}
