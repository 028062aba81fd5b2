"""Behaviour common to all paths: an ASGI middleware around the whole application, including its 500 responses.

- HEAD is GET without the body. OPTIONS is always answered with 204, also for the whole server (`*`). A 405 lists the
  methods of the path in `Allow`.
- A trailing slash, doubled slashes and UUIDs in upper case make no difference.
- API responses have CORS headers, and preflights are answered for all paths, so that a script can read a 404 too. The
  same applies to errors of badges and status pages, which any script may read.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query_api.http.cors import NOBODYS, PUBLIC, Headers, Scripts
from query_api.http.representations import API_KEYS
from query_api.http.route_index import Resource, RouteIndex
from query_api.http.spelling import ascii_query, other_spellings, with_lower_uuids

# Whether a GET was a HEAD: an answer that would not end is not begun.
WITHOUT_BODY: Final = "pingfold.without_body"

_PREFLIGHT = b"access-control-request-method"
_ALL = ("GET", "POST", "PUT", "PATCH", "DELETE")
_WHOLE = Resource(("*",), _ALL)
# So many paths are remembered, none longer than this.
_PLACES, _LONGEST = 4_096, 200


class _Open(NamedTuple):
    """What an API adds to its answers for scripts, and what its keys are shown in; nothing: it is no API. to_errors:
    only they need it, but not one that asks for a password: such a page is for the browser that asks."""

    headers: Headers
    keys: tuple[str, ...] = ()
    to_errors: bool = False

    def of(self, status: int) -> Headers:
        return self.headers if not self.to_errors or status == 204 or (status >= 400 and status != 401) else []


class Verbs:
    """index: what is where. scripts: of each API."""

    def __init__(self, app: ASGIApp, index: RouteIndex, scripts: Sequence[Scripts]) -> None:
        self._app, self._index, self._scripts = app, index, (*scripts, NOBODYS)
        # What is read again and again is looked up once.
        self._place = lru_cache(_PLACES)(self._look_up)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on and complete the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        find = self._place if len(scope["path"]) <= _LONGEST else self._look_up
        path, resource, open = find(scope["path"])
        method = scope["method"]
        sending = _completing(send, open, resource, method == "HEAD")
        if method == "OPTIONS" and (resource is not None or (open.headers and _is_preflight(scope))):
            await _no_content(sending, "" if resource is None else resource.allow)
            return
        as_get = method == "HEAD" and (resource is None or "GET" in resource.verbs)
        query = ascii_query(scope.get("query_string", b""))
        scope = {**scope, "path": path, "query_string": query, "method": "GET" if as_get else method}
        if as_get:
            scope[WITHOUT_BODY] = True
        if open.keys:
            scope[API_KEYS] = open.keys
        await self._app(scope, receive, sending)

    def _look_up(self, path: str) -> tuple[str, Resource | None, _Open]:
        """What is at a path, in the spelling that the routes know."""
        path = with_lower_uuids(path)
        resource = _WHOLE if path == "*" else self._index.resource(path)
        if resource is None:
            for other in other_spellings(path):
                if (resource := self._index.resource(other)) is not None:
                    path = other
                    break
        api = next((one for one in self._scripts if one.speaks(path)), None)
        verbs = _ALL if resource is None else resource.verbs
        if api is None:
            public = PUBLIC.speaks(path)
            return path, resource, _Open(PUBLIC.headers(verbs) if public else [], to_errors=public)
        return path, resource, _Open(api.headers(verbs), api.keys)


def _is_preflight(scope: Scope) -> bool:
    return any(name == _PREFLIGHT for name, _ in scope["headers"])


def _completing(send: Send, open: _Open, resource: Resource | None, without_body: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            told = [*message.get("headers", ()), *open.of(message["status"])]
            if message["status"] == 405 and resource is not None and all(name.lower() != b"allow" for name, _ in told):
                told.append((b"allow", resource.allow.encode()))
            message = {**message, "headers": told}
        elif without_body and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sending


async def _no_content(send: Send, allow: str) -> None:
    headers = [(b"allow", allow.encode())] if allow else []
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
