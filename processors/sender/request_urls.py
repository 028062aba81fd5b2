"""The URL of a receiver as requests need it: what follows the host is sent as it was given, byte for byte. Pure.

A URL may be signed, so nothing of it is rewritten: no escape is decoded, no dot segment resolved, no character escaped.
Characters outside ASCII are sent as curl sends them: their UTF-8 is escaped in the path, which some servers take in no
other form, and stands as it is in the query. The host is sent as `schemas.host_names` encodes it. User and password
are sent as Basic authentication, their escapes decoded to the bytes that they stand for.
"""

from base64 import b64encode
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from yarl import URL

from schemas.host_names import encoded_host, host_in


class RequestUrl(NamedTuple):
    """`url` for aiohttp, which sends it as it is. authorization: the header's value, "" when the URL has no user."""

    url: URL
    authorization: str


@lru_cache(maxsize=4096)
def request_url(text: str) -> RequestUrl:
    """Raises `ValueError` for what is no URL that can be requested."""
    if any(character <= " " or character == "\x7f" for character in text):
        raise ValueError("a URL holds no blanks and no control characters")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http or https URL")
    rest = text.partition("://")[2].removeprefix(parts.netloc).partition("#")[0]
    # The query stands in the path here: as one of its own it would lose its question mark when it is empty.
    before, mark, query = rest.partition("?")
    path = f"{_escaped(before) or '/'}{mark}{query}"
    url = URL.build(scheme=parts.scheme, authority=_authority(parts), path=path, encoded=True)
    return RequestUrl(url, _authorization(parts))


def _escaped(path: str) -> str:
    if path.isascii():
        return path
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02x}" for byte in path.encode())


def _authority(parts: SplitResult) -> str:
    """Host and port, without user and password."""
    host = encoded_host(host_in(parts))
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port is None else f"{host}:{parts.port}"


def _authorization(parts: SplitResult) -> str:
    if not parts.username and not parts.password:
        return ""
    user, password = unquote_to_bytes(parts.username or ""), unquote_to_bytes(parts.password or "")
    return f"Basic {b64encode(user + b':' + password).decode()}"
