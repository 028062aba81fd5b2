"""Signatures of webhooks: PoppaPing's and Standard Webhooks', both over the exact bytes of the body. Pure.

One secret text serves both (docs/compatibility/poppaping.md, "Webhooks"): PoppaPing's key is the whole text in UTF-8;
that of Standard Webhooks is the base64 after `whsec_`, decoded. A secret in another form is used as its UTF-8 bytes
by both.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"


def standard_key(secret: str) -> bytes:
    """The key of Standard Webhooks signatures.

    Only with the prefix is the text taken for base64: many a plain word would pass for it by accident.
    """
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()


def poppaping_signature(secret: str, body: bytes) -> str:
    """The value of `X-PoppaPing-Signature`: `sha256=` and 64 lower-case hexadecimal digits."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def standard_signature(secret: str, event: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`, version 1. `timestamp`: of this attempt, Unix seconds."""
    signed = hmac.digest(standard_key(secret), b"%s.%d.%s" % (event.encode(), timestamp, body), "sha256")
    return "v1," + base64.b64encode(signed).decode()


def signature_headers(
    secret: str, event: str, timestamp: int, body: bytes, formers: Sequence[str] = ()
) -> dict[str, str]:
    """Every header that identifies and signs one attempt. `event`: the `webhook-id`, equal over retries.

    formers: secrets that were rotated out and still count, oldest first. Standard Webhooks takes a signature by each.
    PoppaPing's header holds only one, which is compared as a whole: it stays that of the oldest, which its receivers
    know, until that has ended.
    """
    headers = standard_headers(secret, event, timestamp, body, formers)
    return headers | {"X-PoppaPing-Signature": poppaping_signature(next(iter(formers), secret), body)}


def standard_headers(
    secret: str, event: str, timestamp: int, body: bytes, formers: Sequence[str] = ()
) -> dict[str, str]:
    """Those of Standard Webhooks only."""
    return {
        "webhook-id": event,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            standard_signature(each, event, timestamp, body) for each in (secret, *reversed(formers))
        ),
    }
