"""What every answer of the updown API has in common on the wire: an ASGI layer around its routes.

- A path with a final slash is the path without it; nobody is redirected.
- GET: `ETag`, 304 for who has the answer already, gzip for who takes it. How long an answer may be kept:
  docs/compatibility/updown.md, "Caching".
- `X-Request-Id` and `X-Runtime` (seconds) on all of them.

Answers are held whole before they are sent: their tag is made of their bytes.
"""

import asyncio
import time
import zlib
from collections.abc import Callable
from hashlib import blake2b

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.ids import new_id

MAX_AGE = 30
# Smaller answers fit in one packet as they are.
_WORTH_PACKING = 1_000
# Larger ones are packed in a thread, so that others get their turn.
_LARGE = 64 * 2**10
_LEVEL = 1
_GZIP_WINDOW = 31

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
        scope = {**scope, "path": _without_slash(scope["path"]), _KEPT: facts}
        start: Message = {}
        chunks: list[bytes] = []

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = {**message, "headers": list(message.get("headers", ()))}
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            chunks.append(message.get("body", b""))
            if message.get("more_body"):
                return
            headers, body = MutableHeaders(raw=start["headers"]), b"".join(chunks)
            if scope["method"] in ("GET", "HEAD") and start["status"] == 200:
                _say_how_long(headers, facts.must_ask_each_time)
            elif start["status"] < 400:
                headers.setdefault("Cache-Control", "max-age=0, private, must-revalidate")
                headers.add_vary_header("Origin")
            else:
                headers.setdefault("Cache-Control", "no-cache")
                headers.add_vary_header("Origin")
            if scope["method"] == "GET" and start["status"] == 200:
                start["status"], body = await _tagged(_Asked(scope), headers, body)
            headers["X-Request-Id"] = new_id()
            headers["X-Runtime"] = f"{time.perf_counter() - began:.6f}"
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, sending)


class _Asked:
    """What a GET says of the form of its answer."""

    def __init__(self, scope: Scope) -> None:
        said: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            said[name] = said[name] + b"," + value if name in said else value
        self.known = said.get(b"if-none-match", b"").decode("latin-1")
        self.takes_gzip = _takes_gzip(said.get(b"accept-encoding", b"").decode("latin-1").lower())

    def has(self, etag: str) -> bool:
        return any(tag.strip().removeprefix("W/") in ("*", etag) for tag in self.known.split(","))


def _without_slash(path: str) -> str:
    return path[:-1] if path.endswith("/") else path


def _say_how_long(headers: MutableHeaders, each_time: bool) -> None:
    """A key that only reads may be shown what is up to half a minute old; one that writes sees what it wrote."""
    kept = "max-age=0, private, must-revalidate" if each_time else f"public, max-age={MAX_AGE}"
    headers.setdefault("Cache-Control", kept)
    for name in ("X-Api-Key", "Origin", "Accept-Encoding"):
        headers.add_vary_header(name)


async def _tagged(asked: _Asked, headers: MutableHeaders, body: bytes) -> tuple[int, bytes]:
    """Status and body of a GET that succeeds."""
    packs = asked.takes_gzip and len(body) >= _WORTH_PACKING and "content-encoding" not in headers
    made = _made(asked, body, packs) if len(body) < _LARGE else await asyncio.to_thread(_made, asked, body, packs)
    etag, sent = made
    headers["ETag"] = f"W/{etag}"
    if sent is None:
        for name in ("content-length", "content-type"):
            if name in headers:
                del headers[name]
        return 304, b""
    if packs:
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(sent))
    return 200, sent


def _made(asked: _Asked, body: bytes, packs: bool) -> tuple[str, bytes | None]:
    """The tag of an answer, and the bytes to send; None: the client has it."""
    etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    if asked.has(etag):
        return etag, None
    if not packs:
        return etag, body
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return etag, packer.compress(body) + packer.flush()


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.split(","):
        name, _, quality = one.replace(" ", "").partition(";")
        if name in ("gzip", "x-gzip", "*") and quality not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            return True
    return False
