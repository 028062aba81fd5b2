"""One-time codes (TOTP, RFC 6238), and the recovery codes for whoever has lost what makes them.

A code is right for its window of 30 s and for those beside it. That each is used once is decided where it can be told
for all processes: by the fold of projects.
"""

import hashlib
import hmac
import secrets

import pyotp

from schemas.base import SECOND, Micros

WINDOW_SECONDS = 30
_BESIDE = 1
_DIGITS = 6
# Nothing in it is mistaken for something else when it is copied from paper.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_RECOVERY_CODES, _RECOVERY_LENGTH = 10, 16


def new_secret() -> str:
    """A new random key of codes, in base32, as applications take it."""
    return pyotp.random_base32()


def link_of(secret: str, mail: str, site: str) -> str:
    """The `otpauth:` link that applications read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=mail, issuer_name=site.replace(":", " "))


def window_of(secret: str, code: str, now: Micros) -> int | None:
    """The window that a code is right for; None: it is right for none of now."""
    shown = "".join(code.split())
    if len(shown) != _DIGITS or not (shown.isascii() and shown.isdigit()):
        return None
    codes, current = pyotp.TOTP(secret), now // SECOND // WINDOW_SECONDS
    windows = range(max(0, current - _BESIDE), current + _BESIDE + 1)
    right = [window for window in windows if hmac.compare_digest(codes.generate_otp(window), shown)]
    return right[-1] if right else None


def new_recovery_codes() -> tuple[str, ...]:
    """Random codes, each of 79 bits, in groups that people can copy."""
    codes = ("".join(secrets.choice(_LETTERS) for _ in range(_RECOVERY_LENGTH)) for _ in range(_RECOVERY_CODES))
    return tuple("-".join(code[at : at + 4] for at in range(0, _RECOVERY_LENGTH, 4)) for code in codes)


def hash_recovery_code(code: str) -> str:
    """What is stored of a recovery code, however its groups were typed. It is random, so no slow hash is needed."""
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def is_recovery_code(code: str) -> bool:
    """Whether it has the length of one."""
    return len("".join(letter for letter in code if letter.isalnum())) == _RECOVERY_LENGTH
