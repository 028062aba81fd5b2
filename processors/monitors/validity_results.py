"""The effect of a test result on the record of a certificate or domain. Pure."""

from schemas.base import Micros
from schemas.certificates import DAY, HOUR, MINUTE, Certificate, daily, warning_days
from schemas.monitor_states import DomainValidity, Validity, Warned
from schemas.monitors import Monitor
from schemas.probes import CertificateTested, DomainTested
from schemas.times import LAST

# What changes is tested again before it is believed, so long after; the regions take turns.
CONFIRM_AFTER: Micros = MINUTE
# A server may show several certificates in turn: so many are remembered.
_REMEMBERED = 4
# A domain is renewed for a year or more: a smaller change of its date is a correction.
_RENEWAL: Micros = 25 * DAY
_LONGEST_ERROR = 300

# OpenSSL's words for times that are not now.
_EXPIRED = "error code 10: certificate has expired"
_TOO_EARLY = "error code 9: certificate is not yet valid"


def found(validity: Validity, monitor: Monitor, event: CertificateTested, now: Micros) -> None:
    """The result of a test that was due. `validity`: the caller's own copy. `now`: as far as the partition knows."""
    validity.turn += 1
    validity.heard_at = event.at
    certificate = None if event.certificate is None else _bounded(event.certificate)
    if event.valid is None or (event.valid and certificate is None):
        validity.due = event.at + HOUR
        return
    validity.tested_at = event.at
    error = event.error[:_LONGEST_ERROR] or "" if not event.valid else ""
    if not event.valid:
        error = error or "not valid"
    elif certificate is not None:
        error = _out_of_time(certificate, now)
    if certificate is not None:
        _shown(validity, certificate, event.at, now, valid=not error)
    in_doubt = _judge(validity, not error, event.at)
    validity.error = error
    validity.due = _next_due(validity, monitor.id, event.at, in_doubt)


def _shown(validity: Validity, certificate: Certificate, at: Micros, now: Micros, valid: bool) -> None:
    """A certificate was shown, perhaps in place of another one."""
    known = validity.certificate
    if known is not None and known.fingerprint == certificate.fingerprint:
        return
    before = next((each for each in validity.warned if each.of == certificate.fingerprint), None)
    if known is not None and before is None and valid and validity.valid:
        first = warning_days(known)[:1]
        near_end = bool(first) and known.not_after - now <= first[0] * DAY
        if near_end and certificate.not_after > known.not_after:
            validity.replaced = validity.replaced or known
    validity.certificate, validity.since = certificate, at
    others = [each for each in validity.warned if each is not before]
    validity.warned = (*others, before or Warned(certificate.fingerprint))[-_REMEMBERED:]


def _judge(validity: Validity, is_valid: bool, at: Micros) -> bool:
    """Whether it is believed what was found; returns whether that is in doubt."""
    before, validity.found = validity.found, is_valid
    if validity.valid is None and is_valid:
        validity.valid = validity.told = True
        validity.decided_at = at
    elif validity.valid is not is_valid:
        if before is not is_valid:
            return True
        validity.valid, validity.decided_at = is_valid, at
    return False


def _next_due(validity: Validity, monitor: str, at: Micros, in_doubt: bool) -> Micros:
    if in_doubt:
        return at + CONFIRM_AFTER
    if not validity.found:
        return at + HOUR  # somebody may be mending it
    due, certificate = daily(monitor, at + HOUR), validity.certificate
    if certificate is not None and at < certificate.not_after < due:
        return certificate.not_after + MINUTE
    return due


def _out_of_time(certificate: Certificate, now: Micros) -> str:
    if certificate.not_after <= now:
        return _EXPIRED
    return _TOO_EARLY if now < certificate.not_before else ""


def _bounded(certificate: Certificate) -> Certificate:
    """What is kept of a certificate, whoever told of it."""
    return Certificate(
        not_before=_moment(certificate.not_before),
        not_after=_moment(certificate.not_after),
        fingerprint=certificate.fingerprint[:64],
        subject=certificate.subject[:200],
        issuer=certificate.issuer[:200],
        algorithm=certificate.algorithm[:100],
    )


def _moment(at: Micros) -> Micros:
    return max(0, min(at, LAST))


def domain_found(known: DomainValidity | None, event: DomainTested) -> DomainValidity | None:
    """What is known of a domain after a fact; None when it changes nothing.

    Probers ask on their own, and one of them may not have heard yet that a domain was renewed: an earlier date counts
    only when the later one was not told for a day.
    """
    expires = _moment(event.expires)
    if known is None:
        return DomainValidity(expires=expires, tested_at=event.at, since=event.at, source=event.source)
    if event.at <= known.tested_at or (expires < known.expires and event.at < known.tested_at + DAY):
        return None
    same = expires == known.expires
    return DomainValidity(
        expires=expires,
        tested_at=event.at,
        since=known.since if same else event.at,
        source=event.source,
        days=None if expires >= known.expires + _RENEWAL else known.days,
    )
