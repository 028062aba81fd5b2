"""Certificates that no authority would sign, byte by byte: of any version, with any dates, numbers and names."""

from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY = ec.generate_private_key(ec.SECP256R1())
KEY_PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
_SPKI = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
_SEQUENCE, _SET, _INTEGER, _OID, _OCTETS, _BITS = 0x30, 0x31, 0x02, 0x06, 0x04, 0x03
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
UTF8, PRINTABLE, TELETEX, BMP, UNIVERSAL = 0x0C, 0x13, 0x14, 0x1E, 0x1C
ECDSA_SHA256, ECDSA_SHA1, UNKNOWN_ALGORITHM = "2a8648ce3d040302", "2a8648ce3d0401", "2b060104018299995a01"
COMMON_NAME, ORGANIZATION, ODD_ATTRIBUTE = "550403", "55040a", "2b060104018299995a02"
SUBJECT_ALTERNATIVE_NAME, ODD_EXTENSION = "551d11", "2b060104018299995a03"

Name = Sequence[tuple[str, int, bytes]]
Time = tuple[int, bytes]
PLAIN: Name = [(COMMON_NAME, UTF8, b"odd.test")]
BEFORE: Time = (UTC_TIME, b"200101000000Z")
AFTER: Time = (UTC_TIME, b"490101000000Z")


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + content


def oid(text: str) -> bytes:
    return der(_OID, bytes.fromhex(text))


def integer(value: int) -> bytes:
    return der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def name(attributes: Name) -> bytes:
    return der(_SEQUENCE, *(der(_SET, der(_SEQUENCE, oid(kind), der(tag, value))) for kind, tag, value in attributes))


def extension(kind: str, value: bytes, critical: bool = False) -> bytes:
    return der(_SEQUENCE, oid(kind), b"\x01\x01\xff" if critical else b"", der(_OCTETS, value))


def names_extension(*hosts: bytes) -> bytes:
    return extension(SUBJECT_ALTERNATIVE_NAME, der(_SEQUENCE, *(der(0x82, host) for host in hosts)))


def certificate(
    version: int | None = 2,
    serial: int | bytes = 1,
    issuer: Name = PLAIN,
    subject: Name = PLAIN,
    not_before: Time = BEFORE,
    not_after: Time = AFTER,
    algorithm: str = ECDSA_SHA256,
    extensions: Sequence[bytes] = (names_extension(b"odd.test"),),
    key: bytes = _SPKI,
) -> bytes:
    """A certificate (DER), signed by its own key. version: 2 means version 3, None: it is left out, as in version 1."""
    signed_by = der(_SEQUENCE, oid(algorithm))
    tbs = der(
        _SEQUENCE,
        b"" if version is None else der(0xA0, integer(version)),
        serial if isinstance(serial, bytes) else integer(serial),
        signed_by,
        name(issuer),
        der(_SEQUENCE, der(*not_before), der(*not_after)),
        name(subject),
        key,
        der(0xA3, der(_SEQUENCE, *extensions)) if extensions else b"",
    )
    return der(_SEQUENCE, tbs, signed_by, der(_BITS, b"\0" + KEY.sign(tbs, ec.ECDSA(hashes.SHA256()))))


# What is odd about each, and the fields that make it so. The key of the last ones no server could use.
ODD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "version 1": {"version": None, "extensions": ()},
    "version 1 with extensions": {"version": None},
    "version 2": {"version": 1, "extensions": ()},
    "version 5": {"version": 4},
    "version -1": {"version": -1},
    "serial 0": {"serial": 0},
    "negative serial": {"serial": -(2**64)},
    "long serial": {"serial": 2**500},
    "before 1950": {"not_before": (GENERALIZED_TIME, b"19300101000000Z")},
    "in the year 1": {"not_before": (GENERALIZED_TIME, b"00010101000000Z")},
    "in the year 0": {"not_before": (GENERALIZED_TIME, b"00000101000000Z")},
    "ended before 1970": {
        "not_before": (GENERALIZED_TIME, b"19300101000000Z"), "not_after": (GENERALIZED_TIME, b"19600101000000Z"),
    },
    "until 9999": {"not_after": (GENERALIZED_TIME, b"99991231235959Z")},
    "after 9999": {"not_after": (GENERALIZED_TIME, b"100000101000000Z")},
    "ends before it begins": {"not_before": AFTER, "not_after": BEFORE},
    "without seconds": {"not_after": (UTC_TIME, b"4901010000Z")},
    "with an offset": {"not_after": (UTC_TIME, b"490101000000+0100")},
    "with fractions": {"not_after": (GENERALIZED_TIME, b"20490101000000.5Z")},
    "no date": {"not_after": (UTC_TIME, b"never")},
    "30 February": {"not_after": (UTC_TIME, b"490230000000Z")},
    "no names": {"subject": (), "issuer": (), "extensions": ()},
    "no common name": {"subject": [(ORGANIZATION, UTF8, b"Odd")], "issuer": [(ORGANIZATION, UTF8, b"Odd")]},
    "empty common name": {"subject": [(COMMON_NAME, UTF8, b"")]},
    "two common names": {"subject": [*PLAIN, (COMMON_NAME, UTF8, b"other.test")]},
    "not UTF-8": {"subject": [(COMMON_NAME, UTF8, b"gr\xf6\xdfe")], "issuer": [(COMMON_NAME, UTF8, b"gr\xf6\xdfe")]},
    "latin-1": {"subject": [(COMMON_NAME, TELETEX, b"gr\xf6\xdfe")]},
    "not printable": {"subject": [(COMMON_NAME, PRINTABLE, b"a_b*@\x00\x07")]},
    "UTF-16": {"subject": [(COMMON_NAME, BMP, "größe".encode("utf-16-be"))]},
    "half of UTF-16": {"subject": [(COMMON_NAME, BMP, b"\x00g\xd8")]},
    "UTF-32": {"subject": [(COMMON_NAME, UNIVERSAL, "größe".encode("utf-32-be"))]},
    "a number for a name": {"subject": [(COMMON_NAME, _INTEGER, b"\x01")]},
    "an unknown attribute": {"subject": [(ODD_ATTRIBUTE, UTF8, b"x")]},
    "a long name": {"subject": [(COMMON_NAME, UTF8, b"x" * 5_000)]},
    "control characters": {"subject": [(COMMON_NAME, UTF8, b"a\x1b[31m\nb")]},
    "a critical extension": {"extensions": (extension(ODD_EXTENSION, b"\x05\x00", critical=True),)},
    "names that are none": {"extensions": (extension(SUBJECT_ALTERNATIVE_NAME, b"\xff\xff"),)},
    "names twice": {"extensions": (names_extension(b"a.test"), names_extension(b"b.test"))},
    "names in no ASCII": {"extensions": (names_extension(b"gr\xf6\xdfe.test", b"\x00"),)},
    "old signature": {"algorithm": ECDSA_SHA1},
    "unknown signature": {"algorithm": UNKNOWN_ALGORITHM},
    "unknown key": {"key": der(_SEQUENCE, der(_SEQUENCE, oid(UNKNOWN_ALGORITHM)), der(_BITS, b"\0abc"))},
    "a key that is none": {"key": der(_SEQUENCE, der(_SEQUENCE), der(_BITS, b"\0"))},
}  # fmt: skip
