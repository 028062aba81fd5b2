"""Addresses of mail as people write them, made what is stored and sent. Pure, but not for folds: it uses tables.

The domain becomes ASCII (`schemas.host_names`), so that any mail server takes it. What stands before the @ may be in
any script: only servers that offer SMTPUTF8 (RFC 6531) take those.
"""

import unicodedata

import msgspec

from schemas.errors import SchemaError
from schemas.host_names import InvalidHost, encoded_host
from schemas.recipients import LONGEST, Address


class InvalidAddress(SchemaError):
    """No e-mail address; the text says why, where more can be said than that."""


def mail_address(text: str) -> str:
    """`büro@Bücher.example` as `büro@xn--bcher-kva.example`. Raises `InvalidAddress`."""
    local, at, domain = text.rpartition("@")
    if at and not domain.isascii():
        try:
            domain = encoded_host(domain)
        except InvalidHost as error:
            raise InvalidAddress(f"the domain {error}") from None
    address = f"{unicodedata.normalize('NFC', local)}{at}{domain}"
    try:
        msgspec.convert(address, Address)
    except msgspec.ValidationError:
        raise InvalidAddress("") from None
    if any(unicodedata.category(letter)[0] in "CZ" for letter in address):
        raise InvalidAddress("it holds a character that nobody sees")
    if len(address.encode()) > LONGEST:
        raise InvalidAddress(f"an address has at most {LONGEST} bytes in UTF-8")
    return address
