"""The lines of a bulk request: splitting a byte stream into lines, and parsing each. Pure; never raises.

Contract: docs/bulk-pings.md. A line is a JSON object that names a check and a signal. Lines are independent: an error
in one is a text that names the field, and the other lines still count.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from typing import Annotated, NamedTuple, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ingest.ping.urls import SLUG_LENGTH, PingTarget
from schemas.pings import ExitStatus, Kind, Rid
from schemas.printable import printable, quoted

# Bytes of a line. A body of the default limit fits, however it is escaped.
LONGEST_LINE = 2**20

# Of fields whose values have a form, what is wrong with one that has another.
_FORMS = {
    "uuid": "not a UUID with dashes",
    "rid": "not a UUID with dashes",
    "slug": f"not 1 to {SLUG_LENGTH} of the characters a-z 0-9 - _",
    "ping_key": "not of the characters a-z A-Z 0-9 - _",
    "kind": f"not one of {', '.join(get_args(Kind))}",
    "exitstatus": "not 0 to 255",
    "body_base64": "not base64",
}
_TYPES = {
    "array": "an array",
    "bool": "true or false",
    "bytes": "a string",
    "float": "a fraction",
    "int": "a whole number",
    "null": "null",
    "object": "an object",
    "str": "a string",
}
_AN_OBJECT_A_LINE = "each ping is one object on one line"
_NO_TIME = "at: a ping is stamped when it is received, and has no time of its own"
# What msgspec says. Values stand in it as they were sent, so whatever is read of it stands before them or behind.
_PLACE = re.compile(r" - at `\$\.?([a-z0-9_]*)[^`]*`\Z")
_NO_FIELD = re.compile(r"Object contains unknown field `(.*)`\Z", re.DOTALL)
_WRONG_TYPE = re.compile(r"Expected `([a-z]+)(?: \| null)?`, got `([a-z]+)`")
_KIND = re.compile(r"Invalid enum value (['\"])(.*)\1\Z", re.DOTALL)
_MALFORMED = re.compile(r"JSON is malformed: (.+) \(byte (\d+)\)\Z")

_Uuid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")]
_Slug = Annotated[str, Meta(pattern=r"^[-a-z0-9_]+\Z", max_length=SLUG_LENGTH)]
_PingKey = Annotated[str, Meta(pattern=r"^[-a-zA-Z0-9_]+\Z")]


class BulkLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A ping. Its check is named by `uuid`, or by `slug` and `ping_key`, which the request may give for all lines."""

    uuid: _Uuid | UnsetType = UNSET
    slug: _Slug | UnsetType = UNSET
    ping_key: _PingKey | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    exitstatus: ExitStatus | UnsetType = UNSET
    rid: Rid | None = None
    body: str = ""
    body_base64: bytes = b""
    create: bool | UnsetType = UNSET


_decode = msgspec.json.Decoder(BulkLine).decode


class BulkPing(NamedTuple):
    """What a line means: the check and the signal, as of the URL of a ping, and its body."""

    target: PingTarget
    body: bytes


class LongLine(NamedTuple):
    """A line of more than `LONGEST_LINE` bytes; the rest of it was thrown away."""


LONG_LINE = LongLine()


class Lines:
    """Cuts a stream into lines, none of them blank. held: bytes of the line that has not ended yet.

    `most`: no more is cut when there were more lines than that.
    """

    def __init__(self, longest: int = LONGEST_LINE, most: int | None = None) -> None:
        self._longest, self._most = longest, most
        self._rest = bytearray()
        self._skips = False  # until the end of a line that is too long
        self.number = 0  # of the newest line, from 1; blank ones count

    @property
    def held(self) -> int:
        return len(self._rest)

    def cut(self, piece: bytes) -> Iterator[tuple[int, bytes | LongLine]]:
        """The lines that end in a piece, with their numbers."""
        # One line more than there may be is enough to know it.
        first, *others = piece.split(b"\n", -1 if self._most is None else self._most - self.number + 1)
        if not others:
            self._hold(first)
            return
        yield from self._end(self._taken() + first)
        for line in others[:-1]:
            yield from self._end(line)
        if self._most is None or self.number <= self._most:
            self._hold(others[-1])

    def last(self) -> Iterator[tuple[int, bytes | LongLine]]:
        """What stands behind the last line feed."""
        if self._rest or self._skips:
            yield from self._end(self._taken())

    def _taken(self) -> bytes:
        rest = bytes(self._rest)
        self._rest.clear()
        return rest

    def _hold(self, part: bytes) -> None:
        if self._skips:
            return
        self._rest += part
        if len(self._rest) > self._longest:
            self._rest.clear()
            self._skips = True

    def _end(self, line: bytes) -> Iterator[tuple[int, bytes | LongLine]]:
        self.number += 1
        if self.number == 1:
            line = line.removeprefix(BOM_UTF8)
        skipped, self._skips = self._skips, False
        if skipped or len(line) > self._longest:
            yield self.number, LONG_LINE
        elif line := line.strip():
            yield self.number, line


