"""A public API as the application sees it: one object for each, listed in `query_api.app` (docs/decisions/0069)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from query_api.dependencies import Dependencies
from query_api.http.cors import Scripts
from query_api.http.refusals import ErrorForm, error_answer
from query_api.http.route_index import prefixed

# An ASGI layer around the application.
Layer = Callable[[ASGIApp], ASGIApp]


class ReferencePage(NamedTuple):
    """The page of an API in `/docs`. scheme: the security scheme of its operations. base: where their paths begin, of
    several versions the one that is shown. key: the header of curl that shows an API key. about: in a sentence."""

    title: str
    scheme: str
    base: str
    key: str
    about: str


@dataclass(frozen=True, kw_only=True)
class PublicApi:
    """Everything that differs from API to API. Who asks is judged by its routes, by way of `query_api.keys`.

    prefixes: where each route is found. Several APIs may share one: a path belongs to the API with a route whose first
    segment is that of the path.
    error_form: how an error looks that no route of its own has made: an unknown path, a large body, a full disk.
    handlers: for the exceptions of its own.
    key_headers: what its keys are shown in; exposed_headers: of its answers. Scripts of other origins may send and read
    them (`query_api.http.cors`).
    state: what its routes keep for the life of the process, by name in `app.state`.
    page: its page in `/docs`.
    layers: around all of the application, the innermost first; each must leave alone what is not of this API.
    """

    name: str
    prefixes: tuple[str, ...]
    routers: tuple[APIRouter, ...]
    error_form: ErrorForm = error_answer
    handlers: Mapping[type[Exception], Callable[[Request, Any], Any]] = field(default_factory=dict)
    page: ReferencePage | None = None
    key_headers: tuple[str, ...] = ("X-Api-Key",)
    exposed_headers: tuple[str, ...] = ()
    state: Callable[[Dependencies], Mapping[str, Any]] = lambda _: {}
    layers: Callable[[Dependencies], tuple[Layer, ...]] = lambda _: ()

    @cached_property
    def mounted(self) -> tuple[BaseRoute, ...]:
        """Its routes as an application has them, under each of its prefixes. Made once in a process, for all
        of them: the signatures of two hundred functions are read, more work than all else in an application."""
        return tuple(route for prefix in self.prefixes for router in self.routers for route in prefixed(router, prefix))

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """Its routes, without their prefixes."""
        return tuple(route for router in self.routers for route in router.routes if isinstance(route, Route))

    def speaks(self, path: str) -> bool:
        """Whether a path is of this API, be there a route or not."""
        return self._paths.match(path) is not None

    @cached_property
    def scripts(self) -> Scripts:
        """What scripts of other origins may do."""
        return Scripts(self.speaks, self.key_headers, self.exposed_headers)

    @cached_property
    def _paths(self) -> re.Pattern[str]:
        segments = {re.escape(route.path.split("/")[1]) for route in self.routes}
        return re.compile(f"(?:{'|'.join(map(re.escape, self.prefixes))})/(?:{'|'.join(sorted(segments))})(?:/|$)")
