"""The application that contains all routes: FastAPI without its own formats of responses.

Its route table is built at the first request, so routes may be added until then.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.types import ASGIApp

from query_api.http import refusals
from query_api.http.cors import Scripts
from query_api.http.openapi import Api
from query_api.http.refusals import ErrorForm
from query_api.http.representations import Representations
from query_api.http.route_index import RouteIndex, include
from query_api.http.safe_headers import SafeHeaders
from query_api.http.verbs import Verbs


class Application(Api):
    """forms: an API's own form of errors, for the paths that a function takes. scripts: what scripts may do."""

    def __init__(
        self,
        title: str,
        forms: Mapping[Callable[[str], bool], ErrorForm] | None = None,
        scripts: Sequence[Scripts] = (),
        **described: Any,
    ) -> None:
        # `described` serves the document, `api_reference` its pages.
        super().__init__(
            title=title, redirect_slashes=False, openapi_url=None, docs_url=None, redoc_url=None, **described
        )
        self._scripts = scripts
        refusals.install(self, forms or {})

    def include_router(self, router: APIRouter, *, prefix: str = "", **more: Any) -> None:
        """Take the routes of a router as own ones: the table knows no others. Options stand at the router itself."""
        assert not more, f"stand at the router: {', '.join(more)}"
        include(self, router, prefix)

    def build_middleware_stack(self) -> ASGIApp:
        """What stands around everything, answers to defects of ours among it."""
        index = RouteIndex(self.routes)
        self.router.routes.insert(0, index)
        return SafeHeaders(Verbs(Representations(super().build_middleware_stack()), index, self._scripts))
