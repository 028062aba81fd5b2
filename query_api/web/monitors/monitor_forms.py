"""The form of a monitor of each kind of probe: its fields, and the body that the PoppaPing API takes.

Fields of a single kind are those of `schemas.probe_kinds`: a new kind has its form by that.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import UNSET
from msgspec.structs import fields

from query_api.poppaping.monitor_fields import CreateMonitorBody
from query_api.web.checks.check_forms import channels_field, copied_name, mute_field, muted
from query_api.web.forms.form_fields import Field, Group, Option, field_of
from query_api.web.forms.many_choices import many_choices
from query_api.web.shown.shown_times import ShownTimes
from schemas.base import Micros
from schemas.definitions import Channel
from schemas.monitors import Monitor, MonitorKind
from schemas.mutes import MuteUntil
from schemas.probe_kinds import PROBE_KINDS
from schemas.probe_kinds.kind import ProbeKind

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_FAMILIES = (
    Option("any", "the first address that answers"),
    Option("either", "both IPv4 and IPv6; one that is well is enough"),
    Option("each", "both IPv4 and IPv6; both must be well"),
)
_LABELS = {
    "dns_resolver": "Resolver",
    "dns_record": "Type of record",
    "dns_expected": "Expected record",
    "smtp_tls": "Encryption",
}
_CODE = re.compile("`([^`]*)`")
# Inputs that are no fields of the API.
_OWN = frozenset({"project", "no_body"})

_field = partial(field_of, CreateMonitorBody, empty=None)


def monitor_groups(
    kind: MonitorKind,
    *,
    channels: Iterable[Channel],
    others: Sequence[Monitor],
    depends_on: Sequence[str],
    regions: Sequence[str],
    mute: MuteUntil,
    times: ShownTimes,
    is_new: bool,
) -> tuple[Group, ...]:
    """The fields. channels: of the project; others: its monitors that this one may depend on; depends_on: those that it
    depends on already; mute: as it is."""
    told = (channels_field("alert_channel_ids", channels), mute_field(mute, times))
    groups = (
        Group(title="", fields=_target(kind)),
        Group(title="How often", fields=_times(), help="It is probed in turn from each place."),
        Group(title="Who is told", fields=told),
        Group(title="What is sent and expected", fields=_asked(kind, is_new), closed=True),
        Group(title="From where", fields=_places(kind, regions), closed=True),
        Group(title="When it is down", fields=_confirmed(others, depends_on), closed=True),
        Group(title="More", fields=_more(is_new), closed=True),
    )
    return tuple(group for group in groups if group.fields)


def _target(kind: MonitorKind) -> tuple[Field, ...]:
    of_kind = PROBE_KINDS[kind]
    name = _field("name", "Name", required=True, placeholder="Shop", empty="")
    hidden = tuple(Field(name=one, label=one, kind="hidden") for one in ("project", "type"))
    if kind == "http":
        help = "Put a user, a password or a token into a header below, where it is encrypted."
        url = _field("url", "URL", required=True, placeholder="https://shop.example.com/", help=help)
        return (name, url, *hidden)
    host = _field("host", "Host", required=True, help="A name or an address.", placeholder="db.example.com")
    default = of_kind.default_port.replace("`", "")
    port = _field("port", "Port", required=of_kind.needs_port, help=f"Left empty: {default}." if default else "")
    has_port = of_kind.needs_port or of_kind.default_port
    own = tuple(_own_field(one.name) for one in fields(of_kind.fields))
    return (name, host, *((port,) if has_port else ()), *own, *hidden)


def healthy_words(kind: ProbeKind[Any]) -> str:
    """What makes a target of a kind healthy, with its fields named as the form names them."""
    return _CODE.sub(lambda code: f'"{_LABELS.get(code[1], code[1])}"', kind.healthy)


def _own_field(name: str) -> Field:
    field = _field(name, _LABELS.get(name, name.replace("_", " ").capitalize()))
    if field.kind != "choice":
        return field
    return _field(name, field.label, options=(Option("", "the default"), *field.options))


def _times() -> tuple[Field, ...]:
    return (
        _field("interval_seconds", "Interval", kind="span", help="Such as 1 minute: how often it is probed."),
        _field("timeout_seconds", "Timeout", kind="span", help="So long a probe waits: at most 2 minutes."),
    )


def _asked(kind: MonitorKind, is_new: bool) -> tuple[Field, ...]:
    verify = _field("verify_certificate", "It is down when its certificate is not valid", help="")
    if kind != "http":
        return (verify,) if PROBE_KINDS[kind].has_certificate else ()
    body_help = "What probes send." if is_new else "What is stored is not shown. Left empty, it stays."
    return (
        _field("method", "Method", options=tuple(Option(one, one) for one in _METHODS)),
        _field("head_first", "Send HEAD where that is found to be enough (method GET)", help=""),
        _field(
            "headers", "Headers", help="A line for each, such as Authorization: Bearer abc. They are stored encrypted."
        ),
        _field("body", "Body", kind="long", empty=UNSET, help=body_help),
        *(() if is_new else (Field(name="no_body", label="Send no body any more", kind="switch"),)),
        _field("expected_statuses", "Statuses that are up", help="Such as 200, 204. Left empty: 200 to 399."),
        _field("keyword", "Keyword"),
        _field("keyword_absent", "The body must not hold the keyword"),
        _field("follow_redirects", "Follow redirects"),
        _field("max_redirects", "Redirects at most", help="How many are followed."),
        verify,
    )


def _places(kind: MonitorKind, regions: Sequence[str]) -> tuple[Field, ...]:
    families = _field("families", "Addresses that are probed", options=_FAMILIES, help="Of a host with both families.")
    found = () if kind == "dns" else (families,)
    if len(regions) < 2:
        return found
    options = tuple(Option(one, one) for one in regions)
    return (
        _field("regions", "Regions", kind="several", options=options, help="None chosen: all."),
        _field("excluded_regions", "But not from", kind="several", options=options, help="If none are chosen."),
        *found,
    )


def _confirmed(others: Sequence[Monitor], chosen: Sequence[str]) -> tuple[Field, ...]:
    help = "While one of these is down, no alert is sent of this one."
    options = [Option(one.id, one.name) for one in others]
    depends = many_choices(CreateMonitorBody, "depends_on", "Depends on", options, chosen, help)
    return (
        _field("confirmations", "Failing results in a row", help="After so many it is down: from 1 to 10."),
        _field("recoveries", "Good results in a row", help="After so many it is up again: from 1 to 10."),
        _field(
            "confirm_interval_seconds",
            "Seconds between confirming results",
            help="Left empty, a majority of the regions decides at once; else results so far apart do.",
        ),
        depends,
        _field("dependency_wait_seconds", "Wait for what it depends on", kind="span", help="Before an alert is sent."),
    )


def _more(is_new: bool) -> tuple[Field, ...]:
    return (
        _field("apdex_threshold_ms", "Milliseconds within which an answer satisfies", help="Of the Apdex figure."),
        _field("published", "It has a public page of its own", help=""),
        *((_field("paused", "It begins paused"),) if is_new else ()),
    )


def body_of(values: dict[str, Any], now: Micros) -> dict[str, Any]:
    """The body of a request of what the fields say."""
    body = {name: value for name, value in muted(values, now).items() if name not in _OWN}
    return body | {"body": None} if values.get("no_body") else body


def shown_values(shown: Mapping[str, Any], project: str) -> dict[str, Any]:
    """What stands in the form of a monitor that the API shows so."""
    return {**shown, "project": project}


def copied_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the form of a new monitor that is like one whose form holds `values`. Nobody is shown its headers
    and its body, which may hold secrets; it gets no public page by being copied."""
    name = copied_name(str(values.get("name", "")))
    return {**values, "name": name, "headers": {}, "mute_until": None, "published": False, "paused": False}


def not_copied(values: Mapping[str, Any]) -> dict[str, str]:
    """A sentence for each field that the copy of a monitor lacks, by its name."""
    told: dict[str, str] = {}
    if headers := values.get("headers"):
        told["headers"] = f"These are stored encrypted and are not copied: {', '.join(headers)}. Give them again."
    if values.get("has_body"):
        told["body"] = "The body is stored encrypted and is not copied. Give it again."
    return told
