"""The data of test notices: like that of a real notice, for a monitor that does not exist. Pure."""

from typing import Any

from schemas.apdex_drops import HOUR, Drop, drop_data
from schemas.base import SECOND, Micros
from schemas.certificates import DAY, Certificate, certificate_data
from schemas.ids import new_id
from schemas.notices import VALIDITY_NOTICES, Notice
from schemas.project_outages import ProjectOutage, outage_data
from schemas.run_times import drift_data
from schemas.times import iso

_DAYS = 7
_APDEXES = (1_000, 1_000, 975, 998, 1_000, 510)
_ERROR = "error code 20: unable to get local issuer certificate"


def sample_of(notice: Notice, now: Micros) -> dict[str, Any] | None:
    """The whole `data` of a notice that is about no incident, but for `test`; None for those about one."""
    if notice == "system.outage":
        names = ("Backup", "Nightly import")
        return outage_data(ProjectOutage(now - 600 * SECOND, now, checks=2, monitors=1, names=names), new_id())
    told: dict[str, Any] | None = None
    status, kind = "up", "http"
    if notice in VALIDITY_NOTICES:
        told = validity_sample(notice, now)
    elif notice == "monitor.performance_drop":
        told = drop_sample(now)
    elif notice == "monitor.run_time_drift":
        told, kind = drift_data(2_880 * SECOND, 3_600 * SECOND), "heartbeat"
    elif notice == "monitor.late":
        told, status, kind = {"detail": "A test was asked for"}, "late", "heartbeat"
    if told is None:
        return None
    monitor = {"id": new_id(), "name": "Test", "url": "/", "kind": kind, "current_status": status}
    return {"monitor": monitor, "incident": None, **told}


def validity_sample(notice: Notice, now: Micros) -> dict[str, Any]:
    """The part of `data` that a notice about a certificate or a domain has of its own."""
    old, new = _certificate(now - 83 * DAY, "0"), _certificate(now, "1")
    detail = "A test was asked for"
    match notice:
        case "monitor.ssl_renewed":
            told: dict[str, Any] = {"new_certificate": new, "old_certificate": old}
        case "monitor.ssl_invalid":
            told = {"certificate": old, "error": _ERROR}
        case "monitor.ssl_expiration":
            told = {"certificate": old, "days_before_expiration": _DAYS}
        case "monitor.domain_expiration":
            domain = {"expires_at": iso(now + _DAYS * DAY), "source": "RDAP"}
            told = {"domain": domain, "days_before_expiration": _DAYS}
        case _:
            told = {"certificate": new}
    return told | {"detail": detail}


def _certificate(since: Micros, digit: str) -> dict[str, Any]:
    certificate = Certificate(
        not_before=max(0, since),
        not_after=since + 90 * DAY,
        fingerprint=digit * 64,
        subject="example.org",
        issuer="Example CA (Example)",
        algorithm="SHA-256 with RSA encryption",
    )
    return certificate_data(certificate)


def drop_sample(now: Micros) -> dict[str, Any]:
    """That Apdex dropped from 0.975, the lowest of five hours, to 0.51."""
    end = now // HOUR * HOUR
    return drop_data(Drop(47, tuple((end - (6 - n) * HOUR, apdex) for n, apdex in enumerate(_APDEXES))))
