"""Access control of the embedded ClickHouse: its own users with their passwords, and no web page. Pure.

A web page can make a browser send requests to loopback: under a name of its own that resolves to it (so `Host` is
checked), or across origins (which browsers tell by `Origin`, so whatever has one is refused).
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping, Sequence

from infra.embedded.clickhouse_http import StatementRejected, arguments_of
from infra.embedded.logins import Login

_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


def check_caller(headers: Iterable[tuple[str, str]]) -> None:
    """Raise `StatementRejected` for what a web page may have sent; names of headers are in lower case."""
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or _host_of(hosts[0]) not in _HOSTS:
        raise StatementRejected(497, "this server is called by 127.0.0.1 or localhost only. (ACCESS_DENIED)")
    if any(name == "origin" for name, _ in headers):
        raise StatementRejected(497, "this server does not talk to web pages. (ACCESS_DENIED)")


def caller_of(headers: Mapping[str, str], query_string: bytes, logins: Sequence[Login]) -> Login:
    """The login that a request carries in one of three ways: Basic authentication, ClickHouse's own headers, or `user`
    and `password` in the URL. Raises `StatementRejected` when it is none of `logins`."""
    user, password = _given(headers, arguments_of(query_string))
    found = None
    for login in logins:
        # All are always compared, in a time that tells nothing.
        right_user = hmac.compare_digest(user, login.user.encode())
        right_password = hmac.compare_digest(password, login.password.encode())
        if right_user and right_password:
            found = login
    if found is None:
        raise StatementRejected(
            516,
            "Authentication failed: user and password stand in credentials.json, those of analysts in "
            "analyst-login.json. (AUTHENTICATION_FAILED)",
        )
    return found


def _given(headers: Mapping[str, str], arguments: Mapping[str, str]) -> tuple[bytes, bytes]:
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    ways = (
        kind.lower() == "basic",
        "x-clickhouse-user" in headers or "x-clickhouse-key" in headers,
        "user" in arguments or "password" in arguments,
    )
    if sum(ways) > 1:
        raise StatementRejected(
            516, "Invalid authentication: user and password are given in several ways. (AUTHENTICATION_FAILED)"
        )
    if ways[0]:
        try:
            user, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return b"", b""
        return user, password
    if ways[1]:
        return headers.get("x-clickhouse-user", "").encode(), headers.get("x-clickhouse-key", "").encode()
    return arguments.get("user", "").encode(), arguments.get("password", "").encode()


def _host_of(text: str) -> str:
    """A Host header without its port, in small letters."""
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.rpartition(":")[0].lower() if ":" in text else text.lower()
