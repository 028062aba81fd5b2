"""The sender of mail as people write it in a setting. Pure."""

import re
from typing import NamedTuple

from schemas.mail_addresses import InvalidAddress, mail_address

_EXPECTED = "an address is expected, such as Pingfold <pingfold@example.org>"
_LONGEST_NAME = 200
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class MailSender(NamedTuple):
    """name: what mail programs show, as people read it; it may be empty. address: plain ASCII."""

    name: str
    address: str


def parse_sender(text: str) -> MailSender:
    """`a@b.example`, `Name <a@b.example>`, `"Name" <a@b.example>`. Raises `ValueError`, which says what is accepted.

    The name may hold anything but angle brackets and controls: `Büro, Nord` and `[PROD] x` need no quotes.
    """
    written = text.strip()
    name, address = "", written
    if written.endswith(">"):
        name, _, address = written[:-1].partition("<")
        name, address = name.strip(), address.strip()
    try:
        address = mail_address(address)
    except InvalidAddress as error:
        raise ValueError(f"{_EXPECTED}; {error}" if str(error) else _EXPECTED) from None
    if not address.isascii():  # recipients whose server takes no others could get no mail
        raise ValueError(f"{_EXPECTED}; what stands before the @ may have letters of ASCII only")
    if quoted := _QUOTED.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", quoted[1])
    if "<" in name or ">" in name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise ValueError(f"{_EXPECTED}; the name has no angle brackets and is at most {_LONGEST_NAME} characters long")
    return MailSender(name, address)
