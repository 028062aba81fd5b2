"""A configuration of Gatus, as things of Pingfold. Pure.

Endpoints become monitors, external endpoints checks (they are pinged), groups a status page, maintenance windows. A
monitor judges by all of its conditions, or is not carried over: without one of them it would be up when Gatus says that
it is down. Conditions that notices of Pingfold tell otherwise (a certificate, a domain that expires, a slow answer) are
left out with the reason. `${NAME}` is filled from the environment, as Gatus does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pingfold.imports.gatus_conditions import judged_by
from pingfold.imports.service_channels import Service, carry_channel
from pingfold.imports.things import (
    Component,
    Found,
    NotCarried,
    NotReadable,
    WantedCheck,
    WantedMonitor,
    WantedPage,
    WantedWindow,
    shortened,
    unlike,
)
from pingfold.imports.yaml_texts import Section, Value, read_texts
from query_api.slugs import slugify
from schemas.schedules import BadTimezone, canonical_tz
from schemas.status_pages import MOST_COMPONENTS
from schemas.targets import DnsRecord

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<bare>[A-Za-z_]\w*)|(?P<dollar>\$))")
_DURATION = re.compile(r"(?:(\d{1,6}(?:\.\d+)?)(h|ms|m|s))")
_UNITS = {"h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DAYS = {
    day: str(number)
    for number, day in enumerate(["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"])
}
_RECORDS: tuple[str, ...] = get_args(DnsRecord)
_URL = {"url": "webhook-url"}
_SERVICES: Mapping[str, Service] = {
    "slack": Service("slack", _URL, ("url",)),
    "discord": Service("discord", _URL, ("url",)),
    "mattermost": Service("mattermost", _URL, ("url",)),
    "googlechat": Service("googlechat", _URL, ("url",)),
    "teams-workflows": Service("msteams", _URL, ("url",)),
    "email": Service("email", {"email": "to"}, ("email",)),
    "telegram": Service(
        "telegram", {"bot_token": "token", "chat_id": "id", "thread_id": "topic-id"}, ("bot_token", "chat_id")
    ),
    "pushover": Service(
        "pushover", {"app_token": "application-token", "user_key": "user-key"}, ("app_token", "user_key")
    ),
    "ntfy": Service("ntfy", {"server": "url", "topic": "topic", "token": "token"}, ("topic",)),
    "pagerduty": Service("pagerduty", {"routing_key": "integration-key"}, ("routing_key",)),
    "opsgenie": Service("opsgenie", {"genie_key": "api-key"}, ("genie_key",)),
    "matrix": Service(
        "matrix",
        {"server": "server-url", "access_token": "access-token", "room_id": "internal-room-id"},
        ("access_token", "room_id"),
    ),
    "twilio": Service(
        "twilio",
        {"account_sid": "sid", "auth_token": "token", "from_number": "from", "to_number": "to"},
        ("account_sid", "auth_token", "from_number", "to_number"),
    ),
}


@dataclass(slots=True)
class _Reading:
    """environment: what fills variables. names: of things, by their group, in the order of the file."""

    environment: Mapping[str, str]
    found: Found = field(default_factory=Found)
    channels: dict[str, str] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)


def read_gatus(content: bytes, environment: Mapping[str, str]) -> Found:
    """What a configuration holds. Raises `NotReadable`."""
    config = read_texts(content)
    if not {"endpoints", "external-endpoints", "services"} & {*config}:
        raise NotReadable("this YAML has no endpoints, so it is not a configuration of Gatus")
    reading = _Reading(environment)
    for kind, provider in _section(config.get("alerting")).items():
        _provider(kind, provider, reading)
    for name in ("endpoints", "services"):
        for one in _sections(config, name):
            _endpoint(one, reading)
    for one in _sections(config, "external-endpoints"):
        _external(one, reading)
    if "maintenance" in config:
        _maintenance(_section(config["maintenance"]), reading)
    for name in ("remote", "suites", "tunneling", "connectivity", "announcements"):
        if config.get(name):
            reading.found.leave("configuration", name, "Pingfold has nothing of this kind")
    if reading.components:
        title = _text(_section(config.get("ui")), "header", "Gatus")
        if len(reading.components) > MOST_COMPONENTS:
            reading.found.leave("status page", f'"{title}"', f"a page shows {MOST_COMPONENTS}: the others are left out")
        page = WantedPage(
            "ui", shortened(title), slugify(title).replace("_", "-")[:60].strip("-") or "gatus", "",
            tuple(reading.components[:MOST_COMPONENTS]),
        )  # fmt: skip
        reading.found.pages.append(page)
    return reading.found


def _section(value: Value | None) -> Section:
    return value if isinstance(value, Section) else Section(0)


def _sections(config: Section, name: str) -> list[Section]:
    value = config.get(name, [])
    if value in ("", "null", "~"):
        return []
    if not isinstance(value, list) or not all(isinstance(one, Section) for one in value):
        raise NotReadable(f"{name} must be a list of mappings")
    return [one for one in value if isinstance(one, Section)]


def _text(section: Section, name: str, default: str = "") -> str:
    value = section.get(name, default)
    return value if isinstance(value, str) and value not in ("null", "~") else default


def _is_true(section: Section, name: str, default: bool = False) -> bool:
    return _text(section, name, "true" if default else "false").lower() == "true"


def _filled(value: Value, environment: Mapping[str, str]) -> Value:
    """The value with its variables. Raises `NotCarried` for one that the environment does not have."""
    if isinstance(value, list):
        return [_filled(one, environment) for one in value]
    if isinstance(value, Section):
        section = Section(value.line)
        section.update({name: _filled(one, environment) for name, one in value.items()})
        return section

    def fill(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        name = found["braced"] or found["bare"]
        if name not in environment:
            raise NotCarried(f"set the environment variable {name}, which it names, then import again")
        return environment[name]

    return _VARIABLE.sub(fill, value)


def _seconds(text: str, what: str) -> float:
    """A duration of Go: 1h30m, 500ms. Raises `NotCarried`."""
    parts = _DURATION.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise NotCarried(f"{what} {shortened(text)} is no duration such as 30s or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _provider(kind: str, provider: Value, reading: _Reading) -> None:
    place = f"alerting.{shortened(kind)}"
    try:
        options = _section(_filled(provider, reading.environment))
    except NotCarried as left:
        reading.found.leave(place, kind, str(left))
        return
    if options.get("overrides"):
        reading.found.leave(place, "overrides", "a channel is the same for all groups: make others, and put them on")
    name = unlike(reading.channels.values(), shortened(kind))
    if carry_channel(place, name, kind, _SERVICES.get(kind), options, reading.found):
        reading.channels[kind] = name


def _name(one: Section, reading: _Reading) -> tuple[str, str]:
    """The name of an endpoint, unlike all before it, and its group."""
    group, plain = shortened(_text(one, "group")), shortened(_text(one, "name"))
    if not plain:
        raise NotCarried("it has no name")
    taken = {component.thing for component in reading.components}
    return unlike(taken, shortened(f"{group} / {plain}" if group else plain)), group


def _endpoint(one: Section, reading: _Reading) -> None:
    place, found = f"line {one.line}", reading.found
    what = f'"{shortened(_text(one, "name"))}"'
    try:
        endpoint = _section(_filled(one, reading.environment))
        name, group = _name(endpoint, reading)
        fields, left = _fields(endpoint)
    except NotCarried as problem:
        found.leave(place, what, str(problem))
        return
    for condition, why in left:
        found.leave(place, f"{what} {condition}", why)
    for option in ("extra-labels", "ssh", "maintenance-windows", "store"):
        if endpoint.get(option):
            found.leave(place, f"{what} {option}", "Pingfold has nothing of this kind")
    found.monitors.append(WantedMonitor(place, name, fields, _alerts(endpoint, place, what, reading)))
    reading.components.append(Component("monitor", name, group))


def _fields(endpoint: Section) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    client, url = _section(endpoint.get("client")), _text(endpoint, "url")
    fields: dict[str, Any] = _target(endpoint, url, client)
    conditions = endpoint.get("conditions", [])
    if not isinstance(conditions, list) or not all(isinstance(each, str) for each in conditions):
        raise NotCarried("its conditions are no list of texts")
    judged, left = judged_by([str(each) for each in conditions], fields["type"])
    interval = round(_seconds(_text(endpoint, "interval", "60s"), "its interval"))
    fields |= judged | {
        "interval_seconds": min(max(interval, 1), 86_400),
        "paused": not _is_true(endpoint, "enabled", True),
    }
    if timeout := _text(client, "timeout"):
        fields["timeout_seconds"] = min(max(round(_seconds(timeout, "its timeout")), 1), 120)
    for option in ("proxy-url", "oauth2", "identity-aware-proxy", "tunnel", "tls"):
        if client.get(option):
            raise NotCarried(f"client.{option}: probes of Pingfold do not do that")
    thresholds = [_section(alert) for alert in endpoint.get("alerts", []) if isinstance(alert, Section)]
    for option, name in (("failure-threshold", "confirmations"), ("success-threshold", "recoveries")):
        default = "3" if option == "failure-threshold" else "2"
        counts = [int(count) for alert in thresholds if (count := _text(alert, option, default)).isdigit()]
        if counts:
            fields[name] = min(max(min(counts), 1), 10)
    return fields, left


def _target(endpoint: Section, url: str, client: Section) -> dict[str, Any]:
    dns = _section(endpoint.get("dns"))
    if dns:
        record = _text(dns, "query-type", "A").upper()
        if record not in _RECORDS:
            raise NotCarried(f"Pingfold does not ask for {shortened(record)} records")
        fields = {"type": "dns", "host": _text(dns, "query-name").rstrip("."), "dns_record": record}
        return fields | ({"dns_resolver": url.removesuffix(":53")} if url else {})
    scheme, _, rest = url.partition("://")
    if scheme in ("http", "https"):
        return _http(endpoint, url, client)
    host, _, port = rest.partition("/")[0].rpartition(":") if not rest.endswith("]") else (rest, "", "")
    host = (host or rest.partition("/")[0]).strip("[]")
    match scheme:
        case "tcp" | "tls":
            if not port.isdigit():
                raise NotCarried(f"{shortened(url)} has no port")
            return {"type": scheme, "host": host, "port": int(port)}
        case "icmp":
            return {"type": "icmp", "host": rest.partition("/")[0].strip("[]")}
        case "starttls":
            return {"type": "smtp", "host": host, **({"port": int(port)} if port.isdigit() else {})}
    raise NotCarried(f"Pingfold has no monitors of {shortened(scheme or url)}://")


def _http(endpoint: Section, url: str, client: Section) -> dict[str, Any]:
    headers = {name: value for name, value in _section(endpoint.get("headers")).items() if isinstance(value, str)}
    body = _text(endpoint, "body")
    if _is_true(endpoint, "graphql"):
        raise NotCarried("it sends GraphQL: write the body out, as JSON")
    return {
        "type": "http",
        "url": url,
        "method": _text(endpoint, "method", "GET").upper(),
        **({"headers": headers} if headers else {}),
        **({"body": body} if body else {}),
        "follow_redirects": not _is_true(client, "ignore-redirect"),
        "verify_certificate": not _is_true(client, "insecure"),
    }


def _alerts(endpoint: Section, place: str, what: str, reading: _Reading) -> tuple[str, ...]:
    names = []
    for alert in endpoint.get("alerts", []):
        kind = _text(_section(alert), "type") if isinstance(alert, Section) else ""
        if not _is_true(_section(alert) if isinstance(alert, Section) else Section(0), "enabled", True):
            continue
        if kind in reading.channels:
            names.append(reading.channels[kind])
        else:
            reading.found.leave(place, f"{what} alerts", f"the channel {shortened(kind)} was not carried over")
    return tuple(dict.fromkeys(names))


def _external(one: Section, reading: _Reading) -> None:
    place, found = f"line {one.line}", reading.found
    what = f'"{shortened(_text(one, "name"))}"'
    try:
        endpoint = _section(_filled(one, reading.environment))
        name, group = _name(endpoint, reading)
        interval = _text(_section(endpoint.get("heartbeat")), "interval")
        if not interval:
            raise NotCarried("it has no heartbeat.interval, so it has no deadline")
        period = min(max(round(_seconds(interval, "its heartbeat.interval")), 60), 31_536_000)
    except NotCarried as problem:
        found.leave(place, what, str(problem))
        return
    if endpoint.get("token"):
        found.leave(place, f"{what} token", "its programs ping another URL here: the dashboard has it")
    fields = {"name": name, "timeout": period, "grace": 60, "tags": re.sub(r"\s+", "-", group)}
    channels = _alerts(endpoint, place, what, reading)
    slug = unlike({check.slug for check in found.checks}, slugify(name.replace("/", " ")) or f"line-{one.line}")
    found.checks.append(
        WantedCheck(place, name, slug, fields, paused=not _is_true(endpoint, "enabled", True), channels=channels)
    )
    reading.components.append(Component("check", name, group))


def _maintenance(section: Section, reading: _Reading) -> None:
    place, found = f"line {section.line}", reading.found
    if not _is_true(section, "enabled", True):
        found.leave(place, "maintenance", "it is switched off there")
        return
    try:
        start = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", _text(section, "start"))
        if start is None:
            raise NotCarried("its start is no time of day such as 23:00")
        minutes = round(_seconds(_text(section, "duration"), "its duration") / 60)
        every = section.get("every", [])
        days = [_DAYS.get(str(day).capitalize(), "") for day in every] if isinstance(every, list) else [""]
        if "" in days:
            raise NotCarried("every must be a list of days such as Monday")
        tz = canonical_tz(_text(section, "timezone", "UTC"))
    except (NotCarried, BadTimezone) as problem:
        found.leave(place, "maintenance", str(problem))
        return
    fields = {
        "schedule": f"{int(start[2])} {int(start[1])} * * {','.join(days) or '*'}",
        "timezone": tz,
        "duration_minutes": minutes,
    }
    found.windows.append(WantedWindow(place, "Gatus maintenance", fields))
