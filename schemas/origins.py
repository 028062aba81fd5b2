"""Origins of URLs: what is given to one origin is not meant for another (RFC 6454). Pure."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from schemas.host_names import encoded_host, host_in

_DEFAULT = {"http": 80, "https": 443}
_URL = re.compile(
    r"([a-z][a-z0-9+.-]*)://(?:[^/?#]*@)?(\[[^/?#\]]*\]|[^/?#:]*)(?::([0-9]*))?(?![^/?#])([^?#]*)(?:\?([^#]*))?",
    re.IGNORECASE | re.ASCII,
)
_WRITTEN = re.compile(r"(https?)://(?:[^/?#]*@)?([^/?#]*)", re.IGNORECASE | re.ASCII)


def origin_of(url: str) -> str:
    """`scheme://host`, with the port unless it is the scheme's own; "" for what is no http URL."""
    try:
        parts = urlsplit(url)
        port = _port(parts)
        host = parts.hostname if parts.netloc.isascii() else encoded_host(host_in(parts))
    except ValueError:
        return ""
    if parts.scheme not in _DEFAULT or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port == _DEFAULT[parts.scheme] else f":{port}")


def written_origin(url: str) -> str:
    """The origin as it is written, with ASCII letters in lower case and without the scheme's own port; what is no http
    URL, as it is. Origins that are written alike are one; `origin_of` asks tables of letters, which no fold may."""
    match = _WRITTEN.match(url)
    if match is None:
        return url
    scheme, host = (small(part) for part in match.groups())
    return f"{scheme}://{host.removesuffix(f':{_DEFAULT[scheme]}').removesuffix(':')}"


class WrittenUrl(NamedTuple):
    """The parts of a URL as they are written, but the scheme in lower case. port: without zeros in front; empty when
    none is named. No table of letters is asked, as by `urlsplit`, so folds may use it."""

    scheme: str
    host: str
    port: str
    path: str
    query: str


def written_url(url: str) -> WrittenUrl | None:
    """None: it is no URL with a host."""
    match = _URL.match(url)
    if match is None:
        return None
    scheme, host, port, path, query = match.groups("")
    port = port.lstrip("0")
    if len(port) > 5 or int(port or 0) > 65_535:
        return None
    return WrittenUrl(small(scheme), host, port, path, query)


def host_and_port(url: str) -> tuple[str, int]:
    """Host and port of a valid http URL, the scheme's own port where it names none."""
    parts = urlsplit(url)
    return parts.hostname or "", _port(parts)


def may_be_sent_to(origin: str, url: str) -> bool:
    """Whether what was meant for `origin` may be sent to `url`: the same origin, or it with TLS on its own port."""
    other = origin_of(url)
    upgrades = origin.startswith("http://") and urlsplit(origin).port is None
    return other == origin or (upgrades and other == origin.replace("http", "https", 1))


def small(text: str) -> str:
    """The text with ASCII letters in lower case; others as they are, since tables of them change."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else _DEFAULT.get(parts.scheme, 0)
