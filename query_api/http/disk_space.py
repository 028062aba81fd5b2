"""Changes need room: while the disk of the embedded Kafka is full, they are answered 503 before anything is asked.

An ASGI layer around the routes. Reads go on; so do the forms of pages, which write nothing.
"""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.disk import Disk
from query_api.http.refusals import ErrorForm, error_answer

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGING = ("/api/", "/recipients/", "/incidents/")
_WORDS = "the disk of this Pingfold is full: nothing can be changed now, try again later"
_RETRY = {"Retry-After": "10"}


class RejectWritesWhenFull:
    """`forms`: for the paths that a function takes, an API's own form of errors, as in `refusals.install`."""

    def __init__(self, app: ASGIApp, disk: Disk, forms: Mapping[Callable[[str], bool], ErrorForm]) -> None:
        self._app, self._disk, self._forms = app, disk, forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if (
            scope["type"] != "http"
            or scope["method"] in _READING
            or not scope["path"].startswith(_CHANGING)
            or self._disk.has_room
        ):
            await self._app(scope, receive, send)
            return
        path = Request(scope).url.path
        form = next((form for speaks, form in self._forms.items() if speaks(path)), error_answer)
        await form(503, _WORDS, _RETRY)(scope, receive, send)
