"""Parses ping URLs. Pure; never raises, whatever the bytes.

Contract: docs/compatibility/pinging.md, "URLs". Both prefixes are served, `/` and `/ping/`. Because clients use them,
upper-case UUIDs, trailing slashes and doubled slashes are accepted too.

A pulse URL (`/pulse/<token>/<key>`, docs/decisions/0078-pulse-checks.md) identifies a check by its token; the key
proves that the sender knows the URL. All other URLs with that prefix are invalid.

`/ping/bulk` takes many pings (`ingest.ping.bulk`). It is unambiguous, because a single segment that is not a UUID is
never a ping.

`parse` returns None for a path in no valid form (400 `invalid url format`). An exit status above 255 and an invalid
`rid` are reported only after the check has been looked up: they are the `fault` of the target.
"""

import re
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

from schemas.pings import Kind

Fault = Literal["", "invalid url format", "invalid uuid format"]

SLUG_LENGTH = 100

# The first segments that belong to the rest of Pingfold: APIs, pages, files. Everything else at the root is a ping URL,
# so that a mistyped one is told `invalid url format` instead of being shown a page.
RESERVED = frozenset(
    {
        "", "account", "admin", "api", "assets", "audit", "b", "badge", "channels", "checks", "dashboard", "deliveries",
        "dns", "docs", "downtimes", "escalations", "events", "favicon.ico", "healthz", "history", "incidents",
        "invitations", "keys", "live", "login", "logout", "maintenance", "manifest.json", "metrics", "monitors",
        "mutes", "on-call", "openapi.json", "pages", "past", "people", "preferences", "projects", "readyz",
        "recipients", "redoc", "replay", "reports", "robots.txt", "rotations", "settings", "sign-in", "sign-out",
        "static", "status", "status-pages", "subscriptions", "templates", ".well-known",
    }
)  # fmt: skip

_HEX = "[0-9a-fA-F]"
_UUID = rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_is_uuid = re.compile(_UUID).fullmatch
_is_key = re.compile("[-a-zA-Z0-9_]+").fullmatch
_is_slug = re.compile(f"[-a-z0-9_]{{1,{SLUG_LENGTH}}}").fullmatch
_is_number = re.compile("[0-9]+").fullmatch
_by_uuid = re.compile(rf"(?:/ping)?/({_UUID})(?:/(start|fail|log))?").fullmatch  # most pings there are
_BULK = frozenset({"/ping/bulk", "/ping/bulk/", "/bulk", "/bulk/"})
_ACTIONS: dict[str, Kind] = {"start": "start", "fail": "fail", "log": "log"}


class PingTarget(NamedTuple):
    """The content of a ping URL: a check by its id, by ping key and slug, or by the token and the key of a pulse URL.

    pulse: it is a pulse URL.
    """

    kind: Kind
    check: str = ""
    ping_key: str = ""
    slug: str = ""
    exitstatus: int | None = None
    create: bool = False
    rid: str | None = None
    fault: Fault = ""
    pulse: bool = False
    token: str = ""
    pulse_key: str = ""


def is_ping(path: str) -> bool:
    """Whether a path is the ping application's (else it is FastAPI's)."""
    return path.startswith("/ping/") or path.lstrip("/").partition("/")[0] not in RESERVED


def is_bulk(path: str) -> bool:
    """Whether a path takes many pings at once. It has the form of no other ping URL."""
    return path in _BULK


def parse(path: str, query: bytes = b"") -> PingTarget | None:
    """The target of a ping URL, or None for a path that has not the form of one."""
    match = _by_uuid(path)
    if match is not None:
        uuid, action = match.groups()
        target: PingTarget | None = PingTarget(_ACTIONS[action] if action else "success", uuid.lower())
    else:
        target = _parse_segments([segment for segment in path.split("/") if segment])
    return target if target is None or not query or target.pulse else _with_query(target, query)


def _parse_segments(segments: list[str]) -> PingTarget | None:
    if segments and segments[0] == "ping":
        del segments[0]
    match segments:
        case [uuid] if _is_uuid(uuid):
            return PingTarget("success", uuid.lower())
        # A uuid is a legal ping key too: what is not an action behind it is a slug.
        case [uuid, action] if _is_uuid(uuid) and (signal := _signal(action)):
            return signal._replace(check=uuid.lower())
        case [key, slug] if key != "pulse" and _is_key(key) and _is_slug(slug):
            return PingTarget("success", "", key, slug)
        case ["pulse", *rest]:
            token, key = rest if len(rest) == 2 else ("", "")
            return PingTarget("success", pulse=True, token=token, pulse_key=key)
        case [key, slug, action] if _is_key(key) and _is_slug(slug) and (signal := _signal(action)):
            return signal._replace(ping_key=key, slug=slug)
        case _:
            return None


def _signal(action: str) -> PingTarget | None:
    kind = _ACTIONS.get(action)
    if kind is not None:
        return PingTarget(kind)
    if not _is_number(action):
        return None
    digits = action.lstrip("0")  # `int` refuses thousands of digits
    status = int(digits or "0") if len(digits) <= 3 else 256
    if status > 255:
        return PingTarget("fail", fault="invalid url format")
    return PingTarget("fail" if status else "success", exitstatus=status)


def _with_query(target: PingTarget, query: bytes) -> PingTarget:
    """Names are case sensitive, the last value counts, only the literal `create=1` acts."""
    values = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    create = not target.check and values.get("create") == "1"
    rid, fault = values.get("rid"), target.fault
    if rid is not None:
        if _is_uuid(rid):
            rid = rid.lower()  # one run, however its id is spelled
        else:
            rid, fault = None, fault or "invalid uuid format"
    return target._replace(create=create, rid=rid, fault=fault)
