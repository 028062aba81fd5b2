"""What is told of certificates that are not by the book."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.prober.probes.shown_certificate import described, end_of
from schemas.base import encode
from schemas.certificates import certificate_data, days_left, warning_days
from tests.odd_certificates import ODD, certificate

# What is told although something else cannot be read: subject and issuer.
TOLD = {
    "nothing": ("odd.test", "odd.test"),
    "version 1": ("odd.test", "odd.test"),
    "negative serial": ("odd.test", "odd.test"),
    "before 1950": ("odd.test", "odd.test"),
    "ended before 1970": ("odd.test", "odd.test"),
    "until 9999": ("odd.test", "odd.test"),
    "no names": ("", ""),
    "no common name": ("odd.test", "Odd"),
    "two common names": ("odd.test", "odd.test"),
    "UTF-16": ("größe", "odd.test"),
    "control characters": ("a [31m b", "odd.test"),
    "a critical extension": ("odd.test", "odd.test"),
    "unknown signature": ("odd.test", "odd.test"),
    "unknown key": ("odd.test", "odd.test"),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_certificate_is_told_or_not_but_never_fails(what: str) -> None:
    shown = certificate(**ODD[what])
    told = described(shown)
    end_of(shown)
    if told is not None:
        assert end_of(shown) == told.not_after
        data = certificate_data(told)
        assert all(text.isprintable() and len(text) <= 200 for text in (told.subject, told.issuer, told.algorithm))
        assert data["valid_until"].endswith("+00:00")
        assert len(data["fingerprint"]) == 64
        assert days_left(told.not_after, 0) >= 0
        warning_days(told)
        encode(told)
    if what in TOLD:
        assert told is not None
        assert (told.subject, told.issuer) == TOLD[what]


@given(st.integers(0, 2**32))
def test_a_broken_certificate_is_not_told(seed: int) -> None:
    chance = random.Random(seed)
    shown = bytearray(certificate(**ODD[chance.choice(list(ODD))]))
    for _ in range(chance.randint(1, 4)):
        shown[chance.randrange(len(shown))] = chance.randrange(256)
    described(bytes(shown))
    described(bytes(shown[: chance.randrange(len(shown))]))
