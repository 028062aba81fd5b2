"""Passwords that people choose, stored as a salted scrypt hash: `scrypt$<log2 n>$<r>$<p>$<salt>$<hash>`, in base64.

Generated keys are random, so SHA-256 is sufficient for them (`infra.secrets.secrets`); passwords need a slow hash. Both
functions use a core for a tenth of a second: call them in a thread, few at a time.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

# 16 MB of memory; of the same strength as OWASP's first choice of 128 MB and p = 1.
_LOG_N, _R, _P = 14, 8, 5
_SALT_BYTES, _HASH_BYTES = 16, 32
_MOST_MEMORY = 64 * 2**20


def hash_password(password: str) -> str:
    """What is stored of a password; another text each time."""
    salt = secrets.token_bytes(_SALT_BYTES)
    derived = _derived(password, salt, _LOG_N, _R, _P)
    return f"scrypt${_LOG_N}${_R}${_P}${b64encode(salt).decode()}${b64encode(derived).decode()}"


def is_password(password: str, stored: str) -> bool:
    """Whether `stored` was made from this password; what is not in the form of a hash was made from none."""
    try:
        scheme, log_n, r, p, salt, derived = stored.split("$")
        if scheme != "scrypt":
            return False
        wanted = b64decode(derived, validate=True)
        found = _derived(password, b64decode(salt, validate=True), int(log_n), int(r), int(p))
    except (ValueError, OverflowError):
        return False
    return len(wanted) == _HASH_BYTES and hmac.compare_digest(found, wanted)


def _derived(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    if not (1 <= log_n <= 20 and 1 <= r <= 32 and 1 <= p <= 16):
        raise ValueError("no cost that we would pay")
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << log_n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=_HASH_BYTES)
