"""Recipients of mail: what the owner of an address has answered to a project, and the limits of asking and inviting.

A project asks the owner of an address once, by a mail with a link, whether it may send mail there. Two spellings of an
address that differ in case are one recipient. Limits over all projects hold for a mailbox: the addresses of which mail
systems make one. Its key is derived from the address, so every project has the same.
"""

from typing import Annotated

from msgspec import Meta

from schemas.base import SECOND, Fact, Micros
from schemas.ids import derived_id

LONGEST = 254
# Whatever is no blank, no control and has no meaning in a header or a command. Letters outside ASCII are not told apart
# here, since tables of them change: what is invisible is refused where an address is given.
_ATOM = r'[^\x00-\x20"(),.:;<>@\[\\\]\x60\x7c\x7f-\xa0\u2000-\u206f\ufeff]+'
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# An address (RFC 5321, RFC 6531) without quotes, comments or names: nothing in it can end a header or a command. The
# domain is ASCII.
ADDRESS = rf"^{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*\Z"
Address = Annotated[str, Meta(max_length=LONGEST, pattern=ADDRESS)]
Addresses = Annotated[tuple[Address, ...], Meta(max_length=20)]

_DAY: Micros = 86_400 * SECOND

# For so long the link in a request to confirm is valid; until then the same project asks again only when told to.
LINK_VALID: Micros = 7 * _DAY
# A project asks an address at most so often within that time.
MOST_REQUESTS = 3
# A project asks at most so many addresses within a day, those that confirm not counted.
MOST_ADDRESSES = 50
# All projects together mail at most so many requests to a mailbox within `MAILBOX_SPAN`.
MOST_MAILS = 5
MAILBOX_SPAN: Micros = _DAY
ADDRESSES_SPAN: Micros = _DAY

_SMALL = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_GMAIL = frozenset(("gmail.com", "googlemail.com"))


class Recipient(Fact, tag="recipient", frozen=True):
    """An address that a project sent a confirmation request or an invitation to, and the answer of its owner.

    address: in lower case. times: number of requests; asked: times of the newest requests, oldest first.
    confirmed_at, blocked_at: the newest answer; one of them is set, or none before the first answer.
    invited: when the newest invitations to the project were mailed to it, oldest first.
    """

    id: str
    project: str
    address: str
    created: Micros
    times: int = 0
    asked: tuple[Micros, ...] = ()
    confirmed_at: Micros | None = None
    blocked_at: Micros | None = None
    invited: tuple[Micros, ...] = ()


def normalized(address: str) -> str:
    """The spelling under which an address is known. Of other letters than those of ASCII the case counts."""
    return address.translate(_SMALL)


def recipient_id(project: str, address: str) -> str:
    """The id of a project's recipient."""
    return derived_id("recipient", project, normalized(address))


def mailbox_id(address: str) -> str:
    """The id of the mailbox that an address leads to.

    What follows a plus sign in the local part is left out, and so are the dots in it at Gmail.
    """
    local, _, domain = normalized(address).rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), "gmail.com"
    return derived_id("mailbox", f"{local}@{domain}")
