"""Heads of requests that the strict parser refuses although it is clear what they mean. Pure.

Browsers and curl send none of these; people with netcat, small devices and old libraries do:

- lines that end with LF alone, which RFC 9112 allows a server to take (section 2.2);
- raw bytes outside ASCII in the request target: they are percent-encoded, as browsers do;
- a method or version in lower case, a later minor version of HTTP/1, a line without a version;
- header lines that go on in the next line (obs-fold), which are joined.

A line without a version is a whole request (HTTP/0.9). Any other head ends with an empty line, or where its client says
that it sends nothing more (`ended`).

Where the end of a line or of the head could be read differently by a proxy in front (LF, folded lines, no version),
nothing that follows such a request on its connection is read as another one: so it cannot smuggle any.
"""

import re
from typing import NamedTuple

from schemas.percent_encoding import escaped

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_SHOWN = 60
_TOKEN = rb"[A-Za-z0-9!#$%&'*+.^_`|~-]"
_BLANK_LINES = re.compile(rb"(?:\r?\n)*")
_REQUEST_LINE = re.compile(rb"(%b{1,40}) +([!-~\x80-\xff]+)(?: +([Hh][Tt][Tt][Pp]/[0-9]\.[0-9]))? *" % _TOKEN)
_BEGINNING = re.compile(rb"%b{1,40}(?: .*)?" % _TOKEN, re.DOTALL)
_SIMPLE_METHODS = (b"GET", b"HEAD")
_HEADER = re.compile(rb"%b+:[\t -~\x80-\xff]*" % _TOKEN)


class Mended(NamedTuple):
    """A head as the parser takes it. size: of what it stands for. last: the connection ends with this request."""

    head: bytes
    size: int
    last: bool


def mend(data: bytes) -> Mended | str | None:
    """The head that `data` begins with; why there is none to be made of it; None when its end has not come yet."""
    start = _end_of_blank_lines(data)
    end_of_line = data.find(b"\n", start)
    line = data[start : end_of_line if end_of_line >= 0 else None]
    strange = _strange(line)
    if strange or end_of_line < 0:
        return strange or None
    bare = not line.endswith(b"\r") or b"\n" in data[:start].replace(b"\r\n", b"")
    match = _REQUEST_LINE.fullmatch(line.removesuffix(b"\r"))
    if match is None:
        return f"{shown(line)} is no request line such as GET /path HTTP/1.1"
    method, target, version = match[1].upper(), ascii_target(match[2]), (match[3] or b"HTTP/1.0").upper()
    if version.startswith(b"HTTP/1.") and version != b"HTTP/1.0":
        version = b"HTTP/1.1"
    end = _end_of_head(data, end_of_line)
    if end is None and match[3] is None and method in _SIMPLE_METHODS and end_of_line + 1 == len(data):
        end, bare = len(data), True
    if end is None:
        return None
    lines = data[end_of_line + 1 : end].split(b"\n")[:-1]
    bare = bare or any(not one.endswith(b"\r") for one in lines)
    headers, folded = _unfolded([one.removesuffix(b"\r") for one in lines[:-1]])
    for header in headers:
        if _HEADER.fullmatch(header) is None:
            return f"the header line {shown(header)} is not of the form Name: value"
    head = b"\r\n".join([b"%b %b %b" % (method, target, version), *headers, b"", b""])
    return Mended(head, end, last=bare or folded)


def is_simple(data: bytes) -> bool:
    """Whether this is the line of a request without a version, and nothing more."""
    if not data.endswith(b"\n") or b" HTTP/" in data:
        return False
    line = _REQUEST_LINE.fullmatch(data[_end_of_blank_lines(data) :].rstrip(b"\r\n"))
    return line is not None and line[3] is None and line[1].upper() in _SIMPLE_METHODS


def ended(data: bytes) -> bytes | None:
    """A head behind which nothing more will come, with an empty line; None when it was cut off within a line."""
    if data.endswith(b"\n"):
        return data + b"\r\n"
    line = _REQUEST_LINE.fullmatch(data[_end_of_blank_lines(data) :].removesuffix(b"\r"))
    return None if line is None or line[3] is None else data.removesuffix(b"\r") + b"\r\n\r\n"


def ascii_target(target: bytes) -> bytes:
    """A request target whose bytes outside ASCII are percent-encoded; the rest is as it was."""
    return target if target.isascii() else escaped(target).encode()


def shown(data: bytes) -> str:
    """The beginning of what was sent, for an error message."""
    text = data[:_SHOWN].rstrip(b"\r\n").decode("ascii", "backslashreplace")
    printable = "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
    return f"'{printable}'" + ("..." if len(data) > _SHOWN else "")


def _strange(line: bytes) -> str:
    """What begins like no request at all, in words; empty when it may be one."""
    if line.startswith(b"\x16\x03"):
        return "this port speaks plain HTTP, and TLS was seen: use http://, or the port of PINGFOLD_TLS_LISTEN"
    if line.startswith((b"PROXY ", b"\0\r")):
        return "the PROXY protocol is not spoken here: let the proxy send X-Forwarded-For"
    if line and _BEGINNING.fullmatch(line) is None:
        return f"{shown(line)} is no request line such as GET /path HTTP/1.1"
    return ""


def _end_of_blank_lines(data: bytes) -> int:
    match = _BLANK_LINES.match(data)
    return match.end() if match else 0


def _end_of_head(data: bytes, line_end: int) -> int | None:
    """Where the body begins: behind the first line that is empty. `line_end`: of the request line."""
    ends = [found + len(mark) for mark in (b"\n\n", b"\n\r\n") if (found := data.find(mark, line_end)) >= 0]
    return min(ends, default=None)


def _unfolded(lines: list[bytes]) -> tuple[list[bytes], bool]:
    """Header lines with those that go on in the next one joined; whether there were any."""
    joined: list[bytes] = []
    folded = False
    for line in lines:
        if line[:1] in (b" ", b"\t") and joined:
            folded = True
            joined[-1] = joined[-1].rstrip(b" \t") + b" " + line.strip(b" \t")
        else:
            joined.append(line)
    return joined, folded
