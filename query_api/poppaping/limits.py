"""Requests per minute: a sliding window of 60 s for each key in each process, told on every answer.

An ASGI layer around the application, so that refusals of every kind carry the headers, too. A key that is shown is
counted whether or not it is valid; requests without one share a window. Windows without a recent request are dropped,
and there are never more than `_MOST_WINDOWS`.
"""

import math
from collections import deque
from collections.abc import Callable
from hashlib import sha256

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query_api.poppaping.auth import key_text
from schemas.base import SECOND, Micros

WINDOW: Micros = 60 * SECOND
# What is told where nothing is limited: clients compute with it.
UNLIMITED = 1_000_000
_MOST_WINDOWS = 10_000
# Longer than any key of ours; what is longer is kept as a digest.
_LONGEST_KEY = 200


class RateLimits:
    """`most`: requests in a window, None without limit. `speaks`: whether a path is of this API."""

    def __init__(
        self, app: ASGIApp, most: int | None, now: Callable[[], Micros], speaks: Callable[[str], bool]
    ) -> None:
        self._app, self._most, self._now, self._speaks = app, most, now, speaks
        self._windows: dict[str, deque[Micros]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._speaks(scope["path"]):
            await self._app(scope, receive, send)
            return
        now = self._now()
        window = self._window(scope, now)
        most = UNLIMITED if self._most is None else self._most
        refused = self._most is not None and len(window) >= most
        if not refused and self._most is not None:
            window.append(now)
        reset = (window[0] if window else now) + WINDOW
        headers = [
            (b"x-ratelimit-limit", str(most).encode()),
            (b"x-ratelimit-remaining", str(max(0, most - len(window))).encode()),
            (b"x-ratelimit-reset", str(-(-reset // SECOND)).encode()),
        ]
        if refused:
            await _refuse(send, headers, max(1, math.ceil((reset - now) / SECOND)))
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        await self._app(scope, receive, sending)

    def _window(self, scope: Scope, now: Micros) -> deque[Micros]:
        if self._most is None:
            return deque()
        shown = {name: value.decode("latin-1") for name, value in scope["headers"]}
        key = key_text(shown.get(b"authorization"), shown.get(b"x-api-key")) or ""
        if len(key) > _LONGEST_KEY:
            key = sha256(key.encode()).hexdigest()
        if key not in self._windows and len(self._windows) >= _MOST_WINDOWS:
            recent = [(one, kept) for one, kept in self._windows.items() if kept and now - kept[-1] < WINDOW]
            # Whoever shows ever new keys makes room for them: the windows that were begun first begin anew.
            self._windows = dict(recent[-(_MOST_WINDOWS // 2) :])
        window = self._windows.setdefault(key, deque())
        while window and not 0 <= now - window[0] < WINDOW:
            window.popleft()
        return window


async def _refuse(send: Send, headers: list[tuple[bytes, bytes]], seconds: int) -> None:
    message = f"Rate limit exceeded. Retry after {seconds} seconds."
    body = msgspec.json.encode({"error": "rate_limit_exceeded", "message": message})
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(seconds).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": 429, "headers": start})
    await send({"type": "http.response.body", "body": body})
