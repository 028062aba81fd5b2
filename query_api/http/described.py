"""Documents that are made once and then only sent, such as `/openapi.json`.

They are the largest answers that strangers get: packed they are small; unpacked, each is sent at most `_MOST_PLAIN`
times in a second.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from query_api.dependencies import Dependencies
from query_api.http.codings import CODINGS, Coding, accepted, packed
from query_api.http.refusals import JSON, error_answer
from query_api.http.representations import names
from query_api.http.route_index import include

PATH = "/openapi.json"

router = APIRouter(include_in_schema=False)
_MAX_AGE = 300
# Unpacked documents in a second: 15 MB.
_MOST_PLAIN = 50
_WAIT = "asked for too often: wait a second, or accept zstd or gzip"


class _Made(NamedTuple):
    plain: bytes
    packed: Mapping[Coding, bytes]
    etag: str


class Published:
    """A document. make: its bytes, in a thread, when it is first asked for. now: monotonic seconds."""

    def __init__(
        self,
        make: Callable[[], bytes],
        media_type: str = JSON,
        headers: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._media_type, self._now = make, media_type, now
        self._headers = dict(headers or {})
        self._making: asyncio.Future[_Made] | None = None
        self._second, self._sent = 0, 0

    async def answer(self, request: Request) -> Response:
        """The document, packed if the client takes that; 304 if it has it."""
        if self._making is None:
            # A tenth of a second of a core: in a thread, once, however many ask meanwhile.
            self._making = asyncio.ensure_future(asyncio.to_thread(self._packed))
        making = self._making
        try:
            made = await asyncio.shield(making)
        except Exception:
            if self._making is making:
                self._making = None  # the next request tries again
            raise
        headers = {"ETag": made.etag, "Cache-Control": f"public, max-age={_MAX_AGE}", "Vary": "Accept-Encoding"}
        headers |= self._headers
        if names(request.headers.get("if-none-match", ""), made.etag):
            return Response(status_code=304, headers=headers)
        coding, _ = accepted(request.scope["headers"])
        if coding is not None:
            headers["Content-Encoding"] = coding
            return Response(made.packed[coding], headers=headers, media_type=self._media_type)
        if not self._may_send():
            return error_answer(429, _WAIT, {"Retry-After": "1"})
        return Response(made.plain, headers=headers, media_type=self._media_type)

    def _may_send(self) -> bool:
        second = int(self._now())
        if second != self._second:
            self._second, self._sent = second, 0
        self._sent += 1
        return self._sent <= _MOST_PLAIN

    def _packed(self) -> _Made:
        plain = self._make()
        each = {coding: packed(plain, coding) for coding in CODINGS}
        return _Made(plain, each, f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"')


@router.get(PATH)
async def description(request: Request) -> Response:
    document: Published = request.app.state.description
    return await document.answer(request)


def install(app: FastAPI, _: Dependencies) -> None:
    """Put the document into the application. It describes all routes that there are when it is first asked for."""
    app.state.description = Published(
        lambda: msgspec.json.encode(app.openapi()), headers={"Access-Control-Allow-Origin": "*"}
    )
    include(app, router)
