"""The body of a request about a monitor, judged: what people may ask for, with errors that say what to do.

Fields and defaults: docs/compatibility/poppaping.md, "Fields of a monitor". Unknown fields are refused: a misspelled
one would otherwise be silently ignored. Fields of a single type of monitor come from `schemas.probe_kinds`.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import fields, replace

from infra.egress.guard import TargetRefused
from query_api.confirm_intervals import after_change
from query_api.mutes import TAKES, InvalidMute, read_mute
from query_api.plans import Plan
from query_api.poppaping.bodies import judged
from query_api.poppaping.monitor_defaults import put_defaults
from query_api.poppaping.monitor_object import HIDDEN, PoppaPingMethod, ShownFamilies, shown_method
from query_api.poppaping.monitor_places import places_of
from query_api.poppaping.responses import PoppaPingApiError
from schemas.base import encode
from schemas.host_names import InvalidHost, must_be_host_header
from schemas.managed import ManagedBy
from schemas.monitors import (
    DEFAULT_INTERVAL,
    FRAMING_HEADERS,
    Method,
    Monitor,
    MonitorKind,
    ProbeTarget,
    Sealed,
)
from schemas.mutes import MuteUntil
from schemas.origins import may_be_sent_to, origin_of
from schemas.probe_kinds import PROBE_KINDS
from schemas.probe_kinds.http import contradiction
from schemas.probe_kinds.kind import Asked, InvalidProbeField
from schemas.requests import MonitorFields
from schemas.targets import DEFAULT_REDIRECTS, HEAD_FIRST

_Header = Annotated[str, Meta(max_length=4_000, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
_HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")]
_Host = Annotated[str, Meta(min_length=1, max_length=253)]
_Status = Annotated[int, Meta(ge=100, le=999)]
_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Type = Annotated[MonitorKind, Meta(description="`http` if left out.")]
_Url = Annotated[str, Meta(max_length=2_000, description="Of type `http`.")]
_Headers = Annotated[dict[_HeaderName, _Header], Meta(description="Headers that probes send; stored encrypted.")]
_Regions = Annotated[list[str], Meta(max_length=50, description="Regions that probe the monitor; empty: all.")]
_Excluded = Annotated[
    list[str],
    Meta(max_length=50, description="Regions that do not probe the monitor, if `regions` is empty. Pingfold's own."),
]
_ApdexThreshold = Annotated[
    int,
    Meta(ge=1, le=60_000, description="Apdex threshold in milliseconds; null: 500. Pingfold's own."),
]
_Published = Annotated[
    bool, Meta(description="Whether the monitor has a public page, `/status/<token>`, as at updown.io. Pingfold's own.")
]
_Statuses = Annotated[
    list[_Status], Meta(max_length=100, description="HTTP status codes that count as up; empty: 200 to 399.")
]
_Keyword = Annotated[str, Meta(max_length=1_000, description="Text that the body must contain; empty: any body.")]
_Redirects = Annotated[
    int, Meta(ge=0, le=50, description="Maximum number of redirects to follow; null: 10. Pingfold's own.")
]
_HeadFirst = Annotated[bool, Meta(description="For method GET: send HEAD if it gives the same result. Pingfold's own.")]
_Families = Annotated[
    ShownFamilies,
    Meta(
        description="Of a host with IPv4 and IPv6 addresses. `any`: the first address that answers is probed. "
        "`either`: both families are, and one that is well is enough. `each`: both must be well. Pingfold's own."
    ),
]
_ConfirmInterval = Annotated[
    float,
    Meta(
        ge=0.1,
        le=86_400,
        description="Seconds between the results that confirm a change, which then must follow one another and come "
        "from two regions if there are several; null: a majority of the regions decides at once. Pingfold's own.",
    ),
]
_MuteUntil = Annotated[str, Meta(max_length=100, description=TAKES)]
_DependsOn = Annotated[
    list[str], Meta(max_length=10, description="Monitors; while one of them is down, this monitor sends no alerts.")
]


_MOVED = (
    "Fields 'headers' and 'body' must be given anew when the scheme, host or port of the URL changes: "
    "what is stored is not sent to another address."
)


class JudgesHosts(Protocol):
    """`infra.egress.guard.Guard`, as far as it is needed here."""

    def check_host(self, host: str, port: int | None = None) -> None:
        """Raises `TargetRefused` when a monitor may not probe this host."""


class CommonFields(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a body that every type of monitor takes. Null means the default."""

    name: _Name | UnsetType = UNSET
    type: _Type | UnsetType | None = UNSET
    url: _Url | UnsetType | None = UNSET
    host: Annotated[_Host, Meta(description="Of the other types: a name or an address.")] | UnsetType | None = UNSET
    port: Annotated[int, Meta(ge=1, le=65_535)] | UnsetType | None = UNSET
    method: PoppaPingMethod | UnsetType | None = UNSET
    head_first: _HeadFirst | UnsetType | None = UNSET
    interval_seconds: Annotated[int, Meta(ge=1, le=86_400)] | UnsetType | None = UNSET
    timeout_seconds: Annotated[int, Meta(ge=1, le=120)] | UnsetType | None = UNSET
    headers: _Headers | UnsetType | None = UNSET
    body: Annotated[str, Meta(max_length=100_000, description="What probes send.")] | UnsetType | None = UNSET
    regions: _Regions | UnsetType | None = UNSET
    excluded_regions: _Excluded | UnsetType | None = UNSET
    expected_statuses: _Statuses | UnsetType | None = UNSET
    keyword: _Keyword | UnsetType | None = UNSET
    keyword_absent: bool | UnsetType | None = UNSET
    follow_redirects: bool | UnsetType | None = UNSET
    max_redirects: _Redirects | UnsetType | None = UNSET
    families: _Families | UnsetType | None = UNSET
    verify_certificate: (
        Annotated[
            bool,
            Meta(description="False: an invalid certificate only sends `monitor.ssl_invalid`."),
        ]
        | UnsetType
        | None
    ) = UNSET
    confirmations: Annotated[int, Meta(ge=1, le=10)] | UnsetType | None = UNSET
    recoveries: Annotated[int, Meta(ge=1, le=10)] | UnsetType | None = UNSET
    confirm_interval_seconds: _ConfirmInterval | UnsetType | None = UNSET
    paused: bool | UnsetType | None = UNSET
    apdex_threshold_ms: _ApdexThreshold | UnsetType | None = UNSET
    published: _Published | UnsetType | None = UNSET
    alert_channel_ids: (
        Annotated[
            list[str],
            Meta(max_length=100, description="Default: all channels of the project; empty or null: none."),
        ]
        | UnsetType
        | None
    ) = UNSET
    depends_on: _DependsOn | UnsetType | None = UNSET
    dependency_wait_seconds: Annotated[int, Meta(ge=0, le=3_600)] | UnsetType | None = UNSET
    mute_until: _MuteUntil | UnsetType | None = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


