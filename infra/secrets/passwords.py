"""Passwords that people choose, stored as a salted scrypt hash: `scrypt$<log2 n>$<r>$<p>$<salt>$<hash>`, in base64.

Generated keys are random, so SHA-256 is sufficient for them (`infra.secrets.secrets`); passwords need a slow hash. Both
functions use a core for a tenth of a second: call them in a thread, few at a time.
"""

import hashlib
import hmac
import secrets
import unicodedata
from base64 import b64decode, b64encode

# 16 MB of memory; of the same strength as OWASP's first choice of 128 MB and p = 1.
_LOG_N, _R, _P = 14, 8, 5
_SALT_BYTES, _HASH_BYTES = 16, 32
_MOST_MEMORY = 64 * 2**20


def hash_password(password: str) -> str:
    """What is stored of a password; another text each time."""
    salt = secrets.token_bytes(_SALT_BYTES)
    derived = _derived(composed(password), salt, _LOG_N, _R, _P)
    return f"scrypt${_LOG_N}${_R}${_P}${b64encode(salt).decode()}${b64encode(derived).decode()}"


def is_password(password: str, stored: str) -> bool:
    """Whether `stored` was made from this password, however letters with marks were typed.

    What is not in the form of a hash was made from none. What earlier versions stored was made as it was typed.
    """
    try:
        scheme, log_n, r, p, salt, derived = stored.split("$")
        if scheme != "scrypt":
            return False
        wanted = b64decode(derived, validate=True)
        cost = b64decode(salt, validate=True), int(log_n), int(r), int(p)
        found = [_derived(typed, *cost) for typed in dict.fromkeys((composed(password), password))]
    except (ValueError, OverflowError):
        return False
    return len(wanted) == _HASH_BYTES and any(hmac.compare_digest(one, wanted) for one in found)


def composed(password: str) -> str:
    """The password with each letter and its marks as one character: keyboards and programs send either form."""
    return unicodedata.normalize("NFC", password)


def _derived(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    if not (1 <= log_n <= 20 and 1 <= r <= 32 and 1 <= p <= 16):
        raise ValueError("no cost that we would pay")
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << log_n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=_HASH_BYTES)
