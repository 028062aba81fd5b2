"""URLs and servers as people write them in settings. Pure. Each raises `ValueError`, which says what is accepted."""

import re
from urllib.parse import quote, unquote, urlsplit

_HOST = r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?)"
_URL = re.compile(rf"(https?://{_HOST})(:[0-9]{{1,5}})?(/[^\s?#]*)?", re.IGNORECASE)
_MAIL_HOST = re.compile(r"[0-9a-fA-F:.]+|[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?", re.ASCII)
_BROKER = re.compile(rf"({_HOST})(?::([0-9]{{1,5}}))?", re.ASCII)
_KAFKA = 9_092
_MOST_PORT = 65_535
# Characters of paths beside letters and digits.
_IN_PATHS = "/%:@!$&'()*+,;=~"
_APIS = "/api"


def parse_base_url(text: str) -> str:
    """`https://example.org/up/` as `https://example.org/up`: without a slash at the end."""
    url = _whole(text, "such as https://pingfold.example.org or https://example.org/up")
    return url.rstrip("/")


def parse_ping_endpoint(text: str) -> str:
    """`https://hc-ping.com` as `https://hc-ping.com/`: with one slash at the end."""
    url = _whole(text, "such as https://ping.example.org or https://example.org/ping")
    return f"{url.rstrip('/')}/"


def parse_mail_host(text: str) -> str:
    """The name or address of a mail server."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if not _MAIL_HOST.fullmatch(text) or (text.count(":") == 1):
        raise ValueError(
            "the name or address of a mail server is expected, such as mail.example.org; its port is PINGFOLD_SMTP_PORT"
        )
    return text


def parse_brokers(text: str) -> str:
    """`k1, k2:9093` as `k1:9092,k2:9093`."""
    matches = [_BROKER.fullmatch(part.strip()) for part in text.split(",") if part.strip()]
    found = [f"{match[1]}:{match[2] or _KAFKA}" for match in matches if match and 0 < int(match[2] or 1) <= _MOST_PORT]
    if not found or len(found) < len(matches):
        raise ValueError("host:port is expected, several separated by commas, such as kafka1:9092,kafka2:9092")
    return ",".join(found)


def parse_clickhouse_url(text: str) -> str:
    """`http://user:password@host:port/database`. What is refused tells nothing of the value, which holds a password."""
    try:
        parts = urlsplit(text)
        is_well = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_well = False
    if not is_well or " " in text:
        raise ValueError("a URL is expected, such as http://user:password@host:8123/database")
    return text


def prefixes_of(base: str | None, endpoint: str | None) -> tuple[str, ...]:
    """The path prefixes below which our pages are at these addresses, the longest first; none for `/`.

    Of the ping endpoint only what comes before `/ping/`. Decoded, as servers tell paths.
    """
    of_base, of_pings = (unquote(urlsplit(url or "").path).rstrip("/") for url in (base, endpoint))
    found = {of_base, of_pings.removesuffix("/ping")}
    return tuple(sorted(found - {""}, key=len, reverse=True))


def _whole(text: str, such: str) -> str:
    """A URL with its scheme and host in lower case, and a path that may stand in a header."""
    match = _URL.fullmatch(text)
    if match is None or (match[2] and not 0 < int(match[2][1:]) <= _MOST_PORT):
        raise ValueError(f"an address is expected, {such}")
    path = quote(match[3] or "", safe=_IN_PATHS)
    if f"{unquote(path).rstrip('/')}/".startswith(f"{_APIS}/"):
        raise ValueError(f"another path than {_APIS} or one below it is expected: the APIs have theirs there")
    return f"{match[1].lower()}{match[2] or ''}{path}"
