"""What a job said last, in a bounded form: its end tells most of a failure, its beginning what it was about. Pure.

Texts are kept as they came; `readable` makes them fit to be shown.
"""

import re
from typing import Literal

from msgspec import Struct

from schemas.base import Micros
from schemas.pings import Kind, Ping

# Of a longer body so many characters are kept of its beginning and of its end; bytes, of one that is no UTF-8.
HEAD, TAIL = 250, 750
# Sequences that colour a terminal or set its title (ECMA-48).
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


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
    if kind == "success" or not body or body.isspace():
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
    return "".join(
        each if each.isprintable() or each in "\n\t" else " " if each.isspace() else "\ufffd" for each in lines
    )
