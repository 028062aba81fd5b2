"""Passwords of people who sign in, stored as Argon2id hashes, in the form that its library writes and reads.

Both functions use a core for some hundredths of a second and 19 MB of memory: call them in a thread, few at a time.
"""

from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from infra.secrets.passwords import composed

# The first of the choices that OWASP names.
_MEMORY_KIB, _TIMES, _LANES = 19_456, 2, 1
_SALT_BYTES, _HASH_BYTES = 16, 32
_HASHER = PasswordHasher(_TIMES, _MEMORY_KIB, _LANES, _HASH_BYTES, _SALT_BYTES)


def _bytes(size: int) -> str:
    return b64encode(bytes(size)).rstrip(b"=").decode()


# The hash of no password, which takes as long to compare as any other.
_NOBODYS = f"$argon2id$v=19$m={_MEMORY_KIB},t={_TIMES},p={_LANES}${_bytes(_SALT_BYTES)}${_bytes(_HASH_BYTES)}"


def hash_person_password(password: str) -> str:
    """What is stored of a password; another text each time."""
    return _HASHER.hash(composed(password))


def is_person_password(password: str, stored: str) -> bool:
    """Whether `stored` was made from this password, however letters with marks were typed.

    Takes as long when nothing is stored, which is no password's.
    """
    try:
        return _HASHER.verify(stored or _NOBODYS, composed(password)) and bool(stored)
    except (Argon2Error, InvalidHashError):
        return False
