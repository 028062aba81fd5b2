"""What a job said last, in a bounded form: its end tells most of a failure, its beginning what it was about. Pure.

Texts are kept as they came; `readable` makes them fit to be shown. Folds call both, so nothing here asks Python's
tables of Unicode, which differ from one version to the next: what counts is written out.
"""

import re
from typing import Literal

from msgspec import Struct

from schemas.base import Micros
from schemas.pings import Kind, Ping

# Of a longer body so many characters are kept of its beginning and of its end; bytes, of one that is no UTF-8.
HEAD, TAIL = 250, 750
# Sequences that colour a terminal or set its title (ECMA-48). A title that has no end takes its line, not all lines.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_ASCII_BLANKS = " \t\n\r\x0b\x0c"
_BLANKS = re.compile(r"[\x0b\x0c\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
# Controls, characters that format and are not seen, surrogates, those for private use and those that are none.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\ud800-\uf8ff\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U0010ffff]"
)


class Output(Struct, frozen=True, omit_defaults=True, gc=False):
    """The body of a ping. head: all of it, or its beginning; then `tail` is its end, and `left_out` characters stood
    between.

    at: when the ping counted, as `kind`. exitstatus, rid: of the ping.
    """

    at: Micros
    kind: Literal["start", "log", "fail"]
    head: str
    tail: str = ""
    left_out: int = 0
    exitstatus: int | None = None
    rid: str | None = None


def output_of(ping: Ping, kind: Kind, at: Micros) -> Output | None:
    """What a ping holds of output; None when it has no body, or a blank one."""
    body: str | bytes | None = ping.body or ping.body_base64
    if kind == "success" or not body or _is_blank(body):
        return None
    left_out = max(0, len(body) - HEAD - TAIL)
    head, tail = (body[:HEAD], body[-TAIL:]) if left_out else (body, body[:0])
    return Output(
        at=at,
        kind=kind,
        head=head if isinstance(head, str) else head.decode(errors="replace"),
        tail=tail if isinstance(tail, str) else tail.decode(errors="replace"),
        left_out=left_out,
        exitstatus=ping.exitstatus,
        rid=ping.rid,
    )


def readable(text: str) -> str:
    """Text in lines, without what steers terminals and without invisible characters."""
    lines = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub("\ufffd", _BLANKS.sub(" ", lines))


def _is_blank(body: str | bytes) -> bool:
    return not (body.strip(_ASCII_BLANKS) if isinstance(body, str) else body.strip())
