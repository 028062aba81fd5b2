"""The escapes of JSON, in texts that are read in pieces. Pure.

Many servers write all letters outside ASCII as `\\u00fc`, and slashes as `\\/`: who reads the answer sees the letters.
"""

import re

from ingest.prober.probes.charsets import media_type

# What a character takes at most: a pair of surrogates.
LONGEST_ESCAPE = 12
_LONGEST = 6
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([^u]))", re.DOTALL
)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BEGINNINGS = re.compile(rb'(?:\xef\xbb\xbf)?(?:[ \t\r\n]|\0)*(?:[{\[]|"\\u)')


def is_json(content_type: str, begins: bytes) -> bool:
    """Whether a body is JSON by its type, or begins as it: programs that say no type are said to send HTML."""
    return "json" in media_type(content_type) or _BEGINNINGS.match(begins) is not None


def resolved(text: str) -> str:
    """Every escape as what it stands for; half of a pair is U+FFFD."""
    return _ESCAPE.sub(_letter, text)


def _letter(escape: re.Match[str]) -> str:
    high, low, single, other = escape.groups("")
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    if single:
        code = int(single, 16)
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
    return _LETTERS.get(other, other)


def whole_escapes(text: str, start: int) -> int:
    """`start`, or a little before it where an escape would be cut in two. `text` begins with none that is cut."""
    at = text.rfind("\\", max(0, start - _LONGEST + 1), start)
    before = text[: at + 1]
    if at < 0 or (len(before) - len(before.rstrip("\\"))) % 2 == 0:
        return start  # or that backslash is the second of an escape
    return at if start < at + (_LONGEST if text[at + 1 : at + 2] == "u" else 2) else start
