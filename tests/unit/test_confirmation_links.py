"""Links to confirm an address: what makes one valid, and what nobody can make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.secrets.confirmation_links import ConfirmationLinks, Link
from infra.secrets.secrets import Vault
from schemas.base import SECOND
from schemas.ids import derived_id

RECIPIENT, EXPIRES = derived_id("recipient", "p", "a@example.org"), 1_800_000_000 * SECOND
LINKS = ConfirmationLinks(b"key")


def test_a_token_says_whom_it_is_for_and_until_when() -> None:
    token = LINKS.token(RECIPIENT, EXPIRES + 5)
    assert LINKS.read(token) == Link(RECIPIENT, EXPIRES)
    assert LINKS.token(RECIPIENT, EXPIRES + 5) == token
    assert len(token) <= 60
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@given(st.text(max_size=60) | st.text("abcAZ09-_", min_size=50, max_size=50))
def test_no_other_text_is_a_token(text: str) -> None:
    assert LINKS.read(text) is None


def test_every_bit_of_a_token_counts() -> None:
    token = LINKS.token(RECIPIENT, EXPIRES)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # Of the last letter two bits are of no byte.
    for place in range(len(token) - 1):
        for bit in range(6):
            other = letters[letters.index(token[place]) ^ (1 << bit)]
            assert LINKS.read(token[:place] + other + token[place + 1 :]) is None


def test_another_installation_makes_other_tokens() -> None:
    assert ConfirmationLinks(b"another key").read(LINKS.token(RECIPIENT, EXPIRES)) is None
    one, other = Vault(b"1" * 32, "here"), Vault(b"2" * 32, "there")
    assert one.derived_key("links") == Vault(b"1" * 32, "here").derived_key("links")
    assert len({one.derived_key("links"), one.derived_key("else"), other.derived_key("links"), b"1" * 32}) == 4


@pytest.mark.parametrize(("recipient", "expires"), [("x", EXPIRES), (RECIPIENT, -1), (RECIPIENT, 2**40 * SECOND)])
def test_what_cannot_be_a_recipient_has_no_token(recipient: str, expires: int) -> None:
    with pytest.raises(ValueError, match="no recipient"):
        LINKS.token(recipient, expires)