def read_line(line: bytes, ping_key: str = "", create: bool = False) -> BulkPing | str:
    """What a line means, or what is wrong with it. ping_key, create: of lines with a slug that do not say so."""
    try:
        said = _decode(line)
    except msgspec.ValidationError as error:
        return _words(str(error))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"not JSON: {_fault(line, error)}"
    if (fault := _contradiction(said)) is not None:
        return fault
    status = None if said.exitstatus is UNSET else said.exitstatus
    if said.kind is UNSET:
        kind: Kind = "fail" if status else "success"
    else:
        kind = said.kind
    body = said.body_base64 or said.body.encode()
    rid = said.rid and said.rid.lower()  # one run, however its id is spelled
    if said.uuid is not UNSET:
        return BulkPing(PingTarget(kind, said.uuid.lower(), exitstatus=status, rid=rid), body)
    assert said.slug is not UNSET
    key = ping_key if said.ping_key is UNSET else said.ping_key
    if not key:
        return "ping_key: missing beside slug, in the line and in the query of the request"
    makes = create if said.create is UNSET else said.create
    return BulkPing(PingTarget(kind, "", key, said.slug, status, makes, rid), body)


def _contradiction(said: BulkLine) -> str | None:
    if said.uuid is UNSET and said.slug is UNSET:
        return "uuid: missing, and there is no slug"
    if said.uuid is not UNSET:
        if said.slug is not UNSET:
            return "slug: there is a uuid, too"
        if said.ping_key is not UNSET or said.create is True:
            return f"{'create' if said.create is True else 'ping_key'}: only of use with a slug"
    if said.body and said.body_base64:
        return "body_base64: there is a body, too"
    if said.exitstatus is not UNSET and said.kind not in (UNSET, "fail" if said.exitstatus else "success"):
        return f"kind: exitstatus {said.exitstatus} means {'fail' if said.exitstatus else 'success'}"
    return None


def _words(error: str) -> str:
    """What msgspec says, in the order in which our errors say it: the field, and what is wrong with it."""
    if (unknown := _NO_FIELD.match(error)) is not None:
        return _NO_TIME if unknown[1] == "at" else f"{quoted(unknown[1])}: no such field"
    place = _PLACE.search(error)
    what, field = (error, "") if place is None else (error[: place.start()], place[1])
    if (kind := _KIND.match(what)) is not None:
        return f"{field}: {quoted(kind[2])} is {_FORMS['kind']}"
    if (types := _WRONG_TYPE.match(what)) is not None:
        expected, got = (_TYPES.get(name, name) for name in types.groups())
        wrong = f"{got} where {expected} is expected"
        return f"{field}: {wrong}" if field else f"{wrong}: {_AN_OBJECT_A_LINE}"
    return f"{field}: {_FORMS.get(field, printable(what))}"


def _fault(line: bytes, error: Exception) -> str:
    """What is wrong with a line that is not JSON."""
    if isinstance(error, UnicodeDecodeError) or (
        b"\0" in line and line.startswith((BOM_UTF16_LE, BOM_UTF16_BE, b"\0"))
    ):
        return "not UTF-8"
    if (malformed := _MALFORMED.match(str(error))) is None:
        return f"it ends too early; {_AN_OBJECT_A_LINE}"
    what, byte = malformed[1], int(malformed[2]) + 1
    behind = f"; {_AN_OBJECT_A_LINE}" if what == "trailing characters" else ""
    return f"{what} at byte {byte}{behind}"
