"""Looks for a text in bytes that come in pieces, as a reader of the page would: characters are compared. Pure.

Both sides are in NFC. In markup, character references count as what they stand for, and as they are written.
"""

import codecs
import html
import unicodedata
from typing import Any

_REPLACED = "\ufffd"
# What one character may take: taken apart (NFD), or as the longest reference of HTML.
_TAKEN_APART, _REFERENCE = 4, 34


def composed(text: str) -> str:
    """`text` in NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


class TextSearch:
    """found: the text was in what came. replaced: what came is not all of this charset."""

    def __init__(self, wanted: str, codec: str, markup: bool) -> None:
        self.found = self.replaced = False
        self._wanted, self._markup = composed(wanted), markup
        self._keeps = len(wanted) * (_REFERENCE if markup else _TAKEN_APART) + _TAKEN_APART
        self._decoder: Any = codecs.getincrementaldecoder(codec)("replace")
        self._tail = ""

    def take(self, data: bytes, last: bool = False) -> None:
        """The next bytes. last: there are no more."""
        text = self._decoder.decode(data, last)
        if not text.isascii():
            self.replaced = self.replaced or _REPLACED in text
        window = self._tail + text
        self.found = self.found or self._is_in(window)
        self._tail = window[-self._keeps :]

    def _is_in(self, text: str) -> bool:
        if self._wanted in text or self._wanted in composed(text):
            return True
        return self._markup and "&" in text and self._wanted in composed(html.unescape(text))
