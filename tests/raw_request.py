"""One request to an ASGI application as a server hands it over, and all that the application says to it."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote


class RawAnswer(NamedTuple):
    """body: what the application sent, also after HEAD. headers: the last of each name."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    app: Any, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> RawAnswer:
    """What is answered to `target`, a path with or without a query, percent-encoded or not. A defect that the
    application has answered is no more than its answer."""
    path, _, query = target.partition("?")
    told = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    if body:
        told.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": told, "client": ("127.0.0.1", 5_000), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        said.append(message)

    try:
        await app(scope, receive, send)
    except Exception:
        if not said:
            raise
    start, *rest = said
    got = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return RawAnswer(start["status"], got, b"".join(one.get("body", b"") for one in rest))
