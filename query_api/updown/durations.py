"""How long, as people write it: `90`, `25 hours`, `1 day and 2 hours`, `an hour`, `1h30m`, `1.5 days`, `daily`. Pure.

A month has 31 days here, a year 365: who says `1 month` of a monthly job means the longest.
"""

import re

LONGEST_TEXT = 100

_UNITS = {
    "s": 1, "sec": 1, "second": 1,
    "m": 60, "min": 60, "minute": 60,
    "h": 3_600, "hr": 3_600, "hour": 3_600,
    "d": 86_400, "day": 86_400,
    "w": 604_800, "wk": 604_800, "week": 604_800,
    "mo": 2_678_400, "month": 2_678_400,
    "y": 31_536_000, "yr": 31_536_000, "year": 31_536_000,
}  # fmt: skip
_NUMBERS = {
    "a": 1.0, "an": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0,
    "eight": 8.0, "nine": 9.0, "ten": 10.0, "eleven": 11.0, "twelve": 12.0, "half a": 0.5, "half an": 0.5,
}  # fmt: skip
_WORDS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_678_400}
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,3})?"
_PART = re.compile(rf"(?:({_NUMBER})\s*|({'|'.join(sorted(_NUMBERS, reverse=True))})\s+)?([a-z]+)")
_BETWEEN = re.compile(r"(?:\s|,|\band\b|&)*")
_EVERY = re.compile(r"(?:every|each|in)\s+")


def seconds_of(text: str) -> int | None:
    """The seconds that a text says, rounded; None when it says no duration."""
    words = text.strip().lower()
    if len(words) > LONGEST_TEXT:
        return None
    if re.fullmatch(_NUMBER, words):
        return round(float(words))
    words = _EVERY.sub("", words, count=1)
    if words in _WORDS:
        return _WORDS[words]
    total, place = 0.0, 0
    while place < len(words):
        part = _PART.match(words, place)
        seconds = None if part is None else _part_of(part[1], part[2], part[3])
        if part is None or seconds is None:
            return None
        total += seconds
        between = _BETWEEN.match(words, part.end())
        place = part.end() if between is None else between.end()
    return round(total) if words else None


def _part_of(digits: str | None, word: str | None, unit: str) -> float | None:
    """`25` and `hours`, `an` and `hour`; `hour` alone, as in `every hour`."""
    seconds = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
    if seconds is None:
        return None
    return seconds * (float(digits) if digits else _NUMBERS[word] if word else 1.0)
