"""Reads DNS messages that anybody sends: a query, what it is refused with, or nothing that may be answered. Pure.

Every length is checked before it is used, and no compression is followed: a question cannot refer to anything before
it, and of the names that follow only their ends are of interest. So no message takes longer than its own length.
"""

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from query_api.dns.zone import Type
from query_api.errors import QueryApiError

HEADER_SIZE = 12
RESPONSE, OPCODE, TRUNCATED, AUTHORITATIVE, RECURSION_DESIRED = 0x8000, 0x7800, 0x0200, 0x0400, 0x0100
DNSSEC_OK = 0x8000
_HEADER, _RECORD, _QUESTION = Struct("!6H"), Struct("!HHIH"), Struct("!2H")
_LONGEST_NAME, _LONGEST_LABEL = 255, 63
# A client sends one (EDNS), with a signature two.
_MOST_ADDITIONAL = 8


class Rcode(IntEnum):
    """What a response says. BADVERS has more bits than the header: its upper ones stand in the OPT record."""

    NOERROR = 0
    FORMERR = 1
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


class Edns(NamedTuple):
    """size: the largest response over UDP that the client takes. flags: as they were sent."""

    size: int
    version: int
    flags: int


class Query(NamedTuple):
    """question: as it was sent, with its name in the case in which it was written. name: in lower case."""

    id: int
    flags: int
    question: bytes
    name: bytes
    kind: int
    class_: int
    edns: Edns | None


class Refused(NamedTuple):
    """A message that is no query that we read, and can be answered so."""

    id: int
    flags: int
    rcode: Rcode


class _Malformed(QueryApiError):
    """The message is none: answer FORMERR."""


def read_query(message: bytes) -> Query | Refused | None:
    """What a message asks. None: it is not to be answered, or two servers might answer each other for ever."""
    if len(message) < HEADER_SIZE:
        return None
    id, flags, questions, answers, authorities, additional = _HEADER.unpack_from(message)
    if flags & RESPONSE:
        return None
    if flags & OPCODE:
        return Refused(id, flags, Rcode.NOTIMP)
    if questions != 1 or answers or authorities or additional > _MOST_ADDITIONAL:
        return Refused(id, flags, Rcode.FORMERR)
    try:
        end = _end_of_question_name(message)
        kind, class_ = _QUESTION.unpack_from(message, end)
        edns = _edns(message, end + 4, additional) if additional else None
    except _Malformed:
        return Refused(id, flags, Rcode.FORMERR)
    if not additional and len(message) != end + 4:
        return Refused(id, flags, Rcode.FORMERR)
    # Lengths of labels are below those bytes that have a lower case.
    name = message[HEADER_SIZE:end].lower()
    return Query(id, flags, message[HEADER_SIZE : end + 4], name, kind, class_, edns)


def _end_of_question_name(message: bytes) -> int:
    """Where the name of the question ends. Raises `_Malformed` also when type and class do not follow it."""
    at, last = HEADER_SIZE, min(len(message) - 5, HEADER_SIZE + _LONGEST_NAME - 1)
    while at <= last:
        length = message[at]
        if length == 0:
            return at + 1
        if length > _LONGEST_LABEL:
            break
        at += length + 1
    raise _Malformed


def _edns(message: bytes, at: int, count: int) -> Edns | None:
    """The EDNS record among the `count` records from `at` on, which must end where the message ends."""
    found = None
    for _ in range(count):
        owner, at = at, _end_of_name(message, at)
        if at + 10 > len(message):
            raise _Malformed
        kind, class_, ttl, length = _RECORD.unpack_from(message, at)
        if kind == Type.OPT:
            if found is not None or message[owner] != 0:
                raise _Malformed
            found = Edns(class_, ttl >> 16 & 0xFF, ttl & 0xFFFF)
        at += 10 + length
    if at != len(message):
        raise _Malformed
    return found


def _end_of_name(message: bytes, at: int) -> int:
    """Where the name ends that begins at `at`; what it refers to is not looked at."""
    while at < len(message):
        length = message[at]
        if length == 0:
            return at + 1
        if length >= 0xC0:
            return at + 2
        if length > _LONGEST_LABEL:
            break
        at += length + 1
    raise _Malformed
