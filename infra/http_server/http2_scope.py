"""The ASGI scope of an HTTP/2 request, of its pseudo-headers and headers. Pure."""

from typing import Any, NamedTuple
from urllib.parse import unquote

from infra.http_server.request_heads import ascii_target

Headers = list[tuple[bytes, bytes]]


class Peers(NamedTuple):
    """What all requests of a connection have in common."""

    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    scheme: str


def request_of(fields: Headers, has_body: bool) -> tuple[str, bytes, Headers]:
    """Method, target and headers of a request as HTTP/1.1 has them: with `host`, and with cookies in one line.

    has_body: whether a body comes. One of unknown length looks like a chunked one, by which applications know it.
    """
    pseudo = {name: value for name, value in fields if name.startswith(b":")}
    cookies = [value for name, value in fields if name == b"cookie"]
    headers = [(name, value) for name, value in fields if not name.startswith(b":") and name != b"cookie"]
    names = {name for name, _ in headers}
    if b":authority" in pseudo:
        headers = [(b"host", pseudo[b":authority"]), *((name, value) for name, value in headers if name != b"host")]
    if cookies:
        headers.append((b"cookie", b"; ".join(cookies)))
    if has_body and b"content-length" not in names:
        headers.append((b"transfer-encoding", b"chunked"))
    return pseudo.get(b":method", b"").decode("latin-1"), pseudo.get(b":path", b""), headers


def scope_of(
    method: str, target: bytes, headers: Headers, peers: Peers, asgi_version: str, state: dict[str, Any]
) -> dict[str, Any]:
    """The scope, as uvicorn makes it of a request of HTTP/1.1."""
    raw_path, _, query = ascii_target(target).partition(b"#")[0].partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": asgi_version, "spec_version": "2.3"},
        "http_version": "2",
        "server": peers.server,
        "client": peers.client,
        "scheme": peers.scheme,
        "method": method,
        "root_path": "",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
        "state": state,
    }


def size_of(fields: Headers) -> int:
    """How large a head is, as one of HTTP/1.1."""
    return sum(len(name) + len(value) + 4 for name, value in fields)
