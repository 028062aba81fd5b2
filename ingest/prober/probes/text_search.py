"""Looks for a text in bytes that come in pieces, as a reader of the page would: characters are compared. Pure.

Both sides are in NFC. In markup, character references count as what they stand for, and as they are written; so do the
escapes of JSON in JSON.
"""

import codecs
import html
import re
import unicodedata
from functools import cache
from typing import Any

from ingest.prober.probes.json_escapes import LONGEST_ESCAPE, resolved, whole_escapes

_REPLACED = "\ufffd"
# What one character may take: taken apart (NFD), or as the longest reference of HTML.
_TAKEN_APART, _REFERENCE = 4, 34
# Numbers that Python may be unwilling to read, and more digits than any character has.
_LONG_REFERENCE = re.compile("&#(?:([0-9]{8,})|([xX])([0-9a-fA-F]{8,}))")
_MOST_DIGITS = 8


# More marks on one letter nobody writes (UAX 15, stream-safe text), and to put them in order would take long.
_MOST_MARKS = 30
_MARKS_UP_TO = 0x1F000


def composed(text: str) -> str:
    """`text` in NFC."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", _too_many_marks().sub(r"\1", text))


@cache
def _too_many_marks() -> re.Pattern[str]:
    marks = "".join(letter for letter in map(chr, range(_MARKS_UP_TO)) if unicodedata.combining(letter))
    return re.compile(f"([{marks}]{{{_MOST_MARKS}}})[{marks}]+")


class TextSearch:
    """found: the text was in what came. markup, json: what it is."""

    def __init__(self, wanted: str, codec: str, markup: bool = False, json: bool = False) -> None:
        self.found = False
        self._broken = self._letters = 0  # of all letters outside ASCII, those that are not of this charset
        self._wanted, self._markup, self._json = composed(wanted), markup, json
        longest = _TAKEN_APART * LONGEST_ESCAPE if json else _REFERENCE if markup else _TAKEN_APART
        self._keeps = (len(wanted) + 1) * longest
        self._decoder: Any = codecs.getincrementaldecoder(codec)("replace")
        self._tail = ""

    def take(self, data: bytes, last: bool = False) -> None:
        """The next bytes. last: there are no more."""
        text = self._decoder.decode(data, last)
        if not text.isascii():
            self._broken += text.count(_REPLACED)
            self._letters += len(text) - len(text.encode("ascii", "ignore"))
        window = self._tail + text
        self.found = self.found or self._is_in(window)
        start = max(0, len(window) - self._keeps)
        self._tail = window[whole_escapes(window, start) if self._json else start :]

    @property
    def replaced(self) -> bool:
        """What came is not all of this charset."""
        return self._broken > 0

    @property
    def mostly_replaced(self) -> bool:
        """It is another charset: of most letters outside ASCII nothing could be made."""
        return 2 * self._broken > self._letters

    def _is_in(self, text: str) -> bool:
        if self._wanted in text or self._wanted in composed(text):
            return True
        if self._json and "\\" in text and self._wanted in composed(resolved(text)):
            return True
        return self._markup and "&" in text and self._wanted in composed(unescaped(text))


def unescaped(text: str) -> str:
    """Character references as what they stand for: any number that is no character is U+FFFD, as in browsers."""
    return html.unescape(_LONG_REFERENCE.sub(_shortened, text))


def _shortened(reference: re.Match[str]) -> str:
    """The same character, if it is one: without its zeros, and no longer than what is none for sure."""
    decimal, x, hexadecimal = reference.groups("")
    return f"&#{x}{(decimal + hexadecimal).lstrip('0')[:_MOST_DIGITS] or '0'}"
