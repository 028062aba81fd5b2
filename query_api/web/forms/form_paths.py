"""Addresses that only take forms, when somebody opens them: he is led to the page where the form stands.

A form that is refused is shown at the address that it was sent to. Who loads that again without sending anything, keeps
it, or comes back to it after a sign-in asks for it by GET.
"""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute

from query_api.dependencies import DependenciesDep
from query_api.http.route_index import include
from query_api.web.people.sign_in import led_to
from query_api.web.viewer import viewer

_CONVERTER = re.compile(r":\w+\}")


def install(app: FastAPI) -> None:
    """Give each route of a form that no page has its GET. After all pages of the web application, before any other."""
    of = [route for route in app.routes if isinstance(route, APIRoute) and _is_page(route)]
    pages = {_CONVERTER.sub("}", route.path) for route in of if "GET" in (route.methods or ())}
    router = APIRouter(include_in_schema=False)
    for path in sorted({route.path for route in of if "POST" in (route.methods or ())} - pages):
        # Whoever has no session is asked to sign in first, but for the step of that itself.
        asks = [] if path.startswith("/sign-in") else [Depends(viewer)]
        router.add_api_route(path, _leading_to(page_of(path, pages)), methods=["GET"], dependencies=asks)
    include(app, router)


def page_of(path: str, pages: set[str]) -> str:
    """The page that the form of a route stands on: the nearest above it, by the names of their parts."""
    while path and path not in pages:
        path = path.rpartition("/")[0]
    return path or "/"


def _leading_to(page: str) -> Callable[..., Awaitable[Response]]:
    async def lead(request: Request, deps: DependenciesDep) -> Response:
        parts = {name: quote(str(value), safe="") for name, value in request.path_params.items()}
        return led_to(deps, page.format(**parts))

    return lead


def _is_page(route: APIRoute) -> bool:
    return route.endpoint.__module__.startswith("query_api.web.")
