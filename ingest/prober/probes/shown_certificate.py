"""What is told of a certificate that a server showed. It may be of any version, with dates, names and numbers that no
authority would sign: what cannot be read is left out, and nothing here raises.
"""

import warnings
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.oid import SignatureAlgorithmOID as Signed

from schemas.base import SECOND, Micros
from schemas.certificates import Certificate

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


def described(certificate: bytes) -> Certificate | None:
    """What is told of a certificate (DER); None when it cannot be read."""
    try:
        return _described(certificate)
    except Exception:  # of many kinds: what is in it, each parser of a part says in its own way
        return None


def end_of(certificate: bytes | None) -> Micros | None:
    """When a certificate (DER) expires; None when it cannot be read."""
    try:
        return None if certificate is None else _micros(_read(certificate).not_valid_after_utc)
    except Exception:
        return None


def _described(certificate: bytes) -> Certificate:
    read = _read(certificate)
    return Certificate(
        not_before=_micros(read.not_valid_before_utc),
        not_after=_micros(read.not_valid_after_utc),
        fingerprint=sha256(certificate).hexdigest(),
        subject=_part(lambda: _subject(read)),
        issuer=_part(lambda: _name(read.issuer)),
        algorithm=_part(lambda: _algorithm(read)),
    )


def _read(certificate: bytes) -> x509.Certificate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a number that is negative, and the like, which no authority would sign
        return x509.load_der_x509_certificate(certificate)


def _micros(moment: datetime) -> Micros:
    return int(moment.timestamp()) * SECOND


def _part(read: Callable[[], str]) -> str:
    """A part, empty when it cannot be read: the others are told all the same."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except Exception:
        return ""


def _subject(certificate: x509.Certificate) -> str:
    if names := certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        return _clean(names[0].value)
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # there is none, or none that can be read
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
