"""Requests per minute: a sliding window of 60 s for each caller in each process, told on every answer.

An ASGI layer around the application, so that refusals of every kind carry the headers, too. A caller is a key of a
project, wherever it is shown from. Requests without a key, and with what is none, count for the address that they come
from (of IPv6 the /64 that one customer has): ever new keys are no new callers, and use up nobody's window but their
own. Windows without a recent request are dropped, and of addresses there are never more than `MOST_ADDRESSES`.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query_api.dependencies import Dependencies
from query_api.keys import first_values, key_text, known_key
from schemas.base import SECOND, Micros

WINDOW: Micros = 60 * SECOND
# What is told where nothing is limited: clients compute with it.
UNLIMITED = 1_000_000
MOST_ADDRESSES = 10_000
# Windows of keys are looked through for old ones when there are twice as many as were left the last time.
_FEW_KEYS = 1_000

_KEY_HEADERS = (b"authorization", b"x-api-key")

_Window = deque[Micros]


class RateLimits:
    """`most`: requests in a window, None without limit. `speaks`: whether a path is of this API."""

    def __init__(self, app: ASGIApp, deps: Dependencies, most: int | None, speaks: Callable[[str], bool]) -> None:
        self._app, self._deps, self._most, self._speaks = app, deps, most, speaks
        self._of_keys: dict[str, _Window] = {}
        self._look_at = _FEW_KEYS
        self._of_addresses: OrderedDict[str, _Window] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._speaks(scope["path"]):
            await self._app(scope, receive, send)
            return
        now = self._deps.clock.now()
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

    def _window(self, scope: Scope, now: Micros) -> _Window:
        if self._most is None:
            return deque()
        headers = first_values(scope)
        shown = (headers[name].decode("latin-1") if name in headers else None for name in _KEY_HEADERS)
        key = known_key(self._deps, key_text(*shown) or "")
        window = self._of_address(self._deps.wrong_keys.caller(scope)) if key is None else self._of_key(key.id, now)
        _forget(window, now)
        return window

    def _of_key(self, id: str, now: Micros) -> _Window:
        if id not in self._of_keys and len(self._of_keys) >= self._look_at:
            self._of_keys = {one: window for one, window in self._of_keys.items() if _is_recent(window, now)}
            self._look_at = max(_FEW_KEYS, 2 * len(self._of_keys))
        return self._of_keys.setdefault(id, deque())

    def _of_address(self, address: str) -> _Window:
        window = self._of_addresses.setdefault(address, deque())
        self._of_addresses.move_to_end(address)
        if len(self._of_addresses) > MOST_ADDRESSES:
            self._of_addresses.popitem(last=False)
        return window


def _is_recent(window: _Window, now: Micros) -> bool:
    return bool(window) and 0 <= now - window[-1] < WINDOW


def _forget(window: _Window, now: Micros) -> None:
    """Drop what is no longer in the window; a stamp that lies ahead is of a clock that was set back since."""
    while window and not 0 <= now - window[0] < WINDOW:
        window.popleft()


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
