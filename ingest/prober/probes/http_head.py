"""The head of an answer, judged as curl and browsers judge it: whatever they take is taken. Pure.

Lines may end with LF alone, values may be folded or hold control characters, blanks may stand before the colon, lines
without a colon say nothing, and the version may be any. What does not begin with a status line (HTTP/0.9, other
protocols) and a NUL byte are refused, with a word of what was seen. docs/decisions/0097.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingest.prober.probes.outcome import ProbeFailed

# As much as Chrome reads.
HEAD_READ = 256 * 1024

_STATUS_LINE = re.compile(rb"\s*(?:HTTP(?:/(\d{1,2}(?:\.\d{1,2})?))?[ \t]+|ICY[ \t]+)([1-9]\d\d)(?!\d)", re.IGNORECASE)
_BEGINNINGS = (b"http", b"icy ")
_BLANK_LINE = re.compile(rb"\n\r{0,2}\n")
_FOLD = re.compile(rb"\r{0,2}\n[ \t]+")
_SHOWN = 40
_NOT_HTTP = "not HTTP, or a version before 1.0"
# How other protocols begin: a frame of SETTINGS on stream 0, an alert of TLS.
_OTHERS = (
    (re.compile(rb"\0[\0-\x40].\x04\0\0\0\0\0", re.DOTALL), "HTTP/2, and this port takes no HTTP/1.1"),
    (re.compile(rb"\x15\x03[\0-\x04]"), "TLS: the URL must begin with https://"),
)


class Head(NamedTuple):
    """The head of one answer. rest: its lines behind the first. size: bytes that it takes, with the blank line."""

    status: int
    version: str
    rest: bytes
    size: int

    def values(self, name: bytes) -> list[bytes]:
        """What is said under a name (in lower case), in order; empty values are left out."""
        if name not in self.rest.lower():
            return []
        found = []
        for line in _FOLD.sub(b" ", self.rest).split(b"\n"):
            said, colon, value = line.partition(b":")
            if colon and said.strip().lower() == name and (value := value.strip()):
                found.append(value)
        return found

    def tokens(self, name: bytes) -> list[str]:
        """The parts of a list under a name, in lower case."""
        parts = b",".join(self.values(name)).decode("latin-1").lower().split(",")
        return [token for part in parts if (token := part.split(";")[0].strip())]

    @property
    def location(self) -> bytes:
        """The first one counts, as with curl; empty: there is none."""
        return next(iter(self.values(b"location")), b"")

    @property
    def length(self) -> int | None:
        """Of the body; None when nothing says it. The last one counts, and of `2, 2` what comes first: as with curl."""
        lengths = self.values(b"content-length")
        found = re.match(rb"\+?(\d{1,18})(?!\d)", lengths[-1]) if lengths else None
        return int(found[1]) if found else None

    @property
    def codings(self) -> Sequence[str]:
        """What was done to the body, in that order."""
        made = [*self.tokens(b"content-encoding"), *self.tokens(b"transfer-encoding")]
        return [coding for coding in made if coding not in ("identity", "chunked")]

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks, which counts before a length."""
        return "chunked" in self.tokens(b"transfer-encoding")


def parse_head(received: bytes | bytearray, seen: int = 0) -> Head | None:
    """The head with which an answer begins; None when it is not whole yet. seen: so many bytes were there before.

    Raises `ProbeFailed` as soon as it is known that this is no answer.
    """
    blank = _BLANK_LINE.search(received, max(0, seen - 3))
    if blank is None:
        _must_begin_well(received)
        return None
    end = blank.end()
    found = _STATUS_LINE.match(received, 0, end)
    if found is None:
        _must_begin_well(received)
        raise ProbeFailed("protocol", f"the answer begins with {_shown(received)}, which is no status line of HTTP")
    if received.find(b"\0", 0, end) >= 0:
        raise ProbeFailed("protocol", "the head of the answer holds a NUL byte")
    version = found[1].decode() if found[1] else "1.0"
    rest = received.find(b"\n", found.end())
    return Head(int(found[2]), version, bytes(received[rest:end]), end)


def _must_begin_well(received: bytes | bytearray) -> None:
    begins = bytes(received[:64]).lstrip()[:4].lower()
    if not any(beginning.startswith(begins) for beginning in _BEGINNINGS):
        found = next((what for sign, what in _OTHERS if sign.match(received)), _NOT_HTTP)
        raise ProbeFailed("protocol", f"the answer begins with {_shown(received)}: that is {found}")


def _shown(received: bytes | bytearray) -> str:
    """The first line, for people: what is not printable as an escape."""
    line = bytes(received[:_SHOWN]).lstrip().split(b"\n")[0].rstrip()
    return repr(line.decode("latin-1"))
