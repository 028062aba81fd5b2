"""What every answer of the updown API has in common on the wire: an ASGI layer around its routes.

How long an answer may be kept (docs/compatibility/updown.md, "Caching"), and `X-Request-Id` and `X-Runtime` (seconds).
Tags, 304 and packing are those of all APIs: `query_api.http.representations`.
"""

import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.ids import new_id

MAX_AGE = 30

# What one layer keeps in a scope for the routes within it; the same object for copies of the scope.
_KEPT = "pingfold.updown"


class _Facts:
    """What the routes tell of a request."""

    must_ask_each_time = False


def must_ask_each_time(scope: Scope) -> None:
    """Caches may not answer in place of this API: whoever asks could also change what is read, or their key stands
    where caches do not look."""
    facts = scope.get(_KEPT)
    if isinstance(facts, _Facts):
        facts.must_ask_each_time = True


class Wire:
    """`speaks`: whether a path is of this API."""

    def __init__(self, app: ASGIApp, speaks: Callable[[str], bool]) -> None:
        self._app, self._speaks = app, speaks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and complete the answer."""
        if scope["type"] != "http" or not self._speaks(scope["path"]):
            await self._app(scope, receive, send)
            return
        began, facts = time.perf_counter(), _Facts()
        scope = {**scope, _KEPT: facts}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                if scope["method"] == "GET" and message["status"] == 200:
                    _say_how_long(headers, facts.must_ask_each_time)
                elif message["status"] < 400:
                    headers.setdefault("Cache-Control", "max-age=0, private, must-revalidate")
                    headers.add_vary_header("Origin")
                else:
                    headers.setdefault("Cache-Control", "no-cache")
                    headers.add_vary_header("Origin")
                headers["X-Request-Id"] = new_id()
                headers["X-Runtime"] = f"{time.perf_counter() - began:.6f}"
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, sending)


def _say_how_long(headers: MutableHeaders, each_time: bool) -> None:
    """A key that only reads may be shown what is up to half a minute old; one that writes sees what it wrote."""
    kept = "max-age=0, private, must-revalidate" if each_time else f"public, max-age={MAX_AGE}"
    headers.setdefault("Cache-Control", kept)
    for name in ("X-Api-Key", "Origin"):
        headers.add_vary_header(name)
