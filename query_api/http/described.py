"""`/openapi.json`: what the API says of itself. Made once, when it is first asked for, and then only sent.

It is the largest answer that strangers get, so unpacked it is sent only so often in a second; packed it is small.
"""

import asyncio
import gzip
import hashlib
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from query_api.http.refusals import JSON, error_answer
from query_api.http.route_index import include

PATH = "/openapi.json"

router = APIRouter(include_in_schema=False)
_MAX_AGE = 300
# Of the unpacked document in a second: 15 MB.
_MOST_PLAIN = 50
_WAIT = "asked for too often: wait a second, or accept gzip"


class _Made(NamedTuple):
    plain: bytes
    packed: bytes
    etag: str


class Description:
    """The document of an application, as bytes. `now`: monotonic seconds."""

    def __init__(self, app: FastAPI, now: Callable[[], float] = time.monotonic) -> None:
        self._app, self._now = app, now
        self._making: asyncio.Future[_Made] | None = None
        self._second, self._sent = 0, 0

    async def answer(self, request: Request) -> Response:
        """The document, packed for who takes that; 304 for who has it."""
        if self._making is None:
            # A tenth of a second of a core: in a thread, once, however many ask meanwhile.
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
        made = await asyncio.shield(self._making)
        headers = {"ETag": made.etag, "Cache-Control": f"public, max-age={_MAX_AGE}", "Vary": "Accept-Encoding"}
        if made.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(made.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=JSON)
        if not self._may_send():
            return error_answer(429, _WAIT, {"Retry-After": "1"})
        return Response(made.plain, headers=headers, media_type=JSON)

    def _may_send(self) -> bool:
        second = int(self._now())
        if second != self._second:
            self._second, self._sent = second, 0
        self._sent += 1
        return self._sent <= _MOST_PLAIN

    def _make(self) -> _Made:
        plain = msgspec.json.encode(self._app.openapi())
        return _Made(plain, gzip.compress(plain, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:32]}"')


@router.api_route(PATH, methods=["GET", "HEAD"])
async def description(request: Request) -> Response:
    told: Description = request.app.state.description
    return await told.answer(request)


def install(app: FastAPI) -> None:
    """Put the document into the application, which tells of all routes that it has when the first one asks."""
    app.state.description = Description(app)
    include(app, router)
