"""Tests of certificates: what a server shows, and whether a visitor would accept it.

A test is a connection of its own, so a redirect, a keyword or a status changes nothing. It sends no request. OpenSSL
judges dates by the clock of this host; while that is known to be wrong nothing is tested. The fold judges them again.
"""

import asyncio
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from cryptography.x509.oid import SignatureAlgorithmOID as Signed
from msgspec.structs import replace

from ingest.prober.probes.connection import Connector, Greet
from ingest.prober.probes.outcome import ProbeFailed, because
from ingest.prober.probes.smtp import start_tls
from schemas.base import SECOND, Micros
from schemas.certificates import Certificate, certificate_place
from schemas.monitors import Monitor
from schemas.probe_kinds.smtp import tls_of
from schemas.probes import CertificateTested

# For the handshake, and the second one that reads a certificate which was refused.
SECONDS = 20.0
_LONGEST = 200
_ALGORITHMS = {
    Signed.RSA_WITH_MD5: "MD5 with RSA encryption",
    Signed.RSA_WITH_SHA1: "SHA-1 with RSA encryption",
    Signed.RSA_WITH_SHA224: "SHA-224 with RSA encryption",
    Signed.RSA_WITH_SHA256: "SHA-256 with RSA encryption",
    Signed.RSA_WITH_SHA384: "SHA-384 with RSA encryption",
    Signed.RSA_WITH_SHA512: "SHA-512 with RSA encryption",
    Signed.RSASSA_PSS: "RSASSA-PSS",
    Signed.ECDSA_WITH_SHA1: "SHA-1 with ECDSA",
    Signed.ECDSA_WITH_SHA224: "SHA-224 with ECDSA",
    Signed.ECDSA_WITH_SHA256: "SHA-256 with ECDSA",
    Signed.ECDSA_WITH_SHA384: "SHA-384 with ECDSA",
    Signed.ECDSA_WITH_SHA512: "SHA-512 with ECDSA",
    Signed.ED25519: "Ed25519",
    Signed.ED448: "Ed448",
}


async def inspect_certificate(
    connector: Connector, monitor: Monitor, slot: Micros, region: str, at: Micros
) -> CertificateTested:
    """Test the certificate of a monitor now. Never raises for what a server does."""
    result = CertificateTested(slot=slot, region=region, at=at, version=monitor.version)
    place = certificate_place(monitor)
    if place is None:
        return result
    greet: Greet | None = start_tls if monitor.kind == "smtp" and tls_of(monitor.target) != "implicit" else None
    try:
        async with asyncio.timeout(SECONDS):
            shown = await connector.of(monitor.project).shown(place.host, place.port or 0, greet)
    except ProbeFailed as failed:
        return _with(result, error=failed.detail)
    except TimeoutError:
        return _with(result, error=f"no answer within {SECONDS:g} s")
    except OSError as error:
        return _with(result, error=because(error, "closed").detail)
    certificate = None if shown.certificate is None else described(shown.certificate)
    if shown.refused:
        return _with(result, valid=False, error=shown.refused, certificate=certificate)
    if certificate is None:
        return _with(result, error="the certificate cannot be read")
    return _with(result, valid=True, certificate=certificate)


def described(certificate: bytes) -> Certificate | None:
    """What is told of a certificate (DER); None when it cannot be read."""
    try:
        read = x509.load_der_x509_certificate(certificate)
        return Certificate(
            not_before=int(read.not_valid_before_utc.timestamp()) * SECOND,
            not_after=int(read.not_valid_after_utc.timestamp()) * SECOND,
            fingerprint=read.fingerprint(hashes.SHA256()).hex(),
            subject=_subject(read),
            issuer=_name(read.issuer),
            algorithm=_algorithm(read),
        )
    except (ValueError, OverflowError):
        return None


def _subject(certificate: x509.Certificate) -> str:
    if names := certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        return _clean(names[0].value)
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ""
    return next((_clean(str(name.value)) for name in named), "")


def _name(name: x509.Name) -> str:
    """`R11 (Let's Encrypt)`."""
    common = [_clean(one.value) for one in name.get_attributes_for_oid(NameOID.COMMON_NAME)[:1]]
    organisation = [_clean(one.value) for one in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[:1]]
    if common and organisation:
        return f"{common[0]} ({organisation[0]})"[:_LONGEST]
    return next(iter(common or organisation), "")


def _algorithm(certificate: x509.Certificate) -> str:
    """`SHA-256 with RSA encryption`, as it is usually written; of one that is not known, its number."""
    oid = certificate.signature_algorithm_oid
    return _ALGORITHMS.get(oid, oid.dotted_string)


def _clean(text: str | bytes) -> str:
    """A text that somebody else chose, on one line."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(character if character.isprintable() else " " for character in decoded)[:_LONGEST]


def _with(result: CertificateTested, **fields: Any) -> CertificateTested:
    return replace(result, **fields)
