"""A check as the updown API shows it: its fields, in updown's order."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.http.field_types import Count
from query_api.updown.metrics_object import UpdownRecentMetrics
from query_api.updown.mute_words import shown_mute
from query_api.updown.recipient_ids import recipient_id
from query_api.updown.responses import UpdownTime, time
from query_api.validity import certificate_shown, domain_shown
from schemas.base import Micros
from schemas.definitions import Channel
from schemas.monitor_states import MonitorState, Validity
from schemas.monitors import Monitor, Sealed
from schemas.targets import HEAD_FIRST
from schemas.updown_checks import type_of, url_of
from schemas.updown_errors import error_words


class UpdownSsl(Struct, kw_only=True, gc=False):
    """The certificate of a check."""

    tested_at: UpdownTime
    expires_at: Annotated[UpdownTime | None, Meta(description="Null when none could be read.")]
    valid: Annotated[bool | None, Meta(description="Null while that is not settled.")]
    error: Annotated[str | None, Meta(description="Why it is not valid.")]


class UpdownDomain(Struct, kw_only=True, gc=False):
    """The registered domain of a check."""

    tested_at: UpdownTime
    expires_at: UpdownTime
    remaining_days: int
    source: str


class UpdownCheck(Struct, kw_only=True, gc=False):
    """A check of a web site or a host."""

    token: str
    url: Annotated[str, Meta(description="As given, without user and password.")]
    type: Annotated[str, Meta(description="`https`, `http`, `icmp`, `tcp` or `tcps`; also `dns` and `smtp`.")]
    alias: str | None
    last_status: Annotated[int | None, Meta(description="Of the last HTTP answer.")]
    uptime: Annotated[float | None, Meta(description="Of the last 30 days, in per cent.")]
    down: bool
    down_since: UpdownTime | None
    up_since: UpdownTime | None
    error: Annotated[str | None, Meta(description="Reason of the downtime.")]
    period: Count
    apdex_t: Annotated[float, Meta(description="Apdex threshold in seconds.")]
    string_match: str | None
    enabled: bool
    published: bool
    disabled_locations: list[str]
    recipients: list[str]
    last_check_at: UpdownTime | None
    next_check_at: UpdownTime | None
    created_at: UpdownTime
    mute_until: Annotated[str | None, Meta(description="A time, `recovery` or `forever`.")]
    favicon_url: str | None
    custom_headers: dict[str, str]
    http_verb: str
    http_body: str
    ssl: UpdownSsl | UnsetType = UNSET
    domain: UpdownDomain | UnsetType = UNSET
    metrics: UpdownRecentMetrics | UnsetType = UNSET


def check_object(
    monitor: Monitor,
    state: MonitorState | None,
    validity: Validity | None,
    sealed: Sealed,
    channels: dict[str, Channel],
    regions: tuple[str, ...],
    uptime: float | None,
    now: Micros,
) -> UpdownCheck:
    """The check that a monitor is. channels: of the project, by id. regions: that there are."""
    state = state or MonitorState(version=0)
    target, down = monitor.target, state.status == "down"
    return UpdownCheck(
        token=monitor.token,
        url=url_of(monitor.kind, target),
        type=type_of(monitor.kind, target),
        alias=None if monitor.name_derived else monitor.name,
        last_status=state.last_status,
        uptime=uptime,
        down=down,
        down_since=time(state.down_since) if down else None,
        up_since=time(state.since) if state.status == "up" else None,
        error=error_words(state.cause) if down else None,
        period=monitor.interval,
        apdex_t=monitor.apdex_threshold / 1_000,
        string_match=target.keyword or None,
        enabled=not monitor.paused,
        published=monitor.published,
        disabled_locations=_disabled(monitor, regions),
        recipients=[recipient_id(channels[id]) for id in monitor.channels if id in channels],
        last_check_at=time(state.last_at),
        next_check_at=None if monitor.paused else time(state.expected or now),
        created_at=str(time(monitor.created)),
        mute_until=shown_mute(monitor.mute_until),
        favicon_url=None,
        custom_headers=sealed.headers,
        http_verb=HEAD_FIRST if target.method in ("GET", "HEAD") else target.method,
        http_body=sealed.body,
        ssl=_ssl(monitor, validity),
        domain=_domain(validity, now),
    )


def _disabled(monitor: Monitor, regions: tuple[str, ...]) -> list[str]:
    """Those that a request disabled, or all but those that it named."""
    if not monitor.regions:
        return list(monitor.excluded_regions)
    return [region for region in regions if region not in monitor.regions]


def _ssl(monitor: Monitor, validity: Validity | None) -> UpdownSsl | UnsetType:
    if type_of(monitor.kind, monitor.target) == "http" or (shown := certificate_shown(validity)) is None:
        return UNSET
    return UpdownSsl(
        tested_at=str(time(shown.tested_at)),
        expires_at=time(shown.expires_at),
        valid=shown.valid,
        error=shown.error,
    )


def _domain(validity: Validity | None, now: Micros) -> UpdownDomain | UnsetType:
    if (shown := domain_shown(validity, now)) is None:
        return UNSET
    return UpdownDomain(
        tested_at=str(time(shown.tested_at)),
        expires_at=str(time(shown.expires_at)),
        remaining_days=shown.remaining_days,
        source=shown.source,
    )
