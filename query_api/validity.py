"""The representation of a monitor's certificate and domain, for every API. Pure."""

from typing import NamedTuple

from schemas.base import Micros
from schemas.certificates import DAY, Certificate
from schemas.monitor_states import Validity


class CertificateShown(NamedTuple):
    """A certificate as it was tested last. valid: what is believed of it; None while that is not settled.

    error: why it is not valid. certificate: None while none could be read.
    """

    tested_at: Micros
    valid: bool | None
    error: str | None
    certificate: Certificate | None

    @property
    def expires_at(self) -> Micros | None:
        return None if self.certificate is None else self.certificate.not_after


class DomainShown(NamedTuple):
    """A registered domain. remaining_days: whole days; negative when it has expired."""

    tested_at: Micros
    expires_at: Micros
    remaining_days: int
    source: str


def certificate_shown(validity: Validity | None) -> CertificateShown | None:
    """None while no test has seen a certificate."""
    if validity is None or validity.tested_at is None:
        return None
    valid = validity.valid
    return CertificateShown(
        tested_at=validity.tested_at,
        valid=valid,
        error=validity.error or None if valid is not True else None,
        certificate=validity.certificate,
    )


def domain_shown(validity: Validity | None, now: Micros) -> DomainShown | None:
    """None while nothing is known of a domain."""
    if validity is None or validity.domain is None:
        return None
    domain = validity.domain
    whole = (domain.expires - now) // DAY
    return DomainShown(domain.tested_at, domain.expires, whole, domain.source)
