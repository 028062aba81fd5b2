"""Signatures: published and computed vectors, and an independent verifier."""

import base64
import json
import time

import pytest
from standardwebhooks import Webhook

from processors.sender.signatures import poppaping_signature, signature_headers, standard_key, standard_signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_vector_of_standard_webhooks() -> None:
    signature = standard_signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_vector_of_poppaping() -> None:
    body = b'{"event":"monitor.down","timestamp":"2025-02-21T14:32:00+00:00","data":{}}'
    expected = "sha256=17e1a308539aeb4ba3fbf8284075415e04a813ab01615695b0e983291e900f59"
    assert poppaping_signature("secret", body) == expected


@pytest.mark.parametrize("secret", [SECRET, "whsec_" + base64.b64encode(bytes(range(32))).decode()])
def test_an_independent_verifier_accepts_the_headers(secret: str) -> None:
    body = json.dumps({"event": "monitor.down", "data": {"name": "Zoë ☃"}}, ensure_ascii=False).encode()
    headers = signature_headers(secret, "d1b0f0d2", int(time.time()), body)
    assert Webhook(secret).verify(body, headers) == json.loads(body)


def test_poppaping_signs_with_the_whole_text() -> None:
    body = b"{}"
    headers = signature_headers(SECRET, "id", 1, body)
    assert headers["X-PoppaPing-Signature"] == poppaping_signature(SECRET, body)
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature", "X-PoppaPing-Signature"}


@pytest.mark.parametrize("secret", ["correct horse", "c2VjcmV0", "whsec_not base64!", "whsec_abc", "ключ", ""])
def test_any_other_text_is_its_own_key(secret: str) -> None:
    assert standard_key(secret) == secret.encode()
    assert standard_signature(secret, "id", 1, b"{}").startswith("v1,")


def test_while_a_secret_is_rotated_the_headers_are_signed_with_both() -> None:
    body, other, third = b'{"event":"monitor.down"}', "whsec_" + base64.b64encode(bytes(range(24))).decode(), "a word"
    headers = signature_headers(SECRET, "d1b0f0d2", int(time.time()), body, (other, third))
    for secret in (SECRET, other):
        assert Webhook(secret).verify(body, headers) == {"event": "monitor.down"}
    assert len(headers["webhook-signature"].split(" ")) == 3
    # PoppaPing's header is compared as a whole: it is that of the receivers that know the oldest.
    assert headers["X-PoppaPing-Signature"] == poppaping_signature(other, body)
