"""Transfer of GET responses: an ASGI middleware around the application
(docs/decisions/0094-answers-that-travel-light.md).

- Reads of APIs have a weak `ETag`, computed from the body; other responses may set their own. If `If-None-Match`
  matches, the response is 304 with the same headers. The body is computed in any case: an ETag saves bandwidth, not
  work, and is never older than what was read.
- Larger text is compressed with zstd or gzip if the client accepts it, except behind Basic authentication.

Responses are buffered before they are sent, except event streams. Ping URLs do not pass through this module.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query_api.http.codings import Coding, accepted, packed

# Where the outer layer tells which headers show the keys of the API that a path is of; it is not there elsewhere.
API_KEYS: Final = "pingfold.api_keys"

Headers = list[tuple[bytes, bytes]]

# Smaller answers fit in one packet as they are.
_WORTH_PACKING = 1_000
# Larger ones are packed in a thread, so that others get their turn.
_LARGE = 64 * 2**10
EVENT_STREAM: Final = "text/event-stream"
_TEXT = (b"text/", b"application/json", b"application/atom+xml", b"image/svg+xml")
_EVENTS = EVENT_STREAM.encode()
# A 304 is about what the client has.
_OF_THE_BODY = (b"content-length", b"content-type", b"content-encoding")


class Representations:
    """Around `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and give the answer to a GET its form."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        chunks: list[bytes] = []
        is_stream = False

        async def sending(message: Message) -> None:
            nonlocal start, is_stream
            if message["type"] == "http.response.start":
                start = message
                is_stream = dict(message.get("headers", ())).get(b"content-type", b"").startswith(_EVENTS)
                if is_stream:
                    await send(message)
                return
            if is_stream or message["type"] != "http.response.body":
                await send(message)
                return
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                status, headers, body = start["status"], list(start.get("headers", ())), b"".join(chunks)
                if status == 200:
                    status, headers, body = await _represented(scope, headers, body)
                await send({**start, "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, sending)


async def _represented(scope: Scope, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    """Status, headers and body of an answer that succeeds."""
    told, asked, keys = dict(headers), dict(scope["headers"]), scope.get(API_KEYS)
    may_be_packed = b"content-encoding" not in told and told.get(b"content-type", b"").startswith(_TEXT)
    coding = _coding(scope, len(body)) if may_be_packed and b"accept-encoding" in asked else None
    if keys is not None and b"cache-control" not in told:
        # Whoever asks may keep it, and asks each time whether it still holds.
        headers.append((b"cache-control", b"private, no-cache"))
    vary = told.get(b"vary", b"")
    if (more := _vary(vary, keys or (), may_be_packed)) != vary:
        headers = [*(one for one in headers if one[0] != b"vary"), (b"vary", more)]
    tag = told.get(b"etag")
    if tag is None and keys is None and coding is None:
        return 200, headers, body
    known = [value for name, value in scope["headers"] if name == b"if-none-match"] if b"if-none-match" in asked else ()
    made = (body, coding, tag, keys is not None, known)
    tag, sent = _made(*made) if len(body) < _LARGE else await asyncio.to_thread(_made, *made)
    if tag is not None:
        if b"etag" in told:
            headers = [one for one in headers if one[0] != b"etag"]
        headers.append((b"etag", tag))
    if sent is None:
        return 304, [one for one in headers if one[0] not in _OF_THE_BODY], b""
    if coding is not None:
        headers = [one for one in headers if one[0] != b"content-length"]
        headers += [(b"content-length", str(len(sent)).encode()), (b"content-encoding", coding.encode())]
    return 200, headers, sent


def _coding(scope: Scope, size: int) -> Coding | None:
    """What an answer is packed by.

    Basic credentials are the only ones that a browser shows of its own accord: whoever makes it ask again and again,
    chooses a part of what is shown, and sees how long the answers are, could guess the rest of a page (BREACH).
    """
    if any(name == b"authorization" and value[:6].lower() == b"basic " for name, value in scope["headers"]):
        return None
    coding, never_plain = accepted(scope["headers"])
    return coding if size >= _WORTH_PACKING or never_plain else None


@lru_cache(1_000)
def _vary(said: bytes, keys: Sequence[str], may_be_packed: bool) -> bytes:
    """`Vary` with the names of what an answer depends on besides."""
    there = [name.strip() for name in said.decode("latin-1").split(",") if name.strip()]
    known = {name.lower() for name in there}
    more = (*keys, "Accept-Encoding") if may_be_packed else keys
    return ", ".join((*there, *(name for name in more if name.lower() not in known))).encode()


def _made(
    body: bytes, coding: Coding | None, tag: bytes | None, tags: bool, known: Sequence[bytes]
) -> tuple[bytes | None, bytes | None]:
    """The tag of an answer, and the bytes to send; None: the client has it. tags: it gets one if it has none."""
    if tag is None and tags:
        tag = f'W/"{blake2b(body, digest_size=16).hexdigest()}"'.encode()
    if tag is not None and not tag.startswith(b"W/"):
        tag = b"W/" + tag  # one tag for all codings
    if tag is not None and any(names(value.decode("latin-1"), tag.decode("latin-1")) for value in known):
        return tag, None
    return tag, body if coding is None else packed(body, coding)


def names(tags: str, etag: str) -> bool:
    """Whether `If-None-Match` names a tag: any, or one of a list, compared weakly."""
    wanted = etag.removeprefix("W/")
    return any(tag.strip().removeprefix("W/") in ("*", wanted) for tag in tags.split(","))
