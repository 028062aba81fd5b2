"""The password of HTTP Basic, whatever the user name."""

import hmac
from base64 import b64decode

from infra.secrets.passwords import composed


def basic_password(authorization: str | None) -> str | None:
    """The password that an `Authorization` header shows; None when it shows none.

    Browsers and curl send UTF-8, some libraries latin-1: what is no UTF-8 is taken for that.
    """
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        shown = b64decode(text.strip(), validate=True)
    except ValueError:
        return None
    try:
        decoded = shown.decode()
    except UnicodeDecodeError:
        decoded = shown.decode("latin-1")
    return decoded.partition(":")[2]


def is_same_password(shown: str, wanted: str) -> bool:
    """Whether they are the same, however letters with marks were typed. Takes the same time whatever they hold."""
    return hmac.compare_digest(composed(shown).encode(), composed(wanted).encode())
