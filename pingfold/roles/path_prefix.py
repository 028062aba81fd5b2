"""Serves the same below a path prefix as at the root, so a proxy in front may take the prefix away or leave it.

The prefix is that of `PINGFOLD_BASE_URL` (and of `PINGFOLD_PING_ENDPOINT`, for ping URLs). Where it is also the name of
something of ours (`/status`), it is taken away only from what is ours without it, too.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ingest.ping.urls import RESERVED, is_ping

_TO_SLASH = 308


class PathPrefix:
    """An ASGI application: `app`, below each of `prefixes`, too. They are decoded, without a slash at the end."""

    def __init__(self, app: Any, prefixes: Sequence[str]) -> None:
        self._app, self._prefixes = app, tuple(prefixes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            for prefix in self._prefixes:
                rest = _rest(scope["path"], prefix)
                if rest is None:
                    continue
                if not rest and scope["method"] in ("GET", "HEAD"):
                    await _add_slash(prefix, scope, send)
                    return
                scope = {**scope, "path": rest or "/", "raw_path": _raw(scope, prefix, rest or "/")}
                break
        await self._app(scope, receive, send)


def _rest(path: str, prefix: str) -> str | None:
    """What follows the prefix, with its slash; None when the path is not below it."""
    if not path.startswith(prefix):
        return None
    rest = path[len(prefix) :]
    if rest and not rest.startswith("/"):
        return None
    is_ours = prefix.lstrip("/") in RESERVED
    return None if is_ours and is_ping(rest) and not rest.startswith("/ping/") else rest


def _raw(scope: Any, prefix: str, rest: str) -> bytes:
    """The rest as it was sent, where that is known."""
    sent: bytes = scope.get("raw_path") or b""
    before = quote(prefix).encode()
    return sent[len(before) :] or b"/" if sent.startswith(before) else quote(rest).encode()


async def _add_slash(prefix: str, scope: Any, send: Any) -> None:
    """Links of the page are relative to its folder."""
    query: bytes = scope.get("query_string") or b""
    to = f"{quote(prefix)}/".encode() + (b"?" + query if query else b"")
    headers = [(b"location", to), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": _TO_SLASH, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
