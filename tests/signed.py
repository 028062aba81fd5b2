"""Webhooks are signed as their documents say."""

import hashlib
import hmac

from standardwebhooks import Webhook

from tests.webhook_receiver import Received


def verify_signature(body: bytes, signature: str, secret: str) -> bool:
    """The snippet of PoppaPing's page, letter by letter."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"sha256={expected}", signature)


def assert_signed(received: Received, secret: str) -> None:
    """Both signatures are right, and neither would be for another body."""
    assert Webhook(secret).verify(received.body, dict(received.headers)) == received.json
    assert verify_signature(received.body, received.headers["X-PoppaPing-Signature"], secret)
    assert not verify_signature(received.body + b" ", received.headers["X-PoppaPing-Signature"], secret)
