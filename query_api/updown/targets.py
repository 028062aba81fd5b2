"""URLs of checks, and what they mean to probes. Pure.

A check is named by a URL whose scheme is its type: `https://...`, `http://...`, `icmp://host`, `tcp://host:port`,
`tcps://host:port`. Without a scheme that of `type` is meant, without both https. The URL of a web page is kept as it
was given, but for a user and a password within it, which are stored apart and shown to nobody.
"""

import re
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from query_api.errors import ValidationError
from query_api.updown.errors import fault
from schemas.host_names import host_in
from schemas.monitors import Monitor, MonitorKind, ProbeTarget
from schemas.probe_kinds import PROBE_KINDS
from schemas.probe_kinds.kind import Asked, InvalidProbeField, NoFields
from schemas.updown_checks import type_of, url_of

KINDS: dict[str, MonitorKind] = {"https": "http", "http": "http", "icmp": "icmp", "tcp": "tcp", "tcps": "tls"}
LONGEST = 2_000

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)@")


class InvalidUrl(ValidationError):
    """A URL is no target; the text is a sentence with the value that was given."""


class Wanted(NamedTuple):
    """What a URL asks for. credentials: `user:password` of the URL, or empty."""

    kind: MonitorKind
    target: ProbeTarget
    credentials: str = ""


def without_credentials(url: str) -> str:
    """A URL that may be shown."""
    return _USER.sub(r"\1", url, count=1)


def wanted_of(url: str, type: str | None, before: Monitor | None) -> Wanted:
    """The target that a URL means; what it does not say is as in `before`. Raises `InvalidUrl`."""
    shown = without_credentials(url)
    if before is not None and url == url_of(before.kind, before.target) and type in (None, _type(before)):
        return Wanted(before.kind, before.target)
    found = _SCHEME.match(url)
    if found is None:
        url, scheme = f"{type or 'https'}://{url}", type or "https"
    else:
        scheme = found[1].lower()
    if scheme not in KINDS:
        raise InvalidUrl(fault("url", "must begin with http://, https://, icmp://, tcp:// or tcps://", shown))
    if type not in (None, scheme):
        raise InvalidUrl(fault("type", "is not that of the URL", type))
    kind = KINDS[scheme]
    kept = before.target if before is not None and before.kind == kind else ProbeTarget()
    try:
        if len(url) > LONGEST:
            raise ValueError
        parts = urlsplit(url)
        credentials = _credentials(parts.username, parts.password)
        asked = Asked(url=without_credentials(url)) if kind == "http" else _place(parts)
        return Wanted(kind, PROBE_KINDS[kind].target(asked, NoFields(), kept), credentials)
    except (ValueError, InvalidProbeField):
        raise InvalidUrl(fault("url", "is not valid", shown)) from None


def _type(monitor: Monitor) -> str:
    return type_of(monitor.kind, monitor.target)


def _credentials(user: str | None, password: str | None) -> str:
    if user is None and password is None:
        return ""
    return f"{unquote(user or '', errors='strict')}:{unquote(password or '', errors='strict')}"


def _place(parts: Any) -> Asked:
    """Host and port. Raises `ValueError`."""
    if parts.path not in ("", "/") or parts.query or parts.fragment or not parts.hostname:
        raise ValueError
    if parts.scheme.lower() == "icmp" and parts.port is not None:
        raise ValueError
    return Asked(host=host_in(parts), port=parts.port or 0)