def _body(name: str, doc: str, *more: tuple[str, Any]) -> type[CommonFields]:
    """A body with the fields of all kinds. more: fields that must be given."""
    own = [(field.name, field.type, field.default) for kind in PROBE_KINDS.values() for field in fields(kind.fields)]
    options: Any = {"bases": (CommonFields,), "namespace": {"__doc__": doc}, "forbid_unknown_fields": True}
    return cast(type[CommonFields], msgspec.defstruct(name, [*own, *more], kw_only=True, **options))


UpdateMonitorBody = _body("UpdateMonitorBody", "The fields of a monitor to change. Null means the default.")
CreateMonitorBody = _body("CreateMonitorBody", "A new monitor. Null means the default.", ("name", _Name))


def fields_of(
    body: Mapping[str, object],
    current: Monitor | None,
    sealed: Sealed,
    known_regions: tuple[str, ...],
    plan: Plan,
    encrypt: Callable[[str], str],
    guard: JudgesHosts,
) -> MonitorFields:
    """What a request changes. `current` None: a new monitor. `guard`: of the project, says what may be probed. Raises
    `PoppaPingApiError` 400 and says what is wrong."""
    wanted = judged(body, CreateMonitorBody if current is None else UpdateMonitorBody)
    kind = _or(None if wanted.type is UNSET else wanted.type or "http", current.kind if current else "http")
    put_defaults(wanted, kind, plan)
    target = _target(
        wanted, kind, current.target if current and current.kind == kind else ProbeTarget(), sealed, encrypt
    )
    if current is None or _place(target) != _place(current.target):
        _must_be_allowed(kind, target, guard)
    interval = _or(wanted.interval_seconds, UNSET)
    if isinstance(interval, int) and interval < plan.interval:
        raise PoppaPingApiError(
            403, f"Plan allows an interval of {plan.interval} seconds or more.", "plan_limit_reached"
        )
    said: dict[str, Any] = {
        "name": wanted.name,
        "kind": kind,
        "target": target,
        "interval": interval if interval is not UNSET or current else max(DEFAULT_INTERVAL, plan.interval),
        "timeout": _timeout(wanted, kind, current),
        "confirmations": wanted.confirmations,
        "recoveries": wanted.recoveries,
        "confirm_interval": after_change(current, interval)
        if wanted.confirm_interval_seconds is UNSET
        else wanted.confirm_interval_seconds,
        "paused": wanted.paused,
        "apdex_threshold": wanted.apdex_threshold_ms,
        "published": wanted.published,
        "dependency_wait": wanted.dependency_wait_seconds,
        "mute_until": _mute(wanted),
        "managed_by": wanted.managed_by,
        **places_of(wanted.regions, wanted.excluded_regions, current, known_regions),
    }
    if wanted.depends_on is not UNSET:
        said["depends_on"] = tuple(sorted(set(wanted.depends_on or ())))
    if wanted.alert_channel_ids is not UNSET:
        said["channels"] = ",".join(wanted.alert_channel_ids or ())
    return MonitorFields(**said)


