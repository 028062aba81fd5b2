"""Passwords are stored so that only the same password fits."""

import msgspec
import pytest

from infra.secrets import passwords
from infra.secrets.passwords import hash_password, is_password
from schemas.requests import StatusPageFields


@pytest.mark.parametrize("password", ["correct horse", "pass:word $", "пароль", "x" * 200])
def test_only_the_same_password_fits(password: str) -> None:
    stored = hash_password(password)
    assert password not in stored
    assert is_password(password, stored)
    assert not is_password(password + " ", stored)
    assert not is_password("", stored)


def test_letters_with_marks_may_be_typed_either_way() -> None:
    one, several = "gr\u00fc\u00dfe", "gru\u0308\u00dfe"
    for stored in map(hash_password, (one, several)):
        assert is_password(one, stored)
        assert is_password(several, stored)
        assert not is_password("gru\u00dfe", stored)


def test_what_earlier_versions_stored_fits_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(passwords, "composed", lambda password: password)
        stored = hash_password("gru\u0308\u00dfe")
    assert is_password("gru\u0308\u00dfe", stored)
    assert not is_password("gru\u00dfe", stored)


def test_every_hash_has_a_salt_of_its_own() -> None:
    assert hash_password("same") != hash_password("same")


@pytest.mark.parametrize(
    "stored",
    [
        "", "plain", "plain$14$8$5$AAAA$AAAA", "scrypt$14$8$5$AAAA", "scrypt$x$8$5$AAAA$AAAA", "scrypt$14$8$5$AAAA$",
        "scrypt$14$8$5$*$AAAA", "scrypt$40$8$5$AAAA$AAAA", "scrypt$14$-8$5$AAAA$AAAA", "scrypt$0$8$5$AAAA$AAAA",
        "scrypt$20$32$1$AAAA$AAAA", "scrypt$14$8$5$é$AAAA",
    ],
)  # fmt: skip
def test_what_is_no_hash_fits_nothing(stored: str) -> None:
    assert not is_password("plain", stored)
    assert not is_password("", stored)


def test_a_hash_fits_into_a_request() -> None:
    fields = StatusPageFields(title="T", password=hash_password("x" * 200))
    assert msgspec.json.decode(msgspec.json.encode(fields), type=StatusPageFields) == fields
