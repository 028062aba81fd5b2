"""When notices about a certificate or domain are due, and their contents. Pure.

The shape of `data`: docs/compatibility/poppaping.md, "Webhooks".
"""

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.placement import to_transitions
from processors.monitors.messages import about, notice_data
from schemas.base import Micros
from schemas.certificates import (
    DAY,
    HOUR,
    WARNINGS,
    Certificate,
    certificate_data,
    certificate_place,
    days_left,
    domain_host,
    last_warning,
    next_warning,
    warning_days,
)
from schemas.deliveries import About, DeliveryRequested
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState, Validity, Warned
from schemas.monitors import Monitor
from schemas.notices import Notice
from schemas.times import iso
from schemas.topics import DELIVERIES
from schemas.transitions import ValidityTold

# A date is believed for so long after it was last read: of a certificate, which is tested daily, and of a domain, whose
# registry may be away.
CERTIFICATE_FRESH: Micros = 36 * HOUR
DOMAIN_FRESH: Micros = 7 * DAY

What = Literal["verdict", "renewed", "certificate", "domain"]


class ValidityDeadline(Struct, frozen=True, gc=False):
    """What a tick tells people next, and when."""

    at: Micros
    what: What


class _Told(Struct, frozen=True):
    """A notice before it is given."""

    notice: Notice
    at: Micros
    detail: str
    data: dict[str, Any]


def next_deadline(validity: Validity, time: Micros) -> ValidityDeadline | None:
    """The first thing to tell, as far as is known at `time`."""
    found: list[ValidityDeadline] = []
    if validity.valid is not None and validity.valid is not (validity.told is not False):
        found.append(ValidityDeadline(validity.decided_at, "verdict"))
    if validity.replaced is not None:
        found.append(ValidityDeadline(validity.since, "renewed"))
    certificate, domain = validity.certificate, validity.domain
    if certificate is not None and validity.valid and validity.found:
        days = next_warning(warning_days(certificate), _warned(validity, certificate))
        if days is not None:
            at = max(certificate.not_after - days * DAY, validity.since)
            if (validity.heard_at or 0) + CERTIFICATE_FRESH >= max(at, time):
                found.append(ValidityDeadline(at, "certificate"))
    if domain is not None and (days := next_warning(WARNINGS, domain.days)) is not None:
        at = max(domain.expires - days * DAY, domain.since)
        if domain.tested_at + DOMAIN_FRESH >= max(at, time):
            found.append(ValidityDeadline(at, "domain"))
    return min(found, key=lambda deadline: deadline.at, default=None)


def give_notice(
    validity: Validity, state: MonitorState, monitor: Monitor, deadline: ValidityDeadline, time: Micros
) -> list[Effect]:
    """A deadline has passed: `validity`, the caller's own copy, remembers it, and people are told if there is need."""
    told = _due_notice(validity, monitor, deadline.what, time)
    if told is None:
        return []
    validity.notices += 1
    data = notice_data(state, monitor, None) | told.data | {"detail": told.detail}
    channels = _channels(monitor, told.notice)
    event = ValidityTold(
        id=derived_id(monitor.id, "validity", validity.notices),
        n=validity.notices,
        thing=monitor.id,
        project=monitor.project,
        at=told.at,
        detected_at=max(time, told.at),
        notice=told.notice,
        silent=not channels,
        detail=told.detail,
        data=data,
    )
    request = request_of(event, about(state, monitor))
    return [to_transitions(monitor.id, event), *(Effect(DELIVERIES, channel, request) for channel in channels)]


def _due_notice(validity: Validity, monitor: Monitor, what: What, time: Micros) -> _Told | None:
    match what:
        case "verdict":
            return _verdict(validity, monitor)
        case "renewed":
            return _renewed(validity, monitor)
        case "certificate":
            return _certificate_ends(validity, monitor, time)
        case "domain":
            return _domain_ends(validity, monitor, time)


def request_of(event: ValidityTold, about: About | None = None) -> DeliveryRequested:
    """The request that goes to each channel with a notice."""
    return DeliveryRequested(transition=event.id, at=event.at, notices=(event.notice,), data=event.data, about=about)


def _channels(monitor: Monitor, notice: Notice) -> tuple[str, ...]:
    """Who is told. A monitor whose probes verify its certificate is down while it is not valid, which tells it."""
    if notice in ("monitor.ssl_invalid", "monitor.ssl_valid") and (monitor.target.verify or monitor.target.sealed):
        return ()
    return monitor.channels


def _verdict(validity: Validity, monitor: Monitor) -> _Told:
    validity.told = validity.valid
    data = {"certificate": None if validity.certificate is None else certificate_data(validity.certificate)}
    served = f"The certificate of {_host(monitor)}"
    if validity.valid:
        return _Told("monitor.ssl_valid", validity.decided_at, f"{served} is valid again", data)
    return _Told(
        "monitor.ssl_invalid",
        validity.decided_at,
        f"{served} is not valid ({validity.error})",
        data | {"error": validity.error},
    )


def _renewed(validity: Validity, monitor: Monitor) -> _Told | None:
    old, new, validity.replaced = validity.replaced, validity.certificate, None
    if old is None or new is None:
        return None
    return _Told(
        "monitor.ssl_renewed",
        validity.since,
        f"The certificate of {_host(monitor)} was renewed: it is valid until {_moment(new.not_after)}",
        {"new_certificate": certificate_data(new), "old_certificate": certificate_data(old)},
    )


def _certificate_ends(validity: Validity, monitor: Monitor, time: Micros) -> _Told | None:
    certificate = validity.certificate
    assert certificate is not None
    days = last_warning(warning_days(certificate), certificate.not_after, time)
    _remember(validity, certificate, days)
    if days is None or certificate.not_after <= time:  # that it is not valid any more is told on its own
        return None
    left = days_left(certificate.not_after, time)
    return _Told(
        "monitor.ssl_expiration",
        max(certificate.not_after - days * DAY, validity.since),
        f"The certificate of {_host(monitor)} will expire in {_days(left)}, at {_moment(certificate.not_after)}",
        {"certificate": certificate_data(certificate), "days_before_expiration": left},
    )


def _domain_ends(validity: Validity, monitor: Monitor, time: Micros) -> _Told | None:
    domain = validity.domain
    assert domain is not None
    days = last_warning(WARNINGS, domain.expires, time)
    validity.domain = replace(domain, days=WARNINGS[-1] if days is None else days)
    if days is None:
        return None
    left = days_left(domain.expires, time)
    when = f"will expire in {_days(left)}, at" if left else "has expired at"
    return _Told(
        "monitor.domain_expiration",
        max(domain.expires - days * DAY, domain.since),
        f"The domain of {domain_host(monitor)} {when} {_moment(domain.expires)}",
        {
            "domain": {"expires_at": iso(domain.expires), "source": domain.source},
            "days_before_expiration": left,
        },
    )


def _warned(validity: Validity, certificate: Certificate) -> int | None:
    return next((each.days for each in validity.warned if each.of == certificate.fingerprint), None)


def _remember(validity: Validity, certificate: Certificate, days: int | None) -> None:
    """People were told of so many days, or cannot be told any more."""
    told = Warned(certificate.fingerprint, WARNINGS[-1] if days is None else days)
    validity.warned = (*(each for each in validity.warned if each.of != told.of), told)


def _host(monitor: Monitor) -> str:
    place = certificate_place(monitor)
    return monitor.name if place is None else place.host


def _days(left: int) -> str:
    return "1 day" if left == 1 else f"{left} days"


def _moment(at: Micros) -> str:
    return iso(at)
