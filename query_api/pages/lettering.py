"""How wide text is in a badge, and where it may be cut: 11 px Verdana, or whatever a browser takes for letters that it
lacks. Pure.

Widths of Verdana are its own; those of other letters are about right: as wide as the letter without its marks, as the
font is high (Chinese, Japanese, Korean, emoji), or nothing (marks that stand on the letter before).
"""

import re
import unicodedata
from functools import lru_cache

from rich.cells import get_character_cell_size, split_graphemes

# XML cannot hold these, whatever the escape.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# These turn around the text that stands behind them, which is not the owner's of the name.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")

_SIZE = 11  # pixels
_UNITS = 2048  # of Verdana, to its size

# Of the letters from the blank to the tilde, in their order.
_VERDANA = (
    720, 806, 940, 1676, 1302, 2204, 1488, 550, 930, 930, 1302, 1676, 745, 930, 745, 930,
    1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 930, 930, 1676, 1676, 1676, 1117,
    2048, 1400, 1404, 1430, 1578, 1295, 1177, 1588, 1539, 862, 931, 1419, 1140, 1726, 1532, 1612,
    1235, 1612, 1424, 1400, 1262, 1499, 1400, 2025, 1403, 1260, 1403, 930, 930, 930, 1676, 1302,
    1302, 1230, 1276, 1067, 1276, 1220, 720, 1276, 1296, 562, 705, 1212, 562, 1992, 1296, 1243,
    1276, 1276, 874, 1067, 807, 1296, 1212, 1676, 1212, 1212, 1076, 1300, 930, 1300, 1676,
)  # fmt: skip
_FIRST = " "
_OTHERS = {"…": 1676, "–": 1302, "—": 2048}
_SMALL, _CAPITAL = 1300, 1500  # of letters whose width is not known


def plain(text: str) -> str:
    """The text without what XML cannot hold and what would turn around the text behind it."""
    return _TURNING.sub("", _NOT_XML.sub("", text))


def width(text: str) -> float:
    """About how wide the text is, in pixels."""
    return sum(_wide(text[start:end], cells) for start, end, cells in split_graphemes(text)[0])


def cut(text: str, letters: int, pixels: float) -> str:
    """The text, if need be cut to so many letters and so wide, with an ellipsis; never within a letter."""
    graphemes = split_graphemes(text)[0]
    taken, kept, total = 0, 0, 0.0
    room = pixels - width("…")
    for number, (start, end, cells) in enumerate(graphemes, 1):
        total += _wide(text[start:end], cells)
        if total <= room and number < letters:
            taken, kept = end, number
    if len(graphemes) <= letters and total <= pixels:
        return text
    return text[:taken].rstrip() + "…" if kept else "…"


def _wide(grapheme: str, cells: int) -> float:
    if cells != 1:
        return float(cells * _SIZE / 2)
    return _units(next(letter for letter in grapheme if get_character_cell_size(letter))) * _SIZE / _UNITS


@lru_cache(maxsize=4_096)
def _units(letter: str) -> int:
    base = unicodedata.normalize("NFD", letter)[0]
    place = ord(base) - ord(_FIRST)
    if 0 <= place < len(_VERDANA):
        return _VERDANA[place]
    return _OTHERS.get(base, _CAPITAL if unicodedata.category(base) == "Lu" else _SMALL)
