"""Answers messages from a zone. Pure: the same message always has the same answer.

Of a zone whose records are packed, an answer is a header, the question as it was sent, and bytes that are ready: it
takes some microseconds, so nothing is kept from one message to the next.
"""

from struct import Struct
from typing import NamedTuple

from query_api.dns.queries import (
    AUTHORITATIVE,
    DNSSEC_OK,
    HEADER_SIZE,
    OPCODE,
    RECURSION_DESIRED,
    RESPONSE,
    TRUNCATED,
    Query,
    Rcode,
    Refused,
    read_query,
)
from query_api.dns.zone import Records, Type, Zone

# Of a client that says nothing of EDNS; and what is sent at most to any, so that no packet is cut up on its way.
PLAIN_UDP, MOST_UDP = 512, 1_232
MOST_TCP = 65_535
_HEADER, _OPT, _POINTER = Struct("!6H"), Struct("!BHHBBHH"), Struct("!H")
_IN = 1
# From here to 255 types are of questions only.
_META = 128
_NOTHING = Records(0, b"")


class Answer(NamedTuple):
    """outcome: for the metric, the code of the response in lower case, or what is special about it."""

    message: bytes
    outcome: str


class Answers:
    """Of one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def over_udp(self, message: bytes, short: bool = False) -> Answer | None:
        """The answer to a packet; None: it gets none. short: the client has asked too often. Then a question is
        answered with nothing but that it is to be asked over TCP, and anything else is not answered."""
        query = read_query(message)
        if not isinstance(query, Query):
            return None if query is None or short else _refusal(query)
        if short:
            return Answer(_response(query, TRUNCATED, Rcode.NOERROR, _NOTHING, _NOTHING), "limited")
        size = PLAIN_UDP if query.edns is None else min(max(query.edns.size, PLAIN_UDP), MOST_UDP)
        return self._answer(query, size)

    def over_tcp(self, message: bytes) -> Answer | None:
        """The answer to a message; None: it gets none."""
        query = read_query(message)
        if not isinstance(query, Query):
            return None if query is None else _refusal(query)
        return self._answer(query, MOST_TCP)

    def _answer(self, query: Query, size: int) -> Answer:
        flags, rcode, found, denial = self._find(query)
        message = _response(query, flags, rcode, found, denial)
        if len(message) > size:
            return Answer(_response(query, flags | TRUNCATED, rcode, _NOTHING, _NOTHING), "truncated")
        outcome = "nodata" if denial.number and rcode == Rcode.NOERROR else rcode.name.lower()
        return Answer(message, outcome)

    def _find(self, query: Query) -> tuple[int, Rcode, Records, Records]:
        """Flags, code, and the records of the answer and of the authority section."""
        zone, name, kind = self._zone, query.name, query.kind
        if query.edns is not None and query.edns.version:
            return 0, Rcode.BADVERS, _NOTHING, _NOTHING
        if query.class_ != _IN or kind in (Type.AXFR, Type.IXFR):
            return 0, Rcode.REFUSED, _NOTHING, _NOTHING
        if _META <= kind < Type.ANY:
            return 0, Rcode.NOTIMP, _NOTHING, _NOTHING
        there = zone.names.get(name)
        if there is not None and (found := there.get(kind)) is not None:
            return AUTHORITATIVE, Rcode.NOERROR, found, _NOTHING
        if there is None and not _is_below(name, zone.name):
            return 0, Rcode.REFUSED, _NOTHING, _NOTHING
        owner = _POINTER.pack(0xC000 | HEADER_SIZE + len(name) - len(zone.name))
        denial = Records(1, owner + zone.soa)
        return AUTHORITATIVE, Rcode.NXDOMAIN if there is None else Rcode.NOERROR, _NOTHING, denial


def _is_below(name: bytes, zone: bytes) -> bool:
    """Whether one of the labels of a name begins the name of the zone; a label may hold the same bytes within it."""
    at, begins = 0, len(name) - len(zone)
    while at < begins:
        at += name[at] + 1
    return at == begins and name.endswith(zone)


def _response(query: Query, flags: int, rcode: Rcode, found: Records, denial: Records) -> bytes:
    flags |= RESPONSE | query.flags & RECURSION_DESIRED | rcode & 0xF
    edns = query.edns
    header = _HEADER.pack(query.id, flags, 1, found.number, denial.number, 0 if edns is None else 1)
    if edns is None:
        return header + query.question + found.packed + denial.packed
    opt = _OPT.pack(0, Type.OPT, MOST_UDP, rcode >> 4, 0, edns.flags & DNSSEC_OK, 0)
    return header + query.question + found.packed + denial.packed + opt


def _refusal(refused: Refused) -> Answer:
    """Without the question, which may be none."""
    flags = RESPONSE | refused.flags & (OPCODE | RECURSION_DESIRED) | refused.rcode
    return Answer(_HEADER.pack(refused.id, flags, 0, 0, 0, 0), refused.rcode.name.lower())