def _target(
    wanted: CommonFields, kind: MonitorKind, before: ProbeTarget, sealed: Sealed, encrypt: Callable[[str], str]
) -> ProbeTarget:
    asked = Asked(_or(wanted.url, None), _or(wanted.host, None), _or(wanted.port, None))
    try:
        placed = PROBE_KINDS[kind].target(asked, _own_fields(wanted, kind), before)
    except InvalidProbeField as error:
        raise PoppaPingApiError(400, str(error)) from None
    keyword = _or(wanted.keyword, before.keyword)
    target = replace(
        placed,
        method=_method(wanted, before.method),
        sealed=_resealed(wanted, before, sealed, placed.url, encrypt),
        statuses=before.statuses
        if wanted.expected_statuses is UNSET
        else tuple(sorted(set(wanted.expected_statuses or ()))),
        keyword=keyword,
        # A keyword that is taken away takes this with it.
        keyword_absent=_or(wanted.keyword_absent, before.keyword_absent and bool(keyword)),
        follow_redirects=_or(wanted.follow_redirects, before.follow_redirects),
        max_redirects=_redirects(wanted, before.max_redirects),
        families=before.families if wanted.families is UNSET else "" if wanted.families == "any" else wanted.families,
        verify=_or(wanted.verify_certificate, before.verify),
    )
    body = _or(wanted.body, sealed.body if before.sealed else "")
    # One of a former version may be so already: then everything else can be changed.
    if kind == "http" and _asks(target, body) != _asks(before, sealed.body):
        _must_be_possible(target, body)
    return target


def _asks(target: ProbeTarget, body: str) -> tuple[object, ...]:
    return (
        target.method, target.statuses, target.keyword, target.keyword_absent, target.follow_redirects, bool(body)
    )  # fmt: skip


def _must_be_possible(target: ProbeTarget, body: str) -> None:
    if (found := contradiction(target, bool(body))) is not None:
        raise PoppaPingApiError(400, f"Field '{found.field}': {found.problem}.")


def _method(wanted: CommonFields, before: Method) -> Method:
    """`GET` is what is shown of a monitor whose probes begin with HEAD: who sends it back changes nothing."""
    asked = _or(wanted.method, shown_method(before))
    if _or(wanted.head_first, before == HEAD_FIRST and asked == "GET"):
        if asked != "GET":
            raise PoppaPingApiError(400, "Field 'head_first' is for the method GET only.")
        return "GET/HEAD"
    return cast(Method, asked)


