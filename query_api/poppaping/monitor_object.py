"""A monitor as the PoppaPing API shows it: PoppaPing's fields, and Pingfold's own behind them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, structs

from query_api.http.field_types import Count, Time, Uuid
from query_api.mutes import show_mute
from query_api.poppaping.responses import time
from query_api.validity import certificate_shown
from schemas.managed import ManagedBy
from schemas.monitor_states import MonitorState, Validity, visible_status
from schemas.monitors import Method, Monitor, MonitorKind, Sealed
from schemas.probe_kinds import PROBE_KINDS
from schemas.targets import HEAD_FIRST, Family

# Stands for a header's value, which may be a credential; sent back, it keeps the value that is stored.
HIDDEN = "[hidden]"

# Its clients know these, and no `GET/HEAD`: that is `GET` with `head_first`.
PoppaPingMethod = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ShownFamilies = Literal["any", "either", "each"]
CurrentStatus = Literal["pending", "up", "down", "paused", "maintenance", "unknown"]

_STATUS: dict[str, CurrentStatus] = {"new": "pending", "not_observed": "unknown"}
_NONE = MonitorState(version=0)


class CertificateObject(Struct, kw_only=True, gc=False):
    """The certificate that a monitor's target showed when it was tested last. Pingfold's own."""

    tested_at: Time
    valid: Annotated[
        bool | None, Meta(description="Whether the certificate is valid for clients; null: not known yet.")
    ]
    error: Annotated[str | None, Meta(description="Why it is not valid, with the code and in the words of OpenSSL.")]
    subject: str | None
    issuer: str | None
    valid_from: Time | None
    expires_at: Time | None
    algorithm: str | None
    fingerprint: Annotated[str | None, Meta(description="SHA-256, in hex.")]


class DomainObject(Struct, kw_only=True, gc=False):
    """The registered domain of a monitor's target. Pingfold's own."""

    tested_at: Time
    expires_at: Time
    source: Annotated[str, Meta(description="Who says so: `RDAP`.")]


class _CommonFields(Struct, kw_only=True, gc=False):
    """A monitor of a web service or host. Some fields are there only for some types."""

    id: Uuid
    name: str
    type: MonitorKind
    url: str | None
    host: str | None
    port: int | None
    method: PoppaPingMethod
    head_first: Annotated[
        bool, Meta(description="Whether probes send HEAD instead of GET if it gives the same result. Pingfold's own.")
    ]
    headers: Annotated[dict[str, str], Meta(description="Headers that probes send; the values are hidden.")]
    has_body: Annotated[bool, Meta(description="Probes send a body, which is not shown.")]
    has_credentials: Annotated[
        bool,
        Meta(description="Whether probes send a user and password from a URL given to updown's API. Pingfold's own."),
    ]
    interval_seconds: Count
    timeout_seconds: Count
    regions: Annotated[list[str], Meta(description="Regions that probe the monitor; empty: all.")]
    excluded_regions: Annotated[
        list[str], Meta(description="Regions that do not probe the monitor, if `regions` is empty. Pingfold's own.")
    ]
    expected_statuses: Annotated[
        list[Count], Meta(description="HTTP status codes that count as up; empty: 200 to 399.")
    ]
    keyword: Annotated[str, Meta(description="Text that the body must contain; empty: any body.")]
    keyword_absent: Annotated[bool, Meta(description="Whether the body must not contain `keyword`.")]
    follow_redirects: bool
    max_redirects: Annotated[Count, Meta(description="Maximum number of redirects to follow. Pingfold's own.")]
    families: Annotated[ShownFamilies, Meta(description="How a host with IPv4 and IPv6 is probed. Pingfold's own.")]
    verify_certificate: Annotated[
        bool, Meta(description="Whether an invalid certificate takes the monitor down. Pingfold's own.")
    ]
    dns_resolver: Annotated[
        str | None, Meta(description="The resolver to query; null: that of the prober. Pingfold's own.")
    ]
    dns_record: Annotated[str | None, Meta(description="The type of record; null: any address. Pingfold's own.")]
    dns_expected: Annotated[str | None, Meta(description="What one of the records must be. Pingfold's own.")]
    confirmations: Annotated[Count, Meta(description="Consecutive failing results before the monitor is down.")]
    recoveries: Annotated[Count, Meta(description="Consecutive good results before the monitor is up again.")]
    confirm_interval_seconds: Annotated[
        float | None,
        Meta(description="Seconds between confirming results; null: as soon as possible."),
    ]
    alert_channel_ids: list[Uuid]
    depends_on: Annotated[
        list[Uuid],
        Meta(description="While one of these monitors is down, this monitor sends no alerts. Pingfold's own."),
    ]
    dependency_wait_seconds: Annotated[
        Count, Meta(description="How long an alert waits for the status of the monitors in `depends_on`.")
    ]
    paused: bool
    apdex_threshold_ms: Annotated[Count, Meta(description="Apdex threshold in milliseconds. Pingfold's own.")]
    published: Annotated[bool, Meta(description="Whether the monitor has a public page. Pingfold's own.")]
    mute_until: Annotated[
        str | None,
        Meta(description="End of the mute: `recovery`, `forever` or a time; null: not muted. Pingfold's own."),
    ]
    current_status: Annotated[
        CurrentStatus, Meta(description="`pending`: there is no result yet. `unknown`: no prober reports.")
    ]
    response_time_ms: int | None
    last_checked_at: Time | None
    last_error: str | None
    incident_id: Uuid | None
    family_down: Annotated[
        Family | None, Meta(description="The failing address family, if the other one works. Pingfold's own.")
    ]
    alert_held_back: Annotated[
        bool, Meta(description="Whether the monitor is down, but `depends_on` holds back its alert.")
    ]
    tls_expires_at: Time | None
    domain_expires_at: Annotated[
        Time | None, Meta(description="When the registered domain expires, by RDAP. Pingfold's own.")
    ]
    certificate: Annotated[
        CertificateObject | None, Meta(description="The last tested certificate; null: no test yet, or no certificate.")
    ]
    domain: Annotated[DomainObject | None, Meta(description="The registered domain; null: not known yet.")]
    created_at: Time
    updated_at: Time
    managed_by: ManagedBy | UnsetType = UNSET


def _with_fields_of_kinds() -> type[_CommonFields]:
    """The fields of kinds are as in requests; a monitor has those of its own kind."""
    common = {field.name for field in structs.fields(_CommonFields)}
    own = [
        (field.name, field.type, UNSET)
        for kind in PROBE_KINDS.values()
        for field in structs.fields(kind.fields)
        if field.name not in common
    ]
    options: Any = {"bases": (_CommonFields,), "namespace": {"__doc__": _CommonFields.__doc__}}
    return cast(type[_CommonFields], defstruct("MonitorObject", own, kw_only=True, gc=False, **options))


if TYPE_CHECKING:

    class MonitorObject(_CommonFields, kw_only=True): ...

else:
    MonitorObject = _with_fields_of_kinds()


class MonitorDetails(MonitorObject, kw_only=True, gc=False):
    """A monitor with its uptime."""

    uptime_percentage: Annotated[float | None, Meta(description="Uptime of the last 30 days; null: no results.")]


def monitor_object(
    monitor: Monitor, state: MonitorState | None, validity: Validity | None, sealed: Sealed
) -> MonitorObject:
    """The monitor with the running state `state`; `sealed`: what its probes send."""
    return MonitorObject(**_fields(monitor, state, validity, sealed))


def current_status(state: MonitorState | None) -> CurrentStatus:
    """The status of a monitor with this running state, in the words of this API."""
    status = visible_status(state or _NONE)
    return _STATUS.get(status, cast(CurrentStatus, status))


def shown_method(method: Method) -> PoppaPingMethod:
    """A method as this API has it."""
    return "GET" if method == "GET/HEAD" else method


def monitor_details(
    monitor: Monitor, state: MonitorState | None, validity: Validity | None, sealed: Sealed, uptime: float | None
) -> MonitorDetails:
    """The same with its uptime of 30 days."""
    return MonitorDetails(**_fields(monitor, state, validity, sealed), uptime_percentage=uptime)


def certificate_object(validity: Validity | None) -> CertificateObject | None:
    """What is shown of a certificate."""
    shown = certificate_shown(validity)
    if shown is None:
        return None
    certificate = shown.certificate
    return CertificateObject(
        tested_at=time(shown.tested_at),
        valid=shown.valid,
        error=shown.error,
        subject=None if certificate is None else certificate.subject,
        issuer=None if certificate is None else certificate.issuer,
        valid_from=None if certificate is None else time(certificate.not_before),
        expires_at=time(shown.expires_at),
        algorithm=None if certificate is None else certificate.algorithm,
        fingerprint=None if certificate is None else certificate.fingerprint,
    )


def _domain_object(validity: Validity | None) -> DomainObject | None:
    if validity is None or validity.domain is None:
        return None
    domain = validity.domain
    return DomainObject(tested_at=time(domain.tested_at), expires_at=time(domain.expires), source=domain.source)


def _fields(monitor: Monitor, state: MonitorState | None, validity: Validity | None, sealed: Sealed) -> dict[str, Any]:
    target = monitor.target
    state = state or MonitorState(version=0)
    return {
        "id": monitor.id,
        "name": monitor.name,
        "type": monitor.kind,
        "url": target.url or None,
        "host": target.host or None,
        "port": target.port or None,
        "method": shown_method(target.method),
        "head_first": target.method == HEAD_FIRST,
        "headers": dict.fromkeys(sealed.headers, HIDDEN),
        "has_body": bool(sealed.body),
        "has_credentials": bool(sealed.credentials),
        "interval_seconds": monitor.interval,
        "timeout_seconds": monitor.timeout,
        "regions": list(monitor.regions),
        "excluded_regions": list(monitor.excluded_regions),
        "expected_statuses": list(target.statuses),
        "keyword": target.keyword,
        "keyword_absent": target.keyword_absent,
        "follow_redirects": target.follow_redirects,
        "max_redirects": target.max_redirects,
        "families": target.families or "any",
        "verify_certificate": target.verify,
        "dns_resolver": target.resolver or None,
        "dns_record": target.record or None,
        "dns_expected": target.expected or None,
        "confirmations": monitor.confirmations,
        "recoveries": monitor.recoveries,
        "confirm_interval_seconds": monitor.confirm_interval,
        "alert_channel_ids": list(monitor.channels),
        "depends_on": list(monitor.depends_on),
        "dependency_wait_seconds": monitor.dependency_wait,
        "paused": monitor.paused,
        "apdex_threshold_ms": monitor.apdex_threshold,
        "published": monitor.published,
        "mute_until": show_mute(monitor.mute_until),
        "current_status": current_status(state),
        "response_time_ms": None if state.last_ms is None else round(state.last_ms),
        "last_checked_at": time(state.last_at),
        "last_error": (state.unprobed if state.unobserved else "") or state.last_detail or None,
        "incident_id": state.incident,
        "family_down": state.family_down or None,
        "alert_held_back": state.incident is not None and state.notice_at is not None,
        "tls_expires_at": time(state.expires),
        "domain_expires_at": time(state.domain_expires),
        "certificate": certificate_object(validity),
        "domain": _domain_object(validity),
        "created_at": time(monitor.created),
        "updated_at": time(monitor.revised),
        "managed_by": monitor.managed_by or UNSET,
        **PROBE_KINDS[monitor.kind].shown(target),
    }
