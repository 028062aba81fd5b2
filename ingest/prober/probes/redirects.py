"""Where a redirect leads, and what goes along: as curl and browsers do it, within one chain.

Cookies that the chain set are sent by their own rules (domain, path, secure, expiry; never for a public suffix) and are
forgotten with it. An attribute that says nothing valid is left out, as by browsers (RFC 6265, section 5.2): the cookie
itself counts all the same. Headers of the monitor go to another host, port or scheme only if they are known to be
harmless: others may be credentials.
"""

import email.message
import re
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from publicsuffixlist import PublicSuffixList

from ingest.prober.probes.http_head import Head
from schemas.host_names import empty_query

# Everything else may be a credential.
_HARMLESS = frozenset(
    {
        "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "content-language",
        "content-type", "dnt", "pragma", "priority", "range", "save-data", "sec-gpc", "upgrade-insecure-requests",
        "user-agent", "x-requested-with",
    }
)  # fmt: skip
_HARMLESS_BEGINNINGS = ("sec-ch-", "sec-fetch-")
# As curl: cookies that one answer may set, bytes of each, bytes of all that are sent.
_MOST_SET, _LONGEST_SET, _MOST_SENT = 50, 4_096, 8_190
_NEVER = re.compile(r"(?!)")
# What the attributes of a cookie must say to mean something.
_ATTRIBUTES = {
    "domain": re.compile(r"\.?[^.].*"),
    "expires": re.compile(r".+"),
    "max-age": re.compile(r"-?[0-9]{1,15}"),
    "path": re.compile(r"/.*"),
    "secure": re.compile(r".*"),
}
# Too many slashes, or too few, in front of a host.
_HOST_FOLLOWS = re.compile(r"(?:(https?):/+|/{3,})(?=[^/])", re.IGNORECASE)
_SUFFIXES: list[PublicSuffixList] = []


def harmless(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of the headers that may be sent to another origin."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() in _HARMLESS or name.lower().startswith(_HARMLESS_BEGINNINGS)
    }


def resolved(url: str, location: str) -> str:
    """Where a Location of `url` leads, as RFC 3986 says it; what the standard library reads otherwise is spelled out.

    Slashes that follow each other in a path stay, and so does an empty query. `http:///host/` and `///host/` lead to
    the host, as in browsers and curl, and so does `https:/host/` from http. Raises ValueError where it leads to no URL.
    """
    base = urlsplit(url)
    if found := _HOST_FOLLOWS.match(location):
        scheme = (found[1] or base.scheme).lower()
        if scheme != base.scheme or not found[0].endswith(":/"):
            location = f"{scheme}://{location[found.end() :]}"
    parts = urlsplit(location)
    if parts.path and not parts.scheme and not parts.netloc and not parts.path.startswith("/"):
        location = (base.path or "/").rpartition("/")[0] + "/" + location
    joined = urljoin(url, location)
    if not empty_query(location):
        return joined
    before, mark, fragment = joined.partition("#")
    return f"{before.partition('?')[0]}?{mark}{fragment}"


def without_credentials(url: str) -> tuple[str, str]:
    """A URL to which a redirect leads, and the value of `Authorization` for `user:password` in it, or ""."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, ""
    given, _, place = parts.netloc.rpartition("@")
    said = b64encode(unquote(given).encode()).decode()
    return url.replace(parts.netloc, place, 1), f"Basic {said}" if given else ""


class ChainCookies:
    """The cookies of one chain of redirects."""

    def __init__(self) -> None:
        self._jar: CookieJar | None = None

    def take(self, url: str, head: Head) -> None:
        """What an answer of `url` sets."""
        said = [value for value in head.values(b"set-cookie")[:_MOST_SET] if len(value) <= _LONGEST_SET]
        if not said:
            return
        if self._jar is None:
            self._jar = CookieJar(_Policy())
        message = email.message.Message()
        own = _of_host(urlsplit(url).hostname or "")
        for value in said:
            message["Set-Cookie"] = own.sub("", _with_valid_attributes(value.decode("latin-1")))
        self._jar.extract_cookies(_Answer(message), urllib.request.Request(url))  # type: ignore[arg-type]

    def of(self, url: str) -> str:
        """The value of the header `Cookie` in a request to `url`; "" without any."""
        if self._jar is None:
            return ""
        request = urllib.request.Request(url)
        self._jar.add_cookie_header(request)
        return _that_fit(request.get_header("Cookie", "") or "")


class _Answer:
    """What the standard library reads cookies from."""

    def __init__(self, message: email.message.Message) -> None:
        self._message = message

    def info(self) -> email.message.Message:
        return self._message


class _Policy(DefaultCookiePolicy):
    """The standard library's, and no cookie for all names below a public suffix."""

    def __init__(self) -> None:
        super().__init__(hide_cookie2=True, strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)

    def set_ok_domain(self, cookie: Cookie, request: Any) -> bool:
        if cookie.domain_specified and _is_public_suffix(cookie.domain.lstrip(".")):
            return False
        return bool(super().set_ok_domain(cookie, request))


def _with_valid_attributes(cookie: str) -> str:
    """A cookie with those of its attributes that mean something; of two with one name the last counts."""
    pair, *attributes = cookie.split(";")
    kept: dict[str, str] = {}
    for attribute in attributes:
        name, _, value = (part.strip() for part in attribute.partition("="))
        means = _ATTRIBUTES.get(name.lower())
        if means is not None and means.fullmatch(value):
            kept[name.lower()] = f"{name}={value}" if name.lower() != "secure" else name
    return "; ".join([pair, *kept.values()])


def _that_fit(cookies: str) -> str:
    """As many as may be sent, from the first on."""
    if len(cookies) <= _MOST_SENT:
        return cookies
    return cookies[: _MOST_SENT + 2].rpartition("; ")[0]


def _of_host(host: str) -> re.Pattern[str]:
    """`Domain` where it says no more than no `Domain` does: the host has no names below it, or none of its own."""
    alone = "." not in host or ":" in host or host.rpartition(".")[2].isdigit() or _is_public_suffix(host)
    return re.compile(rf";\s*domain\s*=\s*\.?{re.escape(host)}\s*(?=;|\Z)", re.IGNORECASE) if alone else _NEVER


def _is_public_suffix(domain: str) -> bool:
    if not _SUFFIXES:
        _SUFFIXES.append(PublicSuffixList())
    return bool(_SUFFIXES[0].is_public(domain))