def _redirects(wanted: CommonFields, before: int) -> int:
    return before if wanted.max_redirects is UNSET else _or(wanted.max_redirects, DEFAULT_REDIRECTS)


def _own_fields(wanted: CommonFields, kind: MonitorKind) -> Any:
    """What a body says in the fields of its type alone. Those of other types may be there only to say nothing."""
    for other, of in PROBE_KINDS.items():
        for name in of.fields.__struct_fields__ if other != kind else ():
            if getattr(wanted, name):
                raise PoppaPingApiError(400, f"Field '{name}' is for a monitor of type '{other}' only.")
    own = PROBE_KINDS[kind].fields
    return own(**{name: getattr(wanted, name) for name in own.__struct_fields__})


def _place(target: ProbeTarget) -> tuple[str, str, int, str]:
    return target.url, target.host, target.port, target.resolver


def _must_be_allowed(kind: MonitorKind, target: ProbeTarget, guard: JudgesHosts) -> None:
    """Whether an address may be probed is told at once; what a name means is seen when it is probed."""
    for place in PROBE_KINDS[kind].places(target):
        try:
            guard.check_host(place.host, place.port)
        except TargetRefused as error:
            raise PoppaPingApiError(400, f"Field '{place.field}': {error}.") from None


def _mute(wanted: CommonFields) -> MuteUntil | UnsetType:
    if wanted.mute_until is UNSET:
        return UNSET
    try:
        return read_mute(wanted.mute_until)
    except InvalidMute as error:
        raise PoppaPingApiError(400, f"Field 'mute_until' {error}.") from None


def _timeout(wanted: CommonFields, kind: MonitorKind, current: Monitor | None) -> int | UnsetType:
    """As asked; of a new monitor, by default what its kind has of its own."""
    if wanted.timeout_seconds is UNSET and current is None:
        return PROBE_KINDS[kind].default_timeout or UNSET
    return cast(int | UnsetType, _or(wanted.timeout_seconds, UNSET))


def _resealed(
    wanted: CommonFields, before: ProbeTarget, sealed: Sealed, url: str, encrypt: Callable[[str], str]
) -> str:
    """What probes send, encrypted: bound to the origin of `url`. What is stored is kept for the origin it has."""
    given = wanted.headers if isinstance(wanted.headers, dict) else {}
    for name, value in given.items():
        if name.lower() in FRAMING_HEADERS:
            raise PoppaPingApiError(400, f"Field 'headers' must not hold {name}: Pingfold sets it itself.")
        if name.lower() == "host" and value != HIDDEN:
            try:
                must_be_host_header(value)
            except InvalidHost as error:
                raise PoppaPingApiError(400, f"Field 'headers': {name} {error}.") from None
    stored = {name.lower() for name in sealed.headers}
    keeps_headers = sealed.headers and wanted.headers is UNSET and before.sealed
    keeps_one = any(value == HIDDEN and name.lower() in stored for name, value in given.items())
    keeps_body = sealed.body and wanted.body is UNSET and before.sealed
    moved = not may_be_sent_to(sealed.origin or origin_of(before.url), url)
    if moved and (keeps_headers or keeps_one or keeps_body):
        raise PoppaPingApiError(400, _MOVED)
    if wanted.headers is UNSET and wanted.body is UNSET and before.sealed and origin_of(url) == sealed.origin:
        return before.sealed
    headers = (sealed.headers if before.sealed else {}) if wanted.headers is UNSET else _unhidden(given, sealed)
    body = _or(wanted.body, sealed.body if before.sealed else "")
    credentials = "" if moved or not before.sealed else sealed.credentials
    content = Sealed(headers=headers, body=body, origin=origin_of(url), credentials=credentials)
    return encrypt(encode(content).decode()) if headers or body or credentials else ""


def _unhidden(headers: Mapping[str, str], sealed: Sealed) -> dict[str, str]:
    """A value that an answer hid keeps what is stored."""
    stored = {name.lower(): value for name, value in sealed.headers.items()}
    return {name: stored.get(name.lower(), "") if value == HIDDEN else value for name, value in headers.items()}


def _or(value: Any, default: Any) -> Any:
    return default if value is UNSET or value is None else value
