"""The head of a mail, every header of it encoded here: what people choose is never parsed, so it is never obeyed.

A text may look like anything: a line break with a header after it, or an encoded word (RFC 2047), which mail libraries
and mail programs decode into just that. A text of plain printable ASCII stands as it is; every other one, and each that
holds the beginning of an encoded word, is encoded as a whole, so that readers see the characters that were chosen.
"""

import email
import re
from collections.abc import Iterable, Sequence
from email.charset import QP, Charset
from email.header import Header
from email.policy import compat32
from urllib.parse import quote

from processors.errors import ProcessorError
from schemas.percent_encoding import KEPT
from schemas.recipients import ADDRESS

_UTF8 = Charset("utf-8")
_UTF8.header_encoding = QP
# What a phrase may hold without quotes (RFC 5322), and spaces between.
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
# An address that can be taken for an encoded word is none.
_ADDRESS = re.compile(ADDRESS)
_LINE = "\r\n"
# Of a name beside an address, so that no line is longer than SMTP takes (998 bytes).
_LONGEST_NAME = 200
_LONGEST_URL = 900
# What may stand in a URL in angle brackets.
_URL = "".join(set(KEPT) - set('<>"\\^`{|}'))


class NotThatHead(ProcessorError, ValueError):
    """The finished mail does not hold the headers that were meant: do not send it."""


def one_line(text: str) -> str:
    """Text as people see it, without controls and line breaks."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.encode("utf-8", "replace").decode().split())


def text_header(name: str, text: str) -> str:
    """A header of free text."""
    text = one_line(text)
    if text.isascii() and "=?" not in text:
        return f"{name}: {text}{_LINE}"
    return f"{name}: {_encoded(name, text)}{_LINE}"


def address_header(name: str, addresses: Iterable[tuple[str, str]]) -> str:
    """A header of one address or several, each with the name to show, which may be empty.

    An address outside ASCII stands as it is, in a mail that has to be sent by SMTPUTF8. Raises `NotThatHead` for what
    is no address.
    """
    return f"{name}: {(',' + _LINE + ' ').join(_mailbox(name, shown, address) for shown, address in addresses)}{_LINE}"


def url_header(name: str, urls: Iterable[str]) -> str:
    """A header of URLs, the one to be tried first in front (RFC 2369). One that makes a line too long is left out."""
    written = [f"<{quote(url, safe=_URL, errors='replace')}>" for url in urls]
    return f"{name}: {(',' + _LINE + ' ').join(each for each in written if len(each) <= _LONGEST_URL)}{_LINE}"


def verified(mail: bytes, names: Sequence[str]) -> bytes:
    """The mail, when it has those headers and no others. Raises `NotThatHead`."""
    found = email.message_from_bytes(mail, policy=compat32).keys()
    if sorted(found) != sorted(names):
        raise NotThatHead(f"the mail would have the headers {', '.join(found)}")
    return mail


def _mailbox(name: str, shown: str, address: str) -> str:
    if not _ADDRESS.fullmatch(address) or "=?" in address:
        raise NotThatHead(f"{one_line(address)!r} is no e-mail address")
    shown = one_line(shown)[:_LONGEST_NAME]
    if not shown:
        return address
    if not shown.isascii() or "=?" in shown:
        phrase = _encoded(name, shown)
    elif _PHRASE.fullmatch(shown):
        phrase = shown
    else:
        quoted = shown.replace("\\", r"\\").replace('"', r"\"")
        phrase = f'"{quoted}"'
    return f"{phrase} <{address}>"


def _encoded(name: str, text: str) -> str:
    return Header(text, _UTF8, header_name=name).encode(linesep=_LINE)
