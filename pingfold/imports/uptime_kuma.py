"""What an Uptime Kuma holds, as things of Pingfold. Pure.

The rows are those of its tables, with the names of their columns (`pingfold.imports.uptime_kuma_files` reads them, from
a backup or a database). Monitors of types that Pingfold probes are carried over, push monitors become checks. Those
that would judge otherwise than they did (upside down, other ways to log in, conditions on JSON) are left out with the
reason: a monitor that is always up is worse than none.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

from pingfold.imports.service_channels import Service, carry_channel
from pingfold.imports.things import Found, NotCarried, WantedCheck, WantedMonitor, shortened, unlike
from query_api.slugs import slugify
from schemas.targets import DnsRecord

Row: TypeAlias = Mapping[str, Any]

_RECORDS: tuple[str, ...] = get_args(DnsRecord)
_MOST_CONFIRMATIONS, _MOST_STATUSES = 10, 100
_BODY_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "text/xml; charset=utf-8",
}
_SERVICES: Mapping[str, Service] = {
    "webhook": Service("webhook", {"url": "webhookURL"}, ("url",)),
    "smtp": Service("email", {"email": "smtpTo"}, ("email",)),
    "slack": Service("slack", {"url": "slackwebhookURL"}, ("url",)),
    "discord": Service("discord", {"url": "discordWebhookUrl"}, ("url",)),
    "mattermost": Service("mattermost", {"url": "mattermostWebhookUrl"}, ("url",)),
    "GoogleChat": Service("googlechat", {"url": "googleChatWebhookURL"}, ("url",)),
    "teams": Service("msteams", {"url": "webhookUrl"}, ("url",)),
    "telegram": Service(
        "telegram",
        {"bot_token": "telegramBotToken", "chat_id": "telegramChatID", "thread_id": "telegramMessageThreadID"},
        ("bot_token", "chat_id"),
    ),
    "pushover": Service(
        "pushover",
        {"app_token": "pushoverapptoken", "user_key": "pushoveruserkey", "device": "pushoverdevice"},
        ("app_token", "user_key"),
    ),
    "ntfy": Service("ntfy", {"server": "ntfyserverurl", "topic": "ntfytopic", "token": "ntfyaccesstoken"}, ("topic",)),
    "PagerDuty": Service("pagerduty", {"routing_key": "pagerdutyIntegrationKey"}, ("routing_key",)),
    "Opsgenie": Service("opsgenie", {"genie_key": "opsgenieApiKey"}, ("genie_key",)),
    "matrix": Service(
        "matrix",
        {"server": "homeserverUrl", "access_token": "accessToken", "room_id": "internalRoomId"},
        ("server", "access_token", "room_id"),
    ),
    "twilio": Service(
        "twilio",
        {
            "account_sid": "twilioAccountSID",
            "auth_token": "twilioAuthToken",
            "from_number": "twilioFromNumber",
            "to_number": "twilioToNumber",
        },
        ("account_sid", "auth_token", "from_number", "to_number"),
    ),
    "apprise": Service("apprise", {"apprise_url": "appriseURL"}, ("apprise_url",)),
}


@dataclass(slots=True)
class Backup:
    """The rows of the tables that are read, by table."""

    monitors: list[Row] = field(default_factory=list)
    notifications: list[Row] = field(default_factory=list)
    monitor_notifications: list[Row] = field(default_factory=list)
    tags: list[Row] = field(default_factory=list)
    monitor_tags: list[Row] = field(default_factory=list)
    windows: list[Row] = field(default_factory=list)
    monitor_windows: list[Row] = field(default_factory=list)
    pages: list[Row] = field(default_factory=list)
    groups: list[Row] = field(default_factory=list)
    monitor_groups: list[Row] = field(default_factory=list)
    settings: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Carried:
    """What has been carried over so far: what was found, and the names of things here by their ids there."""

    found: Found = field(default_factory=Found)
    channels: dict[Any, str] = field(default_factory=dict)
    monitors: dict[Any, str] = field(default_factory=dict)
    checks: dict[Any, str] = field(default_factory=dict)


def read_monitors(backup: Backup) -> Carried:
    """The notifications and monitors of a backup."""
    carried = Carried()
    for row in backup.notifications:
        _notification(row, carried)
    for row in backup.monitors:
        _monitor(row, backup, carried)
    return carried


def _notification(row: Row, carried: Carried) -> None:
    options = _object(row.get("config"))
    kind = shortened(str(options.get("type") or ""))
    name = unlike(carried.channels.values(), shortened(str(row.get("name") or kind or "channel")).replace(",", " "))
    place = f"notification {row.get('id')}"
    if carry_channel(place, name, kind, _SERVICES.get(kind), options, carried.found):
        carried.channels[row.get("id")] = name


def _monitor(row: Row, backup: Backup, carried: Carried) -> None:
    kind = str(row.get("type") or "")
    place, found = f"monitor {row.get('id')}", carried.found
    taken = {*carried.monitors.values(), *carried.checks.values()}
    name = unlike(taken, shortened(str(row.get("name") or kind)))
    linked = [one["notification_id"] for one in backup.monitor_notifications if one["monitor_id"] == row.get("id")]
    channels = tuple(carried.channels[id] for id in linked if id in carried.channels)
    try:
        if row.get("upside_down"):
            raise NotCarried("it is upside down: Pingfold has no monitors that must fail")
        if kind == "push":
            _push(row, backup, place, name, channels, found)
            carried.checks[row.get("id")] = name
            return
        make = _KINDS.get(kind)
        if make is None:
            raise NotCarried("Pingfold has no such type of monitor")
        fields = make(row, _noting(found, place, name)) | _common(row, _noting(found, place, name))
    except NotCarried as left:
        found.leave(place, f'"{name}" ({kind})', str(left))
        return
    if any(one["monitor_id"] == row.get("id") for one in backup.monitor_tags):
        found.leave(place, f'"{name}" tags', "monitors of Pingfold have no tags")
    carried.monitors[row.get("id")] = name
    found.monitors.append(WantedMonitor(place, name, fields, channels))


_Note: TypeAlias = Callable[[str, str], None]


def _noting(found: Found, place: str, name: str) -> _Note:
    return lambda what, why: found.leave(place, f'"{name}" {what}', why)


def _common(row: Row, note: _Note) -> dict[str, Any]:
    interval = min(max(_number(row, "interval", 60), 1), 86_400)
    retries = _number(row, "maxretries", 0)
    fields: dict[str, Any] = {
        "interval_seconds": interval,
        "confirmations": min(retries, _MOST_CONFIRMATIONS - 1) + 1,
        "paused": not row.get("active", 1),
    }
    if retries >= _MOST_CONFIRMATIONS:
        note("maxretries", f"it is down after {_MOST_CONFIRMATIONS} results at most, not after {retries + 1}")
    between = _number(row, "retry_interval", 0)
    if retries and 0 < between <= 86_400 and between != interval:
        fields["confirm_interval_seconds"] = float(between)
    if timeout := _number(row, "timeout", 0):
        fields["timeout_seconds"] = min(max(timeout, 1), 120)
    for column, why in (
        ("proxy_id", "probes of Pingfold use no proxy"),
        ("resend_interval", "repeated notices are chosen by an escalation policy"),
        ("parent", "monitors are in no groups; those of status pages are kept"),
    ):
        if row.get(column):
            note(column, why)
    return fields


def _http(row: Row, note: _Note) -> dict[str, Any]:
    url = str(row.get("url") or "")
    headers = {str(name): str(value) for name, value in _object(row.get("headers")).items()}
    body = str(row.get("body") or "")
    known = {name.lower() for name in headers}
    login = row.get("auth_method") or ("basic" if row.get("basic_auth_user") else "")
    if login == "basic":
        pair = f"{row.get('basic_auth_user') or ''}:{row.get('basic_auth_pass') or ''}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    elif login:
        raise NotCarried(f"it logs in by {shortened(str(login))}, which probes of Pingfold do not")
    if body and "content-type" not in known:
        headers["Content-Type"] = _BODY_TYPES.get(str(row.get("http_body_encoding") or "json"), _BODY_TYPES["json"])
    redirects = _number(row, "maxredirects", 10)
    return {
        "type": "http",
        "url": url,
        "method": str(row.get("method") or "GET").upper(),
        **({"headers": headers} if headers else {}),
        **({"body": body} if body else {}),
        "expected_statuses": _statuses(row.get("accepted_statuscodes_json"), note),
        "follow_redirects": redirects > 0,
        **({"max_redirects": min(redirects, 50)} if redirects > 0 else {}),
        "verify_certificate": not row.get("ignore_tls"),
    }


def _keyword(row: Row, note: _Note) -> dict[str, Any]:
    keyword = str(row.get("keyword") or "")
    if not keyword:
        raise NotCarried("it has no keyword")
    return {**_http(row, note), "keyword": keyword, "keyword_absent": bool(row.get("invert_keyword"))}


def _statuses(text: Any, note: _Note) -> list[int]:
    """The statuses that are up; none: 200 to 399, which is what Pingfold takes without any."""
    found: set[int] = set()
    try:
        ranges = json.loads(text) if isinstance(text, str) else text or ["200-299"]
        for one in ranges:
            first, _, last = str(one).partition("-")
            found |= {*range(max(int(first), 100), min(int(last or first), 999) + 1)}
    except (ValueError, TypeError, RecursionError):
        raise NotCarried(f"its accepted status codes {shortened(str(text))} cannot be read") from None
    if not found:
        raise NotCarried("it accepts no status code")
    if found == {*range(200, 400)}:
        return []
    if len(found) > _MOST_STATUSES:
        raise NotCarried(
            f"it accepts {len(found)} status codes; Pingfold takes {_MOST_STATUSES}, or all from 200 to 399"
        )
    return sorted(found)


def _host(row: Row, **more: Any) -> dict[str, Any]:
    host = str(row.get("hostname") or "").strip()
    if not host:
        raise NotCarried("it has no host")
    return {"host": host, **more}


def _tcp(row: Row, note: _Note) -> dict[str, Any]:
    port = _number(row, "port", 0)
    if not 1 <= port <= 65_535:
        raise NotCarried("it has no port")
    return _host(row, type="tcp", port=port)


def _smtp(row: Row, note: _Note) -> dict[str, Any]:
    port = _number(row, "port", 0)
    return _host(row, type="smtp", **({"port": port} if port else {}))


def _ping(row: Row, note: _Note) -> dict[str, Any]:
    return _host(row, type="icmp")


def _dns(row: Row, note: _Note) -> dict[str, Any]:
    record = str(row.get("dns_resolve_type") or "A").upper()
    if record not in _RECORDS:
        raise NotCarried(f"Pingfold does not ask for {shortened(record)} records")
    if row.get("conditions") not in (None, "", "[]", []):
        note("conditions", "give what a record must be as dns_expected")
    resolver = str(row.get("dns_resolve_server") or "").split(",")[0].strip()
    port = _number(row, "port", 53)
    fields = _host(row, type="dns", dns_record=record)
    if resolver:
        fields["dns_resolver"] = resolver if port == 53 or ":" in resolver else f"{resolver}:{port}"
    return fields


_KINDS: Mapping[str, Callable[[Row, _Note], dict[str, Any]]] = {
    "http": _http,
    "keyword": _keyword,
    "port": _tcp,
    "ping": _ping,
    "dns": _dns,
    "smtp": _smtp,
}


def _push(row: Row, backup: Backup, place: str, name: str, channels: tuple[str, ...], found: Found) -> None:
    interval = _number(row, "interval", 60)
    period = min(max(interval, 60), 31_536_000)
    if period != interval:
        found.leave(
            place, f'"{name}" interval', f"a ping is expected once in {period} s; {interval} s is out of bounds"
        )
    late = _number(row, "maxretries", 0) * (_number(row, "retry_interval", 0) or interval)
    names = {tag["id"]: str(tag.get("name") or "") for tag in backup.tags}
    tags = [
        f"{names.get(one['tag_id'], '')}{':' if one.get('value') else ''}{one.get('value') or ''}".replace(" ", "-")
        for one in backup.monitor_tags
        if one["monitor_id"] == row.get("id")
    ]
    fields = {
        "name": name,
        "timeout": period,
        "grace": min(max(late, 60), 31_536_000),
        "tags": " ".join(dict.fromkeys(filter(None, tags)))[:500],
        "desc": str(row.get("description") or "")[:20_000],
    }
    found.leave(
        place, f'"{name}" push URL', "it is another one here: the answer to the import, and the dashboard, have it"
    )
    taken = {check.slug for check in found.checks}
    slug = unlike(taken, slugify(name) or f"push-{row.get('id')}")
    found.checks.append(WantedCheck(place, name, slug, fields, paused=not row.get("active", 1), channels=channels))


def _number(row: Row, column: str, default: int) -> int:
    value = row.get(column)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -(2**31) < value < 2**31:
        return default
    return int(value)


def _object(text: Any) -> Mapping[str, Any]:
    """A JSON object of a column; empty when it is none."""
    if isinstance(text, dict):
        return text
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
