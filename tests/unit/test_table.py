"""The table of routes finds what the search through all routes finds."""

import re

from fastapi.routing import APIRoute
from starlette.routing import Match

from query_api.http.route_index import RouteIndex
from tests.harness import Harness

APP = Harness().app
APP.build_middleware_stack()
ROUTES = APP.routes
TABLE = ROUTES[0]


def _asked() -> list[tuple[str, str]]:
    """Each verb of each path there is; and what looks alike, and is nobody's."""
    paths = {re.sub(r"{\w+}", "x1", route.path) for route in ROUTES if isinstance(route, APIRoute)}
    paths |= {f"{path}/nobody" for path in paths} | {f"{path}/" for path in paths} | {"/api/v9/checks", "", "//"}
    return [(verb, path) for path in sorted(paths) for verb in ("GET", "POST", "PATCH", "DELETE", "PUT")]


def test_it_is_asked_first() -> None:
    assert isinstance(TABLE, RouteIndex)


def test_it_finds_the_same_routes() -> None:
    for verb, path in _asked():
        scope = {"type": "http", "method": verb, "path": path, "headers": []}
        tried = (route.matches(dict(scope)) for route in ROUTES[1:] if isinstance(route, APIRoute))
        wanted = next((found for match, found in tried if match is Match.FULL), {})
        assert TABLE.matches(dict(scope))[1] == wanted, (verb, path)
