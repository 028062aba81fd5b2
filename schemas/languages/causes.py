"""Why something happened, in other languages: the folds write a cause once, in English, and here it is recognised.

What is not recognised stays as it is, so a cause is told in any case. Pure.
"""

import re
from collections.abc import Mapping
from functools import cache

from schemas.languages.catalogues import CATALOGUES, ENGLISH, sentence

_SPAN = r"(?:\d{1,6} days?, )?\d{1,2}:\d{2}:\d{2}"
_AT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00"
# What may stand in a cause, by the names of its placeholders; anything, under other names.
_PIECES = {"span": _SPAN, "limit": _SPAN, "expected": _AT, "started": _AT, "at": _AT, "status": r"\d{1,9}"}
_PIECES |= dict.fromkeys(("since", "deadline", "start", "end"), _AT) | {"average": _SPAN, "failures": r"\d{1,9}"}
_PIECES |= {"days": r"\d{1,9}", "hours": r"\d{1,9}", "percent": r"\d{1,9}%", "apdex": r"[\d.]+", "lowest": r"[\d.]+"}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_DURATION = re.compile(r"(?:(\d{1,6}) days?, )?(\d{1,2}):(\d{2}):(\d{2})", re.ASCII)
_FAMILY = re.compile(r"(.+) over (IPv4|IPv6) only")
_LONGEST = 2_000


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    causes = ((key, text) for key, text in CATALOGUES[ENGLISH].items() if key.startswith("cause."))
    return tuple((key, re.compile(_pattern(text), re.ASCII | re.DOTALL)) for key, text in causes)


def _pattern(text: str) -> str:
    pieces = _PLACEHOLDER.split(text)
    return "".join(
        f"(?P<{piece}>{_PIECES.get(piece, '.+?')})" if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces)
    )


@cache
def _failures() -> Mapping[str, str]:
    return {text: key for key, text in CATALOGUES[ENGLISH].items() if key.startswith("failure.")}


def told_cause(language: str, cause: str) -> str:
    """A cause in a language; its moments stay as they are."""
    if language == ENGLISH or language not in CATALOGUES or len(cause) > _LONGEST:
        return cause
    for key, pattern in _patterns():
        if (found := pattern.fullmatch(cause)) is not None:
            values = {
                name: _in_units(value) if name in ("span", "limit", "average") else value
                for name, value in found.groupdict().items()
            }
            return sentence(language, key, **values)
    words, colon, detail = cause.partition(": ")
    family = _FAMILY.fullmatch(words)
    key = _failures().get(words if family is None else family[1], "")
    if not key:
        return cause
    told = sentence(language, key)
    if family is not None:
        told = sentence(language, "one_family", failure=told, family=family[2])
    return f"{told}{colon}{detail}"


def _in_units(text: str) -> str:
    found = _DURATION.fullmatch(text)
    if found is None:
        return text
    days, hours, minutes, seconds = (int(piece or 0) for piece in found.groups())
    return in_units(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def in_units(seconds: int) -> str:
    """`1 d 2 h`, `5 min 3 s`: the two greatest units, by symbols that all our languages share."""
    sizes = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    pieces = []
    for unit, size in sizes:
        count, seconds = divmod(seconds, size)
        pieces.append((count, unit))
    while len(pieces) > 1 and not pieces[0][0]:
        pieces.pop(0)
    first, *rest = pieces
    shown = [first, *(each for each in rest[:1] if each[0])]
    return " ".join(f"{count} {unit}" for count, unit in shown)
