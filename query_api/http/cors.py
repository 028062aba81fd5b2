"""Verbs of an API whose routes are open to scripts in browsers: an ASGI layer around the application.

For the paths of the routes it is given, and only for those: OPTIONS is answered 204 without asking anybody, HEAD is GET
without the body, any other verb that no route takes is 405 with an empty body, and every answer, an error too, carries
the CORS headers. Other paths pass untouched.
"""

import re
from collections.abc import Iterable

from starlette.routing import Route, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

_ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Cors:
    """`prefixes`: where the routes are mounted. `exposed`: answer headers that scripts may read."""

    def __init__(self, app: ASGIApp, routes: Iterable[Route], prefixes: Iterable[str], exposed: str = "") -> None:
        self._app = app
        verbs: dict[str, set[str]] = {}
        for route in routes:
            verbs.setdefault(route.path, set()).update(route.methods or ())
        at = "|".join(map(re.escape, prefixes))
        # One expression per path for all prefixes, and one for the rooms of all: a path is looked at only once.
        self._rooms = re.compile(f"(?:{at})/(?:{'|'.join({re.escape(path.split('/')[1]) for path in verbs})})(?:/|$)")
        self._paths = [
            (re.compile(f"(?:{at}){compile_path(path)[0].pattern.removeprefix('^')}"), _sorted(methods))
            for path, methods in verbs.items()
        ]
        self._headers = {verbs: _cors(verbs, exposed) for _, verbs in self._paths}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verbs = self._verbs_of(scope["path"]) if scope["type"] == "http" else None
        if verbs is None:
            await self._app(scope, receive, send)
            return
        send = _with_headers(send, self._headers[verbs])
        match scope["method"]:
            case "OPTIONS":
                await _empty(send, 204)
            case "HEAD" if "GET" in verbs:
                await self._app({**scope, "method": "GET"}, receive, _without_body(send))
            case method if method not in verbs:
                allowed = ", ".join((*verbs, *(("HEAD",) if "GET" in verbs else ()), "OPTIONS"))
                await _empty(send, 405, (b"allow", allowed.encode()))
            case _:
                await self._app(scope, receive, send)

    def _verbs_of(self, path: str) -> tuple[str, ...] | None:
        if not self._rooms.match(path):
            return None
        return next((verbs for pattern, verbs in self._paths if pattern.match(path)), None)


def _cors(verbs: tuple[str, ...], exposed: str) -> Headers:
    headers = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-headers", b"X-Api-Key"),
        (b"access-control-allow-methods", ", ".join((*verbs, "OPTIONS")).encode()),
        (b"access-control-max-age", b"600"),
    ]
    return [*headers, (b"access-control-expose-headers", exposed.encode())] if exposed else headers


def _with_headers(send: Send, headers: Headers) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return sending


def _sorted(methods: set[str]) -> tuple[str, ...]:
    return tuple(method for method in _ORDER if method in methods)


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sending


async def _empty(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    length = [] if status == 204 else [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b""})
