"""A table of routes: a request is matched against the few routes with the same beginning, not against all.

If the table has no match (an unsupported method, an unknown path), FastAPI's own search continues and answers. The
table also has the methods of each path.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

# So many parts of a path are looked at, `/api/v1/monitors`; the empty one in front is counted.
_PARTS = 4
_ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Resource(NamedTuple):
    """What is at a path. forms: the paths of its routes. verbs: those that one of its routes takes."""

    forms: tuple[str, ...]
    verbs: tuple[str, ...]

    @property
    def allow(self) -> str:
        """`Allow`: HEAD goes where GET goes, OPTIONS everywhere."""
        return ", ".join((*self.verbs, *(("HEAD",) if "GET" in self.verbs else ()), "OPTIONS"))


class _Form(NamedTuple):
    path: str
    pattern: re.Pattern[str]
    verbs: set[str]


class RouteIndex(BaseRoute):
    """The first route of an application. Of two that take a path, the one that spells out more of it is asked first."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: dict[tuple[str, ...], list[APIRoute]] = {}
        self._forms: dict[tuple[str, ...], dict[str, _Form]] = {}
        self._resources: dict[tuple[str, ...], Resource] = {}
        for route in routes:
            if isinstance(route, APIRoute):
                parts = route.path.split("/", _PARTS)[:_PARTS]
                spelled = next((number for number, part in enumerate(parts) if "{" in part), len(parts))
                alike = self._forms.setdefault((*parts[:spelled],), {})
                form = alike.setdefault(route.path, _Form(route.path, route.path_regex, set()))
                for method in route.methods or ():
                    form.verbs.add(method)
                    self._routes.setdefault((method, *parts[:spelled]), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The route is told in the scope, as FastAPI's routes do."""
        if scope["type"] == "http":
            parts = scope["path"].split("/", _PARTS)
            for spelled in range(_PARTS, 1, -1):
                for route in self._routes.get((scope["method"], *parts[:spelled]), ()):
                    match, found = route.matches(scope)
                    if match is Match.FULL:
                        return match, found
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)

    def resource(self, path: str) -> Resource | None:
        """What is at a path, by all routes that take it; None: nothing is there."""
        parts = path.split("/", _PARTS)
        found = [
            form
            for spelled in range(min(_PARTS, len(parts)), 1, -1)
            for form in self._forms.get((*parts[:spelled],), {}).values()
            if form.pattern.match(path)
        ]
        if not found:
            return None
        # As many as there are ways in which forms overlap: few.
        forms = tuple(form.path for form in found)
        if (known := self._resources.get(forms)) is None:
            verbs = set[str]().union(*(form.verbs for form in found))
            known = self._resources[forms] = Resource(forms, tuple(verb for verb in _ORDER if verb in verbs))
        return known


def prefixed(router: APIRouter, prefix: str) -> list[BaseRoute]:
    """The routes of a router, found under a prefix. They hold nothing of an application: several may share them."""
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    assert len(routes) == len(router.routes), "the table knows no others"
    if not prefix:
        return [*routes]
    under = APIRouter()
    for route in routes:
        under.add_api_route(
            prefix + route.path,
            route.endpoint,
            methods=list(route.methods or ()),
            status_code=route.status_code,
            tags=route.tags,
            dependencies=route.dependencies,
            summary=route.summary,
            response_class=route.response_class,
            responses=route.responses,
            openapi_extra=route.openapi_extra,
            include_in_schema=route.include_in_schema,
        )
    return under.routes


def include(app: FastAPI, router: APIRouter, prefix: str = "") -> None:
    """Give an application the routes of a router as its own: by `include_router` each would be asked twice."""
    app.router.routes.extend(prefixed(router, prefix))
